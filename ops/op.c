/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/op.h"

#include <string.h>

#include "ops/contract.h"

#define INFER(id, name) [ONP_OP_##id].infer = onp_##name##_infer,
#define RULES(id, name)                                                                            \
    [ONP_OP_##id].rules = onp_##name##_rules, [ONP_OP_##id].n_rules = ONP_COUNT(onp_##name##_rules),
#define MACS(id, name) [ONP_OP_##id].macs = onp_##name##_macs,

/* Names and counts come from the list; the lines below it add to the same entries. */
/* clang-format off */
static const onp_op_def table[ONP_OP_COUNT] = {
#define ONP_X(id, text, lo, hi, out)                                                               \
    [ONP_OP_##id] = {.name = (text), .min_in = (lo), .max_in = (hi), .n_out = (out)},
    ONP_OP_LIST(ONP_X)
#undef ONP_X
    INFER(CONV, conv) RULES(CONV, conv) MACS(CONV, conv)
    INFER(DEPTHWISE, depthwise) RULES(DEPTHWISE, depthwise) MACS(DEPTHWISE, depthwise)
    INFER(BN_STATS, bn_stats)
    INFER(BN_APPLY, bn_apply) RULES(BN_APPLY, bn_apply)
    INFER(RELU6, relu6) RULES(RELU6, relu6)
    INFER(RELU, relu) RULES(RELU, relu)
    INFER(MAX_POOL, max_pool) RULES(MAX_POOL, max_pool)
    INFER(AVG_POOL, avg_pool) RULES(AVG_POOL, avg_pool)
    INFER(FLATTEN, flatten) RULES(FLATTEN, flatten)
    INFER(GLOBAL_AVG_POOL, global_avg_pool) RULES(GLOBAL_AVG_POOL, global_avg_pool)
    INFER(ADD, add) [ONP_OP_ADD].pass_gradient = true,
    INFER(HSWISH, hswish) RULES(HSWISH, hswish)
    INFER(HSIGMOID, hsigmoid) RULES(HSIGMOID, hsigmoid)
    INFER(CHANNEL_SCALE, channel_scale) RULES(CHANNEL_SCALE, channel_scale)
    INFER(DROPOUT, dropout) RULES(DROPOUT, dropout)
    INFER(SOFTMAX_CE, softmax_ce) RULES(SOFTMAX_CE, softmax_ce)
};
/* clang-format on */

const onp_op_def *onp_op_get(onp_op op)
{
    return &table[op];
}

onp_op onp_op_by_name(const char *name)
{
    int op = 0;
    while (op < ONP_OP_COUNT && strcmp(table[op].name, name) != 0)
        op++;
    return (onp_op)op;
}

int64_t onp_shape_count(onp_shape s)
{
    return s.n * s.h * s.w * s.c;
}

bool onp_shape_equal(onp_shape a, onp_shape b)
{
    return a.n == b.n && a.h == b.h && a.w == b.w && a.c == b.c;
}
