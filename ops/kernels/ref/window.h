/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ONP_OPS_KERNELS_REF_WINDOW_H
#define ONP_OPS_KERNELS_REF_WINDOW_H

#include "ops/op.h"

/* The taps of a kernel that fall inside a map, for one place of the output: tap t in from..to-1
 * reads the input at origin + t * step. Outside there are zeros. */
typedef struct onp_ref_window {
    int64_t origin, step, from, to;
} onp_ref_window;

static inline int64_t onp_ref_tap(onp_ref_window w, int64_t t)
{
    return w.origin + t * w.step;
}

static inline onp_ref_window onp_ref_window_at(int64_t place, const onp_attr *attr, int64_t map)
{
    const int64_t step = onp_attr_dilation(attr);
    onp_ref_window w = {place * attr->stride - (attr->kernel - 1) / 2 * step, step, 0,
                        attr->kernel};
    while (onp_ref_tap(w, w.from) < 0)
        w.from++;
    while (onp_ref_tap(w, w.to - 1) >= map)
        w.to--;
    return w;
}

#endif
