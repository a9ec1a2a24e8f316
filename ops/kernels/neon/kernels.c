/* SPDX-License-Identifier: Apache-2.0 */
/* The template's kernels for Arm's 128-bit Advanced SIMD, which every AArch64 processor has. */
#include "ops/kernels/sets.h"

#define ONP_SET neon
#define ONP_VL  4
#include "ops/kernels/template.inc"
