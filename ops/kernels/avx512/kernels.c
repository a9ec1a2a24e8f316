/* SPDX-License-Identifier: Apache-2.0 */
/* The template's kernels for AVX-512 (F, VL, BW, DQ). */
#include "ops/kernels/sets.h"

#define ONP_SET avx512
#define ONP_VL  16
#include "ops/kernels/template.inc"
