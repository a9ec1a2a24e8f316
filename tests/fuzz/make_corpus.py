#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of tests/fuzz/corpus: for each parser small files that are accepted and some that are not.

    python3 tests/fuzz/make_corpus.py ONEPATH      # the program; needs Pillow

Inputs that a fuzzer found (names beginning with "found-") are not touched."""
import collections, gzip, hashlib, io, json, os, pathlib, pickle, random, shutil, sqlite3, struct, subprocess, sys
import tarfile, tempfile, zipfile

from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parent / "corpus"
random.seed(1)


def put(parser, name, data):
    folder = ROOT / parser
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)


def picture(kind, mode, size=(17, 9), **options):
    image = Image.frombytes("RGB", size, bytes(random.randrange(256) for _ in range(3 * size[0] * size[1])))
    out = io.BytesIO()
    image.convert(mode).save(out, kind, **options)
    return out.getvalue()


def images():
    exif = Image.Exif()
    exif[0x0112] = 6
    put("image", "colour.jpg", picture("JPEG", "RGB"))
    put("image", "progressive.jpg", picture("JPEG", "RGB", progressive=True))
    put("image", "grey.jpg", picture("JPEG", "L"))
    put("image", "cmyk.jpg", picture("JPEG", "CMYK"))
    put("image", "turned.jpg", picture("JPEG", "RGB", exif=exif.tobytes()))
    put("image", "short.jpg", picture("JPEG", "RGB")[:300])
    for mode in ("RGB", "RGBA", "L", "LA", "P", "1"):
        put("image", f"{mode.lower()}.png", picture("PNG", mode))
    put("image", "short.png", picture("PNG", "RGB")[:80])
    put("image", "huge.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\2\0\0\0\0\0\0\0")


def device():
    cores = "".join(f"processor\t: {i}\nCPU implementer\t: 0x41\nCPU part\t: {part}\n\n"
                    for i, part in enumerate(("0xd03", "0xd08")))
    phone = ["0-1\n", cores, "Cpus_allowed_list:\t0-1\n", "1800000\n", "1024\n", "", "cpu-thermal\n", "48686\n",
             "raspberrypi,4-model-b\0brcm,bcm2711", 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n']
    put("device", "phone", "\x1e".join(phone + ["big"]))
    put("device", "fastest", "\x1e".join(phone))
    put("device", "unknown-cluster", "\x1e".join(phone + ["huge"]))
    pc = ["0-3\n", "vendor_id\t: GenuineIntel\n", "Cpus_allowed_list:\t1\n", "5500000\n", "", "2-3\n"]
    put("device", "pc", "\x1e".join(pc + [""] * 4 + ["0"]))


def target():
    answer = "onepath Linux aarch64\nnot /home/pi/.cache/onepath: mkdir: Permission denied\nfolder /tmp/onepath-1000\n"
    put("target", "local", "local\n")
    put("target", "command", "exec:node 'my runner.js' --threads 2 \"it's\" a\\\\ b ''\n")
    put("target", "ssh", "ssh:pi@board\n" + answer + "onepath-done\n")
    put("target", "ssh-url", "ssh://pi@[fe80::1]:22\r\n" + answer)
    put("target", "adb", "adb:R58M12\n" + answer.replace("\n", "\r\n", 1) + "device Google Pixel 4\n")
    put("target", "no-folder", "adb\nonepath Linux aarch64\nnot /data/local/tmp/onepath: No space left on device\n")
    put("target", "terminal", "adb\nonepath Linux aarch64\r\nterminal\r\n")
    put("target", "noise", "ssh:board\nWelcome\n" + answer)
    put("target", "option", "ssh:-oProxyCommand=reboot\n")


def archive():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name in ("cat/1.jpg", "cat/2.jpg", "dog/1.png"):
            data = picture("PNG" if name.endswith("png") else "JPEG", "L", (8, 8))
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    put("archive", "two-classes.tar.gz", out.getvalue())
    put("archive", "short.tar.gz", out.getvalue()[:200])


def idx():
    data = struct.pack(">BBBBIII", 0, 0, 8, 3, 3, 4, 5) + bytes(range(60))
    put("idx", "images", data)
    put("idx", "images.gz", gzip.compress(data, mtime=0))
    put("idx", "labels", struct.pack(">BBBBI", 0, 0, 8, 1, 3) + b"\0\1\2")
    put("idx", "short", data[:40])
    put("idx", "huge", struct.pack(">BBBBIII", 0, 0, 8, 3, 2**32 - 1, 4, 5))


def cifar():
    images = b"".join(bytes([label]) + bytes([16 * label]) * 3072 for label in range(10))
    put("cifar", "ten-images.bin", images)
    put("cifar", "short.bin", images[:-1])
    put("cifar", "label.bin", b"\xff" + images[1:])


def pack():
    names, labels, skipped = b"cat\0dog\0", struct.pack("<3i", 0, 1, 0), b"cat/2.jpg: short\0"
    head = struct.pack("<8sIIq4iQ64sqQ", b"ONPPACK\n", 2, 0x01020304, 2, 3, 4, 1, 2, len(names), b"5" * 64, 3, len(skipped))
    body = head + names
    body += bytes(-len(body) % 64) + labels
    body += bytes(-len(body) % 64) + b"\x7f" * (2 * 3 * 4) + skipped
    put("pack", "two-images", body)
    put("pack", "short", body[:-1])


SPACE = """schema: 1
name: tiny
input: {height: 28, width: 28, channels: 1}
stem: {op: conv, kernel: 3, stride: 2, channels: 8}
fixed:
  - {op: mbconv, kernel: 3, expand: 1, channels: 8}
