# SPDX-License-Identifier: Apache-2.0
"""read_events.py FOLDER RUN.DB [TAG...]: reads TensorBoard's event files by a reader of its own and compares what they
show with the run's database, value by value; each TAG must be among them. Prints the numbers of files and of scalars."""
import collections
import glob
import os
import sqlite3
import struct
import sys


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


assert crc32c(b"123456789") == 0xE3069283  # the check value of CRC-32C
assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(path):
    data = open(path, "rb").read()
    at = 0
    while at < len(data):
        n, crc = struct.unpack_from("<QI", data, at)
        assert crc == masked(data[at : at + 8]), "checksum of a length"
        event = data[at + 12 : at + 12 + n]
        assert len(event) == n, "cut short"
        assert struct.unpack_from("<I", data, at + 12 + n)[0] == masked(event), "checksum of an event"
        at += 16 + n
        yield event


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at


def fields(data):
    found = {}
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 2:
            n, at = varint(data, at)
            value, at = data[at : at + n], at + n
        else:
            form, n = {1: ("<d", 8), 5: ("<f", 4)}[kind]
            value, at = struct.unpack_from(form, data, at)[0], at + n
        assert key >> 3 not in found, "a field that stands twice"
        found[key >> 3] = value
    return found


def shown(folder):
    rows = []
    files = sorted(glob.glob(os.path.join(folder, "events.out.tfevents.*")))
    for path in files:
        for i, record in enumerate(records(path)):
            event = fields(record)
            assert 1.6e9 < event[1] < 1e11, "wall time"
            if i == 0:
                assert event[3] == b"brain.Event:2"
            elif i == 1:  # SessionLog, START: what the files before say of this step and later is void
                assert fields(event[7]) == {1: 1}
                rows = [row for row in rows if row[1] < event[2]]
            else:
                value = fields(fields(event[5])[1])
                rows.append((value[1].decode(), event[2], value[2]))
    return len(files), rows


def stored(path):
    def single(x):
        return struct.unpack("<f", struct.pack("<f", x))[0]

    db = sqlite3.connect(path)
    for phase, name, tick, value in db.execute("select phase, name, tick, value from metric"):
        yield f"{phase}/{name}", tick, single(value)
    for position, name, tick, p in db.execute("select position, name, tick, p from alpha"):
        yield f"p/{position:02d}/{name}", tick, single(p)


n_files, rows = shown(sys.argv[1])
seen, wanted = collections.Counter(rows), collections.Counter(stored(sys.argv[2]))
assert seen == wanted, list(((seen - wanted) + (wanted - seen)).items())[:5]
assert max(seen.values()) == 1
for tag in sys.argv[3:]:
    assert any(row[0] == tag for row in rows), tag
print(n_files, len(rows))
