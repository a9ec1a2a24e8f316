#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# check_includes.sh ROOT: fails on an include that goes up. What each folder may include is the table below; includes
# are written from the root. The agent that runs on a device has no YAML, so the folders that it links have none.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
source "$here/sources.sh"

arrows='
base: base
ops: base ops
graph: base ops graph
data: base data
supernet: base ops graph supernet
latency/measure: base ops graph latency/measure
latency/predict: base ops graph latency/predict
latency/runners: base ops graph latency/measure latency/runners
latency/table: base ops graph latency/measure latency/predict latency/table
search: base ops graph data supernet latency/measure latency/predict latency/table search
export: base ops graph export
report: base ops graph data supernet latency/measure latency/predict latency/table search report
include: include
examples: examples
api: base ops graph data supernet latency/measure latency/predict latency/table search export report include api
cli: base ops graph data supernet latency/measure latency/predict latency/table search export report include api cli
tests: base ops graph data supernet latency/measure latency/predict latency/runners latency/table search export report include api cli tests bench
bench: base ops graph data supernet latency/measure latency/predict latency/table search export report include api cli bench tests
'

mapfile -t files < <(sources "$1" '*.c' '*.h' '*.inc')
if [ ${#files[@]} -eq 0 ]; then
    echo "no sources below $1"
    exit 1
fi
cd "$1"
grep -HnE '^[[:space:]]*#[[:space:]]*include' "${files[@]}" | awk -v arrows="$arrows" '
    # The folder of the table that a path from the root lies in, or "".
    function folder(path,   part) {
        if (split(path, part, "/") < 2) return ""
        if (part[1] == "latency") return part[1] "/" part[2]
        return part[1]
    }
    function bad(what) { print where ": " what; n_bad++ }
    BEGIN {
        n = split(arrows, row, "\n")
        for (i = 1; i <= n; i++) {
            m = split(row[i], word, /:? /)
            for (j = 2; j <= m; j++) allowed[word[1], word[j]] = 1
            if (m > 0) known[word[1]] = 1
        }
        for (i = split("base ops graph latency/measure", word, " "); i > 0; i--) no_yaml[word[i]] = 1
    }
    {
        split($0, part, ":")
        file = part[1]; where = file ":" part[2]
        from = folder(file)
        target = $0; sub(/^[^"<]*/, "", target)
        quoted = substr(target, 1, 1) == "\""
        sub(/^["<]/, "", target); sub(/[">].*$/, "", target)
        to = folder(target)
        if (!(from in known)) { bad("a source in a folder without arrows"); next }
        if (target ~ /^(base\/yaml[a-z_]*|yaml)\.h$/ && from in no_yaml && file !~ /^base\/yaml/) bad("the agent has no YAML, but " from " includes " target)
        if (target ~ /\.\./) { bad("\"" target "\" is not written from the root"); next }
        if (!quoted && !(to in known)) next                 # the system or a third party
        if (from == "tests" && to == "") next               # a file beside the test
        if (!(to in known)) bad("\"" target "\" is not written from the root")
        else if (!((from, to) in allowed)) bad(from " may not include " target)
    }
    END { exit n_bad > 0 }'
