#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A whole search on generated images: the files of a run, the same bits on one thread, after kills and after an interrupt, and
# what a run refuses.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

tiny_space > space.yaml
cat > tiny.yaml <<'YAML'
schema: 1
seed: 3
data: {format: generated, validation: 256, limit: 2000, cache: cache, augment: {pad: 2, flip: true}}
space: space.yaml
target: {latency: 70%}
search:
  gradient: two-paths
  warmup_epochs: 1
  epochs: 4
  batch: 32
  architecture: {every: 2}
  prune: {below: 0.2, from_epoch: 1}
train: {epochs: 3, batch: 32}
YAML
table=(--db latency.db --max-seconds-per-block 0.2)

# what_counts RUN: weights, architecture and every metric and alpha, but not what a clock measured.
what_counts() {
    sha256sum < "$1/arch.json"
    sha256sum < "$1/model.safetensors"
    sqlite3 "$1/run.db" "select tick, phase, epoch, name, value from metric where name not like 'measured%' order by 1, 2, 4" \
        "select tick, position, candidate, alpha, p, alive from alpha order by 1, 2, 3"
}

same() {
    what_counts "$1" > one.txt
    what_counts "$2" > two.txt
    [ -s one.txt ] && cmp -s one.txt two.txt && return
    wrong "$1 and $2 differ:"
    diff one.txt two.txt | head -n 10
}

# a finished run: every file, the report's path last
searches tiny.yaml "${table[@]}" --run whole
[ "$(tail -n 1 out)" = 'report: whole/report.html' ] || wrong "the last line is: $(tail -n 1 out)"
says out ' of 4000 images'
for f in config.yaml manifest.json run.db checkpoint.safetensors arch.json model.safetensors report.html; do
    [ -s "whole/$f" ] || wrong "whole/$f is missing"
done
[ -e whole/run.db-wal ] && wrong 'run.db was left in WAL mode'

# one thread; all paths' gradient is another search
searches tiny.yaml "${table[@]}" --run one --threads 1
same whole one
searches tiny.yaml "${table[@]}" --run all --set search.gradient=all-paths --json
holds 'd["pruned"] >= 0 and d["test_images"] == 4000 and d["report"] == "all/report.html"'
what_counts all > all.txt
cmp -s one.txt all.txt && wrong 'all-paths and two-paths gave the same run'

# killed again and again, a little later each time; the same command goes on
for tenths in 3 6 9 12 15 18 21 24 27 30; do
    timeout -s KILL "$((tenths / 10)).$((tenths % 10))" "$onepath" search tiny.yaml "${table[@]}" --run killed >/dev/null 2>&1
done
searches tiny.yaml "${table[@]}" --run killed
same whole killed

# interrupted: 130 and a checkpoint, then the rest
got=0
timeout -s TERM 1.2 "$onepath" search tiny.yaml "${table[@]}" --run stopped >out 2>err || got=$?
[ "$got" -eq 124 ] || [ "$got" -eq 130 ] || [ "$got" -eq 0 ] || wrong "interrupted: exit code $got"
searches tiny.yaml "${table[@]}" --run stopped
same whole stopped

# a finished run again changes nothing
searches tiny.yaml "${table[@]}" --run whole
same whole one

# another configuration does not resume it, unless it begins anew
exits 2 search tiny.yaml "${table[@]}" --run whole --set search.epochs=5
says err 'search.epochs'
searches tiny.yaml "${table[@]}" --run whole --set search.epochs=5 --fresh
[ -d whole.1 ] || wrong '--fresh did not keep the old folder'

# damaged files: one error each
cp -r one cut && truncate -s 100 cut/checkpoint.safetensors
exits 3 search tiny.yaml "${table[@]}" --run cut
says err 'cut/checkpoint.safetensors'
cp -r one cutdb && truncate -s 5000 cutdb/run.db
exits 3 search tiny.yaml "${table[@]}" --run cutdb
says err 'run.db'
exits 4 search tiny.yaml "${table[@]}" --run small --set target.latency=1us
says err 'cheapest network'
exits 1 search tiny.yaml --db empty.db --run other --set target.device=elsewhere
says err 'elsewhere'

# another architecture under the weights of this one
cp -r one edited
sed -i 's/"resolution": 28/"resolution": 56/' edited/arch.json
exits 3 search tiny.yaml "${table[@]}" --run edited
says err 'edited/arch.json'

# imported rows are refused by name, and what is missing among them is listed
printf '%s\n' 'Conv-input:32x32x3-output:16x16x32:' '  count: 3' '  mean: 0.5' '  var: 0.1' > rows.yaml
exits 0 table import --db imported.db --format proxylessnas --device pixel1 rows.yaml
exits 1 search tiny.yaml --db imported.db --run imported --set target.device=pixel1
says err '--allow-imported'
exits 1 search tiny.yaml --db imported.db --run imported --set target.device=pixel1 --allow-imported
says err 'blocks have no latency on pixel1'
says err 'no latency on pixel1: head in='

# the trained network: read, evaluated, trained again
exits 0 eval one --json
holds 'd["test_images"] == 4000 and sum(c["images"] for c in d["classes"]) == 4000'
python3 - one/run.db out <<'PY' || wrong 'eval does not agree with the run'
import json, sqlite3, sys
run = sqlite3.connect(sys.argv[1]).execute("select value from metric where name = 'test_accuracy' order by tick desc").fetchone()[0]
sys.exit(abs(run - json.load(open(sys.argv[2]))["test_accuracy"]) > 1e-12)
PY
exits 0 bench one --max-seconds 0.1 --json
holds 'd["predicted_ms"] > 0'
exits 0 train one --out again
cmp -s one/model.safetensors again/model.safetensors || wrong 'the same network trained again has other bits'
cp -r one cutmodel && truncate -s 3000 cutmodel/model.safetensors
exits 3 eval cutmodel
says err 'cutmodel/model.safetensors'
exits 3 eval nowhere
cp -r one renamed && sed -i 's/disc/disk/' renamed/model.safetensors
exits 2 eval renamed
says err 'class 0 of the images is "disc", of the model "disk"'
finish
