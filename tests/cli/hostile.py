#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes damaged and hostile files for test_hostile.sh into the working folder.

    hostile.py RUN DB      a run that has ended, its latency table

bad/KIND/CASE is one file or folder; of data sets, the part that is damaged stands among good ones."""
import gzip, io, json, os, pathlib, shutil, sqlite3, struct, sys, tarfile, zlib

RUN, DB = map(pathlib.Path, sys.argv[1:3])
BAD = pathlib.Path("bad")
PNG_MARK = b"\x89PNG\r\n\x1a\n"
ESCAPE = "\x1b]0;owned\x07\x1b[2J"


def flip(data, at):
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(w=32, h=32, claim=None):
    head = struct.pack(">IIBBBBB", *(claim or (w, h)), 8, 2, 0, 0, 0)
    rows = b"".join(b"\0" + bytes((x * 7 + y * 3) % 256 for x in range(3 * w)) for y in range(h))
    return PNG_MARK + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def jpeg():
    return next(pathlib.Path("photos").glob("*/*.JPG")).read_bytes()


def frame(data):
    """Where a JPEG's height stands: behind the start of its frame, FF C0 or FF C2."""
    return max(data.find(b"\xff\xc0\x00\x11"), data.find(b"\xff\xc2\x00\x11"), data.find(b"\xff\xc0\x00\x0b")) + 5


