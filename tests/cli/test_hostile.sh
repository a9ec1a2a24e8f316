#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Damaged and hostile files of every kind (hostile.py), each through the verb that reads it: one error that names the
# file, the exit code of its kind, nothing written, and nothing in it reaches the terminal as it is.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
"${ONEPATH_BINARY:?}/tests/cli/photos" photos 3 || wrong 'photos failed'
tiny_space > space.yaml
cat > c.yaml <<'YAML'
schema: 1
data: {format: generated, validation: 40, limit: 200, cache: cache}
space: space.yaml
target: {latency: 100%}
search: {warmup_epochs: 0, epochs: 1, batch: 16}
train: {epochs: 1, batch: 16}
YAML
searches c.yaml --run r --db l.db --quiet --max-seconds-per-block 0.02
python3 "$source_root/tests/cli/hostile.py" r l.db || { wrong 'hostile.py failed'; finish; }
cp space.yaml bad/yaml/

# Files as they are: name, size, time. Where a search went on before it met the damage, the run has its lock, manifest
# and effective configuration written again, whole; and a database that is one turns to write-ahead logging.
state() {
    find . -path ./out -o -path ./err -o -path ./before -o -path ./after -o -name .lock -o -name manifest.json -o -name config.yaml -o \
        -path './bad/checkpoint/*/run.db' -o -path './bad/report/*/run.db' -o -path './bad/table/no-*' -o -path './bad/table/view.db' -o \
        -type f -printf '%p %s %T@\n' | sort
}

# plain FILE: no control character but the newline.
plain() {
    LC_ALL=C grep -qP '[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' "$1" && wrong "$1 has control characters: $(cat -v "$1")"
    grep -qE 'Sanitizer|runtime error' "$1" && wrong "$(cat "$1")"
}

# refused CODE FILE ARGUMENT...: the error names FILE.
refused() {
    local code=$1 file=$2
    shift 2
    exits "$code" "$@"
    [ "$(grep -c '^error: ' err)" -eq 1 ] && [ "$(wc -l <err)" -eq 1 ] || wrong "onepath $*: wanted one line error: ... $(cat -v err)"
    says err "$file"
    silent out
    plain err
}

# mistaken CODE FILE ARGUMENT...: a line for each mistake, FILE:LINE:COLUMN: error: ...
mistaken() {
    local code=$1 file=$2
    shift 2
    exits "$code" "$@"
    grep -qvE "^$file:[0-9]+:[0-9]+: error: ." err && wrong "onepath $*: $(cat -v err)"
    [ -s err ] || wrong "onepath $*: no error"
    silent out
    plain err
}

signature=$(sqlite3 l.db 'SELECT signature FROM platform')
state >before
of() { find "bad/$1" -mindepth 1 -maxdepth 1 | sort; }
search=(search c.yaml --run none --db l.db --quiet --set data.limit=0)

for set in $(of idx); do
    refused 3 "$set/train-" "${search[@]}" --set data.format=idx --set "data.train=$set" --set "data.test=$set"
done
for set in $(of cifar); do
    file=data_batch_1.bin
    [ "$set" = bad/cifar/names ] && file=batches.meta.txt
    refused 3 "$set/$file" "${search[@]}" --set data.format=cifar-10 --set "data.train=$set" --set "data.test=$set"
done
for set in $(of jpeg) $(of png); do
    refused 3 "$set/dog/b" "${search[@]}" --set data.format=image-folder --set data.resize.side=28 --set "data.train=$set" --set data.holdout=4
    [ -f "$set/dog/bad.jpg" ] && refused 3 "$set/dog/bad.jpg" eval r "$set/dog/bad.jpg"
    [ -e "$set/dog/bad.png" ] && refused 3 "$set/dog/bad.png" eval r "$set/dog/bad.png"
done
for case in short empty large folder; do # init looks at headers only
    refused 3 "bad/jpeg/$case/dog/bad" init "bad/jpeg/$case"
done
for set in $(of classes) $(of archive); do
    refused 3 "$set" "${search[@]}" --set data.format=image-folder --set data.resize.side=28 --set "data.train=$set" --set data.holdout=4
done
refused 3 bad/archive/cut.tar.gz init bad/archive/cut.tar.gz
for file in $(of yaml); do
    [ "$file" = bad/yaml/space.yaml ] && continue # which they name
    mistaken 2 'bad/[a-z/-]*.yaml' check "$file"
