/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ONP_OPS_KERNELS_REF_WINDOW_H
#define ONP_OPS_KERNELS_REF_WINDOW_H

#include "ops/op.h"

/* The taps of a kernel that fall inside a map, for one place of the output: tap t in from..to-1
 * reads the input at origin + t. Outside there are zeros. */
typedef struct onp_ref_window {
    int64_t origin, from, to;
} onp_ref_window;

static inline onp_ref_window onp_ref_window_at(int64_t place, const onp_attr *attr, int64_t map)
{
    const int64_t origin = place * attr->stride - (attr->kernel - 1) / 2;
    return (onp_ref_window){
        origin,
        origin < 0 ? -origin : 0,
        origin + attr->kernel > map ? map - origin : attr->kernel,
    };
}

#endif
