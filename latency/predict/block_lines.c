/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/predict/block_lines.h"

#include <stddef.h>

#include "latency/predict/block_features.h"

/* As wide, or both as wide as is usual for their hidden width. */
static bool same_se(const onp_block *a, const onp_block *b)
{
    return a->se == b->se &&
           (!a->se || a->se_width == b->se_width || onp_block_se_width(a) == onp_block_se_width(b));
}

static bool same_kind_of_op(const onp_block *a, const onp_block *b)
{
    return a->kind == b->kind && a->in_c == b->in_c && a->out_c == b->out_c &&
           a->kernel == b->kernel && a->stride == b->stride && a->skip == b->skip &&
           a->dilation == b->dilation && a->groups == b->groups && a->act == b->act &&
           same_se(a, b) && (a->expand == 1) == (b->expand == 1);
}

static bool same_op(const onp_block *a, const onp_block *b, onp_predict_method method)
{
    if (!same_kind_of_op(a, b))
        return false;
    return method == ONP_PREDICT_MAP ? a->mid == b->mid : a->in_h == b->in_h && a->in_w == b->in_w;
}

bool onp_block_line_find(const onp_block_row *rows, const double *work, size_t n, ptrdiff_t without,
                         const onp_block *b, onp_predict_method method, onp_block_line *out)
{
    const double at = onp_block_work(b);
    ptrdiff_t below = -1, above = -1;
    for (size_t i = 0; i < n; i++) {
        const ptrdiff_t row = (ptrdiff_t)i;
        if (row == without || !same_op(&rows[i].block, b, method))
            continue;
        if (work[i] <= at && (below < 0 || work[i] > work[below]))
            below = row;
        if (work[i] >= at && (above < 0 || work[i] < work[above]))
            above = row;
    }
    if (below < 0 || above < 0 || work[above] > ONP_LINE_MAX_RATIO * work[below])
        return false;
    const double span = work[above] - work[below];
    const double part = span > 0 ? (at - work[below]) / span : 0;
    out->ns = rows[below].ns + part * (rows[above].ns - rows[below].ns);
    out->ratio = work[above] / work[below];
    return true;
}
