# SPDX-License-Identifier: Apache-2.0
"""The peers (ONEPATH_SHARED/peers) and the programs of build/bench in turn on the same work, and their ratios.

  step    a weight step of drawn paths, of one path, an architecture step: PyTorch, its malloc told to keep memory
  memory  growth of the peak resident memory over the built model in the same steps: PyTorch with its own malloc
  infer   batch 1, one and two threads: ONNX Runtime on the same networks with the same weights, and whether the
          outputs agree
  ops     our kernels against the roofline measured in the same run, oneDNN beside them where built in

Both programs take the same paths from one file, threads are bound, and runs alternate: A B A B. A run during which
others used more than --max-other of the machine is repeated; how often is counted. Every run is one line of --out
("run"), every ratio one more ("result"); `table` prints what --out holds, so that parts can be run one by one.

PyTorch: apt-get install python3-torch. ONNX Runtime: in some folder, ONNXRUNTIME_NODE_INSTALL_CUDA=skip npm install
onnxruntime-node, and ORT_MODULES=that folder. oneDNN: apt-get install libdnnl-dev, then configure again.
"""
import argparse
import collections
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
SHARED = os.environ.get("ONEPATH_SHARED", os.path.join(ROOT, "..", "shared"))
PEERS = os.path.join(SHARED, "peers")
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "16000000000"}

# name: PyTorch's arguments, ours, what is wanted of peer / ours
STEPS = {
    "weights cifar 64, drawn paths": (
        "--space cifar --mode weight --batch 64 --paths {paths}",
        "--space {cifar} --mode weights --batch 64 --paths {paths}", 3.0),
    "weights cifar 64, 3x3e6": (
        "--space cifar --mode weight --batch 64 --path 3",
        "--space {cifar} --mode weights --batch 64 --path 3x3e6", 2.0),
    "two paths cifar 64, drawn paths": (
        "--space cifar --mode arch --batch 64 --paths {paths}",
        "--space {cifar} --mode two-paths --batch 64 --paths {paths}", 2.0),
    "weights imagenet 8, 5x5e6": (
        "--space imagenet --mode weight --batch 8 --path 4",
        "--space {imagenet} --mode weights --batch 8 --path 5x5e6", 3.0),
}
BLOCKS = "weights cifar 64, drawn paths"  # the run whose time with `blocks` is compared with `cheap`
FULL = "--space cifar --mode full --batch 64"
NETWORKS = {  # ours, and what is wanted of ours / ONNX Runtime
    "mobilenet-v2": ("{bench}/mobilenet-v2.yaml --path 3x3e6", 1.05),
    "proxyless-mobile": ("{shared}/architectures/han-cai-files/proxyless_mobile.config", 1.05),
    "cifar-5x5e6": ("{cifar} --path 5x5e6", 1.15),
}
OPS = [  # arguments, kernel of the mean, which share, wanted
    ("--threads 1 --in-cache --filter depthwise/forward/plain", "depthwise/forward/plain", "roofline_share", 0.65),
    ("--threads 1 --in-cache --filter depthwise/backward-data/plain", "depthwise/backward-data/plain",
     "roofline_share", 0.60),
    ("--threads 1 --in-cache --filter depthwise/backward-weights/plain", "depthwise/backward-weights/plain",
     "roofline_share", 0.65),
    ("--threads 2 --filter pointwise/forward/plain", "pointwise/forward/plain", "peak_share", 0.78),
    ("--threads 2 --filter pointwise/backward-data/plain", "pointwise/backward-data/plain", "peak_share", 0.78),
    ("--threads 2 --filter pointwise/backward-weights/plain", "pointwise/backward-weights/plain", "peak_share", 0.78),
]


def busy():
    """CPU seconds that the machine has spent so far."""
    with open("/proc/stat", encoding="ascii") as f:
        t = [int(v) for v in f.readline().split()[1:9]]
    return (sum(t) - t[3] - t[4]) / os.sysconf("SC_CLK_TCK")


def of_children():
    r = resource.getrusage(resource.RUSAGE_CHILDREN)
    return r.ru_utime + r.ru_stime


