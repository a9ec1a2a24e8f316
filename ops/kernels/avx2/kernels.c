/* SPDX-License-Identifier: Apache-2.0 */
/* The template's kernels for AVX2 with FMA. */
#include "ops/kernels/sets.h"

#define ONP_SET avx2
#define ONP_VL  8
#include "ops/kernels/template.inc"
