#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The runner of ONNX Runtime by hand, over a pipe: what it says of itself, measures and refuses; and that models that
# compute their weights are, to ONNX Runtime, those that bring them.
source "$(dirname "${BASH_SOURCE[0]}")/../../cli/lib.sh"
export ORT_MODULES=${ORT_MODULES:-${ONEPATH_NODE_MODULES:-$source_root/build/node/node_modules}}
runner=$source_root/latency/runners/onnxruntime/runner.js
[ -d "$ORT_MODULES/onnxruntime-node" ] && command -v node >/dev/null || {
    echo 'SKIPPED: no ONNX Runtime (bash scripts/install.sh modules; ORT_MODULES)'
    finish
}
mkdir ops
"$ONEPATH_BINARY/tests/export/op_answers" ops || wrong 'op_answers fails'

# ---- constants are folded ----

node "$source_root/tests/latency/runners/folded.js" ops convolutions pools separable mobile 2>err >folded || wrong "folded.js: $(cat folded err)"
cat folded

# ---- the protocol ----

hello='{"message": "hello", "version": 2}'
bye='{"message": "bye"}'
stop='{"warmup_calls": 3, "warmup_min_ns": 1000000, "sample_min_ns": 200000, "samples_min": 5, "samples_max": 40, "time_min_ns": 1000000, "time_max_ns": 300000000, "ci_half_width": 0.05, "cv_max": 0.03}'

# measure ID KEY TEXT: a request.
measure() {
    printf '{"message": "measure", "id": %s, "stop": %s, "%s": "%s"}\n' "$1" "$stop" "$2" "$3"
}

# ask CODE ARGUMENT...: the runner's answers to ./in, in ./out.
ask() {
    local want=$1 got=0
    shift
    node "$runner" "$@" <in >out 2>err || got=$?
    [ "$got" -eq "$want" ] || wrong "runner.js $*: exit code $got, wanted $want: $(cat err)"
}

# answers EXPRESSION: a Python expression about a, the list of answers.
answers() {
    python3 -c 'import json, sys; a = [json.loads(l) for l in open("out")]; sys.exit(not eval(sys.argv[1]))' "$1" && return
    wrong "not true: $1"
    cut -c1-300 out
}

model=$(base64 -w0 ops/mobile.synthetic.onnx)
{
    echo "$hello"
    measure 1 onnx "$model"
    measure 2 onnx "$(head -c 1000 ops/pools.onnx | base64 -w0)"
    measure 3 graph x
    measure 4 onnx "$model" | sed 's/"onnx"/"stamps": true, &/'
    measure 5 onnx "$(base64 -w0 ops/pools.onnx)"
    echo "$bye"
} >in
ask 0 --device 'a board'
answers '[m["message"] for m in a] == ["hello", "result", "error", "error", "error", "result", "bye"]'
answers '[m.get("id") for m in a[1:6]] == [1, 2, 3, 4, 5]'
answers 'a[0]["version"] == 2 and a[0]["accepts"] == ["onnx"] and not a[0]["stamps"]'
answers 'a[0]["platform"]["backend"] == "onnxruntime" and a[0]["platform"]["device"] == "a board"'
answers 'a[0]["platform"]["kernel_set"] == "level=all" and len(a[0]["platform"]["kernel_hash"]) == 64'
answers '(a[0]["platform"]["threads"], a[0]["platform"]["batch"]) == (1, 1)'
answers 'all(len(m["samples_ns"]) == len(m["clock_khz"]) >= 3 and min(m["samples_ns"]) > 0 for m in (a[1], a[5]))'
answers '"protobuf" in a[2]["text"] and "takes \"onnx\"" in a[3]["text"] and "cannot stamp" in a[4]["text"]'

{ echo "$hello"; measure 1 onnx "$model"; } >in # the end of its input is its end
ask 0 --threads 2 --batch 3 --level basic
answers 'len(a) == 2 and a[0]["platform"]["threads"] == 2 and a[0]["platform"]["batch"] == 3'
answers 'a[0]["platform"]["kernel_set"] == "level=basic" and a[1]["message"] == "result"'
echo '{"message": "hello", "version": 1}' >in
ask 1
answers 'a == [{"message": "error", "id": 0, "text": "\"hello\" of version 1 is not known, this is 2"}]'
echo nonsense >in
ask 1
answers 'len(a) == 1 and a[0]["id"] == 0'

# ---- options ----

: >in
ask 0
ask 0 --help
says out 'exec:node runner.js'
for wrong_option in '--threads 0' '--batch x' '--level best' '--unknown 1' '--threads'; do
    # shellcheck disable=SC2086
    ask 1 $wrong_option
    says err "runner.js: ${wrong_option%% *}"
done
ask 1 --modules "$work"
says err "Cannot find module 'onnxruntime-node'"
finish
