/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/predict/block_features.h"

#include <math.h>
#include <string.h>

static const struct {
    double cost;
    onp_block_layer layer;
} defs[ONP_BLOCK_TERMS] = {
    [ONP_TERM_ONE] = {1e4, ONP_LAYER_NONE},
    [ONP_TERM_EXPAND_MACS] = {1, ONP_LAYER_EXPAND},
    [ONP_TERM_DEPTHWISE_MACS] = {4, ONP_LAYER_DEPTHWISE},
    [ONP_TERM_PROJECT_MACS] = {1, ONP_LAYER_PROJECT},
    [ONP_TERM_DENSE_MACS] = {1, ONP_LAYER_PROJECT},
    [ONP_TERM_EXPAND_IN] = {4, ONP_LAYER_EXPAND},
    [ONP_TERM_EXPAND_OUT] = {4, ONP_LAYER_EXPAND},
    [ONP_TERM_DEPTHWISE_IN] = {4, ONP_LAYER_DEPTHWISE},
    [ONP_TERM_DEPTHWISE_OUT] = {4, ONP_LAYER_DEPTHWISE},
    [ONP_TERM_PROJECT_IN] = {2, ONP_LAYER_PROJECT},
    [ONP_TERM_PROJECT_OUT] = {4, ONP_LAYER_PROJECT},
    [ONP_TERM_EXPAND_WEIGHTS] = {1, ONP_LAYER_EXPAND},
    [ONP_TERM_DEPTHWISE_WEIGHTS] = {1, ONP_LAYER_DEPTHWISE},
    [ONP_TERM_PROJECT_WEIGHTS] = {1, ONP_LAYER_PROJECT},
    [ONP_TERM_SE_ELEMENTS] = {4, ONP_LAYER_NONE},
    [ONP_TERM_SE_WEIGHTS] = {1, ONP_LAYER_NONE},
    [ONP_TERM_HSWISH] = {6, ONP_LAYER_NONE},
    [ONP_TERM_SKIP] = {4, ONP_LAYER_PROJECT},
    [ONP_TERM_PAD4] = {0.05, ONP_LAYER_NONE},
    [ONP_TERM_PAD8] = {0.05, ONP_LAYER_NONE},
    [ONP_TERM_PAD16] = {0.05, ONP_LAYER_NONE},
    [ONP_TERM_PAD32] = {0.05, ONP_LAYER_NONE},
};

onp_block_layer onp_block_term_layer(onp_block_term term)
{
    return defs[term].layer;
}

double onp_block_term_cost(onp_block_term term)
{
    return defs[term].cost;
}

/* Sizes of the layers of a block, whatever its kind. */
typedef struct layers {
    double in_area, out_area, in_c, mid, out_c, taps; /* taps: kernel * kernel */
    bool expands, depthwise, projects, dense;
} layers;

static layers layers_of(const onp_block *b)
{
    layers l = {.in_area = (double)b->in_h * b->in_w,
                .out_area = (double)b->out_h * b->out_w,
                .in_c = b->in_c,
                .mid = b->in_c,
                .out_c = b->out_c,
                .taps = (double)b->kernel * b->kernel};
    switch (b->kind) {
    case ONP_BLOCK_MBCONV:
        l.mid = b->mid;
        l.expands = b->expand > 1;
        l.depthwise = l.projects = true;
        break;
    case ONP_BLOCK_SEPARABLE:
        l.depthwise = l.projects = true;
        break;
    case ONP_BLOCK_MAX_POOL:
    case ONP_BLOCK_AVG_POOL:
        l.depthwise = true;
        break;
    case ONP_BLOCK_STEM:
    case ONP_BLOCK_CONV:
        l.dense = true;
        l.mid = l.in_c * l.taps / b->groups;
        break;
    case ONP_BLOCK_MIX:
        l.projects = true;
        break;
    case ONP_BLOCK_HEAD:
        l.expands = b->mid > 0;
        l.mid = b->mid > 0 ? b->mid : b->in_c;
        l.projects = true;
        break;
    case ONP_BLOCK_ZERO:
    case ONP_BLOCK_IDENTITY:
    case ONP_BLOCK_KIND_COUNT:
        break;
    }
    return l;
}

