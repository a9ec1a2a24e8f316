#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# check_package.sh BUILD: makes the Debian package of a finished build, installs it in a clean Debian 12 (minbase, from the
# mirrors of /etc/apt) and runs onepath there: doctor, and a small search. Prints what the package and all it needs take,
# which must be under 100 MB. As root; about a minute.
set -euo pipefail
build=$(cd "${1:?usage: check_package.sh BUILD}" && pwd)
if [ "$(id -u)" -ne 0 ] || ! command -v debootstrap >/dev/null || ! unshare --mount --pid --fork true 2>/dev/null; then
    echo "SKIPPED: the package is not installed anywhere: this takes root, debootstrap and unshare"
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
root=$work/root
n_wrong=0
wrong() {
    printf 'WRONG: %s\n' "$*"
    n_wrong=$((n_wrong + 1))
}

# ---- the package itself ----

cpack --config "$build/CPackConfig.cmake" -G DEB -B "$work" >"$work/cpack.log" 2>&1 || {
    cat "$work/cpack.log"
    exit 1
}
deb=$(echo "$work"/onepath_*.deb)
depends=$(dpkg-deb -f "$deb" Depends)
echo "package: $(basename "$deb"), $(stat -c %s "$deb") bytes; depends: $depends"
[[ $depends == *libopenblas0-openmp* ]] || wrong 'it does not depend on the OpenMP flavour of OpenBLAS'
[[ $depends != *openblas*-pthread* ]] || wrong 'it depends on the pthread flavour of OpenBLAS'
dpkg-deb -c "$deb" >"$work/files"
for file in bin/onepath bin/onepath-agent include/onepath.h share/man/man1/onepath.1.gz share/doc/onepath/copyright \
    share/doc/onepath/changelog.gz share/doc/onepath/examples/classify.c share/onepath/spaces/mbconv-28.yaml \
    share/bash-completion/completions/onepath share/onepath/runners/onnxruntime.js; do
    grep -q " ./usr/$file\$" "$work/files" || wrong "/usr/$file is not in it"
done
! grep -vE '^l' "$work/files" | grep -E '^.(....w|.......w)|\.1$|/LICENSE$' || wrong 'such files do not belong in a package'

# ---- a clean Debian ----

read -r mirror suite < <(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 'Component: main' |
    grep -E ' bookworm$' | head -n 1) || true
if [ -z "${mirror:-}" ]; then
    echo 'SKIPPED: the package is not installed anywhere: /etc/apt has no mirror of Debian 12'
    exit 0
fi
debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$work/debootstrap.log" 2>&1 || {
    tail -n 20 "$work/debootstrap.log"
    exit 1
}
rm "$root/etc/apt/sources.list"
cp -a /etc/apt/sources.list* /etc/apt/apt.conf* "$root/etc/apt/" 2>/dev/null || true
cp "$deb" "$root/tmp/onepath.deb"
agents=$(find "$work" -maxdepth 1 -name 'onepath-agents_*_all.deb')
[ -z "$agents" ] || cp "$agents" "$root/tmp/onepath-agents.deb"

# inside COMMAND...: runs it there, with a /proc of its own; what it mounts and starts ends with it.
inside() {
    unshare --mount --pid --fork env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C \
        DEBIAN_FRONTEND=noninteractive sh -c 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"' "$root" "$@"
}
# What its files take on disk, but for the lists and caches of apt and dpkg.
used_kib() {
    du -sxk --exclude="$root/var/lib" --exclude="$root/var/cache" --exclude="$root/var/log" --exclude="$root/tmp" "$root" | cut -f 1
}

inside apt-get -qq update
inside dpkg-query -W -f '${Installed-Size} KiB ${Package} ${db:Status-Status}\n' >"$work/minbase"
before=$(used_kib)
inside apt-get -qq -y --no-install-recommends install /tmp/onepath.deb >"$work/apt.log" 2>&1 || {
    cat "$work/apt.log"
    exit 1
}
bytes=$((($(used_kib) - before) * 1024))
echo "installed: $((bytes / 1000)) kB, onepath and all that it needs over minbase; the largest:"
inside dpkg-query -W -f '${Installed-Size} KiB ${Package} ${db:Status-Status}\n' >"$work/packages"
comm -13 <(sort "$work/minbase") <(sort "$work/packages") | sort -rn | head -n 5
[ "$bytes" -lt 100000000 ] || wrong 'that is not under 100 MB'
! grep 'openblas0-pthread installed' "$work/packages" || wrong 'the pthread flavour of OpenBLAS was installed'

# ---- onepath in it ----

inside ldd /usr/bin/onepath /usr/bin/onepath-agent /usr/lib/libonepath.so.0 >"$work/ldd"
! grep 'not found' "$work/ldd" || wrong 'a library is missing'
[ "$(grep -c '/openblas-openmp/libopenblas.so.0 ' "$work/ldd")" -eq 3 ] || wrong 'not the OpenMP flavour of OpenBLAS'
inside onepath doctor || wrong 'onepath doctor fails'
if [ -n "$agents" ]; then
    echo "agents: $(basename "$agents"), $(stat -c %s "$agents") bytes"
    inside apt-get -qq -y --no-install-recommends install /tmp/onepath-agents.deb >"$work/apt.log" 2>&1 || wrong 'the agents are not installed'
    inside onepath doctor >"$work/doctor"
    grep -q 'aarch64: /usr/bin/../libexec/onepath/onepath-agent-aarch64' "$work/doctor" || wrong 'doctor finds no agent for devices'
fi
status=0
inside onepath search /usr/share/onepath/searches/quickstart-generated.yaml --run /root/run --db /root/latency.db \
    --max-seconds-per-block 0.05 --set data.limit=1500 --set data.validation=500 --set search.epochs=1 \
    --set train.epochs=1 2>"$work/search.log" || status=$?
# 5: it ends, but one epoch need not meet the budget
if [ "$status" -ne 0 ] && [ "$status" -ne 5 ]; then
    cat "$work/search.log"
    wrong "the search ends with $status"
fi
for file in report.html arch.json model.safetensors run.db; do
    [ -s "$root/root/run/$file" ] || wrong "the search leaves no $file"
done
inside dpkg --purge onepath onepath-agents >/dev/null 2>&1 || wrong 'it cannot be removed'
left=$(find "$root/usr" -name '*onepath*')
[ -z "$left" ] || wrong "removed, it leaves $left"

[ "$n_wrong" -eq 0 ] && echo 'the package installs, runs and leaves nothing behind'
exit $((n_wrong > 0))
