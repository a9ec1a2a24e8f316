#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A search whose derived network is trained with frozen statistics, a batch in pieces: the same bits on one thread, killed and
# interrupted while it trains, and what the keys refuse.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

tiny_space > space.yaml
cat > tiny.yaml <<'YAML'
schema: 1
seed: 3
data: {format: generated, validation: 256, limit: 2000, cache: cache, augment: {pad: 2, flip: true}}
space: space.yaml
target: {latency: 70%}
search: {warmup_epochs: 2, epochs: 2, batch: 32}
train: {epochs: 6, batch: 30, lr: 0.05, inherit: true, statistics: frozen, serial_batch: 4}
YAML

search=(tiny.yaml --db latency.db --max-seconds-per-block 0.2 --run)

same_model() {
    cmp -s "$1/model.safetensors" "$2/model.safetensors" || wrong "the networks of $1 and $2 differ"
}

# stop_in_training SIGNAL EPOCH RUN: stops the search once that epoch of training has ended.
stop_in_training() {
    rm -f err # what the last run said
    "$onepath" search "${search[@]}" "$3" >out 2>err &
    local pid=$! waited=0
    until grep -qs "train epoch $2:" err || [ "$waited" -gt 1200 ]; do
        sleep 0.05
        waited=$((waited + 1))
    done
    kill -s "$1" "$pid" || wrong "the run had ended before epoch $2"
    wait "$pid" 2>/dev/null
}

searches "${search[@]}" whole
searches "${search[@]}" one --threads 1
same_model whole one

stop_in_training KILL 2 stopped
stop_in_training TERM 4 stopped
searches "${search[@]}" stopped
same_model whole stopped
resumed=$(sqlite3 stopped/run.db "select group_concat(phase || tick, ' ') from event where kind = 'resume'")
[[ "$resumed" == train*' train'* ]] || wrong "the run was not stopped twice in training: $resumed"

# it learns, and the network in the folder is the one that was tested
rows="from metric where phase = 'train' and name = 'train_loss' order by tick"
python3 - "$(sqlite3 whole/run.db "select value $rows limit 1")" "$(sqlite3 whole/run.db "select value $rows desc limit 1")" <<'PY' ||
import sys
sys.exit(not float(sys.argv[2]) < 0.9 * float(sys.argv[1]))
PY
    wrong 'the loss did not fall'
exits 0 eval whole --json
holds "d['test_accuracy'] == $(sqlite3 whole/run.db "select value from metric where name = 'test_accuracy'")"

# refused: batch statistics of pieces, statistics of new weights, other pieces than the run's
exits 2 check tiny.yaml --set train.statistics=batch
says err 'tiny.yaml:7:76: error: train.serial_batch: 4, but train.statistics is batch'
exits 2 check tiny.yaml --set train.inherit=false
says err 'tiny.yaml:7:56: error: train.statistics: frozen, but train.inherit is false'
exits 2 train whole --out again
says err 'train.statistics is frozen: wanted batch'
exits 2 search tiny.yaml --db latency.db --run whole --set train.serial_batch=5
says err 'train.serial_batch'
finish
