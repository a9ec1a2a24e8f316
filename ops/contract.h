/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the contract files of ops/ share: checks of inputs and attributes, and the declarations that
 * the table in ops/op.c collects. Internal to this folder.
 */
#ifndef ONP_OPS_CONTRACT_H
#define ONP_OPS_CONTRACT_H

#include <inttypes.h>

#include "ops/op.h"

/* A shape in an error message: onp_fail(err, st, "x is " ONP_SHAPE_FMT, ONP_SHAPE_ARG(x)). */
#define ONP_SHAPE_FMT    "%" PRId64 "x%" PRId64 "x%" PRId64 "x%" PRId64
#define ONP_SHAPE_ARG(s) (s).n, (s).h, (s).w, (s).c

/* The number of inputs is one the operation takes, and each input is a shape within
 * ONP_SHAPE_MAX_COUNT. Errors: ONP_E_SHAPE. */
onp_status onp_contract_inputs(onp_op op, const onp_shape *in, int n_in, onp_error *err);

/* `what` of the operation has the shape `want`, or ONP_E_SHAPE. */
onp_status onp_contract_equal(onp_op op, const char *what, onp_shape seen, onp_shape want,
                              onp_error *err);

/* The output of a convolution of x with out_c output channels, after its inputs were checked, and
 * its kernel, stride and optional bias (in[2]) with it. Errors: ONP_E_SHAPE, ONP_E_RANGE. */
onp_status onp_contract_convolution(onp_op op, const onp_shape *in, int n_in, const onp_attr *attr,
                                    onp_shape want_w, onp_shape *out, onp_error *err);

/* The output of a pool with the kernel and stride of attr. Errors: ONP_E_SHAPE, ONP_E_RANGE. */
onp_status onp_contract_pool(onp_op op, const onp_shape *in, int n_in, const onp_attr *attr,
                             onp_shape *out, onp_error *err);

#define ONP_CONTRACT_INFER(name)                                                                   \
    onp_status onp_##name##_infer(const onp_shape *in, int n_in, const onp_attr *attr,             \
                                  onp_shape *out, onp_error *err)

ONP_CONTRACT_INFER(conv);
ONP_CONTRACT_INFER(depthwise);
ONP_CONTRACT_INFER(bn_stats);
ONP_CONTRACT_INFER(bn_apply);
ONP_CONTRACT_INFER(relu6);
ONP_CONTRACT_INFER(relu);
ONP_CONTRACT_INFER(global_avg_pool);
ONP_CONTRACT_INFER(max_pool);
ONP_CONTRACT_INFER(avg_pool);
ONP_CONTRACT_INFER(flatten);
ONP_CONTRACT_INFER(add);
ONP_CONTRACT_INFER(hswish);
ONP_CONTRACT_INFER(hsigmoid);
ONP_CONTRACT_INFER(channel_scale);
ONP_CONTRACT_INFER(dropout);
ONP_CONTRACT_INFER(softmax_ce);

int64_t onp_conv_macs(const onp_shape *in, const onp_shape *out, const onp_attr *attr);
int64_t onp_depthwise_macs(const onp_shape *in, const onp_shape *out, const onp_attr *attr);

extern const onp_grad_rule onp_conv_rules[3];
extern const onp_grad_rule onp_depthwise_rules[3];
extern const onp_grad_rule onp_bn_apply_rules[2];
extern const onp_grad_rule onp_relu6_rules[1];
extern const onp_grad_rule onp_relu_rules[1];
extern const onp_grad_rule onp_global_avg_pool_rules[1];
extern const onp_grad_rule onp_max_pool_rules[1];
extern const onp_grad_rule onp_avg_pool_rules[1];
extern const onp_grad_rule onp_flatten_rules[1];
extern const onp_grad_rule onp_hswish_rules[1];
extern const onp_grad_rule onp_hsigmoid_rules[1];
extern const onp_grad_rule onp_channel_scale_rules[2];
extern const onp_grad_rule onp_dropout_rules[1];
extern const onp_grad_rule onp_softmax_ce_rules[1];

#endif