done
for case in cut deep empty laughs other space-folder; do
    mistaken 2 'bad/[a-z/-]*.yaml' search bad/yaml/$case.yaml --run none --db l.db --quiet
done
for file in $(of space); do
    mistaken 2 "$file" check "$file"
done
for run in $(of arch); do
    refused 3 "$run/arch.json" graph "$run/arch.json"
done
for case in cut deep huge; do
    refused 3 "bad/arch/$case/arch.json" eval "bad/arch/$case"
    refused 3 "bad/arch/$case/arch.json" export "bad/arch/$case" --to json --out none
    refused 3 "bad/arch/$case/arch.json" bench "bad/arch/$case" --db l.db
    refused 3 "bad/arch/$case/arch.json" train "bad/arch/$case/arch.json" --config c.yaml --out none
done
for run in $(of weights); do
    refused 3 "$run/model.safetensors" eval "$run"
done
for case in cut claim byte empty; do
    refused 3 "bad/weights/$case/model.safetensors" export bad/weights/$case --to onnx,safetensors --out none
done
for file in $(of onnx); do
    refused 3 "$file" graph "$file"
done
for file in $(of table); do
    refused 3 "$file" table show --json --device "$signature" --db "$file"
done
for case in cut header empty folder no-table; do
    refused 3 bad/table/$case.db table list --db bad/table/$case.db
done
[ -e none ] && wrong 'a search without images made its run folder'
for case in cut header folder; do
    refused 3 bad/table/$case.db search c.yaml --run none --quiet --db bad/table/$case.db
done
rm -rf none # a run that waits for its latencies: the same command with another table goes on
for file in $(of import); do
    if [[ $file =~ /(other|empty|short). ]]; then
        exits 3 table import "$file" --format csv --device phone --db none.db
        says err "$file"
        plain err
    else
        mistaken 3 "$file" table import "$file" --format csv --device phone --db none.db
    fi
done
for kind in checkpoint manifest report; do
    for run in $(of $kind); do
        file=$run/$kind
        [ $kind = report ] && file=$run/run.db && refused 3 "$file" report "$run"
        refused 3 "$file" search c.yaml --run "$run" --db l.db --quiet
    done
done

# options as odd as files
for set in '' = =1 .=1 ..seed=1 seed.=1 seed.x=1 search..epochs=1 "a.$(printf 'b.%.0s' {1..40})c=1" $'a\e[2J\n=1' seed=$'\e[2J' seed=; do
    exits 2 check c.yaml --set "$set"
    grep -q 'error: ' err || wrong "--set $set: $(cat -v err)"
    plain err
done

# files that are strange but good
exits 0 graph bad/strange/metadata.onnx
plain out
exits 0 table list --db bad/strange/device.db
plain out
says out '\x1b]0;owned'
exits 0 table show --device "$signature" --db bad/strange/device.db
plain out
for file in up root; do
    "$onepath" init bad/strange/$file.tar.gz >out 2>err
    plain err && plain out
done

# what may not be read, where there is such a thing
if [ "$(id -u)" -ne 0 ]; then
    mkdir -p bad/secret
    cp c.yaml l.db r/model.onnx bad/secret/
    cp -r r bad/secret/arch && cp -r r bad/secret/weights
    chmod 0 bad/secret/{c.yaml,l.db,model.onnx,arch/arch.json,weights/model.safetensors}
    state >before
    refused 2 bad/secret/c.yaml check bad/secret/c.yaml
    refused 3 bad/secret/l.db table list --db bad/secret/l.db
    refused 3 bad/secret/model.onnx graph bad/secret/model.onnx
    refused 3 bad/secret/arch/arch.json graph bad/secret/arch
    refused 3 bad/secret/weights/model.safetensors eval bad/secret/weights
else
    printf 'SKIPPED: files without permission: run by root\n'
fi
state >after
cmp before after || wrong "files changed: $(diff before after)"

# a trigger does nothing
n=$(sqlite3 l.db 'SELECT count(*) FROM estimate')
exits 0 table import bad/strange/blocks.csv --format csv --device phone --db bad/strange/device.db
[ "$(sqlite3 bad/strange/device.db 'SELECT count(*) FROM estimate')" -eq $((n + 1)) ] || wrong 'a trigger deleted rows'
finish
