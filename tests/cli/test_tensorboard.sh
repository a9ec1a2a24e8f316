#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Event files for TensorBoard show what run.db holds; after kills and a resume too.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/lib.sh"

cat >space.yaml <<'YAML'
schema: 1
name: tiny
input: {height: 28, width: 28, channels: 1}
stem: {op: conv, kernel: 3, stride: 2, channels: 8}
fixed: []
candidates:
  - {op: mbconv, kernel: 3, expand: 1}
  - {op: mbconv, kernel: 5, expand: 3}
stages:
  - {channels: 8, blocks: 2, stride: 2}
mix: {channels: 16}
classes: 10
YAML
cat >tiny.yaml <<'YAML'
schema: 1
seed: 3
data: {format: generated, validation: 128, limit: 1024, cache: cache}
space: space.yaml
target: {latency: 100%}
search: {warmup_epochs: 2, epochs: 3, batch: 32, architecture: {every: 4}}
train: {epochs: 3, batch: 32}
YAML
table=(--db latency.db --max-seconds-per-block 0.05)
curves=(p/01/3x3e1 p/02/5x5e3 result/target_ms result/test_accuracy)
for phase in warmup search train; do
    curves+=("$phase/train_loss" "$phase/train_accuracy" "$phase/learning_rate")
done
curves+=(search/expected_latency_ms search/entropy search/validation_accuracy search/architecture_learning_rate)

# shows FOLDER RUN.DB TAG...
shows() {
    python3 "$here/read_events.py" "$@" >counts 2>problem && return
    wrong "$1 does not show what $2 holds:"
    sed 's/^/    /' problem
}

searches tiny.yaml "${table[@]}" --run whole --tensorboard boards/whole
shows boards/whole whole/run.db "${curves[@]}"

# killed a little later each time: what is newer than the checkpoint is written again, and shown once
for tenths in 1 2 3 4; do
    timeout -s KILL "0.$tenths" "$onepath" search tiny.yaml "${table[@]}" --run killed --tensorboard boards/killed
done >/dev/null 2>&1
searches tiny.yaml "${table[@]}" --run killed --tensorboard boards/killed
shows boards/killed killed/run.db "${curves[@]}"
read -r n_files _ <counts
[ "$n_files" -gt 1 ] || wrong 'one file after several starts'

# a folder that is new to a run gets all of it; a run that begins anew voids what is there
searches tiny.yaml "${table[@]}" --run whole --tensorboard boards/later
shows boards/later whole/run.db "${curves[@]}"
searches tiny.yaml "${table[@]}" --run whole --fresh --set seed=4 --tensorboard boards/later
shows boards/later whole/run.db "${curves[@]}"

exits 0 train whole --out again --tensorboard boards/train
shows boards/train again/run.db train/train_loss train/learning_rate result/test_accuracy

touch plain
exits 1 search tiny.yaml "${table[@]}" --run other --tensorboard plain/board
says err 'plain'
finish
