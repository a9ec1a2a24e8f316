#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# check_files.sh ROOT: fails on a source file without its SPDX line at the top, and on one of more than 800 lines.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/sources.sh"

mapfile -t files < <(sources "$1" '*.[ch]' '*.inc' '*.sh' '*.py' '*.cmake' CMakeLists.txt '*.yaml')
if [ ${#files[@]} -eq 0 ]; then
    echo "no sources below $1"
    exit 1
fi
cd "$1"
n_bad=0
bad() {
    echo "$1"
    n_bad=$((n_bad + 1))
}
for file in "${files[@]}"; do
    head -n 2 "$file" | grep -qF 'SPDX-License-Identifier: Apache-2.0' || bad "$file: no SPDX line at the top"
    [ "$(wc -l <"$file")" -le 800 ] || bad "$file: more than 800 lines: look for two subjects"
done
exit $((n_bad > 0))
