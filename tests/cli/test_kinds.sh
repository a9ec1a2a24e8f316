#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Spaces of convolutions and pools, and of squeeze and excite with a choice of activation, from profile to report: the same
# bits on one thread, a row for each block.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

space() {
    cat >"$1.yaml" <<YAML
schema: 1
name: $1
input: {height: 28, width: 28, channels: 1}
stem: {op: conv, kernel: 3, stride: 2, channels: 8, activation: hswish}
candidates: [$2]
stages:
  - {channels: 8, blocks: 2, stride: 1}
  - {channels: 12, blocks: 2, stride: 2}
mix: {channels: 16, activation: hswish}
head: {channels: 24, activation: hswish}
classes: 10
YAML
    cat >"search-$1.yaml" <<YAML
schema: 1
seed: 3
data: {format: generated, validation: 100, limit: 700, cache: cache, augment: {pad: 2}}
space: $1.yaml
target: {latency: 80%}
search: {warmup_epochs: 1, epochs: 1, batch: 20, weights: {lr: 0.1}}
train: {epochs: 2, batch: 20, lr: 0.05, dropout: 0.3}
YAML
}

space plain "{op: conv, kernel: 3}, {op: conv, kernel: 5, dilation: 2, groups: 4}, {op: max-pool, kernel: 3},
  {op: avg-pool, kernel: 3}, {op: identity}, {op: depthwise-separable, kernel: 3}"
space excited "{op: mbconv, kernel: 3, expand: 2, activation: hswish}, {op: zero},
  {op: mbconv, kernel: 3, expand: 2, squeeze_excite: true, activation: relu}"
for name in plain excited; do
    for n in 1 2; do
        searches "search-$name.yaml" --db latency.db --max-seconds-per-block 0.1 --run "$name-$n" --threads $n
    done
    cmp -s "$name-1/model.safetensors" "$name-2/model.safetensors" || wrong "$name: other bits on one thread"
    cmp -s "$name-1/arch.json" "$name-2/arch.json" || wrong "$name: another network on one thread"
    exits 0 eval "$name-1" --json
    holds "d['test_accuracy'] == $(sqlite3 "$name-1/run.db" "select value from metric where name = 'test_accuracy'")"
done

# rows: stem, six or four kinds at the first stage, four or two where the channels change, and behind that; mix, head
rows=$(sqlite3 plain-1/run.db "select count(*), sum(key like 'conv %'), sum(key like '%-pool %'), sum(key like 'depthwise%'),
    sum(key like '%d=2 g=4'), sum(key = 'identity') from latency")
[ "$rows" = '16|6|4|3|3|0' ] || wrong "rows of the plain space: $rows"
rows=$(sqlite3 excited-1/run.db "select count(*), sum(key like '%act=relu se=8'), sum(key = 'zero') from latency")
[ "$rows" = '9|3|0' ] || wrong "rows of the other: $rows"
names=$(sqlite3 plain-1/run.db "select group_concat(name, ' ') from (select distinct name from alpha where position = 1)")
[ "$names" = 'conv3x3 conv5x5d2g4 max3x3 avg3x3 identity sep3x3' ] || wrong "names of candidates: $names"

exits 2 graph plain.yaml --path max3x3
says err 'block 3 of 4 (stage 2, block 1) cannot be max3x3'
exits 0 graph plain.yaml --path conv5x5d2g4,identity,sep3x3,avg3x3 --json
holds "[b['name'] for b in d['blocks'][1:5]] == ['conv5x5d2g4', 'identity', 'sep3x3', 'avg3x3']"
finish
