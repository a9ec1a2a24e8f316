#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Bad input of every kind: one error that names the thing, the exit code of its kind, nothing left behind.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# one_error CODE TEXT ARGUMENT...: fails with CODE and says TEXT in the one line that begins an error.
one_error() {
    local code=$1 text=$2
    shift 2
    exits "$code" "$@"
    says err "$text"
    [ "$(grep -c 'error:' err)" -eq 1 ] || wrong "onepath $*: $(grep -c 'error:' err) errors, wanted 1"
    silent out
}

cat > space.yaml <<'YAML'
schema: 1
name: small
input: {height: 28, width: 28, channels: 1}
stem: {op: conv, kernel: 3, stride: 2, channels: 8}
candidates:
  - {op: mbconv, kernel: 3, expand: 1}
  - {op: zero}
stages:
  - {channels: 8, blocks: 1, stride: 1}
mix: {channels: 16}
classes: 10
YAML
cat > good.yaml <<'YAML'
schema: 1
seed: 3
data: {format: idx, train: images, test: images, validation: 64, limit: 500, cache: cache}
space: space.yaml
target: {latency: 70%}
search: {warmup_epochs: 1, epochs: 1, batch: 32}
train: {epochs: 1, batch: 32}
YAML
exits 0 check good.yaml

# configurations: file, line and column, exit 2
with() { sed "$1" good.yaml > bad.yaml; }
with 's/seed: 3/seeds: 3/'
one_error 2 'bad.yaml:2:1: error: unknown key "seeds"' check bad.yaml
says err 'did you mean "seed"'
with 's/seed: 3/seed: three/'
one_error 2 'bad.yaml:2:7: error: seed' check bad.yaml
with 's/seed: 3/seed: 3\nseed: 4/'
one_error 2 'bad.yaml:3:1: error: duplicate key "seed"' check bad.yaml
with 's/70%/3 parsecs/'
one_error 2 'bad.yaml:5:19: error: target.latency' check bad.yaml
with 's/space.yaml/nowhere.yaml/'
one_error 2 'nowhere.yaml' check bad.yaml
one_error 2 'missing.yaml' check missing.yaml
one_error 2 'missing.yaml' search missing.yaml
one_error 2 'data.limits' search good.yaml --set data.limits=3

# images: a missing folder, then an IDX file cut short in its header, in its pixels, and in its gzip stream
one_error 3 'images' search good.yaml --run r --db l.db --quiet
mkdir images
python3 - <<'PY'
import gzip, struct
for part, n in (("train", 600), ("t10k", 100)):
    pixels = bytes((i * 7 + i // 784 * 31) % 256 for i in range(n * 784))
    open(f"images/{part}-images-idx3-ubyte", "wb").write(struct.pack(">4i", 2051, n, 28, 28) + pixels)
    open(f"images/{part}-labels-idx1-ubyte", "wb").write(struct.pack(">2i", 2049, n) + bytes(i % 10 for i in range(n)))
PY
cp -r images whole
for size in 7 15 16 20000; do
    cp whole/train-images-idx3-ubyte images/
    truncate -s $size images/train-images-idx3-ubyte
    one_error 3 'images/train-images-idx3-ubyte' search good.yaml --run r --db l.db --quiet
done
gzip -c whole/train-images-idx3-ubyte | head -c 3000 > images/train-images-idx3-ubyte.gz
rm images/train-images-idx3-ubyte
one_error 3 'images/train-images-idx3-ubyte.gz' search good.yaml --run r --db l.db --quiet
rm images/train-images-idx3-ubyte.gz
cp whole/train-images-idx3-ubyte images/
truncate -s 300 images/train-labels-idx1-ubyte
one_error 3 'images/train-labels-idx1-ubyte' search good.yaml --run r --db l.db --quiet
cp whole/train-labels-idx1-ubyte images/
[ -e r ] && wrong 'a search without images made its run folder'

# a run, then its files cut short
searches good.yaml --run r --db l.db --quiet --max-seconds-per-block 0.1
cut() { rm -rf cut && cp -r r cut && truncate -s "$2" "cut/$1"; }
cut arch.json 900
one_error 3 'cut/arch.json' graph cut/arch.json
one_error 3 'cut/arch.json' eval cut
one_error 3 'cut/arch.json' export cut/arch.json --to json --out exported
[ -e exported/arch.json ] && wrong 'a cut arch.json was exported'
cut model.safetensors 1200
one_error 3 'cut/model.safetensors' eval cut
cut model.safetensors 6
one_error 3 'cut/model.safetensors' eval cut
cut checkpoint.safetensors 2000
one_error 3 'cut/checkpoint.safetensors' search good.yaml --run cut --db l.db --quiet
cut manifest.json 50
one_error 3 'cut/manifest.json' search good.yaml --run cut --db l.db --quiet
cut run.db 5000
one_error 3 'cut/run.db' search good.yaml --run cut --db l.db --quiet
cp l.db cut.db && truncate -s 6000 cut.db
one_error 3 'cut.db' table list --db cut.db
one_error 3 'cut.db' search good.yaml --run other --db cut.db --quiet
head -c 5000 /dev/zero > zero.db
one_error 3 'zero.db' table list --db zero.db
finish
