#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# profile and bench with the agent of this machine, on a space of a few tiny blocks; doctor. Rows that are measured in
# this little time may be noisy (exit code 6), on any machine.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cat >tiny.yaml <<'YAML'
schema: 1
name: tiny
input: {height: 12, width: 12, channels: 1}
stem: {op: conv, kernel: 3, stride: 1, channels: 4}
fixed:
  - {op: mbconv, kernel: 3, expand: 1, channels: 4}
candidates:
  - {op: mbconv, kernel: 3, expand: 3}
  - {op: mbconv, kernel: 5, expand: 3}
  - {op: mbconv, kernel: 7, expand: 6}
  - {op: zero}
stages:
  - {channels: 8, blocks: 2, stride: 2}
  - {channels: 12, blocks: 2, stride: 1}
mix: {channels: 16}
classes: 3
YAML
profile=(profile tiny.yaml --max-seconds-per-block 0.02)

# measures ARGUMENT...: onepath ends well, or says that over half of the rows are noisy.
measures() {
    "$onepath" "$@" >out 2>err
    local got=$?
    [ "$got" -eq 0 ] && return
    [ "$got" -eq 6 ] && grep -q 'rows are noisy' err && return
    wrong "onepath $*: exit code $got"
    sed 's/^/    /' out err
}

# killed at any moment and run again, it goes on where it was, and measures nothing twice
"$onepath" profile tiny.yaml --max-seconds-per-block 0.4 --db killed.db >out 2>err &
pid=$!
for ((i = 0; i < 200; i++)); do
    n=$(stored killed.db)
    [ "${n:-0}" -ge 3 ] && break
    sleep 0.05
done
kill -KILL "$pid"
wait "$pid" 2>/dev/null
measures "${profile[@]}" --db killed.db --json
holds 'd["blocks"] == 16 and d["measured"] == 16 and d["resumed"] >= 3 and d["failed"] == 0 and d["mode"] == "chain"'
holds 'd["trust"]["passes"] == 4 and d["trust"]["sentinels"] >= 2 and d["trust"]["networks"] > 0'
python3 - <<'PY' || wrong 'a network was measured twice'
import sqlite3
db = sqlite3.connect("killed.db")
once = "SELECT count(*), count(DISTINCT pass || network) FROM measurement WHERE pass > 0 AND quality <> 'failed'"
n, distinct = db.execute(once).fetchone()
assert n == distinct > 0, (n, distinct)
PY
exits 0 "${profile[@]}" --db killed.db
says out '16 blocks: 16 known, 0 measured'

# some rows again; a machine that is busy is told so
checks() {
    "$onepath" profile tiny.yaml --db killed.db --budget 500ms --check "$@" >out 2>err
    local got=$?
    [ "$got" -eq 0 ] || { [ "$got" -eq 6 ] && grep -q 'rows are noisy' err; } ||
        wrong "profile --check $*: exit code $got: $(cat err)"
}
checks --share 0.25 --json
holds 'd["rows"] == 16 and d["measured"] == 4 and d["raw"]["rows"] == 4 and d["normalised"]["rows"] in (0, 4)'
checks
says out '2 of 16 rows measured again'
says out 'change at one clock'
cp killed.db other.db
exits 1 profile tiny.yaml --db other.db --check --mode isolated
says err 'no measured rows of these blocks in mode isolated'

# interrupted, it ends after the block it is at
"$onepath" profile tiny.yaml --max-seconds-per-block 0.3 --db t.db >out 2>err &
pid=$!
sleep 1
kill -INT "$pid"
wait "$pid"
[ $? -eq 130 ] || wrong "an interrupted profile does not exit with 130: $(cat err)"
says err 'interrupted'

# latency.db beside the file is the default, $ONEPATH_DB and --db come before it
mkdir -p there
cp tiny.yaml there
measures profile there/tiny.yaml --max-seconds-per-block 0.02 --json
holds 'd["measured"] == 16'
[ -e there/latency.db ] || wrong 'no latency.db beside the space'
ONEPATH_DB=killed.db exits 0 profile there/tiny.yaml --json
holds 'd["measured"] == 0'

# threads and kernels make another platform
measures "${profile[@]}" --db killed.db --kernels generic --json
holds 'd["measured"] == 16 and "generic kernels" in d["platform"]'
exits 0 table list --db killed.db --json
holds 'len(d["platforms"]) == 2 and all(p["rows"] == 16 and p["threads"] == 1 for p in d["platforms"])'
signature=$(python3 -c 'import json; print(json.load(open("out"))["platforms"][0]["signature"][:12])')
exits 0 table estimate --db killed.db --device "$signature" --space tiny.yaml --path 3x3e3 --json
holds 'd["latency_ms"] > 0 and d["rows"] == 8'
exits 0 table estimate --db killed.db --device "$signature" --space tiny.yaml --path min --json

