#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The installed tree, moved away from where it was installed: a program finds what it needs in it, and examples/classify.c
# is built against it by pkg-config, by CMake and as C++. Environment: as tests/cli/lib.sh, and CC, SANITIZE.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"

cmake --install "$ONEPATH_BINARY" --prefix "$work/first" >install.log || wrong "cmake --install: $(tail -n 3 install.log)"
mv first tree
lib=$(dirname "$(find "$PWD/tree" -name libonepath.so)")
onepath=tree/bin/onepath
exits 0 doctor
says out "$(realpath tree)/bin/onepath-agent"
if [ -e "$source_root/build-agent-aarch64/onepath-agent" ]; then
    says out "$(realpath tree)/bin/../libexec/onepath/onepath-agent-aarch64"
fi
says out "$(realpath tree)/share/onepath/spaces/mbconv-cifar.yaml"
exits 0 check tree/share/onepath/searches/quickstart-generated.yaml
[ -s tree/share/man/man1/onepath-search.1 ] || wrong 'no manual page of onepath search'
[ -z "$(find tree -name '*.h' -not -name onepath.h)" ] || wrong 'more than one header'
for file in "$lib/libonepath.so" tree/bin/onepath tree/bin/onepath-agent; do
    readelf -d "$file" | grep -q 'R.*PATH.*openblas-openmp' || wrong "$file: no way to the OpenMP flavour of OpenBLAS"
done

# a model, and a picture of the size it wants
mkdir model
"$ONEPATH_BINARY/tests/api/make_model" model || wrong 'make_model'
python3 - <<'PY'
import struct, zlib
rows = b"".join(b"\0" + bytes((40 * y + 9 * x + 70 * c) % 256 for x in range(8) for c in range(3)) for y in range(8))
chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
open("image.png", "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
    + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
PY

flags=(-Wall -Wextra -Wpedantic -Werror "-Wl,-rpath,$lib")
[ -z "${SANITIZE:-}" ] || flags+=("-fsanitize=$SANITIZE")

# classifies PROGRAM: it names the five classes, most probable first, that one built before it named.
classifies() {
    "$1" model image.png >out 2>err || wrong "$1 ends with $?: $(cat err)"
    [ -e wanted ] || cp out wanted
    cmp -s out wanted || wrong "$1 says: $(cat out)"
}
export PKG_CONFIG_PATH=$lib/pkgconfig
read -r -a package < <(pkg-config --cflags --libs onepath)
[ "$(pkg-config --modversion onepath)" = "$("$onepath" --version | sed 's/^onepath //')" ] || wrong 'versions differ'
cp "$source_root/examples/classify.c" .
"$CC" -std=c99 classify.c -o by_pkg_config "${flags[@]}" "${package[@]}" && classifies ./by_pkg_config
[ "$(wc -l <wanted)" -eq 5 ] || wrong "not five classes: $(cat wanted)"
awk '{ sum += $1 } $1 > last && NR > 1 { exit 1 } { last = $1 } END { if (sum < 99.9 || sum > 100.1) exit 1 }' wanted ||
    wrong "no probabilities: $(cat wanted)"
grep -qE ' %  (ant|bee|cat|dog|elk)$' wanted || wrong 'no class names'
./by_pkg_config nowhere image.png >out 2>err && wrong 'a model that is not there passes'
says err 'error: nowhere/arch.json'
./by_pkg_config model "$source_root/README.md" >out 2>err && wrong 'a text passes for an image'
says err 'README.md'

cat >CMakeLists.txt <<'CMAKE'
cmake_minimum_required(VERSION 3.25)
project(example C)
find_package(onepath 0.1 REQUIRED)
add_executable(by_cmake classify.c)
target_link_libraries(by_cmake onepath::onepath)
CMAKE
cmake -S . -B by_cmake -DCMAKE_C_COMPILER="$CC" -DCMAKE_PREFIX_PATH="$PWD/tree" -DCMAKE_C_FLAGS="${SANITIZE:+-fsanitize=$SANITIZE}" >cmake.log 2>&1 &&
    cmake --build by_cmake >>cmake.log 2>&1 || wrong "CMake: $(tail -n 5 cmake.log)"
classifies by_cmake/by_cmake

# no C++ library is needed for a check of the syntax
clang-14 -x c++ -std=c++11 -fsyntax-only -Wall -Wextra -Wpedantic -Werror -Itree/include tree/include/onepath.h classify.c ||
    wrong 'not C++'
finish