class Runner:
    def __init__(self, args):
        self.args, self.disturbed, self.runs = args, 0, 0
        self.out = open(args.out, "a", encoding="utf-8")
        self.places = {"paths": os.path.join(PEERS, "paths-cifar.txt"), "bench": HERE, "shared": SHARED,
                       "cifar": os.path.join(ROOT, "configs/spaces/mbconv-cifar.yaml"),
                       "imagenet": os.path.join(ROOT, "configs/spaces/mbconv-imagenet.yaml")}

    def write(self, kind, **line):
        self.out.write(json.dumps({"compare": kind, **line}) + "\n")
        self.out.flush()

    def once(self, command, env):
        """The JSON lines of one run and the share of the machine that others used meanwhile."""
        b, o, t = busy(), of_children(), time.time()
        p = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=False)
        wall = time.time() - t
        if p.returncode != 0:
            sys.exit(f"compare: {' '.join(command)} ended with {p.returncode}")
        other = max(0.0, busy() - b - (of_children() - o)) / (wall * os.cpu_count())
        return [json.loads(line) for line in p.stdout.splitlines() if line.startswith("{")], other

    def run(self, part, name, side, command, env=None):
        """The quietest of a few tries; its lines are written and given back."""
        full = dict(os.environ, OMP_PROC_BIND="close", OMP_PLACES="cores", **(env or {}))
        best = None
        for _ in range(self.args.tries):
            lines, other = self.once(command, full)
            self.runs += 1
            self.disturbed += other > self.args.max_other
            best = (lines, other) if best is None or other < best[1] else best
            if other <= self.args.max_other:
                break
            print(f"  others used {100 * other:.0f} % of the machine", file=sys.stderr)
        for line in best[0]:
            self.write("run", part=part, name=name, side=side, other_cpu=round(best[1], 3), **line)
        return best[0]

    def torch(self, part, name, arguments, steps, env):
        command = ["/usr/bin/python3", os.path.join(PEERS, "run_torch_search.py"), "--threads", str(self.args.threads),
                   "--steps", str(steps), *arguments.format(**self.places).split()]
        return self.run(part, name, "peer", command, env)

    def ours(self, part, name, arguments, steps, recompute):
        command = [os.path.join(self.args.build, "bench/step"), "--threads", str(self.args.threads), "--steps",
                   str(steps), "--recompute", recompute, *arguments.format(**self.places).split()]
        return self.run(part, name, "ours " + recompute, command)


def have_torch():
    if not os.path.isdir(PEERS):
        return skip("the peers' programs", f"there is no {PEERS}: set ONEPATH_SHARED")
    found = subprocess.run(["/usr/bin/python3", "-c", "import torch"], stderr=subprocess.DEVNULL, check=False)
    return found.returncode == 0 or skip("PyTorch", "apt-get install python3-torch")


def skip(what, how):
    print(f"SKIPPED: {what} is not there: {how}", file=sys.stderr)
    return False


def chosen(args, name):
    return args.line in name


# ---- parts ----


def run_step(r):
    if not have_torch():
        return
    for _ in range(r.args.rounds):
        for name, (peer, ours, _) in STEPS.items():
            if chosen(r.args, name):
                r.torch("step", name, peer, r.args.steps, KEEP_MEMORY)
                r.ours("step", name, ours, r.args.steps, "cheap")
                if name == BLOCKS:
                    r.ours("step", name, ours, r.args.steps, "blocks")


def run_memory(r):
    if not have_torch():
        return
    for name, (peer, ours, _) in STEPS.items():
        if chosen(r.args, name):
            r.torch("memory", name, peer, r.args.steps, None)
            for recompute in ("cheap", "blocks"):
                r.ours("memory", name, ours, r.args.steps, recompute)
    if chosen(r.args, "full cifar 64"):
        r.torch("memory", "full cifar 64", FULL, 3, None)
        r.ours("memory", "full cifar 64", STEPS[BLOCKS][1], r.args.steps, "cheap")


def run_infer(r):
    modules = os.environ.get("ORT_MODULES", "")
    ort = shutil.which("node") and os.path.isdir(os.path.join(modules, "node_modules/onnxruntime-node"))
    if not ort:
        skip("ONNX Runtime", "in a folder of its own: ONNXRUNTIME_NODE_INSTALL_CUDA=skip npm install onnxruntime-node;"
             " then ORT_MODULES=that folder")
    if not have_torch() or not ort:
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, (network, _) in NETWORKS.items():
            if chosen(r.args, name):
                infer_network(r, name, network.format(**r.places).split(), os.path.join(folder, name))


