/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks into arch.json, with the keys and in the order of the authors' code. */
#include <string.h>

#include "supernet/arch_internal.h"

static json_t *conv_json(const onp_block *b)
{
    return json_pack("{s:s, s:i, s:i, s:i, s:i, s:b, s:b, s:i, s:i, s:b, s:s, s:i, s:s}", "name",
                     "ConvLayer", "kernel_size", b->kernel, "stride", b->stride, "dilation",
                     b->dilation, "groups", b->groups, "bias", 0, "has_shuffle", 0, "in_channels",
                     b->in_c, "out_channels", b->out_c, "use_bn", 1, "act_func",
                     onp_arch_activations[b->act], "dropout_rate", 0, "ops_order", "weight_bn_act");
}

/* A head's first layer, on the pooled map. */
static json_t *hidden_json(const onp_block *head)
{
    return json_pack("{s:s, s:i, s:i, s:i, s:i, s:b, s:b, s:i, s:i, s:b, s:s, s:i, s:s}", "name",
                     "ConvLayer", "kernel_size", 1, "stride", 1, "dilation", 1, "groups", 1, "bias",
                     0, "has_shuffle", 0, "in_channels", head->in_c, "out_channels", head->mid,
                     "use_bn", 0, "act_func", onp_arch_activations[head->act], "dropout_rate", 0,
                     "ops_order", "weight_bn_act");
}

static json_t *separable_json(const onp_block *b)
{
    return json_pack("{s:s, s:i, s:i, s:i, s:i, s:b, s:b, s:i, s:i, s:b, s:n, s:i, s:s, s:s}",
                     "name", "DepthConvLayer", "kernel_size", b->kernel, "stride", b->stride,
                     "dilation", b->dilation, "groups", 1, "bias", 0, "has_shuffle", 0,
                     "in_channels", b->in_c, "out_channels", b->out_c, "use_bn", 1, "act_func",
                     "dropout_rate", 0, "ops_order", "weight_bn_act", "depth_bn_act",
                     onp_arch_activations[b->act]);
}

static json_t *pool_json(const onp_block *b)
{
    json_t *json =
        json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:b, s:n, s:i, s:s}", "name", "PoolingLayer",
                  "pool_type", b->kind == ONP_BLOCK_MAX_POOL ? "max" : "avg", "kernel_size",
                  b->kernel, "stride", b->stride, "in_channels", b->in_c, "out_channels", b->out_c,
                  "use_bn", 0, "act_func", "dropout_rate", 0, "ops_order", "weight_bn_act");
    if (b->stride > 1 && json_object_set_new(json, "padding", json_integer(b->kernel / 2)) != 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

static json_t *identity_json(const onp_block *b)
{
    return json_pack("{s:s, s:i, s:i, s:b, s:n, s:i, s:s}", "name", "IdentityLayer", "in_channels",
                     b->in_c, "out_channels", b->in_c, "use_bn", 0, "act_func", "dropout_rate", 0,
                     "ops_order", "weight_bn_act");
}

static json_t *mbconv_json(const onp_block *b)
{
    json_t *mid = b->mid == b->in_c * b->expand ? json_null() : json_integer(b->mid);
    json_t *json =
        json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:o}", "name", "MBInvertedConvLayer",
                  "in_channels", b->in_c, "out_channels", b->out_c, "kernel_size", b->kernel,
                  "stride", b->stride, "expand_ratio", b->expand, "mid_channels", mid);
    int failed = 0;
    if (b->act != ONP_ACT_RELU6 || b->se) { /* keys of Once-for-All */
        failed |= json_object_set_new(json, "act_func", json_string(onp_arch_activations[b->act]));
        failed |= json_object_set_new(json, "use_se", json_boolean(b->se));
    }
    if (failed == 0)
        return json;
    json_decref(json);
    return NULL;
}

