#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# check: spaces and configs, all mistakes at once.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
configs=$source_root/configs

for space in "$configs"/spaces/*.yaml; do
    exits 0 check "$space"
    says out 'ok: '
    silent err
done
exits 0 check "$configs/spaces/mbconv-28.yaml" --json
holds 'd["ok"] and d["kind"] == "space" and d["vectors"] == 74088'

sed 's/channels: 16, blocks: 2/chanels: 16, blocks: two/; s/^classes.*/classes: 10\nclasses: 10/' \
    "$configs/spaces/mbconv-28.yaml" >bad.yaml
exits 2 check bad.yaml
silent out
says err 'error: unknown key "chanels" in stages.0 (did you mean "channels"?)'
says err 'stages.0.blocks is the text "two", wanted an integer'
says err 'bad.yaml:'
[ "$(grep -c 'bad.yaml:[0-9]*:[0-9]*: error: ' err)" -ge 4 ] || wrong 'not all mistakes are listed'
grep -v 'bad.yaml:[0-9]*:[0-9]*: error: ' err && wrong 'a line that is no mistake'

# a config: its own mistakes and those of its space
cat >good.yaml <<YAML
schema: 1
seed: 1
data: {format: generated, validation: 100}
space: $configs/spaces/mbconv-28.yaml
target: {device: this-machine, latency: 60%}
search:
  loss: {kind: hinge, lambda: 1.0}
  warmup_epochs: 1
  epochs: 3
  batch: 64
  weights: {lr: 0.1, decay: 4e-5}
  architecture: {every: 5}
  prune: {below: 0.02, from_epoch: 1}
train: {epochs: 6, batch: 64, lr: 0.1}
YAML
sed "s|space: .*|space: bad.yaml|; s/epochs: 3\$/epochs: many/; s/^seed: 1/sed: 1/" good.yaml >config.yaml
exits 2 check config.yaml
says err 'config.yaml:2:1: error: unknown key "sed" (did you mean "seed"?)'
says err 'config.yaml:9:11: error: search.epochs is the text "many", wanted an integer'
says err 'bad.yaml:'
cp good.yaml config.yaml
exits 0 check config.yaml --json
holds 'd["kind"] == "config" and d["space"] == "mbconv-28"'
exits 2 check config.yaml --set target.latency=3
says err '--set target.latency: error:'
exits 2 check config.yaml --set nonsense
says err 'nonsense'

# a key that is the whole point, misspelt
sed 's/^space:/sapce:/' config.yaml >near.yaml
exits 2 check near.yaml
says err 'unknown key "sapce" (did you mean "space"?)'
exits 2 check nowhere.yaml
says err 'nowhere.yaml'
printf 'schema: [1\n' >broken.yaml
exits 2 check broken.yaml
says err 'broken.yaml:2:'
exits 2 graph config.yaml
says err 'this is a config, wanted a space'
finish