def infer_network(r, name, network, folder):
    """Ours makes the weights and writes input and logits; the peer gets them as ONNX and compares its logits."""
    program, dump = os.path.join(r.args.build, "bench/infer"), os.path.join(folder, name)
    os.mkdir(folder)
    subprocess.run([program, *network, "--save", folder, "--dump", dump, "--seconds", "0"], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(["/usr/bin/python3", os.path.join(HERE, "peer_onnx.py"), folder, dump + ".onnx"], check=True)
    env = {"NODE_PATH": os.path.join(os.environ["ORT_MODULES"], "node_modules")}
    for _ in range(r.args.rounds):
        for threads in ("1", "2"):
            label = f"{name}, {threads} thread{'s' * (threads != '1')}"
            r.run("infer", label, "peer", ["node", os.path.join(PEERS, "run_ort_latency.js"), folder, threads], env)
            r.run("infer", label, "ours", [program, folder, "--threads", threads, "--seconds", "3", "--image",
                                           dump + ".in.f32"])


def run_ops(r):
    for arguments, kernel, _, _ in OPS:
        if chosen(r.args, kernel):
            r.run("ops", kernel, "ours", [os.path.join(r.args.build, "bench/ops"), *arguments.split()])


# ---- the table ----


def read(path):
    runs = collections.defaultdict(list)
    with open(path, encoding="utf-8") as f:
        for line in map(json.loads, f):
            if line["compare"] == "run":
                runs[line["part"], line["name"], line["side"]].append(line)
    return runs


def median(runs, key):
    return statistics.median(line[key] for line in runs)


class Table:
    def __init__(self, path):
        self.runs, self.rows = read(path), []

    def ratio(self, part, name, over, under, key, wanted, at_least):
        """Median of `over` / median of `under`, each a (name, side); nothing where one of them was not run."""
        a, b = self.runs.get((part, *over)), self.runs.get((part, *under))
        if a and b:
            self.add(part, name, key, median(a, key), median(b, key), median(a, key) / median(b, key), wanted,
                     at_least, min(len(a), len(b)))

    def add(self, part, name, key, peer, ours, value, wanted, at_least, rounds):
        self.rows.append(dict(part=part, name=name, key=key, peer=peer, ours=ours, value=round(value, 3),
                              wanted=wanted, holds=value >= wanted if at_least else value <= wanted, rounds=rounds))

    def fill(self):
        for name, (_, _, wanted) in STEPS.items():
            self.ratio("step", f"{name}: peer / ours", (name, "peer"), (name, "ours cheap"), "ms_mean", wanted, True)
        self.ratio("step", f"{BLOCKS}: blocks / cheap", (BLOCKS, "ours blocks"), (BLOCKS, "ours cheap"), "ms_mean",
                   1.35, False)
        for name in [*STEPS, "full cifar 64"]:
            for side, wanted in (("ours cheap", 14.0 if name.startswith("full") else 4.0), ("ours blocks", 8.0)):
                self.ratio("memory", f"{name}: peer / {side}", (name, "peer"), (name, side), "step_mib", wanted, True)
        for net, (_, wanted) in NETWORKS.items():
            for name in (f"{net}, 1 thread", f"{net}, 2 threads"):
                self.latency(name, wanted)
        for _, kernel, share, wanted in OPS:
            self.means(kernel, share, wanted)

    def latency(self, name, wanted):
        a, b = (self.runs.get(("infer", name, side)) for side in ("peer", "ours"))
        if a and b:
            peer, ours, error = median(a, "ms_median"), median(b, "ms_median"), max(
                line["max_err_vs_torch"] for line in a)  # that script's name for "against NAME.out.f32", here ours
            self.add("infer", f"{name}: ours / peer", "ms_median", peer, ours, ours / peer, wanted, False, len(a))
            self.add("infer", f"{name}: largest difference of a logit", "max_error", None, None, error, 1e-4, False,
                     len(a))
            self.rows[-1]["value"] = error

    def means(self, kernel, share, wanted):
        lines = [x for x in self.runs.get(("ops", kernel, "ours"), []) if x["bench"] == "ops-mean"
                 and x["kernel"] == kernel]
        ours, peer = ([x for x in lines if x["peer"] == p] for p in ("", "onednn"))
        if ours:
            self.add("ops", kernel, share, median(peer, share) if peer else None, median(ours, share),
                     median(ours, share), wanted, True, len(ours))

    def print(self):
        print(f"{'':7}{'':58}{'peer':>10}{'ours':>10}{'value':>10}{'wanted':>8}")
        for row in self.rows:
            peer, ours = (f"{row[k]:.3f}" if row[k] is not None else "" for k in ("peer", "ours"))
            value = f"{row['value']:.1e}" if row["key"] == "max_error" else f"{row['value']:.3f}"
            print(f"{row['part']:7}{row['name']:58}{peer:>10}{ours:>10}{value:>10}{row['wanted']:>8g}  "
                  f"{'holds' if row['holds'] else 'MISSED'} ({row['rounds']} rounds)")


def parse():
    p = argparse.ArgumentParser(prog="bench/compare.sh", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("parts", nargs="*", help="step memory infer ops table (all of them)")
    p.add_argument("--line", default="", help="only what has this in its name")
    p.add_argument("--rounds", type=int, default=3, help="of A B (3)")
    p.add_argument("--steps", type=int, default=64, help="counted steps of a run (64: each path once)")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--build", default=os.path.join(ROOT, "build"), help="build folder (build)")
    p.add_argument("--out", default="compare.jsonl", help="where lines are appended (compare.jsonl)")
    p.add_argument("--max-other", type=float, default=0.04, help="share of the machine that others may use (0.04)")
    p.add_argument("--tries", type=int, default=3, help="of a run that was disturbed (3)")
    args = p.parse_args()
    args.parts = args.parts or ["step", "memory", "infer", "ops", "table"]
    for part in args.parts:
        if part not in ("step", "memory", "infer", "ops", "table"):
            p.error(f"{part}: wanted step, memory, infer, ops or table")
    return args


def main():
    args = parse()
    r = Runner(args)
    parts = {"step": run_step, "memory": run_memory, "infer": run_infer, "ops": run_ops}
    for part in args.parts:
        if part in parts:
            parts[part](r)
    table = Table(args.out)
    table.fill()
    table.print()
    for row in table.rows:
        r.write("result", **row)
    print(f"{r.runs} runs, {r.disturbed} of them disturbed")


if __name__ == "__main__":
    main()
