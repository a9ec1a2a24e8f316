#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A search by calibrated latencies, and latencies of whole networks from elsewhere.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

rows_of_a_phone

# a calibrated platform: the search uses what that makes of the sums, and copies it into the run
sqlite3 phone.db "INSERT INTO calibration (platform_id, a, b_ns, c_ns, residual_sd, half95, n, mape_before, mape_after,
    within5, within10, spearman, created_unix_ns) VALUES (1, 2, 100, 5e4, 0.02, 0.04, 30, 0.5, 0.016, 1, 1, 0.99,
    (SELECT max(updated_unix_ns) FROM estimate))"

# an epoch of fewer batches than `every` still ends in an architecture step
exits 0 search tiny.yaml --db phone.db --run few --allow-imported --set search.architecture.every=1000
says err 'search.architecture.every is 1000, but an epoch has'
[ "$(sqlite3 few/run.db "SELECT count(*) FROM metric WHERE name = 'architecture_loss'")" -gt 0 ] || wrong 'no architecture step'

exits 0 search tiny.yaml --db phone.db --run calibrated --allow-imported --json --set target.bound=upper
cp out found
says err 'latencies: calibrated by 30 networks'
holds "0.9 * d['predicted_ms'] < d['predicted_lo_ms'] < d['predicted_ms'] < d['predicted_hi_ms'] < 1.1 * d['predicted_ms']"
grep -q 'calibrated by 30 networks measured whole' calibrated/report.html || wrong 'the report does not tell the calibration'
[ "$(sqlite3 calibrated/run.db 'SELECT a * n FROM calibration')" = 60.0 ] || wrong 'the run has not the calibration'
# how well each row is known: an interval of 95 % is 3.92 deviations wide
[ "$(sqlite3 calibrated/run.db "attach 'phone.db' as t; select count(*) || ' ' || sum(abs(l.sd_ns - (e.hi_ns - e.lo_ns) / 3.919928)
    > 0.001 * l.sd_ns) from latency l join t.block b using (key) join t.estimate e on e.block_id = b.id where e.hi_ns > e.lo_ns")" = \
    "$(($(wc -l <rows.jsonl) - 1)) 0" ] || wrong 'the run has other deviations than the rows'
# what the run uses is its own copy, and no other than it began with
sqlite3 phone.db 'DELETE FROM calibration'
exits 0 search tiny.yaml --db phone.db --run calibrated --allow-imported --json --set target.bound=upper
holds "d['predicted_ms'] == $(python3 -c 'import json; print(json.load(open("found"))["predicted_ms"])')"
sqlite3 calibrated/run.db 'UPDATE calibration SET a = 1.5'
exits 3 search tiny.yaml --db phone.db --run calibrated --allow-imported --set target.bound=upper
says err 'run.db: its latencies are'

# a calibration by networks a thousand times as large says nothing of these: their sums stand, and the search tells
sqlite3 phone.db "INSERT INTO calibration (platform_id, a, b_ns, c_ns, residual_sd, half95, n, mape_before, mape_after,
    within5, within10, spearman, created_unix_ns, lo_ns, hi_ns) SELECT 1, 1.1, 0, -1e6, 0.02, 0.04, 30, 0.5, 0.016, 1, 1, 0.99,
    max(updated_unix_ns), 1000 * sum(median_ns), 5000 * sum(median_ns) FROM estimate"
exits 0 search tiny.yaml --db phone.db --run sums --allow-imported --json
says err 'the calibration is of networks of other sizes'
[ "$(sqlite3 sums/run.db 'SELECT count(*) FROM calibration')" = 0 ] || wrong 'the run has a calibration of other networks'
exits 0 table estimate --db phone.db --device phone --space space.yaml --path uniform --json
holds "d['calibration_networks'] == 0 and d['predicted_ms'] == d['sum_ms'] > 0"

# latencies of whole networks: their blocks from folders, or their text
mkdir -p nets/phone_lat-12ms_top1 nets/board_gpu16-7ms_top1 nets/flops-3M
for net in nets/*; do
    cp "$ONEPATH_SOURCE/tests/fuzz/corpus/arch/tiny.json" "$net/net.config"
    echo '{"image_size": 28}' >"$net/run.config"
done
exits 0 table import nets --format networks --db nets.db --json
holds "d['devices'] == 2 and d['networks'] == 2 and d['times'] == 2"
says err 'flops-3M: its name says no latency'
[ "$(sqlite3 nets.db "SELECT group_concat(mean_ns) FROM measurement ORDER BY mean_ns")" = '7000000,12000000' ] ||
    wrong 'the times are others'
echo '{}' >nets/flops-3M/net.config
exits 0 table import nets --format networks --db nets.db # it is passed over
echo '{}' >nets/phone_lat-12ms_top1/net.config
echo '{"image_size": 0}' >nets/board_gpu16-7ms_top1/run.config
exits 3 table import nets --format networks --db other.db
says err 'key "image_size" is 0, wanted 1..65536'
says err 'phone_lat-12ms_top1'
[ -e other.db ] && wrong 'bad networks left a database behind'
cp "$ONEPATH_SOURCE/tests/fuzz/corpus/networks/once-for-all.csv" nets.csv
exits 0 table import nets.csv --format networks --device v100_1 --db nets.db
says out '1 times of 1 networks on 1 devices'
exits 2 table import nets.csv --format networks --device v100 --db none.db
says err 'devices: v100_1'
exits 2 table import nets.csv --format networks --device $'v100\n1' --db none.db
[ -e none.db ] && wrong 'a refused import left a database'
exits 3 table import "$ONEPATH_SOURCE/tests/fuzz/corpus/networks/cells.csv" --format networks --db nets.db
says err 'NAS-Bench-201'
finish
