#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# table validate and calibrate, and what becomes of rows when the device changes: against a runner whose times are a
# formula.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
runner="exec:python3 '$source_root/tests/cli/scripted_runner.py'"

cat >tiny.yaml <<'YAML'
schema: 1
name: tiny
input: {height: 12, width: 12, channels: 1}
stem: {op: conv, kernel: 3, stride: 1, channels: 4}
fixed:
  - {op: mbconv, kernel: 3, expand: 1, channels: 4}
candidates:
  - {op: mbconv, kernel: 3, expand: 3}
  - {op: mbconv, kernel: 5, expand: 3}
  - {op: mbconv, kernel: 7, expand: 6}
  - {op: zero}
stages:
  - {channels: 8, blocks: 2, stride: 2}
  - {channels: 12, blocks: 3, stride: 1}
mix: {channels: 16}
classes: 3
YAML

# rows are short of the network by a fifth and 20 us: calibrated, they are not
exits 0 table validate tiny.yaml --target "$runner" --networks 30 --max-seconds 20 --db t.db --json
holds 'd["mode"] == "chain" and d["validation"]["sum_test"]["networks"] == 20 and len(d["measured"]) == 30'
holds 'd["validation"]["sum_test"]["bias_percent"] < -15'
holds 'd["validation"]["calibrated_test"]["mape_percent"] < 1 and d["validation"]["calibrated_test"]["within5_percent"] == 100'
holds 'd["validation"]["calibrated_test"]["spearman"] > 0.99 and d["validation"]["noise_percent"] < 1'
holds 'abs(d["validation"]["calibration_stored"]["a"] - 1.25) < 0.05 and d["with_rows_of_before"] is None'
holds 'sum(not m["test"] for m in d["measured"]) == 10'
exits 0 table list --db t.db --json
holds 'd["platforms"][0]["calibration"]["networks"] == 30 and d["platforms"][0]["validation"]["networks"] == 20'
exits 0 table list --db t.db
says out 'calibrated by 30 networks: 1.2'
says out 'validated 20'

# the same again: now there are rows of before
exits 0 table validate tiny.yaml --target "$runner" --networks 12 --seed 2 --max-seconds 20 --db t.db
says out 'rows of before: calibrated, tested'
says out 'noise: one half of its measurements against the other'
says out 'the worst of those tested'
exits 0 table calibrate --db t.db --device scripted --json
holds 'd["networks"] >= 30 and d["mape_percent"] < 1 and abs(d["a"] - 1.25) < 0.05'
exits 0 table calibrate --db t.db --device scripted
says out 'each left out in turn: mean error 0'

# predictions are calibrated from then on
exits 0 table estimate --db t.db --device scripted --space tiny.yaml --path 3x3e3 --json
holds 'd["statistic"] == "calibrated sum of rows" and d["latency_ms"] > 1.2 * d["sum_ms"]'
holds 'd["predicted_lo_ms"] < d["latency_ms"] < d["predicted_hi_ms"]'
exits 0 table estimate --db t.db --device scripted --space tiny.yaml --path uniform
says out 'calibrated by'

# runners that cannot stamp: another platform, validated all the same
exits 0 table validate tiny.yaml --target "$runner --no-stamps" --networks 12 --max-seconds 20 --db t.db --json
holds 'd["mode"] == "difference" and d["validation"]["calibrated_test"]["networks"] == 7'
exits 0 table list --db t.db --json
holds 'len(d["platforms"]) == 2'

exits 2 table validate tiny.yaml --target "$runner" --networks 5 --db t.db
exits 2 table validate tiny.yaml --target mars --db t.db
exits 2 table validate --db t.db
finish
