#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Small networks with every operation, and a network of each space of configs/spaces (or of those named), exported to
# ONNX: Debian's checker accepts it, and ONNX Runtime's logits agree with ours, one line each:
#
#     bash tests/export/agree.sh [--images N] [SPACE...]
#
# ONEPATH_BINARY is the build (default: build), ORT_MODULES the node_modules with onnxruntime-node (default:
# build/node/node_modules, where `bash scripts/install.sh modules` puts it). Spaces in colour take N test images (1,000)
# of CIFAR-10 from ONEPATH_SHARED, resized; the grey one takes the 4,000 that onepath draws itself. Paths are random;
# batch-norm statistics are those of the images, and logits are around 0, so that classes differ.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export ONEPATH_SOURCE=${ONEPATH_SOURCE:-$(cd "$here/../.." && pwd)}
ONEPATH_BINARY=$(cd "${ONEPATH_BINARY:-$ONEPATH_SOURCE/build}" && pwd) || exit 1
export ONEPATH_BINARY ORT_MODULES=${ORT_MODULES:-${ONEPATH_NODE_MODULES:-$ONEPATH_SOURCE/build/node/node_modules}}
images=1000
[ "${1:-}" = --images ] && images=$2 && shift 2
spaces=()
for space in "$@"; do spaces+=("$(realpath "$space")"); done
[ ${#spaces[@]} -gt 0 ] || spaces=("$ONEPATH_SOURCE"/configs/spaces/*.yaml)
source "$here/../cli/lib.sh"
cifar=$shared/data/cifar10/cifar10-jpeg.tar.gz

# The Python that Debian's packages are for.
checker=/usr/bin/python3
"$checker" -c 'import onnx' 2>/dev/null || {
    checker=
    echo 'SKIPPED: no ONNX checker (python3-onnx)'
}
runtime=yes
[ -d "$ORT_MODULES/onnxruntime-node" ] && command -v node >/dev/null || {
    runtime=
    echo 'SKIPPED: no ONNX Runtime (bash scripts/install.sh modules; ORT_MODULES)'
}

# config SPACE HEIGHT CHANNELS: ./config.yaml, whose images are what the space takes; fails when there are none.
config() {
    if [ "$3" -eq 1 ]; then
        data='format: generated, validation: 100'
    else
        needs "$cifar" || return
        [ -d images ] || python3 "$here/images.py" "$cifar" images $(((images + 9) / 10))
        data="format: image-folder, train: images, test: images, validation: 50, resize: {side: $2, fit: stretch}"
    fi
    cat >config.yaml <<YAML
schema: 1
seed: 1
data: {$data, cache: cache}
space: $1
target: {device: this-machine, latency: 100%}
search: {warmup_epochs: 0, epochs: 1, batch: 10}
train: {epochs: 1, batch: 10}
YAML
}

# agree SPACE SEED: all of it for a random path.
agree() {
    local space=$1 name size
    name="$(basename "$space" .yaml) path $2"
    exits 0 graph "$space" --json
    read -ra size < <(python3 -c 'import json; s = json.load(open("out")); print(*next(
        [int(x) for x in c["key"].split("in=")[1].split()[0].split("x")] for c in s["candidates"][0]))')
    config "$space" "${size[0]}" "${size[2]}" || return
    rm -rf model
    "$ONEPATH_BINARY/tests/export/seasoned" config.yaml "$2" model 2>err || {
        wrong "$name: seasoned: $(cat err)"
        return
    }
    exits 0 export model --to onnx --out model
    [ -z "$checker" ] || "$checker" "$here/check.py" model/model.onnx || wrong "$name: the checker refuses it"
    exits 0 eval model --config config.yaml --logits answers.safetensors --json
    rm -rf cache
    [ -z "$runtime" ] ||
        node "$here/compare.js" "$name" model/model.onnx model/images.safetensors answers.safetensors || wrong "$name"
}

# Small networks against our reference kernels.
mkdir ops
"$ONEPATH_BINARY/tests/export/op_answers" ops || wrong 'op_answers fails'
for answers in ops/*.safetensors; do
    model=${answers%.safetensors}.onnx
    [ -z "$checker" ] || "$checker" "$here/check.py" "$model" || wrong "$model: the checker refuses it"
    [ -z "$runtime" ] || node "$here/compare.js" "$(basename "$model")" "$model" "$answers" "$answers" || wrong "$model"
done
for space in "${spaces[@]}"; do agree "$space" 1; done
finish
