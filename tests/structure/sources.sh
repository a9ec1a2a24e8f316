# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# sources ROOT PATTERN...: the files below ROOT whose names match, relative to it, without what builds and runs leave
# and without what fuzzers take in.
sources() {
    local root=$1 names=() pattern
    shift
    for pattern in "$@"; do names+=(-o -name "$pattern"); done
    (cd "$root" && find . \( -path ./.git -o -path './build*' -o -path ./runs -o -path ./tests/fuzz/corpus \) -prune \
        -o -type f \( "${names[@]:1}" \) -print | sed 's|^\./||' | sort)
}
