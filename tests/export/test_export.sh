#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# export and graph on a model: its forms, what an ONNX file says of itself, files that are damaged.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
cat >config.yaml <<YAML
schema: 1
seed: 1
data: {format: generated, validation: 100, cache: cache}
space: $source_root/configs/spaces/mbconv-28.yaml
target: {device: this-machine, latency: 100%}
search: {warmup_epochs: 0, epochs: 1, batch: 10}
train: {epochs: 1, batch: 10}
YAML
"$ONEPATH_BINARY/tests/export/seasoned" config.yaml 1 model || wrong 'seasoned fails'

# the forms
exits 0 export model --to safetensors,onnx,json --out made
says out 'made/arch.json
made/model.onnx
made/model.safetensors'
silent err
cmp -s model/arch.json made/arch.json || wrong 'another arch.json'
cmp -s model/model.safetensors made/model.safetensors || wrong 'another model.safetensors'
exits 0 export made --to onnx --out again --json
holds 'd == {"format": "onnx", "file": "again/model.onnx"}'
cmp -s made/model.onnx again/model.onnx || wrong 'the same model gives other bytes'
exits 0 export model/arch.json --to json --out again

# what is no model
exits 2 export model/arch.json --to json,onnx --out none
says err 'has no weights, --to onnx wants a MODEL folder'
exits 2 export model --to onxn --out none
says err 'did you mean "onnx"?'
exits 2 export model --to onnx, --out none --to json
says err '--to is given twice'
exits 2 export model --to ,onnx --out none
says err 'unknown format ""'
mkdir bare
cp model/arch.json bare
exits 3 export bare --to onnx --out none
says err 'model.safetensors'
[ -e none ] && wrong 'a failed export leaves a folder'
exits 1 export model --to onnx --out config.yaml/no
says err 'config.yaml'

# what the file says
exits 0 graph made/model.onnx --json
holds 'd["opset"] == 13 and d["ir_version"] == 7 and d["producer"].startswith("onepath ")'
holds 'd["inputs"] == [{"name": "input", "shape": ["N", 1, 28, 28]}]'
holds 'd["outputs"] == [{"name": "logits", "shape": ["N", 10]}]'
holds 'sum(d["ops"].values()) == d["nodes"] and "BatchNormalization" not in d["ops"]'
holds '{"format", "arch_hash", "input", "color_order", "image", "resize", "fit", "mean", "deviation", "bn_eps",
    "class_names", "name", "producer", "version"} == set(d["metadata"])'
holds 'd["metadata"]["input"] == "28x28x1" and d["metadata"]["color_order"] == "gray"'
holds 'json.loads(d["metadata"]["class_names"])[0] == "disc"'
cp out summary.json
python3 - <<'PY' || wrong 'metadata are others than those of model.safetensors'
import json
onnx = json.load(open("summary.json"))["metadata"]
data = open("made/model.safetensors", "rb").read()
ours = json.loads(data[8:8 + int.from_bytes(data[:8], "little")])["__metadata__"]
assert all(onnx[k] == v for k, v in ours.items()) and len(onnx) == len(ours) + 3
PY
exits 0 graph made/model.onnx --summary
says out '"opset": 13'
exits 2 graph made/model.onnx --svg x.svg
says err '--svg is not for made/model.onnx'
exits 2 graph made/model.onnx --path 3x3e3

# cut anywhere, the last byte too
size=$(stat -c %s made/model.onnx)
for ((cut = 0; cut < 40; cut++)); do
    at=$((cut < 12 ? cut : cut < 30 ? size - 40 * (cut - 11) : size * (cut - 29) / 11))
    [ "$cut" -eq 29 ] && at=$((size - 1))
    head -c "$at" made/model.onnx >cut.onnx
    exits 3 graph cut.onnx
    says err 'cut.onnx'
    silent out
done
exits 3 graph nowhere.onnx
exits 3 graph cache.onnx/x.onnx
mkdir folder.onnx
exits 3 graph folder.onnx

# metadata that do not fit the network
edited() {
    python3 - "$1" "$2" <<'PY'
import sys
data = open("made/model.onnx", "rb").read()
a, b = (bytes(s, "utf-8") for s in sys.argv[1:])
assert data.count(a) >= 1 and len(a) == len(b), "nothing to edit"
open("edited.onnx", "wb").write(data.replace(a, b))
PY
    exits 3 graph edited.onnx
    says err 'edited.onnx: '
    silent out
}
edited deviation deviatiom
says err '"deviation" is missing'
edited '["disc", ' '[["sc"], '
edited '["disc", ' '["disc" ; '
edited '28x28' '28x27'
edited 'version' 'versiom'
edited 'resize' 'resise'
finish
