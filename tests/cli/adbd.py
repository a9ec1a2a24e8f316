#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The device's side of adb, for the real adb client: adbd.py PORT_FILE ROOT [--old|--unauthorized|--offline|--full]

Listens on a port of the loopback interface, which it writes to PORT_FILE (then: adb connect 127.0.0.1:PORT), and speaks the
transport protocol of adb with it: `shell` (version 2, as Android 7 and later; --old: in a terminal, as before) and `sync`,
which adb push uses. /data/local/tmp is ROOT. --unauthorized: nobody allows this computer; --offline: never says hello;
--full: has no room.
"""
import os
import pty
import socket
import struct
import subprocess
import sys
import threading

CNXN, AUTH, OPEN, OKAY, CLSE, WRTE = (struct.unpack("<I", name)[0] for name in (b"CNXN", b"AUTH", b"OPEN", b"OKAY", b"CLSE", b"WRTE"))
MAX_DATA = 65536
STDIN, STDOUT, STDERR, EXIT, CLOSE_STDIN = range(5)


class Stream:
    """One service that the client opened: bytes in by read(), bytes out by write()."""

    def __init__(self, device, number, theirs):
        self.device, self.number, self.theirs = device, number, theirs
        self.inbox, self.closed, self.ready = b"", False, threading.Condition()
        self.may_write = True

    def read(self, n):
        """n bytes, fewer at the end; n None: what there is."""
        with self.ready:
            while not self.closed and len(self.inbox) < (1 if n is None else n):
                self.ready.wait()
            n = len(self.inbox) if n is None else n
            data, self.inbox = self.inbox[:n], self.inbox[n:]
            return data

    def write(self, data):
        for at in range(0, len(data), MAX_DATA):
            with self.ready:
                while not self.may_write and not self.closed:
                    self.ready.wait()
                if self.closed:
                    return
                self.may_write = False
            self.device.send(WRTE, self.number, self.theirs, data[at:at + MAX_DATA])

    def close(self):
        self.device.send(CLSE, self.number, self.theirs)

    def take(self, **changes):
        with self.ready:
            self.inbox += changes.get("data", b"")
            self.may_write = changes.get("may_write", self.may_write)
            self.closed = changes.get("closed", self.closed)
            self.ready.notify_all()


class Device:
    def __init__(self, connection, root, mode):
        self.connection, self.root, self.mode = connection, root, mode
        self.streams, self.lock = {}, threading.Lock()

    def send(self, command, a, b, data=b""):
        header = struct.pack("<6I", command, a, b, len(data), sum(data) & 0xffffffff, command ^ 0xffffffff)
        try:
            with self.lock:
                self.connection.sendall(header + data)
        except OSError:
            pass

    def receive(self, n):
        data = b""
        while len(data) < n:
            more = self.connection.recv(n - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def serve(self):
        try:
            while True:
                command, a, b, length, _, _ = struct.unpack("<6I", self.receive(24))
                self.handle(command, a, b, self.receive(length))
        except (EOFError, OSError):
            pass
        for stream in self.streams.values():
            stream.take(closed=True)

    def hello(self):
        if self.mode == "--unauthorized":
            return self.send(AUTH, 1, 0, bytes(20))
        if self.mode == "--offline":
            return None
        features = "" if self.mode == "--old" else "features=shell_v2,cmd"
        return self.send(CNXN, 0x01000001, MAX_DATA, b"device::ro.product.name=a;ro.product.model=b;ro.product.device=c;" + features.encode())

    def handle(self, command, theirs, ours, data):
        stream = self.streams.get(ours)
        if command in (CNXN, AUTH):
            self.hello()
        elif command == OPEN:
            number = len(self.streams) + 1
            self.streams[number] = Stream(self, number, theirs)
            threading.Thread(target=self.open, args=(self.streams[number], data.rstrip(b"\0").decode()), daemon=True).start()
        elif stream and command == WRTE:
            self.send(OKAY, ours, theirs)
            stream.take(data=data)
        elif stream and command == OKAY:
            stream.take(may_write=True)
        elif stream and command == CLSE:
            stream.take(closed=True)

    def open(self, stream, service):
        kind, _, rest = service.partition(":")
        run = {"shell": shell_in_terminal, "sync": sync}.get(kind, shell if kind.startswith("shell,v2") else None)
        if run is None:
            return stream.close()
        self.send(OKAY, stream.number, stream.theirs)
        run(self, stream, rest)
        return stream.close()

    def local(self, text):
        return text.replace("/data/local/tmp", self.root)


def shell(device, stream, command):
    p = subprocess.Popen(["sh", "-c", device.local(command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)

    def copy(pipe, kind):
        while data := pipe.read(MAX_DATA - 5):
            stream.write(struct.pack("<BI", kind, len(data)) + data)

    def feed():
        while len(head := stream.read(5)) == 5:
            kind, length = struct.unpack("<BI", head)
            data = stream.read(length)
            try:
                if kind == STDIN:
                    p.stdin.write(data)
                elif kind == CLOSE_STDIN:
                    p.stdin.close()
            except (OSError, ValueError):
                pass
        p.kill()  # the client went

    copiers = [threading.Thread(target=copy, args=pair) for pair in ((p.stdout, STDOUT), (p.stderr, STDERR))]
    for thread in copiers:
        thread.start()
    threading.Thread(target=feed, daemon=True).start()
    for thread in copiers:
        thread.join()
    stream.write(struct.pack("<BIB", EXIT, 1, p.wait() & 255))


def shell_in_terminal(device, stream, command):
    """Standard error among the output, every line ended by \\r\\n, what is sent echoed, the exit code lost."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp("sh", ["sh", "-c", device.local(command)])
    threading.Thread(target=lambda: [os.write(fd, data) for data in iter(lambda: stream.read(None), b"")], daemon=True).start()
    try:
        while data := os.read(fd, 4096):
            stream.write(data)
    except OSError:
        pass
    os.waitpid(pid, 0)


def sync(device, stream, _):
    def answer(name, *numbers, text=b""):
        stream.write(struct.pack("<4s%dI" % len(numbers), name, *numbers) + text)

    while len(head := stream.read(8)) == 8:
        name, length = struct.unpack("<4sI", head)
        path = device.local(stream.read(length).decode()) if name in (b"STAT", b"SEND") else ""
        if name == b"STAT":
            found = os.stat(path) if os.path.exists(path) else None
            answer(b"STAT", *((found.st_mode, found.st_size, int(found.st_mtime)) if found else (0, 0, 0)))
        elif name == b"SEND":
            path, _, mode = path.rpartition(",")
            with open(os.devnull if device.mode == "--full" else path, "wb") as f:
                while (head := stream.read(8)).startswith(b"DATA"):
                    f.write(stream.read(struct.unpack("<I", head[4:])[0]))
            if device.mode == "--full":
                text = b"write failed: No space left on device"
                answer(b"FAIL", len(text), text=text)
            else:
                os.chmod(path, int(mode) & 0o777)
                answer(b"OKAY", 0)
        else:
            return


def main():
    port_file, root = sys.argv[1:3]
    mode = sys.argv[3] if len(sys.argv) > 3 else ""
    listener = socket.create_server(("127.0.0.1", 0))
    with open(port_file + ".new", "w") as f:
        f.write(str(listener.getsockname()[1]))
    os.rename(port_file + ".new", port_file)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=Device(connection, root, mode).serve, daemon=True).start()


main()