exits 2 profile tiny.yaml --target mars --db x.db
says err 'wanted local'
exits 2 profile tiny.yaml --max-seconds-per-block 0 --db x.db
exits 2 profile tiny.yaml --budget soon --db x.db
says err '"soon" is no time'
exits 2 profile tiny.yaml --budget 3s --max-seconds-per-block 1 --db x.db
exits 2 profile tiny.yaml --update --db x.db
says err 'belong to --check'
exits 2 profile tiny.yaml --mode fast --db x.db
exits 2 profile tiny.yaml --kernels avx1024 --db x.db
says err 'avx1024'
head -c 4096 /dev/zero >noise.db
exits 3 profile tiny.yaml --db noise.db

# a whole network: the same blocks as a path of the space
python3 - <<'PY'
import json
def conv(i, o, k, s): return {"name": "ConvLayer", "kernel_size": k, "stride": s, "in_channels": i, "out_channels": o,
                              "use_bn": True, "bias": False, "act_func": "relu6", "ops_order": "weight_bn_act"}
def block(i, o, k, e, s): return {"name": "MobileInvertedResidualBlock", "mobile_inverted_conv": {
    "name": "MBInvertedConvLayer", "in_channels": i, "out_channels": o, "kernel_size": k, "stride": s, "expand_ratio": e},
    "shortcut": {"name": "IdentityLayer", "in_channels": i, "out_channels": o} if i == o and s == 1 else None}
def net(k, e): return {"name": "ProxylessNASNets", "resolution": 12, "bn": {"momentum": 0.1, "eps": 1e-3},
    "first_conv": conv(1, 4, 3, 1),
    "blocks": [block(4, 4, 3, 1, 1), block(4, 8, k, e, 2), block(8, 8, k, e, 1), block(8, 12, k, e, 1), block(12, 12, k, e, 1)],
    "feature_mix_layer": conv(12, 16, 1, 1),
    "classifier": {"name": "LinearLayer", "in_features": 16, "out_features": 3, "bias": True}}
json.dump(net(3, 3), open("small.json", "w"))
json.dump(net(7, 6), open("large.json", "w"))
PY
exits 0 bench small.json --db killed.db --max-seconds 0.1 --json
holds 'd["predicted_ms"] > 0 and 0 < d["lo_ms"] <= d["measured_ms"] <= d["hi_ms"] and d["samples"] >= 3'
exits 0 bench small.json --vs large.json --rounds 3 --max-seconds 0.05 --json
holds 'd["first"]["rounds"] == 3 and d["first"]["predicted_ms"] is None'
holds 'd["ratio"] > 1 and d["ratio_lo"] <= d["ratio"] <= d["ratio_hi"]'
holds 'd["first"]["measured_ms"] < d["second"]["measured_ms"]'
exits 0 bench small.json --max-seconds 0.05
says out 'ms  small.json: median of'
says err 'no prediction'
exits 3 bench small.json --db nowhere.db
mkdir run
cp small.json run/arch.json
exits 0 bench run --max-seconds 0.05 --db killed.db --json
holds 'd["predicted_ms"] > 0'
# a run's networks are for so many threads
printf 'target: {device: this-machine, threads: 2}\n' >run/config.yaml
exits 0 bench run --max-seconds 0.05 --json
holds '"threads 2" in d["platform"]'
exits 0 bench run --target-threads 1 --max-seconds 0.05 --json
holds '"threads 1" in d["platform"]'
exits 0 bench small.json --vs run --rounds 1 --max-seconds 0.05
says out 'threads 2'
cp -r run other
printf 'target: {threads: 1}\n' >other/config.yaml
exits 2 bench run --vs other
says err 'run is for 2 threads, other for 1: name one with --target-threads'
printf 'target: {threads: many}\n' >other/config.yaml
exits 3 bench other
says err 'other/config.yaml:1:10: target.threads is "many", wanted 1..'
printf 'target: {' >other/config.yaml
exits 3 bench other
says err 'other/config.yaml:'
rm -r other
head -c 5000 /dev/zero >run/run.db
exits 3 bench run --max-seconds 0.05
says err 'run.db'
exits 2 bench tiny.yaml
says err 'wanted an architecture'

exits 0 doctor
says out 'ok       kernels'
says out 'ok       agent'
says out 'ok       spaces'
exits 0 doctor --json
holds 'd["ok"] and d["errors"] == 0 and {"machine", "blas", "openmp", "libraries", "memory"} <= {c["check"] for c in d["checks"]}'
mkdir agents
touch agents/onepath-agent-aarch64
ONEPATH_AGENTS=$PWD/agents exits 0 doctor
says out "for devices, aarch64: $PWD/agents/onepath-agent-aarch64"
says out 'for devices, x86_64: none (cmake --preset agent-x86_64 makes it)'
OPENBLAS_CORETYPE=Haswell exits 0 doctor
says out 'OPENBLAS_CORETYPE=Haswell is set'
ONEPATH_KERNELS=avx1024 exits 1 doctor
says out 'error    kernels'
says err 'error: 1 of the checks failed'
mkdir alone
cp "$onepath" alone
onepath=alone/onepath exits 1 doctor
says out 'onepath-agent: No such file or directory; it belongs beside the program, or where $PATH leads: nothing can be measured'
finish
