#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From a clean clone to a network designed for this machine: installs what is missing, builds, and runs the search
# of configs/searches/quickstart.yaml, which leaves runs/quickstart/. Arguments go on to `onepath search`.
# Only the search writes to stdout; its last line names the report.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
source scripts/common.sh
trap stage_end EXIT

unset_blas_variables

stage "install"
bash scripts/install.sh build

stage "build"
build release build -DONEPATH_TESTS=OFF -DONEPATH_BENCH=OFF

stage "doctor"
build/onepath doctor >&2 || echo "note: doctor found something wrong (above); the search is tried all the same" >&2

stage "search"
images=/usr/share/datasets/fashion-mnist
config=quickstart
if [ ! -e "$images/train-images-idx3-ubyte.gz" ]; then
    cat >&2 <<EOF
**********************************************************************************
* Fashion-MNIST is not in $images (Debian package
* dataset-fashion-mnist). The search uses images that onepath DRAWS ITSELF: the
* accuracies below are not those of Fashion-MNIST.
**********************************************************************************
EOF
    config=quickstart-generated
fi
build/onepath search "configs/searches/$config.yaml" --run runs/quickstart "$@"
