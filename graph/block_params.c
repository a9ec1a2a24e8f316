/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters and cost of blocks. */
#include "graph/block.h"

/* Names of one convolution's or linear layer's parameters. */
typedef struct part_names {
    const char *weight, *bias, *gamma, *beta, *stats;
} part_names;

#define PART(p)                                                                                    \
    {                                                                                              \
        p ".weight", p ".bias", p ".bn.gamma", p ".bn.beta", p ".bn.stats"                         \
    }
static const part_names conv = PART("conv"), expand = PART("expand"), depthwise = PART("depthwise"),
                        squeeze = PART("squeeze"), excite = PART("excite"),
                        project = PART("project"), hidden = PART("hidden"), linear = PART("linear");

/* What stands behind its weights. */
typedef enum part_end { NORM, BIAS, BARE } part_end;

/* One convolution or linear layer of a block. */
typedef struct part {
    const part_names *names;
    part_end end;
    int64_t kernel, in_c, out_c; /* in_c: that an output channel sees */
    int64_t n_pixels;            /* of its output */
} part;

enum { MAX_PARTS = 5 };

/* Those of a block in order; how many. */
static int block_parts(const onp_block *b, part parts[MAX_PARTS])
{
    const int64_t in_map = (int64_t)b->in_h * b->in_w, out_map = (int64_t)b->out_h * b->out_w;
    const int64_t se = onp_block_se_width(b);
    int n = 0;
    switch (b->kind) {
    case ONP_BLOCK_STEM:
    case ONP_BLOCK_MIX:
    case ONP_BLOCK_CONV:
        parts[n++] = (part){&conv, NORM, b->kernel, b->in_c / b->groups, b->out_c, out_map};
        break;
    case ONP_BLOCK_MBCONV:
        if (b->expand != 1)
            parts[n++] = (part){&expand, NORM, 1, b->in_c, b->mid, in_map};
        parts[n++] = (part){&depthwise, NORM, b->kernel, 1, b->mid, out_map};
        if (b->se) {
            parts[n++] = (part){&squeeze, BIAS, 1, b->mid, se, 1};
            parts[n++] = (part){&excite, BIAS, 1, se, b->mid, 1};
        }
        parts[n++] = (part){&project, NORM, 1, b->mid, b->out_c, out_map};
        break;
    case ONP_BLOCK_SEPARABLE:
        parts[n++] = (part){&depthwise, NORM, b->kernel, 1, b->in_c, out_map};
        parts[n++] = (part){&project, NORM, 1, b->in_c, b->out_c, out_map};
        break;
    case ONP_BLOCK_HEAD:
        if (b->mid > 0)
            parts[n++] = (part){&hidden, BARE, 1, b->in_c, b->mid, 1};
        parts[n++] = (part){&linear, BIAS, 1, b->mid > 0 ? b->mid : b->in_c, b->out_c, 1};
        break;
    case ONP_BLOCK_ZERO:
    case ONP_BLOCK_MAX_POOL:
    case ONP_BLOCK_AVG_POOL:
    case ONP_BLOCK_IDENTITY:
    case ONP_BLOCK_KIND_COUNT:
        break;
    }
    return n;
}

int onp_block_params(const onp_block *b, onp_block_mode mode,
                     onp_param_spec specs[ONP_BLOCK_MAX_PARAMS])
{
    part parts[MAX_PARTS];
    int n_parts = block_parts(b, parts), n = 0;
    for (int i = 0; i < n_parts; i++) {
        const part *p = &parts[i];
        const onp_shape row = {1, 1, 1, p->out_c};
        const bool norm = p->end == NORM && mode != ONP_MODE_FOLDED;
        specs[n++] = (onp_param_spec){
            p->names->weight, ONP_PARAM_WEIGHT, {p->kernel, p->kernel, p->in_c, p->out_c}};
        if (p->end != BARE && !norm)
            specs[n++] = (onp_param_spec){p->names->bias, ONP_PARAM_BIAS, row};
        if (!norm)
            continue;
        specs[n++] = (onp_param_spec){p->names->gamma, ONP_PARAM_GAMMA, row};
        specs[n++] = (onp_param_spec){p->names->beta, ONP_PARAM_BETA, row};
        if (mode == ONP_MODE_EVAL)
            specs[n++] = (onp_param_spec){p->names->stats, ONP_PARAM_STATS, {1, 1, 2, p->out_c}};
    }
    return n;
}

int64_t onp_block_n_params(const onp_block *b)
{
    onp_param_spec specs[ONP_BLOCK_MAX_PARAMS];
    int n = onp_block_params(b, ONP_MODE_TRAIN, specs);
    int64_t total = 0;
    for (int i = 0; i < n; i++)
        total += specs[i].shape.n * specs[i].shape.h * specs[i].shape.w * specs[i].shape.c;
    return total;
}

int64_t onp_block_n_macs(const onp_block *b)
{
    part parts[MAX_PARTS];
    int n = block_parts(b, parts);
    int64_t total = 0;
    for (int i = 0; i < n; i++)
        total +=
            parts[i].n_pixels * parts[i].kernel * parts[i].kernel * parts[i].in_c * parts[i].out_c;
    return total;
}
