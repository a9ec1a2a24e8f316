#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A search on the rows of another device: refused unless asked for, and said wherever the run is told.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

rows_of_a_phone
exits 0 table estimate --db phone.db --device phone --space space.yaml --path uniform --json
cp out there
exits 0 table estimate --db here.db --device "$signature" --space space.yaml --path uniform --json
python3 -c 'import json; a, b = (json.load(open(f))["latency_ms"] for f in ("out", "there")); assert a == b > 0' ||
    wrong 'the phone has other latencies than this machine'

exits 1 search tiny.yaml --db phone.db --run run
says err 'the rows of phone (import:jsonl) are imported'
says err 'add --allow-imported'
[ -e run/arch.json ] && wrong 'a refused search found a network'
exits 0 search tiny.yaml --db phone.db --run run --allow-imported --json
n=$(($(wc -l <rows.jsonl) - 1))
holds "d['imported_rows'] == $n and 'measured' not in d and d['meets_budget']"
says err "$n latencies are imported rows of phone (import:jsonl), not measured from here"
grep -q "imported: $n rows of phone (import:jsonl)" run/manifest.json || wrong 'the manifest does not tell'
grep -q "imported rows of phone" run/report.html || wrong 'the report does not tell'
[ "$(sqlite3 run/run.db "select count(*) from latency where source = 'imported'")" -eq "$n" ] ||
    wrong 'run.db does not tell'
[ "$(sqlite3 run/run.db "select count(*) from event where kind = 'imported'")" -eq 1 ] || wrong 'not one event'
[ "$(sqlite3 run/run.db "select count(*) from metric where name = 'measured_ms'")" -eq 0 ] || wrong 'measured'

# the copy in the run needs the same word
exits 1 search tiny.yaml --db phone.db --run run
says err 'add --allow-imported to go on'
exits 0 search tiny.yaml --db phone.db --run run --allow-imported

# stopped before its first checkpoint, the run still tells
rm run/checkpoint.safetensors
exits 0 search tiny.yaml --db phone.db --run run --allow-imported
says err "$n latencies are imported rows of phone"
[ "$(sqlite3 run/run.db "select count(*) from event where kind = 'imported'")" -eq 1 ] || wrong 'the event is gone'
says out 'not measured: the target is a device of the table, whose latencies are imported'

# a row that the phone lacks is predicted, by its ratio to a twin of it, and said to be
grep -v '"mix ' rows.jsonl | sed '1s/, "rows": [0-9]*, "networks": [0-9]*//' >part.jsonl
exits 0 table import --db part.db --format jsonl --device twin rows.jsonl
exits 0 table import --db part.db --format jsonl --device phone part.jsonl
exits 1 search tiny.yaml --db part.db --run part --allow-imported --no-predicted
says err '1 blocks have no latency on phone (import:jsonl'
says err '): mix in='
exits 0 search tiny.yaml --db part.db --run part --allow-imported
says err 'transferred on phone: mix in='
says err '1 latencies of phone (import:jsonl) are predicted, not measured'
grep -q 'predicted_latencies.*1 latencies of phone' part/manifest.json || wrong 'the manifest does not tell'
[ "$(sqlite3 part/run.db "select count(*) from latency where source = 'transferred'")" -eq 1 ] ||
    wrong 'run.db does not tell'
exits 1 search tiny.yaml --db part.db --run part --allow-imported --no-predicted
says err "over all paths, and --no-predicted was given"
exits 1 search tiny.yaml --db part.db --run again --allow-imported --no-predicted
says err '1 latencies of phone (import:jsonl) are predicted, not measured, and --no-predicted was given'

# calibrated by five networks measured on the device, they need no word
cp phone.db calibrated.db
sqlite3 calibrated.db "insert into calibration (platform_id, a, b_ns, c_ns, residual_sd, half95, n, mape_before, mape_after,
    within5, within10, spearman, created_unix_ns) values ((select max(id) from platform), 1.5, 0, 0, 0.01, 0.02, 5, 0.3, 0.01, 1, 1, 1,
    (select max(updated_unix_ns) from estimate))"
exits 0 search tiny.yaml --db calibrated.db --run calibrated --json
holds "d['imported_rows'] == $n"
says err 'calibrated by 5 networks'
exits 0 search tiny.yaml --db calibrated.db --run calibrated # once more

# the threads and cores that the config wants are those of the rows
searches tiny.yaml --db here.db --run two --set target.device=this-machine --set target.threads=2 --max-seconds-per-block 0.02
[ "$(sqlite3 here.db "select group_concat(distinct threads) from platform where id in (select platform_id from run where
    started_unix_ns > (select max(updated_unix_ns) from estimate where platform_id = 1))")" = 2 ] || wrong 'not two threads'
exits 6 search tiny.yaml --db here.db --run none --set target.device=this-machine --set target.cluster=nowhere
says err 'nowhere'

# one such row among those of this machine
sqlite3 here.db "update estimate set source = 'imported' where block_id = (select min(block_id) from estimate)"
exits 1 search tiny.yaml --db here.db --run here --set target.device=this-machine
says err 'add --allow-imported'
# kept or missed, as measured
"$onepath" search tiny.yaml --db here.db --run here --set target.device=this-machine --allow-imported --json >out 2>err
holds 'd["imported_rows"] == 1 and d["measured"]["median_ms"] > 0'
finish
