#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A search on photographs of odd sizes, resized, augmented and partly held out; files that cannot be read.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
"${ONEPATH_BINARY:?}/tests/cli/photos" photos 60 || wrong 'photos failed'

cat > space.yaml <<'YAML'
schema: 1
name: tiny
input: {height: 32, width: 32, channels: 3}
stem: {op: conv, kernel: 3, stride: 2, channels: 8}
fixed: []
candidates:
  - {op: mbconv, kernel: 3, expand: 1}
  - {op: mbconv, kernel: 5, expand: 3}
stages:
  - {channels: 8, blocks: 2, stride: 2}
mix: {channels: 16}
classes: 3
YAML
cat > folder.yaml <<'YAML'
schema: 1
data:
  format: image-folder
  train: photos
  holdout: 30
  validation: 32
  cache: cache
  resize: {side: 40, fit: crop}
  augment: {flip: true, crop_scale: 0.5, brightness: 0.3, saturation: 0.3, cutout: 6}
space: space.yaml
target: {latency: 70%}
search: {warmup_epochs: 0, epochs: 1, batch: 16, architecture: {every: 2}, prune: {from_epoch: 1}}
train: {epochs: 2, batch: 16}
YAML
table=(--db latency.db --max-seconds-per-block 0.1)

searches folder.yaml "${table[@]}" --run whole
says out ' of 30 images'
exits 0 eval whole
says out ' of 30 images'
python3 - <<'PY' || wrong 'model.safetensors does not say how images become its input'
import json, struct
data = open("whole/model.safetensors", "rb").read()
meta = json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]])["__metadata__"]
wanted = {"input": "32x32x3", "image": "40x40", "resize": "40", "fit": "crop", "color_order": "RGB"}
assert {k: meta.get(k) for k in wanted} == wanted, meta
PY

# a network may take all of the stored image, or no more than there is
exits 2 check folder.yaml --set resolution=41
says err 'resolution: error: 41, wanted at most data.resize.side 40'
exits 2 search folder.yaml "${table[@]}" --run small --set data.resize.side=31
says err 'images are 31x31x3, the space tiny takes 32x32x3'
exits 2 search folder.yaml --set data.holdout=180
says err 'holdout: 180 images, wanted 0..179 of 180'
exits 2 search folder.yaml --set data.holdout=147
says err 'split: class '
exits 2 search folder.yaml --set data.holdout=0
says err 'data.test: wanted either this or data.holdout'

# one file that ends early, one that is no image
first=$(find 'photos/two words' -name '*.JPG' | sort | head -n 1)
head -c 900 "$first" > 'photos/two words/short.jpg'
echo hello > 'photos/two words/notes.txt'
exits 3 search folder.yaml "${table[@]}" --run bad
says err 'photos/two words/notes.txt: is neither JPEG nor PNG'
[ -e bad ] && wrong 'a folder was made for a run that cannot be'
searches folder.yaml "${table[@]}" --run skipping --skip-bad
says err '2 of 182 files were left out'
says err 'short.jpg: JPEG: Premature end'
grep -q '"skipped_train_files": *"2"' skipping/manifest.json || wrong 'manifest.json does not count bad files'
[ "$(sqlite3 skipping/run.db "select count(*) from event where kind = 'skipped' and text like '%photos/two words/%'")" = 2 ] ||
    wrong 'run.db does not list bad files'
grep -q 'skip_bad: true' skipping/config.yaml || wrong 'config.yaml does not say skip_bad'
exits 0 eval skipping
exits 3 eval whole
exits 0 eval whole --skip-bad

# the same pack on any number of threads
for n in 1 3; do
    exits 0 eval whole --skip-bad --threads "$n" --set "data.cache=with$n"
done
cmp with1/*.pack with3/*.pack || wrong 'packs differ with the number of threads'
finish