candidates:
  - {op: mbconv, kernel: 3, expand: 3}
  - {op: mbconv, kernel: 5, expand: 3}
  - {op: zero}
stages:
  - {channels: 8, blocks: 2, stride: 2}
mix: {channels: 16}
classes: 10
"""
CONFIG = """schema: 1
seed: 1
data:
  format: generated
  validation: 200
  limit: 600
space: space.yaml
target: {device: this-machine, latency: 60%, threads: 1}
search: {warmup_epochs: 1, epochs: 1, batch: 32, loss: {kind: hinge, lambda: 1.0}}
train: {epochs: 1, batch: 32}
"""


def texts():
    put("space", "tiny.yaml", SPACE)
    put("space", "twice.yaml", SPACE + "classes: 10\n")
    put("config", "tiny.yaml", CONFIG)
    put("config", "unknown.yaml", CONFIG + "trian: {epochs: 1}\n")
    put("config", "alias.yaml", "a: &a [*a, *a]\n")
    for key in ("mbconv in=56x56x24 out=28x28x40 k=5 e=3 s=2 skip=0", "stem in=32x32x3 out=32x32x32 k=3 s=1",
                "mix in=4x4x192 out=4x4x640", "head in=4x4x640 out=10", "zero"):
        put("block_key", key.split()[0], key)
    put("block_key", "wrong", "mbconv in=99999x0x-1 out= k=")


def messages():
    node = {"op": "conv", "in": [0, 1], "out": [2], "kernel": 3, "stride": 1}
    graph = {"tensors": [{"shape": [1, 8, 8, 1], "external": True}, {"shape": [3, 3, 1, 4], "external": True},
                         {"shape": [1, 8, 8, 4], "keep": True}], "nodes": [node]}
    stop = {"warmup_calls": 3, "warmup_min_ns": 1000, "sample_min_ns": 1000, "samples_min": 3, "samples_max": 10,
            "time_min_ns": 1000, "time_max_ns": 5000, "ci_half_width": 0.01, "cv_max": 0.03}
    platform = {"device": "board", "backend": "onepath", "backend_version": "0.1.0", "kernel_set": "neon",
                "kernel_hash": "6943", "blas_core": "CORTEXA72", "cluster": "any", "precision": "f32",
                "threads": 1, "batch": 1}
    clusters = [{"cores": "0-3", "max_khz": 1800000}, {"cores": "4-7", "max_khz": 0}]
    lines = {
        "hello": {"message": "hello", "version": 2, "accepts": ["graph"], "platform": platform,
                  "run": {"os": "Linux", "governor": "performance", "clock_khz": 1500000}},
        "hello-all": {"message": "hello", "version": 2, "accepts": ["onnx", "graph"], "stamps": True, "alive": True,
                      "platform": platform, "run": {"clusters": clusters, "temperature_mc": -1500, "allowed": "0-7",
                                                    "serial_hash": "5e1f"}},
        "hello-1": {"message": "hello", "version": 1},
        "measure": {"message": "measure", "id": 1, "stop": stop, "graph": graph},
        "measure-stamps": {"message": "measure", "id": 2, "stamps": True, "stop": stop,
                           "graph": dict(graph, nodes=[dict(node, group=0)])},
        "measure-onnx": {"message": "measure", "id": 3, "stop": stop, "onnx": "bW9kZWw="},
        "result": {"message": "result", "id": 1, "samples_ns": [4330, 4329, 4378],
                   "clock_khz": [4503730, 4505431, 4505431], "inner_reps": 256, "n_rejected": 1,
                   "overhead_ns": 1.35, "quality": "noisy", "reason": "only 3 samples"},
        "result-stamps": {"message": "result", "id": 2, "samples_ns": [70, 71], "temperature_mc": [45000, None],
                          "cores": "4-7", "stamps_ns": [[30, 31], [40, 40]], "n_rejected": 3,
                          "rejected": {"preempted": 1, "clock": 1}},
        "error": {"message": "error", "id": 1, "text": "no"},
        "alive": {"message": "alive"},
        "bye": {"message": "bye"},
    }
    for name, message in lines.items():
        put("message", name, json.dumps(message))
    put("message", "not-json", "{")
    put("lines", "session", "".join(json.dumps(lines[name]) + "\n" for name in ("hello", "alive", "result", "bye")))
    put("lines", "ends", "\n\r\n\r\r\nno end")
    put("lines", "too-long", "x" * 5000)


def safetensors(tensors, metadata):
    header, data = {"__metadata__": metadata}, b""
    for name, shape in tensors:
        n = 4
        for d in shape:
            n *= d
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + n]}
        data += struct.pack(f"<{n // 4}f", *([0.5] * (n // 4)))
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def model():
    keys = "stem in=4x4x1 out=2x2x2 k=3 s=2\nhead in=2x2x2 out=2\n"
    metadata = {"format": "onepath-model-1", "arch_hash": hashlib.sha256(keys.encode()).hexdigest(),
                "input": "4x4x1", "color_order": "gray", "bn_eps": "0.001", "mean": "0.5", "deviation": "0.25",
                "image": "4x4", "resize": "none", "fit": "none", "class_names": json.dumps(["cat", "dög"])}
    tensors = [("blocks.0.conv.weight", [3, 3, 1, 2]), ("blocks.0.conv.bn.gamma", [2]), ("blocks.0.conv.bn.beta", [2]),
               ("blocks.0.conv.bn.stats", [2, 2]), ("blocks.1.linear.weight", [1, 1, 2, 2]), ("blocks.1.linear.bias", [2])]
    good = safetensors(tensors, metadata)
    put("model", "tiny.safetensors", good)
    put("model", "short.safetensors", good[:-4])
    put("model", "names.safetensors", safetensors(tensors, {**metadata, "class_names": "[1"}))


def shrink(path):
    db = sqlite3.connect(path)
    db.execute("VACUUM")
    db.close()
    return pathlib.Path(path).read_bytes()


def run(onepath):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "space.yaml").write_text(SPACE)
        (folder / "c.yaml").write_text(CONFIG)
        env = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "ASAN_OPTIONS": "detect_leaks=0"}
        subprocess.run([onepath, "search", folder / "c.yaml", "--set", f"data.cache={folder}/pack", "--run", folder / "run",
                        "--db", folder / "latency.db", "--threads", "1"], env=env, check=False, cwd=folder)
        result = folder / "run"
        manifest = (result / "manifest.json").read_bytes()
        put("manifest", "run.json", manifest)
        put("manifest", "short.json", manifest[: len(manifest) // 2])
        checkpoint = (result / "checkpoint.safetensors").read_bytes()
        size = struct.unpack("<Q", checkpoint[:8])[0]
        header = json.loads(checkpoint[8 : 8 + size])
        put("checkpoint", "header.safetensors", safetensors([("x", [2])], header["__metadata__"]))
        put("checkpoint", "short.safetensors", checkpoint[:500])
        put("arch", "tiny.json", (result / "arch.json").read_bytes())
        put("arch", "no-blocks.json", '{"name": "ProxylessNASNets", "bn": {"momentum": 0.1, "eps": 0.001}, "blocks": []}')
        for parser, path in (("run", result / "run.db"), ("table", folder / "latency.db")):
            data = shrink(path)
            put(parser, "tiny.sqlite", data)
            put(parser, "short.sqlite", data[:5000])
        platform = subprocess.run([onepath, "table", "list", "--db", folder / "latency.db"], capture_output=True, env=env).stdout
        for form in ("jsonl", "yaml"):
            table = subprocess.run([onepath, "table", "export", "--db", folder / "latency.db", "--device",
                                    platform[:12], "--to", form], capture_output=True, env=env, check=True).stdout
            put("import", f"exported.{form}", table)
        if (result / "model.onnx").exists():
            data = (result / "model.onnx").read_bytes()
            put("onnx", "tiny.onnx", data)
            put("onnx", "short.onnx", data[:1000])


def tables():
    rows = ["Conv-input:8x8x3-output:4x4x8", "Logits-input:4x4x8-output:10",
            "expanded_conv-input:4x4x8-output:4x4x8-expand:3-kernel:3-stride:1-idskip:1"]
    text = "".join(f"{r}:\n  count: 3\n  mean: 1.5\n  var: 0.25\n" for r in rows)
    put("import", "table.yaml", text)
    put("import", "wrong.yaml", text.replace("1.5", "x"))
    csv = "block_name,latency(ms)\n" + "".join(f"{r},1.5\n" for r in rows)
    put("import", "blocks.csv", csv)
    head = {"version": 2, "unit": "ns", "device": "x", "reference_khz": 4085021}
    mix = {"median_ns": 5, "n": 3, "cv": 0.5, "normalized_median_ns": 4, "source": "modelled", "method": "of 9 rows", "quality": "ok"}
    blocks = ["stem in=8x8x3 out=4x4x8 k=3 s=2", "zero", "head in=4x4x8 out=10"]
    whole = {"space": "tiny", "median_ns": 9, "n": 6, "cv": 0.01, "quality": "noisy"}
    other = {"text": "78184", "space": "fbnet", "median_ns": 7, "quality": "ok"}
    put("import", "networks.jsonl", "".join(json.dumps(line) + "\n" for line in (
        {"onepath_table": head}, {"block": "mix in=4x4x8 out=4x4x16", **mix},
        {"network": 1, "blocks": blocks, **whole}, {"network": 2, **other})))
    put("import", "networks.yaml", "".join(name + ":\n" + "".join(f"  {k}: {v}\n" for k, v in members.items()) for name, members in (
        ("onepath_table", head), ("mix in=4x4x8 out=4x4x16", mix),
        ("network 1", {"blocks": "; ".join(blocks), **whole}), ("network 2", other))))
    put("import", "twice.csv", csv + rows[0] + ",2.5\n")
    ofa = [("AvgPool2D-input:7x7x96-output:1x1x96", 0.01, 0.003), ("Conv_2-input:1x1x96-output:1x1x128", 0.7, 0.1),
           ("Logits-input:1x1x128-output:10", 0.6, 0),
           ("expanded_conv-input:28x28x48-output:28x28x48-expand:192-kernel:5-stride:1-idskip:1-se:1-hs:0", 1.5, 0.1)]
    put("import", "once-for-all.yaml", "".join(f"{k}:\n  count: 9\n  mean: {m}\n  std: {d}\n" for k, m, d in ofa))
    put("import", "once-for-all.json", '{"Conv-input:32x32x3-output:16x16x8": {"count": 9, "mean": 0.5, "std": 0.1}}\n')
    wide = "MBInvertedResBlock_14_24_48_24_k3_s1_swish"
    put("import", "widths.csv", "key,mid_channels,ms\nbase,,9.25\n" +
        "".join(f"{wide},{w},{ms}\n" for w, ms in ((24, -0.25), (32, 1), (36, 1.5), (40, 2))))
    put("import", "widths.pkl", pickle.dumps(collections.OrderedDict(
        [("base", 9.25), ("MBInvertedResBlock_14_24_0_24_k3_s1_relu", {32: 1.0, 36: 1.5, 40: 2.0})]), 2))
    put("import", "short-keys.csv", "56x56x24-28x28x40-expand:3-kernel:5-stride:2,3.01516\n")


def pickles():
    widths = collections.OrderedDict(base=9.5, MBInvertedResBlock=collections.OrderedDict([(8, 0.25), (300, 7)]))
    for protocol in range(5):
        put("pickle", f"widths-{protocol}.pkl", pickle.dumps(widths, protocol))
        put("pickle", f"values-{protocol}.pkl", pickle.dumps([1, (2, -3.5), {"a": [True, None]}, "x", 2**40, b"12"][: 5 + (protocol > 2)],
                                                             protocol))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr(zipfile.ZipInfo("archive/data.pkl"), pickle.dumps([[7, 8, 1], [5, 3, 5]], 2))
    put("pickle", "archive.pt", out.getvalue())
    put("pickle", "short.pt", out.getvalue()[:60])
    put("pickle", "numpy.pkl", b"\x80\2cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nX\2\0\0\0i2\x89\x88\x87R(K\3X\1\0\0\0<tb"
        b"c_codecs\nencode\nX\2\0\0\0\1\1X\6\0\0\0latin1\x86R\x86R.")
    put("pickle", "ring.pkl", b"\x80\2]q\0h\0a.")
    put("pickle", "calls.pkl", b"cposix\nsystem\n(S'true'\ntR.")


def networks():
    put("networks", "fbnet.csv", "index,ops,gpu_32,phone\n0,7818488874147327324245,10.5,-1\n1,5355047552024513726040,12.25,31\n")
    put("networks", "once-for-all.csv",
        "index,r,d,ks,e,v100_1\n0,204,22223,75557757573753735353,64466343363336346436,12.0819\n")
    put("networks", "cells.csv", "index,onehot31,gpu\n0,1000000010100000001000001000101,2.8\n")
    put("networks", "wrong.csv", "index,ops,gpu\n0,78184,1\n1,9,nan\n2\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for make in (images, archive, device, target, idx, cifar, pack, texts, messages, model, tables, pickles, networks):
        make()
    run(os.path.abspath(sys.argv[1]))
