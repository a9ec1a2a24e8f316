/* SPDX-License-Identifier: Apache-2.0 */
/* The template's kernels for plain C: four floats, which every compiler maps to what the processor
 * has. */
#include "ops/kernels/sets.h"

#define ONP_SET generic
#define ONP_VL  4
#include "ops/kernels/template.inc"
