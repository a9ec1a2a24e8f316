# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What quickstart.sh and test.sh share; sourced from the repository's root. All of it speaks on stderr.

# stage NAME: ends the stage before with its seconds and opens the next one.
stage() {
    stage_end
    STAGE=$1
    STAGE_START=$SECONDS
    printf '\n=== [%4d s] %s\n' "$SECONDS" "$STAGE" >&2
}

stage_end() {
    [ -z "${STAGE:-}" ] || printf '=== done: %s, %d s\n' "$STAGE" "$((SECONDS - STAGE_START))" >&2
    STAGE=
}

# OpenBLAS reads these when it is loaded; they replace the kernels that it would choose for this processor.
unset_blas_variables() {
    local name
    for name in OPENBLAS_CORETYPE OPENBLAS_L2_SIZE; do
        if [ -n "${!name+set}" ]; then
            printf 'note: %s=%s was set; unset here, so that OpenBLAS chooses for this processor\n' \
                "$name" "${!name}" >&2
            unset "$name"
        fi
    done
}

# build PRESET BINARY_DIR [CMAKE ARGUMENT...]: configures and builds.
build() {
    local preset=$1 dir=$2
    shift 2
    cmake --preset "$preset" -B "$dir" "$@" >&2 && cmake --build "$dir" -j "$(nproc)" >&2
}
