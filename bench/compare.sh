#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The peers and ours in turn, ratios printed: see `bench/compare.sh --help`.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# These make OpenBLAS use the kernels of another processor.
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
if ! command -v /usr/bin/python3 > /dev/null; then
    echo "compare.sh: needs Debian's python3: apt-get install python3" >&2
    exit 1
fi
export PYTHONDONTWRITEBYTECODE=1
exec /usr/bin/python3 "$here/compare.py" "$@"
