#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# check_symbols.sh NM DIRECTORY: fails on a global symbol of a libonepath_*.a below DIRECTORY, but for its tests and
# bench, whose name does not begin with onp_ or, in api, onepath_. Exempt: main, and what sanitizers and coverage add
# (__odr_asan, __gcov). And on a libonepath.so there that shows anything but the functions of include/onepath.h.
set -euo pipefail
mapfile -t archives < <(find "$2" \( -path "$2/tests" -o -path "$2/bench" \) -prune -o -name 'libonepath_*.a' -print | sort)
if [ ${#archives[@]} -eq 0 ]; then
    echo "no libonepath_*.a below $2"
    exit 1
fi
# With several archives nm also writes a heading for each; a symbol is a line of three words.
"$1" -A -g --defined-only "${archives[@]}" | awk '
    $1 ~ /libonepath_api\.a:/ && $NF ~ /^onepath_/ { next }
    NF == 3 && $NF !~ /^(onp_|main$|__odr_asan|__gcov)/ { print $1 " " $NF ": a global symbol without onp_"; n_bad++ }
    END { exit n_bad > 0 }'

library=$2/libonepath.so
[ -e "$library" ] || exit 0
shown=$("$1" -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $NF); print $NF }' | sort)
declared=$(grep -oE '^ONEPATH_API [^(]*' "$(dirname "${BASH_SOURCE[0]}")/../../include/onepath.h" | grep -oE 'onepath_[a-z_]*$' | sort)
if [ "$shown" != "$declared" ]; then
    echo "$library shows (<) other symbols than include/onepath.h declares (>):"
    diff <(echo "$shown") <(echo "$declared")
    exit 1
fi
