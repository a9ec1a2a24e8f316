#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# How well published latencies are predicted: the goals of bench/predict, a task each.
#     published.sh calibrate|few-shot
set -euo pipefail
data="${ONEPATH_SHARED:-$ONEPATH_SOURCE/../shared}/latency-data"
if [ ! -d "$data" ]; then
    echo "SKIPPED: $data is absent"
    exit 0
fi
predict="$ONEPATH_BINARY/bench/predict"
if [ ! -x "$predict" ]; then
    echo "SKIPPED: $predict was not built (ONEPATH_BENCH)"
    exit 0
fi
case $1 in
calibrate) folders=("$data/qed-usc-mobile") ;;
few-shot) folders=("$data/help-fbnet") ;;
esac
"$predict" "$1" "${folders[@]}" >"published-$1.jsonl"
python3 - "$1" <<'PY'
import json, re, sys
rows = [json.loads(line) for line in open(f"published-{sys.argv[1]}.jsonl")]
mean = lambda name, of: sum(r[name] for r in of) / len(of)

def calibrate():
    assert len(rows) == 6 and all(r["n"] == 102 for r in rows), rows
    assert mean("mape", rows) <= 0.032 and all(r["mape"] <= 0.05 for r in rows), rows
    assert all(0.90 <= r["coverage95"] <= 0.99 for r in rows), rows

def few_shot():
    assert len(rows) == 19, rows
    gpus = [r for r in rows if re.search(r"(1080|2080|titan)", r["set"])]
    xeons = [r for r in rows if re.search(r"(gold|silver)", r["set"])]
    assert len(gpus) == 12 and all(r["mape"] <= 0.05 for r in gpus), gpus
    assert len(xeons) == 3 and all(r["mape"] <= 0.07 for r in xeons), xeons
    assert all(r["spearman"] >= r["baseline_spearman"] for r in rows), rows
    assert all("exact sum" in r["note"] for r in rows if r["set"].endswith("pixel3")), rows

{"calibrate": calibrate, "few-shot": few_shot}[sys.argv[1]]()
PY
