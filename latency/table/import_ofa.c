/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of Once-for-All's tables, MobileNetV3 spaces, in YAML or JSON (import_proxylessnas.c):
 *
 *     Conv-input:224x224x3-output:112x112x24                     -> stem, h-swish
 *     expanded_conv-input:28x28x48-output:28x28x48-expand:192-kernel:5-stride:1-idskip:1-se:1-hs:0
 *                                                                -> mbconv; expand is the hidden
 *                                                                   width, not a ratio
 *     Conv_1-input:7x7x192-output:7x7x1152                       -> mix, h-swish
 *     AvgPool2D-input:7x7x1152-output:1x1x1152  \
 *     Conv_2-input:1x1x1152-output:1x1x1536      }               -> head of two layers: the sum of
 *     Logits-input:1x1x1536-output:1000         /                   the three
 */
#include <math.h>
#include <stdio.h>

#include "latency/table/import_internal.h"

static bool take_part(const char *key, onp_block *b, onp_import_part *part)
{
    int h = 0, w = 0, c = 0, out = 0, used = 0;
    if (sscanf(key, "AvgPool2D-input:%5dx%5dx%5d-output:1x1x%5d%n", &h, &w, &c, &out, &used) == 4)
        *part = ONP_PART_POOL;
    else if (sscanf(key, "Conv_2-input:1x1x%5d-output:1x1x%5d%n", &c, &out, &used) == 2)
        *part = ONP_PART_FIRST;
    else if (sscanf(key, "Logits-input:1x1x%5d-output:%5d%n", &c, &out, &used) == 2)
        *part = ONP_PART_LAST;
    else
        return false;
    *b = (onp_block){.in_h = h, .in_w = w, .in_c = c, .out_c = out};
    return used > 0 && key[used] == '\0' && c > 0 && out > 0 &&
           (*part != ONP_PART_POOL || (h > 0 && w > 0 && c == out));
}

onp_status onp_import_read_ofa_key(const char *key, onp_block *b, onp_import_part *part,
                                   onp_error *err)
{
    if (take_part(key, b, part))
        return ONP_OK;
    *part = ONP_PART_NONE;
    return onp_import_read_hidden_key(key, b, err);
}

/* Three rows of one head: what is missing or does not fit, NULL when all do. */
static const char *check_head(const onp_import_head *h)
{
    static const char *const missing[ONP_PART_COUNT] = {
        [ONP_PART_POOL] = "AvgPool2D is missing beside Conv_2 and Logits",
        [ONP_PART_FIRST] = "Conv_2 is missing beside AvgPool2D and Logits",
        [ONP_PART_LAST] = "Logits is missing beside AvgPool2D and Conv_2"};
    for (int i = 0; i < ONP_PART_COUNT; i++)
        if (!h->seen[i])
            return missing[i];
    if (h->blocks[ONP_PART_POOL].out_c != h->blocks[ONP_PART_FIRST].in_c ||
        h->blocks[ONP_PART_FIRST].out_c != h->blocks[ONP_PART_LAST].in_c)
        return "AvgPool2D, Conv_2 and Logits do not follow each other";
    return NULL;
}

void onp_import_head_add(onp_import_head *h, onp_import_part part, const onp_block *block,
                         const onp_import_row *row, onp_import_sink *sink)
{
    if (h->seen[part])
        onp_import_problem(sink, row->line, row->column, "a second row for a part of the head");
    h->seen[part] = true;
    h->blocks[part] = *block;
    h->rows[part] = *row;
}

onp_status onp_import_head_end(const onp_import_head *h, onp_import_sink *sink, onp_error *err)
{
    int any = -1;
    for (int i = 0; i < ONP_PART_COUNT; i++)
        any = h->seen[i] ? i : any;
    if (any < 0)
        return ONP_OK;
    const char *wrong = check_head(h);
    if (wrong != NULL) {
        onp_import_problem(sink, h->rows[any].line, h->rows[any].column, "%s", wrong);
        return ONP_OK;
    }
    const onp_block *pool = &h->blocks[ONP_PART_POOL];
    onp_block head = {.kind = ONP_BLOCK_HEAD,
                      .in_h = pool->in_h,
                      .in_w = pool->in_w,
                      .in_c = pool->in_c,
                      .mid = h->blocks[ONP_PART_FIRST].out_c,
                      .out_c = h->blocks[ONP_PART_LAST].out_c,
                      .act = ONP_ACT_HSWISH};
    onp_import_row row = {
        .line = h->rows[0].line, .column = h->rows[0].column, .count = h->rows[0].count};
    double variance = 0;
    onp_error why = {0};
    if (onp_block_complete(&head, &why) != ONP_OK) {
        onp_import_problem(sink, row.line, row.column, "%s", why.msg);
        return ONP_OK;
    }
    for (int i = 0; i < ONP_PART_COUNT; i++) { /* independent measurements: variances add up */
        const double sd = h->rows[i].cv * (double)h->rows[i].mean_ns;
        variance += sd * sd;
        row.mean_ns += h->rows[i].mean_ns;
        row.count = h->rows[i].count < row.count ? h->rows[i].count : row.count;
    }
    row.cv = sqrt(variance) / (double)row.mean_ns;
    onp_import_set_interval(&row);
    onp_block_key(&head, row.key);
    return onp_import_add(sink, &row, err);
}
