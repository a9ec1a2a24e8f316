#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a command that keeps weights in a scratch file, and kills it above a memory limit.

    bench/under_limit.py MIB -- build/bench/step --weights mapped --weights-mib 600 ...

What counts: resident anonymous memory, and what the kernel caches of the command's deleted files,
mapped or not, dirty or not (cachestat, Linux 6.5), looked at every 10 ms. It needs no rights, unlike a
control group, but does not make the kernel reclaim anything: the command must keep to the limit by
itself. One JSON line on stderr: peaks in MiB. Exit code 9 when it was killed.
"""
import ctypes
import json
import os
import resource
import subprocess
import sys
import time

MIB = 1 << 20
CACHESTAT = 451  # the same number on all architectures
libc = ctypes.CDLL(None, use_errno=True)


def cached_bytes(pid):
    """Of the open files of a process that have no name any more."""
    total = 0
    folder = f"/proc/{pid}/fd"
    for name in os.listdir(folder):
        path = f"{folder}/{name}"
        if not os.readlink(path).endswith(" (deleted)"):
            continue
        fd = os.open(path, os.O_RDONLY)
        whole = (ctypes.c_uint64 * 2)(0, 0)
        seen = (ctypes.c_uint64 * 5)()
        failed = libc.syscall(CACHESTAT, fd, whole, seen, 0)
        os.close(fd)
        if failed:
            raise OSError(ctypes.get_errno(), "cachestat: wanted Linux 6.5 or newer")
        total += seen[0] * resource.getpagesize()
    return total


def anonymous_bytes(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        for line in f:
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0


def main():
    if len(sys.argv) < 4 or sys.argv[2] != "--":
        sys.exit(__doc__)
    limit = int(sys.argv[1]) * MIB
    child = subprocess.Popen(sys.argv[3:])
    peak = {"anonymous": 0, "cached": 0, "sum": 0}
    killed = False
    looks = 0
    while child.poll() is None:
        try:
            now = {"anonymous": anonymous_bytes(child.pid), "cached": cached_bytes(child.pid)}
        except FileNotFoundError:  # it ended meanwhile, or closed a file
            continue
        now["sum"] = now["anonymous"] + now["cached"]
        peak = {k: max(peak[k], now[k]) for k in peak}
        looks += 1
        if now["sum"] > limit:
            child.kill()
            killed = True
        time.sleep(0.01)
    mib = {f"peak_{k}_mib": round(v / MIB, 1) for k, v in peak.items()}
    print(json.dumps({"limit_mib": limit // MIB, **mib, "looks": looks, "killed": killed}),
          file=sys.stderr)
    sys.exit(9 if killed else child.returncode)


main()
