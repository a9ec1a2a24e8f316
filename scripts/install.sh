#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian 12 packages that are missing for one purpose:
#
#     bash scripts/install.sh build    to build and run onepath (quickstart.sh)
#     bash scripts/install.sh test     and to run its tests (test.sh)
#     bash scripts/install.sh full     and those of test.sh --full
#     bash scripts/install.sh arm64    to build for AArch64 and run its tests (test.sh --full)
#     bash scripts/install.sh agents   to build the static agents for x86-64 and AArch64, and run the foreign one
#     bash scripts/install.sh modules  into build/node, from npm: what drives a browser, and ONNX Runtime (test.sh)
#
# As root, or with a sudo that asks for no password; else it names what is missing and exits 1.
set -euo pipefail

build_packages=(
    gcc libc6-dev make cmake pkgconf
    libopenblas-openmp-dev libyaml-dev libsqlite3-dev libjansson-dev libmd-dev zlib1g-dev
    libjpeg62-turbo-dev libpng-dev libarchive-dev libjs-chart.js
    libonnx-dev libprotobuf-c-dev protobuf-c-compiler
)
test_packages=(libcmocka-dev clang-14 libomp-14-dev clang-format-14 clang-tidy-14 sqlite3 python3 python3-onnx groff-base zsh
    fish openssh-client openssh-server adb)
full_packages=(libclang-rt-14-dev dpkg-dev file debootstrap)
arm64_packages=(gcc-aarch64-linux-gnu qemu-user)
for package in "${build_packages[@]}" libcmocka-dev; do
    case $package in
    libonnx-dev) ;; # only its onnx.proto is used, which is the same, and two of them cannot be installed
    lib*-dev | zlib1g-dev) arm64_packages+=("$package:arm64") ;;
    esac
done
# What the presets agent-* build with: archives of two libraries, for both processors.
agents_packages=(gcc libc6-dev make cmake libjansson-dev libmd-dev)
if [ "$(dpkg --print-architecture 2>/dev/null)" != arm64 ]; then
    agents_packages+=(gcc-aarch64-linux-gnu qemu-user libc6-dev:arm64 libjansson-dev:arm64 libmd-dev:arm64)
fi
# Images for the quickstart; without them it draws its own. The runner that measures with XNNPACK.
optional_packages=(dataset-fashion-mnist libxnnpack-dev libpthreadpool-dev)
# The report's test in a browser; without them it is skipped. Node may be there from elsewhere, with an npm of its own,
# beside which Debian's cannot be installed.
browser_packages=(chromium)
for program in node:nodejs npm:npm; do
    command -v "${program%:*}" >/dev/null || browser_packages+=("${program#*:}")
done
# playwright-core has no dependencies and brings no browser; onnxruntime-node is large (about 300 MB)
modules=(playwright-core@1.49.1 onnxruntime-node@1.30.0)

# Tests that want them are skipped where npm or the network is not there.
install_modules() {
    cd "$(dirname "${BASH_SOURCE[0]}")/.."
    local module
    for module in "${modules[@]}"; do
        grep -qsF "\"version\": \"${module#*@}\"" "build/node/node_modules/${module%@*}/package.json" && continue
        mkdir -p build/node
        npm install --prefix build/node --no-audit --no-fund --ignore-scripts --silent "$module" >&2 ||
            echo "note: npm could not install $module" >&2
    done
}

case ${1:-} in
build) wanted=("${build_packages[@]}") ;;
test | full)
    wanted=("${build_packages[@]}" "${test_packages[@]}")
    [ "$1" = test ] || wanted+=("${full_packages[@]}")
    optional_packages+=("${browser_packages[@]}")
    ;;
arm64) wanted=("${build_packages[@]}" "${arm64_packages[@]}") ;;
agents)
    wanted=("${agents_packages[@]}")
    optional_packages=()
    ;;
modules)
    install_modules
    exit 0
    ;;
*)
    echo "usage: install.sh build|test|full|arm64|agents|modules" >&2
    exit 2
    ;;
esac

# without LIST PACKAGE...: those of the packages that are not a line of LIST, one a line.
without() {
    local list=$1
    shift
    [ $# -eq 0 ] || printf '%s\n' "$@" | grep -vxF -e "$list" || true
}

# missing PACKAGE...: those of them that are not installed.
missing() {
    without "$(dpkg-query -W -f='${Package}:${Architecture} ${db:Status-Status}\n' "$@" 2>/dev/null |
        sed -n "s/\(:all\|:$(dpkg --print-architecture)\)\{0,1\} installed\$//p")" "$@"
}

# unavailable PACKAGE...: those of them that apt knows no version of.
unavailable() {
    without "$(apt-cache policy "$@" |
        awk '/^[^ ]/ { name = substr($1, 1, length($1) - 1) } /^ *Candidate: [^(]/ { print name }')" "$@"
}

if ! command -v dpkg-query >/dev/null; then
    echo "error: this is not Debian; install the equivalents of: ${wanted[*]}" >&2
    exit 1
fi

mapfile -t required < <(missing "${wanted[@]}")
mapfile -t optional < <(missing "${optional_packages[@]}")
if [ $((${#required[@]} + ${#optional[@]})) -eq 0 ]; then
    echo "all packages are installed" >&2
    exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    as_root=(sudo -n)
    if ! sudo -n true 2>/dev/null; then
        [ ${#optional[@]} -eq 0 ] || echo "note: not installed, optional: ${optional[*]}" >&2
        [ ${#required[@]} -eq 0 ] && exit 0
        echo "error: missing packages, and no right to install them. Run:" >&2
        echo "    sudo apt-get install ${required[*]}" >&2
        exit 1
    fi
fi

apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -o DPkg::Lock::Timeout=120 "$@" >&2
}

# Packages for AArch64 can be installed beside this machine's own.
if [[ "${wanted[*]}" == *:arm64* ]] && ! dpkg --print-foreign-architectures | grep -qx arm64; then
    "${as_root[@]}" dpkg --add-architecture arm64
    apt update
fi

# A minimal image has no package lists at all.
updated=no
if [ -n "$(unavailable "${required[@]}" "${optional[@]}")" ]; then
    apt update || true
    updated=yes
fi
mapfile -t none < <(unavailable "${required[@]}")
if [ ${#none[@]} -gt 0 ]; then
    echo "error: apt has no package: ${none[*]} (Debian 12 has them)" >&2
    exit 1
fi
mapfile -t none < <(unavailable "${optional[@]}")
mapfile -t optional < <(without "$(printf '%s\n' "${none[@]}")" "${optional[@]}")

# Tests start an ssh server of their own; the package's service, which would let others in, stays off.
ssh_service() {
    [ ! -d /run/systemd/system ] || "${as_root[@]}" systemctl -q "$1" ssh.service ssh.socket >&2 || true
}

install() {
    echo "installing: $*" >&2
    apt install -y --no-install-recommends "$@" && return 0
    # Lists that are there but old name versions that the mirror no longer has.
    [ "$updated" = no ] && updated=yes && apt update && apt install -y --no-install-recommends "$@"
}
if [ ${#optional[@]} -gt 0 ]; then
    install "${optional[@]}" || echo "note: could not install, optional: ${optional[*]}" >&2
fi
if [ ${#required[@]} -gt 0 ]; then
    if [[ " ${required[*]} " == *' openssh-server '* ]]; then
        ssh_service mask
        trap 'ssh_service unmask; ssh_service disable' EXIT
    fi
    if ! install "${required[@]}"; then
        echo "error: apt-get could not install: ${required[*]}" >&2
        exit 1
    fi
fi