/* MACs of the block's 1x1 and dense convolutions in vain when channels come q at a time. */
static double padding(const layers *l, double q)
{
    const double mid = l->mid * (ceil(l->mid / q) * q / l->mid - 1);
    const double out = l->out_c * (ceil(l->out_c / q) * q / l->out_c - 1);
    double sum = 0;
    if (l->expands)
        sum += l->in_area * l->in_c * mid;
    if (l->depthwise)
        sum += l->out_area * mid * l->taps;
    if (l->projects || l->dense)
        sum += l->out_area * l->mid * out;
    return sum;
}

void onp_block_terms(const onp_block *b, double t[ONP_BLOCK_TERMS])
{
    const layers l = layers_of(b);
    memset(t, 0, ONP_BLOCK_TERMS * sizeof *t);
    t[ONP_TERM_ONE] = 1;
    /* a head's layers see one pixel, behind its pool */
    const double first_area = b->kind == ONP_BLOCK_HEAD ? 1 : l.in_area;
    if (b->kind == ONP_BLOCK_HEAD)
        t[ONP_TERM_DEPTHWISE_IN] = l.in_area * l.in_c;
    if (l.expands) {
        t[ONP_TERM_EXPAND_MACS] = first_area * l.in_c * l.mid;
        t[ONP_TERM_EXPAND_IN] = first_area * l.in_c;
        t[ONP_TERM_EXPAND_OUT] = first_area * l.mid;
        t[ONP_TERM_EXPAND_WEIGHTS] = l.in_c * l.mid;
    }
    if (l.depthwise) {
        t[ONP_TERM_DEPTHWISE_MACS] = l.out_area * l.mid * l.taps;
        t[ONP_TERM_DEPTHWISE_IN] = l.in_area * l.mid;
        t[ONP_TERM_DEPTHWISE_OUT] = l.out_area * l.mid;
        t[ONP_TERM_DEPTHWISE_WEIGHTS] = l.mid * l.taps;
    }
    if (l.projects || l.dense) {
        t[l.dense ? ONP_TERM_DENSE_MACS : ONP_TERM_PROJECT_MACS] = l.out_area * l.mid * l.out_c;
        t[ONP_TERM_PROJECT_IN] = l.dense ? l.in_area * l.in_c : l.out_area * l.mid;
        t[ONP_TERM_PROJECT_OUT] = l.out_area * l.out_c;
        t[ONP_TERM_PROJECT_WEIGHTS] = l.mid * l.out_c;
    }
    if (b->se) {
        t[ONP_TERM_SE_ELEMENTS] = l.out_area * l.mid;
        t[ONP_TERM_SE_WEIGHTS] = 2 * l.mid * onp_block_se_width(b);
    }
    if (b->act == ONP_ACT_HSWISH)
        t[ONP_TERM_HSWISH] = l.depthwise ? (l.expands ? l.in_area * l.mid : 0) + l.out_area * l.mid
                                         : l.out_area * l.out_c;
    if (b->skip)
        t[ONP_TERM_SKIP] = l.out_area * l.out_c;
    for (int i = 0; i < 4; i++)
        t[ONP_TERM_PAD4 + i] = padding(&l, 4 << i);
}

double onp_block_work(const onp_block *b)
{
    double terms[ONP_BLOCK_TERMS], sum = 0;
    onp_block_terms(b, terms);
    for (int i = 0; i < ONP_TERM_PAD4; i++) /* steps are no size */
        sum += defs[i].cost * terms[i];
    return sum;
}

void onp_block_locate(const onp_block *b, onp_block_place *out)
{
    const layers l = layers_of(b);
    *out = (onp_block_place){.in_area = log(l.in_area),
                             .out_area = log(l.out_area),
                             .in_c = log(l.in_c),
                             .mid = log(l.mid),
                             .out_c = log(l.out_c),
                             .kernel = log(b->kernel),
                             .stride = b->stride > 1,
                             .se = b->se,
                             .skip = b->skip,
                             .expands = l.expands,
                             .kind = (int)b->kind,
                             .act = (int)b->act};
}
