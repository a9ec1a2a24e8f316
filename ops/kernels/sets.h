/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel tables that are built in; which of them the processor can run is decided in
 * ops/kernels.c. */
#ifndef ONP_OPS_KERNELS_SETS_H
#define ONP_OPS_KERNELS_SETS_H

#include "ops/kernels.h"

extern const onp_kernels onp_kernels_generic;
extern const onp_kernels onp_kernels_avx2;
extern const onp_kernels onp_kernels_avx512;
extern const onp_kernels onp_kernels_neon;

#endif
