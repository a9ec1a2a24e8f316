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

# profiles PROGRAM ARGUMENT...: the space by this program into t.db.
profiles() {
    local got=0 program=$1
    shift
    "$onepath" profile tiny.yaml --target "exec:python3 $program" --db t.db --max-seconds-per-block 0.05 --json "$@" >out 2>err || got=$?
    [ "$got" -eq 0 ] || { [ "$got" -eq 6 ] && grep -q 'rows are noisy' err; } || wrong "profile by $program: exit code $got: $(cat err)"
    holds 'd["measured"] == 9 and d["failed"] == 0'
}

profiles runner.py
profiles simulator.py
holds 'd["noisy"] == 0'
exits 0 table list --db t.db --json
holds '[(p["backend"], p["rows"]) for p in d["platforms"]] == [("copies", 9), ("roofline", 9)]'
finish
