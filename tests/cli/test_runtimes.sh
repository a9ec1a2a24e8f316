#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One space, measured by everything that can run it here: our executor, the same behind ssh, ONNX Runtime and XNNPACK. Each
# is a platform of its own in one table, and its rows are nobody else's.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$source_root/tests/cli/sshd.sh"
tiny_space >tiny.yaml
exits 0 doctor
says out 'ONNX Runtime: exec:node '
says out 'runner       XNNPACK: '

modules=${ORT_MODULES:-${ONEPATH_NODE_MODULES:-$source_root/build/node/node_modules}}
names=() # of the runtimes that are here; what they are is in targets
declare -A targets
add() {
    names+=("$1")
    targets[$1]=$2
}

add onepath local
if [ -x "$ONEPATH_BINARY/onepath-runner-xnnpack" ]; then
    add xnnpack "exec:'$ONEPATH_BINARY/onepath-runner-xnnpack'"
else
    echo 'SKIPPED: onepath-runner-xnnpack is not built (libxnnpack-dev, libpthreadpool-dev)'
fi
if [ -d "$modules/onnxruntime-node" ] && command -v node >/dev/null; then
    add onnxruntime "exec:node '$source_root/latency/runners/onnxruntime/runner.js' --modules '$modules'"
else
    echo 'SKIPPED: no ONNX Runtime (bash scripts/install.sh modules; ORT_MODULES)'
fi
start_sshd && add ssh ssh:board
# The static agent has matrix products of its own, and is another platform; without it, kernels make the difference.
kernels=()
static=$source_root/build-agent-$(uname -m)
if [ ! -x "$static/onepath-agent" ]; then
    kernels=(--kernels generic)
    static=$ONEPATH_BINARY
fi
mkdir agents && ln -s "$static/onepath-agent" "agents/onepath-agent-$(uname -m)"
export ONEPATH_AGENTS=$work/agents

# profiles NAME: all blocks of the space by this runtime into t.db.
profiles() {
    local got=0 more=()
    [ "$1" = ssh ] && more=("${kernels[@]}" --ssh-config ssh_config)
    "$onepath" profile tiny.yaml --target "${targets[$1]}" "${more[@]}" --db t.db --max-seconds-per-block 0.05 --json >out 2>err || got=$?
    [ "$got" -eq 0 ] || { [ "$got" -eq 6 ] && grep -q 'rows are noisy' err; } || wrong "profile by $1: exit code $got: $(cat err)"
    holds 'd["known"] + d["measured"] == 9 and d["failed"] == 0'
}

for name in "${names[@]}"; do
    profiles "$name"
    mode=chain # ONNX Runtime cannot stamp
    [ "$name" = onnxruntime ] && mode=difference
    holds "d['mode'] == '$mode'"
done
for name in "${names[@]}"; do
    profiles "$name"
    holds 'd["measured"] == 0 and d["known"] == 9'
done
exits 0 table list --db t.db --json
holds "len(d['platforms']) == ${#names[@]} and all(p['rows'] == 9 for p in d['platforms'])"
holds "len({p['signature'] for p in d['platforms']}) == ${#names[@]}"
for name in "${names[@]}"; do
    holds "'$name' == 'ssh' or any(p['backend'] == '$name' for p in d['platforms'])"
done

# A search does not choose between them.
device=$(python3 -c 'import json; print(json.load(open("out"))["platforms"][0]["device"])')
cat >search.yaml <<YAML
data: {format: generated, validation: 64, limit: 400, cache: cache}
space: tiny.yaml
target: {device: "$device", latency: 90%}
search: {warmup_epochs: 1, epochs: 1, batch: 32}
train: {epochs: 1, batch: 32}
YAML
if [ ${#names[@]} -gt 1 ]; then
    exits 2 search search.yaml --db t.db --run run
    says err "several platforms match \"$device\"; name one by its signature:"
fi

# By the one that takes ONNX only: what is missing, and the network that was found, go to it as such.
if [ -n "${targets[onnxruntime]:-}" ]; then
    sqlite3 t.db "delete from estimate where platform_id = (select id from platform where backend = 'onnxruntime') and
        block_id = (select id from block where key like 'mix %')"
    searches search.yaml --db t.db --run by_onnx --set "target.device=${targets[onnxruntime]}" --allow-command --json \
        --max-seconds-per-block 0.05
    says err '8 blocks were in the table, 1 measured now'
    holds 'd["measured"]["median_ms"] > 0'
fi
finish
