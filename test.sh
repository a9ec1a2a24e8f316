#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sets up and runs the tests; stops at the first stage that fails.
#
#     bash test.sh           format, Release (GCC) and Clang with warnings as errors, clang-tidy, ASan and UBSan
#     bash test.sh --full    also ThreadSanitizer, every kernel set, NEON and the static agents under qemu-user, the package,
#                            the long searches
#
# The last line is "N passed, N failed, N skipped", summed over all runs of ctest. A part of a test that says
# "SKIPPED: ..." counts as one skipped beside the test that passed; a stage without tests that fails counts as one failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
source scripts/common.sh
exec 2>&1

full=no
case ${1:-} in
"") ;;
--full) full=yes ;;
*)
    echo "usage: bash test.sh [--full]"
    exit 2
    ;;
esac

passed=0 failed=0 skipped=0 skips=""
launcher=() # before ctest: a command that changes what it runs in

finish() {
    local status=$? failed_stage=${STAGE:-}
    stage_end
    if [ -n "$skips" ]; then
        printf '\n******** SKIPPED, so not tested here:\n%s\n' "$(sort <<<"$skips" | uniq -c)"
    fi
    if [ "$status" -ne 0 ]; then
        printf '\n******** FAILED in stage: %s\n' "$failed_stage"
        [ "$failed" -gt 0 ] || failed=1
    fi
    printf '\ntotal %d s\n%d passed, %d failed, %d skipped\n' "$SECONDS" "$passed" "$failed" "$skipped"
}
trap finish EXIT

# skip REASON: a stage or a test that cannot run here.
skip() {
    skips+="${skips:+$'\n'}$1"
    skipped=$((skipped + 1))
    echo "SKIPPED: $1"
}

# skips_of JUNIT LOG: what a run of ctest skipped, a line each: the tests that it did not run, and every "SKIPPED: ..."
# that a test wrote.
skips_of() {
    awk '
        FNR == NR {
            if (match($0, /<testcase name="[^"]*"/)) {
                name = substr($0, RSTART + 16, RLENGTH - 17)
                if (/status="(notrun|disabled)"/) whole[name] = 1
            }
            next
        }
        /^[0-9]+\/[0-9]+ Testing: / { name = $3 }
        sub(/^ *SKIPPED: /, "") { print name ": " $0; delete whole[name] }
        END { for (name in whole) print name ": all of it" }' "$1" "$2"
}

# run_tests BINARY_DIR CTEST_ARGUMENT...: runs ctest and adds its results to the sums. One test at a time: many use
# every thread, and some measure time.
run_tests() {
    local dir=$1 status=0 junit lines
    shift
    junit=$PWD/$dir/junit.xml
    rm -f "$junit"
    "${launcher[@]}" ctest "$@" --output-junit "$junit" || status=$?
    [ -e "$junit" ] || return "$status"
    attribute() { sed -n "s/^[[:space:]]$1=\"\([0-9]*\)\".*/\1/p" "$junit" | head -n 1; }
    passed=$((passed + $(attribute tests) - $(attribute failures) - $(attribute skipped) - $(attribute disabled)))
    failed=$((failed + $(attribute failures)))
    lines=$(skips_of "$junit" "$dir/Testing/Temporary/LastTest.log")
    if [ -n "$lines" ]; then
        skips+="${skips:+$'\n'}$lines"
        skipped=$((skipped + $(wc -l <<<"$lines")))
    fi
    return "$status"
}

# runs_kernels SET: whether this processor has what the kernel set needs.
runs_kernels() {
    case $1 in
    avx2) grep -qw avx2 /proc/cpuinfo && grep -qw fma /proc/cpuinfo ;;
    avx512) grep -qw avx512f /proc/cpuinfo ;;
    neon) [ "$(uname -m)" = aarch64 ] ;; # elsewhere: the preset arm64
    esac
}

unset_blas_variables
shared=${ONEPATH_SHARED:-../shared}
if [ -d "$shared" ]; then
    echo "shared test data: $shared"
else
    echo "shared test data: none in $shared; tests that read it are skipped (ONEPATH_SHARED names another folder)"
fi

stage "install"
if [ "$full" = yes ]; then bash scripts/install.sh full; else bash scripts/install.sh test; fi
bash scripts/install.sh modules

stage "format"
find . \( -path ./.git -o -path './build*' -o -path ./runs \) -prune -o -name '*.[ch]' -print0 |
    xargs -0 -r clang-format-14 --dry-run --Werror

stage "build: Release, GCC, warnings are errors"
build release build -DONEPATH_WERROR=ON -DONEPATH_TESTS=ON -DONEPATH_BENCH=ON

stage "build: Clang, warnings are errors"
build dev build-clang -DCMAKE_C_COMPILER=clang-14

stage "build: ASan and UBSan"
build asan build-asan

if [ "$full" = yes ]; then
    # Before the tests: those that send an agent to a device take the one for AArch64.
    stage "build: static agents"
    if bash scripts/install.sh agents; then
        for agent in agent-x86_64 agent-aarch64; do build "$agent" "build-$agent" -DONEPATH_WERROR=ON; done
    else
        skip "static agents: their packages could not be installed"
    fi
fi

stage "test: Release"
run_tests build --preset release

stage "test: ASan and UBSan"
run_tests build-asan --preset asan

stage "clang-tidy"
sed -n 's/^ *"file": "\(.*\)",*$/\1/p' build-clang/compile_commands.json | grep -v "^$PWD/build" |
    xargs -P "$(nproc)" -n 1 clang-tidy-14 --quiet -p build-clang 2> >(grep -v 'warnings generated' >&2)

if [ "$full" = yes ]; then
    stage "build: TSan"
    build tsan build-tsan
    stage "test: TSan"
    # Clang 14's ThreadSanitizer fails to map its shadow where addresses are randomised over more than 28 bits.
    if setarch -R true; then launcher=(setarch -R); fi
    run_tests build-tsan --preset tsan
    launcher=()

    # A kernel set is a folder with sources in it; ref, in double, is the one they are compared with.
    for set in $(find ops/kernels -mindepth 2 -name '*.c' | cut -d / -f 3 | sort -u | grep -vx ref); do
        stage "test: Release, kernel set $set"
        if runs_kernels "$set"; then
            ONEPATH_KERNELS=$set run_tests build --preset release
        else
            skip "kernel set $set: not for this processor"
        fi
    done

    stage "build: AArch64, NEON kernels"
    if bash scripts/install.sh arm64; then
        build arm64 build-arm64
        stage "test: AArch64 under qemu-user"
        run_tests build-arm64 --preset arm64
    else
        skip "AArch64: its packages could not be installed"
    fi

    stage "package: installed in a clean Debian"
    bash scripts/check_package.sh build | tee build/package.log
    if grep -q '^SKIPPED: ' build/package.log; then skip "$(sed -n 's/^SKIPPED: //p' build/package.log)"; fi

    stage "test: long searches"
    run_tests build --test-dir build --output-on-failure --no-tests=error -L '^long$'
fi
stage_end
