#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The static agents that `cmake --preset agent-ARCH` left in build-agent-ARCH: what they are, that they run from a bare
# folder with nothing around them, and that a block is measured through a pipe; the foreign one under qemu-user.
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../cli/lib.sh"
measure_once=$ONEPATH_BINARY/tests/latency/measure/measure_once
hello='{"message": "hello", "version": 2}'

# emulator ARCH: what runs its programs here, "" for this machine's own; fails when there is none.
emulator() {
    [ "$1" = "$(uname -m)" ] && return
    command -v "qemu-$1" || command -v "qemu-$1-static"
}

# is_static AGENT ARCH MIB: one file for this processor that asks for no other, of so many MiB at most.
is_static() {
    local agent=$1 machine align
    case $2 in x86_64) machine='Advanced Micro Devices X86-64' ;; aarch64) machine=AArch64 ;; esac
    LC_ALL=C readelf -hlW "$agent" >elf || wrong "readelf cannot read $agent"
    grep -q "Machine: *$machine\$" elf || wrong "$agent is not for $2"
    if grep -qE 'INTERP|DYNAMIC' elf; then wrong "$agent is not static"; fi
    for align in $(awk '$1 == "LOAD" { print $NF }' elf); do
        [ $((align % 0x4000)) -eq 0 ] || wrong "$agent: aligned by $align, wanted multiples of 16 KiB"
    done
    [ "$(stat -c %s "$agent")" -lt $(($3 << 20)) ] || wrong "$agent has $(stat -c %s "$agent") bytes, wanted under $3 MiB"
    if grep -qaE 'SQLite format|yaml_parser|getaddrinfo' "$agent"; then wrong "$agent holds what it has no use for"; fi
}

# runs_bare AGENT EMULATOR: from an empty folder, with an empty environment and with one that would mislead it.
runs_bare() {
    local place=$work/bare line
    mkdir "$place" && cp "$1" "$place/onepath-agent"
    (cd "$place" && env -i ${2:+"$2"} ./onepath-agent <<<"$hello") >plain 2>err || wrong "bare: exit code $?: $(cat err)"
    grep -q '"message": "hello"' plain || wrong "bare: no hello but: $(cat plain)"
    # the agent starts itself again without what steers threads, which the kernel cannot do for an emulated one
    local misleading=(HOME=/nowhere LANG=xx_XX TMPDIR=/no)
    [ -n "$2" ] || misleading+=(OMP_NUM_THREADS=7 GOMP_CPU_AFFINITY=99 OPENBLAS_NUM_THREADS=7 LD_PRELOAD=/no.so ACC_PROFLIB=/no.so)
    (cd "$place" && env -i "${misleading[@]}" ${2:+"$2"} ./onepath-agent <<<"$hello") >misled 2>err ||
        wrong "misled: exit code $?: $(cat err)"
    for line in plain misled; do
        python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["platform"])' "$line" >"$line.platform"
    done
    cmp plain.platform misled.platform || wrong "the environment changes the platform"
    [ "$(ls "$place")" = onepath-agent ] || wrong "the agent left files: $(ls "$place")"
    rm -r "$place"
}

# runs_alone AGENT: where there is neither /proc nor /sys.
runs_alone() {
    local enter=(chroot)
    [ "$(id -u)" -eq 0 ] || enter=(unshare -r chroot)
    if ! "${enter[@]}" / true 2>/dev/null; then
        echo "SKIPPED: no right to chroot, so not run without /proc and /sys"
        return
    fi
    mkdir alone && cp "$1" alone/onepath-agent
    "${enter[@]}" alone /onepath-agent --threads 1 <<<"$hello" >out 2>err || wrong "alone: exit code $?: $(cat err)"
    grep -q '"clusters": \[\]' out || wrong "alone: clusters out of nowhere: $(cat out)"
    grep -q '"temperature_mc": null' out || wrong "alone: a temperature out of nowhere"
    rm -r alone
}

# measures AGENT EMULATOR KERNELS BLAS
measures() {
    if ! "$measure_once" ${2:+"$2"} "$1" --threads 2 >out 2>err; then
        # a machine with one core
        "$measure_once" ${2:+"$2"} "$1" --threads 1 >out 2>err || wrong "$1 measures nothing: $(cat err)"
    fi
    [ "$(grep -cE ': [1-9][0-9]* samples, each took time$' out)" -eq 2 ] || wrong "$1: not measured: $(cat out)"
    grep -qE "^kernels $3, blas $4, " out || wrong "$1: wanted kernels $3 and blas $4: $(cat out)"
}

# check ARCH AGENT MIB KERNELS BLAS
check() {
    local run
    is_static "$2" "$1" "$3"
    if ! run=$(emulator "$1"); then
        echo "SKIPPED: qemu-$1 is not installed, so $2 was not run"
        return
    fi
    runs_bare "$2" "$run"
    [ -n "$run" ] || runs_alone "$2"
    measures "$2" "$run" "$4" "$5"
}

for arch in x86_64 aarch64; do
    kernels=neon
    [ "$arch" = aarch64 ] || kernels='(generic|avx2|avx512)'
    if needs "$source_root/build-agent-$arch/onepath-agent"; then
        check "$arch" "$source_root/build-agent-$arch/onepath-agent" 8 "$kernels" own
    fi
    agent=$source_root/build-agent-blas-$arch/onepath-agent
    [ ! -e "$agent" ] || check "$arch" "$agent" 30 "$kernels" '[A-Za-z0-9]+'
done
finish
