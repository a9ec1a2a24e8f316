#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The two programs that docs/your-runtime.md shows, as they stand on the page: a runner of some 40 lines and a simulator
# fill a table, each its own platform; by hand they answer what the page says.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
tiny_space >tiny.yaml
awk '/^```python$/ { n++; code = 1; next } /^```$/ { code = 0 } code { print > ("program" n ".py") }' "$source_root/docs/your-runtime.md"
mv program1.py runner.py && mv program2.py simulator.py || wrong 'the page does not have its two programs'
[ -e program3.py ] && wrong 'the page has a third program, which nobody tests'
for program in runner simulator; do
    [ "$(wc -l <$program.py)" -le 40 ] || wrong "$program.py has $(wc -l <$program.py) lines, wanted at most 40"
    printf '{"message": "hello", "version": 2}\n{"message": "bye"}\n' | python3 $program.py >out || wrong "$program.py: exit code $?"
    [ "$(wc -l <out)" -eq 2 ] || wrong "$program.py answered: $(cat out)"
    printf '{"message": "hello", "version": 2}\n' | python3 $program.py >out || wrong "$program.py at the end of its input: exit code $?"
done

# profiles COMMAND ARGUMENT...: the space by this command into t.db.
profiles() {
    local got=0 command=$1
    shift
    "$onepath" profile tiny.yaml --target "exec:python3 $command" --db t.db --max-seconds-per-block 0.05 --json "$@" >out 2>err || got=$?
    [ "$got" -eq 0 ] || { [ "$got" -eq 6 ] && grep -q 'rows are noisy' err; } || wrong "profile by $command: exit code $got: $(cat err)"
    holds 'd["known"] + d["measured"] == 9 and d["failed"] == 0'
}

profiles runner.py
holds 'd["mode"] == "difference"'

# ---- without noise, a row is what its block costs, however it is measured ----

profiles simulator.py
holds 'd["mode"] == "chain" and d["noisy"] == 0 and d["trust"]["networks_mape"] == 0'
profiles 'simulator.py --no-stamps'
holds 'd["mode"] == "difference" and d["noisy"] == 0'
profiles simulator.py --mode isolated
holds 'd["mode"] == "isolated" and d["noisy"] == 0'
exits 0 table list --db t.db --json
holds 'sorted((p["backend"], p["cache_mode"], p["rows"]) for p in d["platforms"]) == [("copies", "difference", 9)] + [
    ("roofline", m, 9) for m in ("chain", "difference", "isolated")]'
python3 - <<'PY' || wrong 'the modes disagree'
import collections, sqlite3
rows = collections.defaultdict(set)
for key, ns in sqlite3.connect("t.db").execute("""SELECT block.key, median_ns FROM estimate
        JOIN block ON block.id = block_id JOIN platform ON platform.id = platform_id WHERE backend = 'roofline'"""):
    rows[key].add(ns)
assert len(rows) == 9 and all(len(times) == 1 for times in rows.values()), rows
PY
finish
