#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# self_check.sh CC AR NM: the checks beside this file pass on a small good tree and name each fault of bad ones.
set -euo pipefail
cc=$1 ar=$2 nm=$3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
spdx='/* SPDX-License-Identifier: Apache-2.0 */'
n_wrong=0

# source_file PATH LINE...: a file below the tree with its SPDX line.
source_file() {
    mkdir -p "$(dirname "$tree/$1")"
    printf '%s\n' "$spdx" "${@:2}" >"$tree/$1"
}

# archive NAME CODE: libonepath_NAME.a below the tree.
archive() {
    printf '%s\n' "$2" >"$tree/$1.c"
    "$cc" -c "$tree/$1.c" -o "$tree/$1.o"
    "$ar" rcs "$tree/libonepath_$1.a" "$tree/$1.o"
    rm "$tree/$1.c"
}

passes() {
    local out
    out=$("$@" 2>&1) && return
    printf 'wrongly refused by %s:\n%s\n' "$(basename "$1")" "$out"
    n_wrong=$((n_wrong + 1))
}

# refuses TEXT COMMAND...: the command fails and says TEXT.
refuses() {
    local text=$1 out
    shift
    if out=$("$@" 2>&1) || ! grep -qF -- "$text" <<<"$out"; then
        printf '%s does not say "%s" but:\n%s\n' "$(basename "$1")" "$text" "$out"
        n_wrong=$((n_wrong + 1))
    fi
}

# refuses_include FILE LINE TEXT: such a line in such a file is found; the file is removed again.
refuses_include() {
    source_file "$1" "$2"
    refuses "$3" "$here/check_includes.sh" "$tree"
    rm "$tree/$1"
}

refuses 'no sources' "$here/check_includes.sh" "$tree"
refuses 'no sources' "$here/check_files.sh" "$tree"
refuses 'no libonepath_*.a' "$here/check_symbols.sh" "$nm" "$tree"

source_file base/yaml.c '#include "base/yaml.h"' '#include <yaml.h>'
source_file graph/graph.c '#include "graph/graph.h"' '#include <stdio.h>' '#include "ops/op.h"' '#include "base/status.h"'
source_file latency/table/row.c '#include "latency/measure/time.h"' '#include "base/yaml.h"' '#include <sys/types.h>'
source_file tests/graph/test_graph.c '#include "graph/graph.h"' '#include "golden.h"'
source_file build/CMakeFiles/probe.c '#include "anything.h"'
passes "$here/check_includes.sh" "$tree"
refuses_include base/bad.c '#include "ops/op.h"' 'base/bad.c:2: base may not include ops/op.h'
refuses_include ops/bad.h '# include "graph/graph.h"' 'ops may not include graph/graph.h'
refuses_include graph/bad.c '#include <supernet/space.h>' 'graph may not include supernet/space.h'
refuses_include latency/measure/bad.c '#include "latency/table/table.h"' 'may not include latency/table/table.h'
refuses_include latency/measure/bad.c '#include "base/yaml.h"' 'the agent has no YAML, but latency/measure'
refuses_include graph/bad.c '#include <yaml.h>' 'the agent has no YAML, but graph'
refuses_include data/bad.c '#include "data/../ops/op.h"' '"data/../ops/op.h" is not written from the root'
refuses_include search/bad.c '#include "report/page.h"' 'search may not include report/page.h'
refuses_include supernet/bad.c '#include "space.h"' '"space.h" is not written from the root'
refuses_include data/bad.c '#include "../ops/op.h"' '"../ops/op.h" is not written from the root'
refuses_include misc/bad.c '#include <stdio.h>' 'a source in a folder without arrows'

passes "$here/check_files.sh" "$tree"
for ((i = 0; i < 799; i++)); do echo "int x;"; done >>"$tree/graph/graph.c"
refuses 'graph/graph.c: more than 800 lines' "$here/check_files.sh" "$tree"
source_file graph/graph.c ''
printf 'int onp_x;\n\n%s\n' "$spdx" >"$tree/graph/late.c"
refuses 'graph/late.c: no SPDX line' "$here/check_files.sh" "$tree"
: >"$tree/graph/late.c"
refuses 'graph/late.c: no SPDX line' "$here/check_files.sh" "$tree"

archive good 'static int helper(void) { return 1; } int onp_good(void) { return helper(); } int main(void) { return 0; }'
archive also_good 'int onp_also_good;'
passes "$here/check_symbols.sh" "$nm" "$tree"
archive bad 'int onp_fine; int stray(void) { return 1; }'
refuses 'stray: a global symbol without onp_' "$here/check_symbols.sh" "$nm" "$tree"

exit $((n_wrong > 0))
