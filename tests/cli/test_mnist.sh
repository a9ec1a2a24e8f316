#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Searches on MNIST, some ten minutes: the same bits when killed and resumed and on one thread; and a network that was searched
# under latency pressure is predicted to be faster than one that was not. Needs the shared data.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
needs "$shared/data/mnist" || exit 0
config=$source_root/configs/searches/mnist-28.yaml
common=("$config" --db latency.db --quiet --set data.limit=6000 --set "data.train=$shared/data/mnist" --set "data.test=$shared/data/mnist")

same_files() {
    for f in arch.json model.safetensors; do
        cmp -s "$1/$f" "$2/$f" || wrong "$1/$f and $2/$f differ"
    done
}
searches "${common[@]}" --run whole
timeout -s KILL 45 "$onepath" search "${common[@]}" --run killed >/dev/null 2>&1
searches "${common[@]}" --run killed
same_files whole killed
searches "${common[@]}" --run one --threads 1
same_files whole one

searches "${common[@]}" --run free --set target.latency=40% --set search.loss.lambda=0
searches "${common[@]}" --run pressed --set target.latency=40% --set search.loss.lambda=20
cmp -s free/arch.json pressed/arch.json && wrong 'latency pressure changed nothing'
exits 0 bench pressed --vs free --json # what the two take here, for the reader: a test asserts no time
cat out
python3 - pressed/run.db free/run.db <<'PY' || wrong 'the network searched under pressure is not predicted to be faster'
import sqlite3, sys
ms = [sqlite3.connect(f).execute("select value from metric where name = 'predicted_ms'").fetchone()[0] for f in sys.argv[1:]]
sys.exit(ms[0] > 0.9 * ms[1])
PY
finish
