#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Rows of another platform are refused, and the platform that was wanted is named; rows that have become stale are found
# out and measured anew. The device is a runner whose times are a formula.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
runner="exec:python3 '$source_root/tests/cli/scripted_runner.py'"
tiny_space >tiny.yaml
cat >search.yaml <<YAML
data: {format: generated, validation: 64, limit: 400, cache: cache}
space: tiny.yaml
target: {device: scripted, latency: 100%}
search: {warmup_epochs: 1, epochs: 1, batch: 32}
train: {epochs: 1, batch: 32}
YAML
# profiles OPTIONS OF THE RUNNER...: the space into t.db.
profiles() {
    exits 0 profile tiny.yaml --target "$runner $*" --max-seconds-per-block 0.02 --db t.db
}

profiles
says out ' 0 known'
# refuses OPTION...: a search says no before it does anything.
refuses() {
    rm -rf run
    exits 1 search search.yaml --run run --db "$@"
    [ -e run/arch.json ] && wrong 'a refused search found a network'
}
refuses t.db --set target.threads=2
says err 'no platform of "scripted" with threads 2, batch 1; there are: '
says err '(scripted, threads 1, cores any, f32, batch 1, chain)'
refuses t.db --set target.mode=isolated
says err 'with threads 1, batch 1, isolated; there are: '
refuses t.db --set target.cluster=4-7
says err 'no platform of "scripted" with threads 1, cores 4-7, batch 1; there are: '
refuses t.db --set target.device=phone
says err 'no platform of a device "phone"; devices: scripted'
cp t.db few.db
sqlite3 few.db "delete from estimate where block_id = (select min(block_id) from estimate)"
refuses few.db --no-predicted
says err '1 blocks have no latency on scripted (scripted, threads 1, cores any, f32, batch 1, chain; no others will do): '
sqlite3 few.db "update estimate set stale_reason = 'of long ago'"
refuses few.db --no-predicted
says err 'only a stale latency on scripted'
searches search.yaml --db t.db --run fine

# other kernels: another platform, the rows of before are stale, and fresh again with the kernels of before
profiles --kernels 2
says out ' 0 known'
says err 'rows of other kernels on this device are stale now'
exits 0 table list --db t.db
says out 'kernels or runner have changed since'
exits 0 table list --db t.db --json
holds 'sorted(p["stale_rows"] > 0 for p in d["platforms"]) == [False, True]'
profiles
says out ' 0 measured'
exits 0 table list --db t.db --json
holds '[p["stale_rows"] > 0 for p in d["platforms"]] == [False, True]'

# another system: some rows are measured again, and when they have changed, all
profiles --os "'Linux 6.6'"
says err 'measured under Linux 6.1, this is Linux 6.6'
grep -qE 'rows changed by [+-]0\.[01] %' err || wrong 'no note that the rows are right'
says out ' 0 measured'
profiles --os "'Linux 6.6'"
grep -q 'rows changed' err && wrong 'what was checked is checked again'
profiles --os "'Linux 7.0'" --scale 1.1
grep -qE 'rows changed by \+(9|10)\.' err || wrong 'a tenth slower is not seen'
says out ' 0 known'

# a sentinel off its history: the rows are stale, and a search stops and says so
exits 6 profile tiny.yaml --target "$runner --os 'Linux 7.0' --scale 1.2" --max-seconds-per-block 0.02 --check --db t.db
says err 'is the device busy?'
exits 0 table list --db t.db
says out 'the sentinel is +'
refuses t.db
says err 'the rows of scripted are stale: the sentinel is +'
cp t.db other.db
here=(search.yaml --run other --set "target.device=$runner --os 'Linux 7.0' --scale 1.2" --allow-command)
exits 1 search "${here[@]}" --db other.db
says err 'the rows of this device are stale: the sentinel is +'
searches "${here[@]}" --db other.db
profiles --os "'Linux 7.0'" --scale 1.2
says out ' 0 known'

# old rows
sqlite3 t.db "update estimate set updated_unix_ns = 1600000000000000000; update run set started_unix_ns = 1600000000000000000"
exits 0 table list --db t.db
says out 'days ago'
profiles --os "'Linux 7.0'" --scale 1.2
says err 'days ago: some rows are measured again'
says out ' 0 measured'
finish