static json_t *layer_json(const onp_block *b)
{
    switch (b->kind) {
    case ONP_BLOCK_CONV:
        return conv_json(b);
    case ONP_BLOCK_SEPARABLE:
        return separable_json(b);
    case ONP_BLOCK_MAX_POOL:
    case ONP_BLOCK_AVG_POOL:
        return pool_json(b);
    case ONP_BLOCK_IDENTITY:
        return identity_json(b);
    case ONP_BLOCK_ZERO:
        return json_pack("{s:s, s:i}", "name", "ZeroLayer", "stride", 1);
    default:
        return mbconv_json(b);
    }
}

static json_t *block_json(const onp_block *b)
{
    const bool zero = b->kind == ONP_BLOCK_ZERO;
    json_t *shortcut = zero || b->skip ? identity_json(b) : json_null();
    return json_pack("{s:s, s:o, s:o}", "name", "MobileInvertedResidualBlock",
                     "mobile_inverted_conv", layer_json(b), "shortcut", shortcut);
}

static json_t *head_json(const onp_block *b)
{
    return json_pack("{s:s, s:i, s:i, s:b, s:b, s:n, s:i, s:s}", "name", "LinearLayer",
                     "in_features", b->mid > 0 ? b->mid : b->in_c, "out_features", b->out_c, "bias",
                     1, "use_bn", 0, "act_func", "dropout_rate", 0, "ops_order", "weight_bn_act");
}

static json_t *resolution_json(const onp_block *stem)
{
    return stem->in_h == stem->in_w ? json_integer(stem->in_h)
                                    : json_pack("[i, i]", stem->in_h, stem->in_w);
}

/* Stem, then blocks of stages, then maybe a mix, then a head. */
static onp_status check_order(const onp_block *blocks, int32_t n, onp_error *err)
{
    if (n < 2 || blocks[0].kind != ONP_BLOCK_STEM || blocks[n - 1].kind != ONP_BLOCK_HEAD)
        return onp_fail(err, ONP_E_FORMAT, "architecture: wanted a stem first and a head last");
    for (int32_t i = 1; i < n - 1; i++) {
        char name[32];
        if (onp_block_is_candidate(&blocks[i]) || (blocks[i].kind == ONP_BLOCK_MIX && i == n - 2))
            continue;
        onp_block_short_name(&blocks[i], name);
        return onp_fail(err, ONP_E_FORMAT, "architecture: block %d of %d is a %s", (int)i + 1,
                        (int)n, name);
    }
    return ONP_OK;
}

onp_status onp_arch_from_blocks(const onp_context *ctx, const onp_block *blocks, int32_t n,
                                double bn_eps, double bn_momentum, onp_arch **out, onp_error *err)
{
    ONP_TRY(check_order(blocks, n, err));
    const bool has_mix = blocks[n - 2].kind == ONP_BLOCK_MIX;
    const int32_t end = has_mix ? n - 2 : n - 1;
    json_t *list = json_array();
    int failed = 0;
    for (int32_t i = 1; i < end; i++)
        failed |= json_array_append_new(list, block_json(&blocks[i]));
    const onp_block *head = &blocks[n - 1];
    const bool v3 = head->mid > 0;
    json_t *mix = has_mix ? conv_json(&blocks[n - 2]) : json_null();
    json_t *json =
        json_pack("{s:s, s:{s:f, s:f}, s:o, s:o, s:o*, s:o, s:o, s:o}", "name",
                  v3 ? ONP_ARCH_NAME_V3 : ONP_ARCH_NAME, "bn", "momentum", bn_momentum, "eps",
                  bn_eps, "first_conv", conv_json(&blocks[0]), "blocks", list, "final_expand_layer",
                  v3 ? mix : NULL, "feature_mix_layer", v3 ? hidden_json(head) : mix, "classifier",
                  head_json(head), "resolution", resolution_json(&blocks[0]));
    if (json == NULL || failed != 0) {
        json_decref(json);
        return onp_fail(err, ONP_E_NOMEM, "architecture: out of memory for its JSON");
    }
    /* the reader makes the blocks, so that what is written is what it will read */
    return onp_arch_from_json(ctx, json, "architecture", out, err);
}

onp_status onp_arch_save(const onp_arch *arch, const char *path, onp_error *err)
{
    return onp_json_save_file(arch->ctx, arch->json, 4, path, err);
}
