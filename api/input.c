/* SPDX-License-Identifier: Apache-2.0 */
#include "api/input.h"

#include <string.h>

onp_prepare onp_input_prepare(const onp_model *m)
{
    const onp_model_input *in = &m->input;
    const bool stretch = strcmp(in->fit, onp_fit_names[ONP_FIT_STRETCH]) == 0;
    return (onp_prepare){.side = in->resize_side,
                         .fit = stretch ? ONP_FIT_STRETCH : ONP_FIT_CROP,
                         .h = in->image_h,
                         .w = in->image_w,
                         .c = m->arch->in_c};
}

onp_transform onp_input_transform(const onp_model *m)
{
    onp_channel_stats stats = {.c = m->arch->in_c};
    memcpy(stats.mean, m->input.mean, (size_t)stats.c * sizeof *stats.mean);
    memcpy(stats.deviation, m->input.deviation, (size_t)stats.c * sizeof *stats.deviation);
    onp_transform t = onp_transform_eval(&stats);
    t.h = m->arch->in_h;
    t.w = m->arch->in_w;
    return t;
}