def damages(good):
    """Damage that is the same for every kind of file."""
    return {"cut": good[: len(good) * 2 // 3], "short": good[:5], "empty": b"", "other": b"GIF89a" + bytes(200)}


def put(kind, cases, name=None):
    """bad/KIND/CASE, or bad/KIND/CASE/NAME."""
    for case, data in cases.items():
        path = BAD / kind / case / name if name else BAD / kind / case
        path.parent.mkdir(parents=True, exist_ok=True)
        if data is None:
            path.mkdir()
        else:
            path.write_bytes(data)


def idx_header(*sizes):
    return struct.pack(f">BBBB{len(sizes)}I", 0, 0, 8, len(sizes), *sizes)


def idx(n):
    return idx_header(n, 28, 28) + bytes(i * 7 % 256 for i in range(n * 784)), idx_header(n) + bytes(i % 10 for i in range(n))


def idx_sets():
    images, labels = idx(60)
    cases = damages(images) | {"mark": flip(images, 2), "many": idx_header(2**32 - 1, 28, 28) + images[16:],
                               "wide": idx_header(60, 2**31, 2**31) + images[16:], "longer": images + b"\0", "folder": None,
                               "none": idx_header(0, 28, 28)}
    for case in list(cases) + ["label-count"]:
        put("idx", {case: images}, "train-images-idx3-ubyte")
        put("idx", {case: labels}, "train-labels-idx1-ubyte")
        for name, data in zip(("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"), idx(20)):
            put("idx", {case: data}, name)
    for case in cases:
        (BAD / "idx" / case / "train-images-idx3-ubyte").unlink()
    put("idx", cases, "train-images-idx3-ubyte")
    put("idx", {"label-count": idx_header(59) + labels[8:]}, "train-labels-idx1-ubyte")
    packed = gzip.compress(images, mtime=0)
    for case, data in {"gz-cut": packed[:-20], "gz-checksum": flip(packed, len(packed) - 6), "gz-other": packed[:2] + b"\xff" + packed[3:]}.items():
        shutil.copytree(BAD / "idx" / "label-count", BAD / "idx" / case)
        put("idx", {case: labels}, "train-labels-idx1-ubyte")
        (BAD / "idx" / case / "train-images-idx3-ubyte").unlink()
        put("idx", {case: data}, "train-images-idx3-ubyte.gz")


def cifar_sets():
    record = bytes(3072)
    good = b"".join(bytes([i % 10]) + record for i in range(60))
    for case, data in ({"cut": good[:-1], "empty": b"", "other": png(), "label": flip(good, 3073), "folder": None}).items():
        put("cifar", {case: data}, "data_batch_1.bin")
        put("cifar", {case: good[: 20 * 3073]}, "test_batch.bin")
        put("cifar", {case: "\n".join(map(str, range(10))).encode()}, "batches.meta.txt")
    names = "\n".join([f"a{ESCAPE}"] + [f"class {i}" for i in range(9)]).encode()
    put("cifar", {"names": good}, "data_batch_1.bin")
    put("cifar", {"names": good}, "test_batch.bin")
    put("cifar", {"names": names}, "batches.meta.txt")


def photo_folder(where, extra, data):
    for name in ("cat", "dog"):
        (where / name).mkdir(parents=True)
        for i in range(8):
            (where / name / f"{i}.png").write_bytes(png())
    path = where / "dog" / extra
    path.write_bytes(data) if data is not None else path.mkdir()


def photo_sets():
    good, drawn = jpeg(), png()
    size = frame(good)
    large = good[:size] + b"\xff\xff\xff\xff" + good[size + 4 :]
    for case, data in (damages(good) | {"header": flip(good, 1), "large": large, "folder": None}).items():
        photo_folder(BAD / "jpeg" / case, "bad.jpg", data)
    for case, data in (damages(drawn) | {"header": flip(drawn, 3), "checksum": flip(drawn, 30),
                                         "large": png(claim=(2**31 - 1, 2**31 - 1)), "none": png(claim=(0, 32))}).items():
        photo_folder(BAD / "png" / case, "bad.png", data)
    photo_folder(BAD / "png" / "fifo", "a.png", drawn)
    os.mkfifo(BAD / "png" / "fifo" / "dog" / "bad.png")
    photo_folder(BAD / "png" / "name", f"b{ESCAPE}ad.png", b"")
    for case, name in {"escape": f"cat{ESCAPE}", "line": "cat\ndog", "c1": "cat\x9b2J", "bytes": b"cat\xff"}.items():
        folder = os.path.join(os.fsencode(BAD / "classes" / case), name if isinstance(name, bytes) else name.encode())
        photo_folder(BAD / "classes" / case, "9.png", drawn)
        os.mkdir(folder)
        for i in range(8):
            shutil.copy(BAD / "classes" / case / "cat" / "1.png", os.path.join(folder, b"%d.png" % i))


def archive(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name in ("cat", "dog"):
            for i in range(8):
                data = png()
                info = tarfile.TarInfo(f"{name}/{i}.png")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        for name, kind, data in members:
            info = tarfile.TarInfo(name)
            info.type, info.size = kind, len(data) if kind == tarfile.REGTYPE else 0
            info.linkname = "/etc/passwd" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
            tar.addfile(info, io.BytesIO(data) if info.size else None)
    return out.getvalue()


def archives():
    good = archive([])
    cases = damages(good) | {"checksum": flip(good, len(good) - 6), "header": flip(good, 0)}
    for case, kind in {"link": tarfile.SYMTYPE, "hard-link": tarfile.LNKTYPE, "device": tarfile.CHRTYPE, "fifo": tarfile.FIFOTYPE}.items():
        cases[case] = archive([("dog/evil.png", kind, b"")])
    cases["escape"] = archive([(f"cat{ESCAPE}/1.png", tarfile.REGTYPE, png())])
    cases["below"] = archive([("cat/more/evil.png", tarfile.REGTYPE, png())])
    for case, data in cases.items():
        put("archive", {f"{case}.tar.gz": data})
    # names that point elsewhere are names only: nothing is written under them
    outside = pathlib.Path("outside.png").absolute()
    put("strange", {"up.tar.gz": archive([("../evil/1.png", tarfile.REGTYPE, png()), ("cat/../../evil.png", tarfile.REGTYPE, png())]),
                    "root.tar.gz": archive([(f"{outside}/1.png", tarfile.REGTYPE, png())])})


def yamls():
    good = pathlib.Path("c.yaml").read_bytes()
    space = pathlib.Path("space.yaml").read_bytes()
    laughs = "a: &a [x, x]\n" + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(20))
    cases = {"cut": good[: good.index(b"latency") + 9], "empty": b"", "other": png(), "nul": good + b"\0", "bytes": good + b"a: \xff\n",
             "laughs": laughs.encode(), "deep": b"a: " + b"[" * 100000, "deep-map": b"{a: " * 100000, "list": b"- 1\n",
             "huge": good.replace(b"epochs: 1", b"epochs: 99999999999999999999"), "negative": good.replace(b"batch: 16", b"batch: -1"),
             "escape": good + f'"a{ESCAPE[1:]}\\e[2J\\n\\x9b": 1\n'.replace("\x07", "").replace("\x1b", "").encode(),
             "itself": good.replace(b"space: space.yaml", b"space: itself"), "long": good + b"k" * 300 + b": 1\n",
             "space-folder": good.replace(b"space: space.yaml", b"space: ../../photos"), "twice": good + b"schema: 1\n"}
    put("yaml", {f"{case}.yaml": data.replace(b"itself", b"itself.yaml") for case, data in cases.items()})
    put("space", {f"{case}.yaml": data for case, data in {
        "cut": space[: space.index(b"stages")], "huge": space.replace(b"channels: 8", b"channels: 2147483648"),
        "wide": space.replace(b"height: 28, width: 28", b"height: 2000000000, width: 2000000000"),
        "blocks": space.replace(b"blocks: 2", b"blocks: 1000000000"),
        "name": space.replace(b"name: tiny", b'name: "a\\e[2J\\nb"')}.items()})


def archs():
    good = (RUN / "arch.json").read_bytes()
    net = json.loads(good)

    def changed(key, value):
        def walk(x):
            if isinstance(x, dict):
                return {k: value if k == key else walk(v) for k, v in x.items()}
            return [walk(v) for v in x] if isinstance(x, list) else x
        return json.dumps(walk(net)).encode()

    return damages(good) | {"byte": good.replace(b":", b";", 1), "other": png(), "huge": changed("out_channels", 10**18), "below": changed("kernel_size", -3),
                            "over": changed("out_channels", 2**31 - 1), "wide": changed("resolution", 2**31),
                            "text": changed("out_channels", ESCAPE), "name": changed("name", ESCAPE), "deep": b"[" * 100000,
                            "deep-object": b'{"a":' * 100000, "real": changed("stride", 1e308), "none": b"{}", "null": b"null"}


def tensors(good):
    size = struct.unpack("<Q", good[:8])[0]
    header = json.loads(good[8 : 8 + size])

    def changed(change, metadata=False):
        h = json.loads(json.dumps(header))
        change(h["__metadata__"] if metadata else h[[k for k in h if k != "__metadata__"][1]])
        text = json.dumps(h).encode()
        return struct.pack("<Q", len(text)) + text + good[8 + size :]

    end = len(good) - 8 - size
    cases = damages(good) | {
        "claim": struct.pack("<Q", 2**63) + good[8:], "claim-less": struct.pack("<Q", 0) + good[8:], "byte": flip(good, 9),
        "other": png(), "deep": struct.pack("<Q", 100000) + b"[" * 100000, "longer": good + b"\0",
        "offsets": changed(lambda t: t.update(data_offsets=[0, 2**63 - 1])),
        "backwards": changed(lambda t: t.update(data_offsets=[end, 0])), "below": changed(lambda t: t.update(data_offsets=[-4, 0])),
        "shape": changed(lambda t: t.update(shape=[2**62, 4])), "type": changed(lambda t: t.update(dtype=ESCAPE))}
    if "class_names" in header["__metadata__"]:
        names = json.loads(header["__metadata__"]["class_names"])
        for case, name in {"escape": ESCAPE, "line": "a\nb", "c1": "\x9b2J"}.items():
            text = json.dumps([name] + names[1:])
            cases[f"name-{case}"] = changed(lambda m: m.update(class_names=text), True)
        for key in ("mean", "input", "resize"):
            cases[f"meta-{key}"] = changed(lambda m: m.update({key: "9" * 300 + ESCAPE}), True)
        cases["meta-text"] = changed(lambda m: m.update(bn_eps=7), True)
    return cases


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def onnx():
    good = (RUN / "model.onnx").read_bytes()
    claim = b"\x3a" + varint(2**31 - 1)  # graph: so many bytes follow
    bomb = b""
    for _ in range(5000):  # a graph in an attribute of a node of a graph ...
        bomb = b"\x0a" + varint(len(bomb)) + bomb
    put("onnx", {f"{case}.onnx": data for case, data in (damages(good) | {
        "other": png(), "claim": claim + good, "claim-more": b"\x3a" + b"\xff" * 9 + b"\x01", "byte": flip(good, 1),
        "tensor": b"\x3a" + varint(10) + b"\x2a\x08\x08" + varint(2**31 - 1) + b"\x10\x01", "deep": b"\x3a" + varint(len(bomb)) + bomb}).items()})
    (BAD / "onnx" / "folder.onnx").mkdir()
    # hostile metadata is shown, escaped
    entry = b"\x0a\x03" + b"k\x1b[" + b"\x12" + varint(len(ESCAPE)) + ESCAPE.encode()
    put("strange", {"metadata.onnx": good + b"\x72" + varint(len(entry)) + entry})


def databases(kind, good):
    data = good.read_bytes()
    page = struct.unpack(">H", data[16:18])[0]
    put(kind, {f"{case}.db": d for case, d in (damages(data) | {
        "cut": data[: len(data) // page // 2 * page], "other": png(), "header": flip(data, 3), "page": flip(data, 100), "size": flip(data, 17),
        "middle": data[:page] + bytes(page) + data[2 * page :], "id": flip(data, 69), "version": flip(data, 61)}).items()})
    (BAD / kind / "folder.db").mkdir()
    for case, sql in DATABASES[kind].items():
        path = BAD / kind / f"{case}.db"
        shutil.copy(good, path)
        db = sqlite3.connect(path)
        db.execute("PRAGMA journal_mode = DELETE")
        db.executescript(sql)
        db.close()


ENDLESS = "WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r) SELECT"
DATABASES = {
    "table": {"view": f"PRAGMA foreign_keys = OFF; ALTER TABLE estimate RENAME TO e2; CREATE VIEW estimate AS {ENDLESS} x AS platform_id, x AS block_id, x AS median_ns FROM r",
              "no-column": "PRAGMA foreign_keys = OFF; DROP TABLE estimate; CREATE TABLE estimate (a)", "no-table": "PRAGMA foreign_keys = OFF; DROP TABLE platform"},
    "run": {"view": "ALTER TABLE metric RENAME TO m2; CREATE VIEW metric AS SELECT * FROM m2", "no-table": "PRAGMA foreign_keys = OFF; DROP TABLE metric"},
}


def imports():
    good = b"block_name,latency(ms)\nConv-input:8x8x3-output:4x4x8,1.5\n"
    put("import", {f"{case}.csv": data for case, data in (damages(good) | {
        "other": png(), "cut": good[:-12], "huge": good.replace(b"8x8x3", b"99999999999999999999x8x3"), "over": good.replace(b"8x8x3", b"2147483647x2147483647x3"),
        "escape": good.replace(b"Conv", ESCAPE.encode()), "time": good.replace(b"1.5", b"1e300"), "nan": good.replace(b"1.5", b"nan"),
        "below": good.replace(b"1.5", b"-1"), "nul": good + b"\0\n", "long": good + b"k" * 70000 + b",1\n"}).items()})


def models():
    for file in sorted((BAD / "run").iterdir()):
        shutil.copytree(RUN, BAD / "report" / file.stem)
        (BAD / "report" / file.stem / "run.db").unlink()
        file.rename(BAD / "report" / file.stem / "run.db")
    for case, data in archs().items():
        shutil.copytree(RUN, BAD / "arch" / case)
        (BAD / "arch" / case / "arch.json").write_bytes(data)
    for case, data in tensors((RUN / "model.safetensors").read_bytes()).items():
        shutil.copytree(RUN, BAD / "weights" / case)
        (BAD / "weights" / case / "model.safetensors").write_bytes(data)
    for kind, name, cases in (("checkpoint", "checkpoint.safetensors", {
    case: data for case, data in tensors((RUN / "checkpoint.safetensors").read_bytes()).items()
    if case in ("cut", "short", "empty", "other", "claim", "byte", "shape")}),
                              ("manifest", "manifest.json", damages((RUN / "manifest.json").read_bytes()) | {
                                  "byte": (RUN / "manifest.json").read_bytes().replace(b'"', b"'", 1), "deep": b"[" * 100000, "none": b"{}"})):
        for case, data in cases.items():
            shutil.copytree(RUN, BAD / kind / case)
            (BAD / kind / case / name).write_bytes(data)
    for kind, name in (("arch", "arch.json"), ("weights", "model.safetensors"), ("checkpoint", "checkpoint.safetensors"), ("manifest", "manifest.json")):
        shutil.copytree(RUN, BAD / kind / "folder")
        (BAD / kind / "folder" / name).unlink()
        (BAD / kind / "folder" / name).mkdir()


idx_sets()
cifar_sets()
photo_sets()
archives()
yamls()
onnx()
databases("table", DB)
shutil.copy(DB, BAD / "strange" / "device.db")
with sqlite3.connect(BAD / "strange" / "device.db") as strange:
    strange.execute("UPDATE device SET name = ?", (ESCAPE,))
    strange.execute("CREATE TRIGGER steals BEFORE INSERT ON estimate BEGIN DELETE FROM estimate; END")
    strange.execute("UPDATE block SET key = key || ?", (ESCAPE,))
strange.close()
put("strange", {"blocks.csv": b"block_name,latency(ms)\nConv-input:8x8x3-output:4x4x8,1.5\n"})
databases("run", RUN / "run.db")
imports()
models()
