#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fuzzes every parser of files from outside with libFuzzer, under ASan and UBSan:
#
#     bash tests/fuzz/run.sh [SECONDS [PARSER...]]
#
# SECONDS of wall time in all (default 600), shared by the parsers, one process per processor. What is new goes to
# build-fuzz/corpus/PARSER; a finding stops with the input in build-fuzz/findings. Prints one JSON line per parser.
# Packages: bash scripts/install.sh full.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source scripts/common.sh
seconds=${1:-600}
shift || true
build fuzz build-fuzz -DONEPATH_TESTS=ON
parsers=("$@")
[ ${#parsers[@]} -gt 0 ] || mapfile -t parsers < <(sed -n 's/^    X(\([a-z_]*\),.*/\1/p' tests/fuzz/parsers.h)
each=$((seconds * $(nproc) / ${#parsers[@]}))
[ "$each" -ge 1 ] || each=1
mkdir -p build-fuzz/findings

fuzz_one() {
    local name=$1 seconds=$2 log=build-fuzz/fuzz-$1.log status=0
    mkdir -p "build-fuzz/corpus/$name"
    OMP_NUM_THREADS=1 "build-fuzz/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
        -max_len=65536 -print_final_stats=1 -artifact_prefix="build-fuzz/findings/$name-" \
        "build-fuzz/corpus/$name" "tests/fuzz/corpus/$name" >"$log" 2>&1 || status=$?
    printf '{"fuzz": "%s", "seconds": %d, "runs": %d, "edges": %d, "findings": %d}\n' "$name" "$seconds" \
        "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
        "$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)" "$((status != 0))"
    [ "$status" -eq 0 ] || { grep -m 5 -E 'ERROR|SUMMARY|runtime error|Test unit' "$log" >&2; return 1; }
}
export -f fuzz_one
printf '%s\n' "${parsers[@]}" | xargs -P "$(nproc)" -I NAME bash -c "fuzz_one NAME $each"
