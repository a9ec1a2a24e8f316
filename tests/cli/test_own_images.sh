#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A folder of photographs as somebody has it: init writes a configuration, search finds a network with it, eval tells how good it is and what single photographs show. Then folders that are none.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
export XDG_CACHE_HOME=$work/cache
photos=$(dirname "$ONEPATH_BINARY/x")/tests/cli/photos

# ---- what init finds and writes ----
mkdir 'my photos'
"$photos" 'my photos' 24 || wrong 'photographs could not be made'
touch 'my photos/Thumbs.db' 'my photos/.DS_Store' 'my photos/two words/Thumbs.db' 'my photos/two words/.hidden.jpg'
exits 0 init 'my photos' --max-latency 60%
cp out own.yaml
says err '3 classes: Küche 24, it'\''s "light" 24, two words 24'
says err 'no test set: '
says err 'space mbconv-96 at 64x64'
says out "train: \"$work/my photos\""
says out 'resize: {side: 72, fit: crop}'
exits 0 check own.yaml
exits 0 init 'my photos' --max-latency 60% --out same.yaml
cmp own.yaml same.yaml || wrong '--out writes something else'
exits 0 init 'my photos' --json
holds 'd["images"] == 72 and d["grey"] == 9 and d["bad"] == 0 and d["resolution"] == 64 and d["test"] == ""'
holds '[c["name"] for c in d["classes"]] == ["Küche", "it'\''s \"light\"", "two words"]'

# ---- a corrupt one ----
head -c 700 'my photos/Küche/IMG 0.JPG' >'my photos/Küche/cut.jpg'
echo nothing >'my photos/two words/note.jpg'
exits 3 init 'my photos'
says err 'two words/note.jpg: '
says err '--skip-bad'
exits 0 init 'my photos' --max-latency 60% --skip-bad --epochs 12
says err 'note.jpg'
says out 'skip_bad: true'
cp out own.yaml

# ---- the search, from elsewhere; blocks are measured first (in less time than it should take) ----
mkdir elsewhere
(cd elsewhere && "$onepath" search ../own.yaml --max-seconds-per-block 0.02 >../out 2>../err)
code=$?
[ "$code" -eq 0 ] || [ "$code" -eq 5 ] || wrong "search: exit code $code, wanted 0 or 5: $(tail -3 err)"
run=elsewhere/runs/own
for file in arch.json model.safetensors model.onnx report.html run.db config.yaml; do
    [ -s "$run/$file" ] || wrong "$run/$file is not there"
done
python3 - "$run/arch.json" <<'PY' || wrong 'arch.json: not the sizes that were asked for'
import json, sys
net = json.load(open(sys.argv[1]))
assert net["classifier"]["out_features"] == 3, net["classifier"]
assert net["first_conv"]["in_channels"] == 3, net["first_conv"]
assert net["resolution"] == 64 or net["resolution"] == [64, 64], net["resolution"]
PY
exits 0 eval "$run" --json --confusion
holds 'd["test_accuracy"] > 0.6 and d["test_images"] == 14 and [sum(r) for r in d["confusion"]] == [5, 5, 4]'
holds '[c["images"] for c in d["classes"]] == [5, 5, 4]'
exits 0 eval "$run" --data 'my photos' --skip-bad
says out 'of 72 images'

# ---- single photographs ----
exits 0 eval "$run" --json "my photos/it's \"light\"/IMG 3.JPG"
holds 'd["image"].endswith("IMG 3.JPG") and len(d["classes"]) == 3 and abs(sum(c["probability"] for c in d["classes"]) - 1) < 1e-9'
exits 0 eval "$run" --top 1 'my photos/Küche/'*.JPG
[ "$(wc -l <out)" -eq "$(ls 'my photos/Küche/'*.JPG | wc -l)" ] || wrong 'not a line an image'
exits 3 eval "$run" 'my photos/two words/IMG 3.JPG' 'my photos/two words/note.jpg'
says out 'IMG 3.JPG: '
says err 'note.jpg: '
exits 0 eval "$run" --skip-bad 'my photos/two words/note.jpg' 'my photos/two words/IMG 3.JPG'
says err '1 of 2 files are no readable image'
exits 2 eval "$run" --confusion 'my photos/two words/IMG 3.JPG'

# ---- folders that are no data set ----
mkdir -p empty one/cat few/{cat,dog} deep/{a,b}/{c,d}
exits 3 init nowhere
says err 'nowhere: No such file or directory'
exits 3 init empty
says err 'is empty'
cp 'my photos/two words/IMG 3.JPG' one/cat/
exits 3 init one
says err 'one class only'
for f in few/cat few/dog deep/a/c deep/b/d; do cp 'my photos/two words/IMG 3.JPG' "$f/"; done
exits 3 init few
says err 'class cat has 1 image, wanted at least 5 of each'
exits 3 init deep
says err 'its folders hold folders (a/c)'
exits 2 init 'my photos' --skip-bad --max-latency 3
says err 'wanted a time with a unit such as 3ms'
exits 2 init 'my photos' --skip-bad --space nothing
exits 2 init 'my photos' --skip-bad --holdout 60
exits 2 init
finish
