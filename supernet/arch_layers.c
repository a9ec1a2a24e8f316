/* SPDX-License-Identifier: Apache-2.0 */
/* Layers of arch.json into blocks. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "supernet/arch_internal.h"

onp_status onp_arch_add_block(onp_arch_reader *r, const onp_arch_layer *l, onp_block b)
{
    b.in_h = r->h;
    b.in_w = r->w;
    b.in_c = r->c;
    onp_status st = onp_block_complete(&b, r->err);
    if (st != ONP_OK)
        return onp_fail_prefix(r->err, ONP_E_FORMAT, "%s: ", l->where);
    r->arch->blocks[r->arch->n_blocks++] = b;
    r->h = b.out_h;
    r->w = b.out_w;
    r->c = b.out_c;
    return ONP_OK;
}

/* What convolutions, pools and identities share. */
static onp_status read_common(onp_arch_reader *r, const onp_arch_layer *l, onp_block *b)
{
    static const onp_arch_value values[] = {{"has_shuffle", "false", false},
                                            {"ops_order", "\"weight_bn_act\"", false}};
    ONP_TRY(onp_arch_get_square(r, l, "kernel_size", 3, 31, &b->kernel));
    ONP_TRY(onp_arch_get_square(r, l, "stride", 1, 4, &b->stride));
    ONP_TRY(onp_arch_check_values(r, l, values, ONP_COUNT(values)));
    ONP_TRY(onp_arch_check_channels(r, l, "in_channels"));
    return onp_arch_get_int(r, l, "out_channels", ONP_ARCH_MAX_SIZE, &b->out_c);
}

onp_status onp_arch_read_conv(onp_arch_reader *r, const onp_arch_layer *l, onp_block_kind kind,
                              bool skip)
{
    static const onp_arch_value values[] = {{"bias", "false", false}, {"use_bn", "true", false}};
    onp_block b = {.kind = kind, .skip = skip};
    ONP_TRY(onp_arch_check_name(r, l, "ConvLayer"));
    ONP_TRY(read_common(r, l, &b));
    ONP_TRY(onp_arch_get_square(r, l, "dilation", 1, ONP_DILATION_MAX, &b.dilation));
    ONP_TRY(onp_arch_get_square(r, l, "groups", 1, ONP_ARCH_MAX_SIZE, &b.groups));
    ONP_TRY(onp_arch_check_values(r, l, values, ONP_COUNT(values)));
    ONP_TRY(onp_arch_get_activation(r, l, "act_func", NULL, &b.act));
    return onp_arch_add_block(r, l, b);
}

/* Theirs has nothing between its two convolutions: what we write says what is there by a key of its
 * own, which they refuse. */
static onp_status read_separable(onp_arch_reader *r, const onp_arch_layer *l, bool skip)
{
    static const onp_arch_value values[] = {{"bias", "false", false},
                                            {"groups", "1", false},
                                            {"use_bn", "true", false},
                                            {"act_func", "null", true}};
    onp_block b = {.kind = ONP_BLOCK_SEPARABLE, .skip = skip};
    if (json_object_get(l->json, "depth_bn_act") == NULL)
        return onp_fail(r->err, ONP_E_FORMAT,
                        "%s: is a DepthConvLayer without batch norm between its two convolutions: "
                        "key \"depth_bn_act\" is missing",
                        l->where);
    ONP_TRY(read_common(r, l, &b));
    ONP_TRY(onp_arch_get_square(r, l, "dilation", 1, ONP_DILATION_MAX, &b.dilation));
    ONP_TRY(onp_arch_check_values(r, l, values, ONP_COUNT(values)));
    ONP_TRY(onp_arch_get_activation(r, l, "depth_bn_act", NULL, &b.act));
    return onp_arch_add_block(r, l, b);
}

/* Theirs pads at stride 1 only; where ours does too, the file says so. */
static onp_status read_pool(onp_arch_reader *r, const onp_arch_layer *l, bool skip)
{
    static const onp_arch_value values[] = {{"use_bn", "false", false},
                                            {"act_func", "null", false}};
    onp_block b = {.kind = ONP_BLOCK_MAX_POOL, .skip = skip};
    const char *type = NULL;
    ONP_TRY(onp_json_get_string(l->json, "pool_type", &type, l->where, r->err));
    if (strcmp(type, "max") != 0 && strcmp(type, "avg") != 0)
        return onp_fail(r->err, ONP_E_FORMAT, "%s: key \"pool_type\" is %.60s, wanted max or avg",
                        l->where, type);
    b.kind = strcmp(type, "max") == 0 ? ONP_BLOCK_MAX_POOL : ONP_BLOCK_AVG_POOL;
    ONP_TRY(read_common(r, l, &b));
    ONP_TRY(onp_arch_check_values(r, l, values, ONP_COUNT(values)));
    char padding[16];
    (void)snprintf(padding, sizeof padding, "%" PRId32, b.kernel / 2);
    const onp_arch_value padded = {"padding", padding, b.stride > 1 && b.kernel > 1};
    ONP_TRY(onp_arch_check_values(r, l, &padded, 1));
    return onp_arch_add_block(r, l, b);
}

static onp_status check_identity(onp_arch_reader *r, const onp_arch_layer *l)
{
    static const onp_arch_value values[] = {{"use_bn", "false", false},
                                            {"act_func", "null", false}};
    ONP_TRY(onp_arch_check_name(r, l, "IdentityLayer"));
    ONP_TRY(onp_arch_check_values(r, l, values, ONP_COUNT(values)));
    ONP_TRY(onp_arch_check_channels(r, l, "in_channels"));
    return onp_arch_check_channels(r, l, "out_channels");
}

static onp_status read_identity(onp_arch_reader *r, const onp_arch_layer *l, bool skip)
{
    ONP_TRY(check_identity(r, l));
    return onp_arch_add_block(r, l, (onp_block){.kind = ONP_BLOCK_IDENTITY, .skip = skip});
}

static onp_status read_zero(onp_arch_reader *r, const onp_arch_layer *l, bool skip)
{
    int32_t stride = 1;
    ONP_TRY(onp_arch_get_square(r, l, "stride", 1, 4, &stride));
    if (stride != 1)
        return onp_fail(r->err, ONP_E_FORMAT, "%s: key \"stride\" is %" PRId32 ", wanted 1",
                        l->where, stride);
    if (!skip)
        return onp_fail(r->err, ONP_E_FORMAT, "%s: has no shortcut beside it, so nothing passes",
                        l->where);
    return onp_arch_add_block(r, l, (onp_block){.kind = ONP_BLOCK_ZERO});
}

static onp_status read_mbconv(onp_arch_reader *r, const onp_arch_layer *l, bool skip)
{
    static const onp_arch_value values[] = {{"groups", "null", false}};
    onp_block b = {.kind = ONP_BLOCK_MBCONV, .skip = skip};
    const json_t *mid = json_object_get(l->json, "mid_channels");
    const json_t *se = json_object_get(l->json, "use_se");
    ONP_TRY(onp_arch_check_channels(r, l, "in_channels"));
    ONP_TRY(onp_arch_get_int(r, l, "out_channels", ONP_ARCH_MAX_SIZE, &b.out_c));
    ONP_TRY(onp_arch_get_square(r, l, "kernel_size", 3, 31, &b.kernel));
    ONP_TRY(onp_arch_get_square(r, l, "stride", 1, 4, &b.stride));
    ONP_TRY(onp_arch_get_int(r, l, "expand_ratio", 32, &b.expand));
    if (mid != NULL && !json_is_null(mid))
        ONP_TRY(onp_arch_get_int(r, l, "mid_channels", ONP_ARCH_MAX_SIZE, &b.mid));
    ONP_TRY(onp_arch_check_values(r, l, values, ONP_COUNT(values)));
    ONP_TRY(onp_arch_get_activation(r, l, "act_func", "relu6", &b.act));
    if (se != NULL && !json_is_boolean(se))
        return onp_fail(r->err, ONP_E_FORMAT, "%s: key \"use_se\" is neither true nor false",
                        l->where);
    b.se = json_is_true(se);
    return onp_arch_add_block(r, l, b);
}

static onp_status read_plain_conv(onp_arch_reader *r, const onp_arch_layer *l, bool skip)
{
    return onp_arch_read_conv(r, l, ONP_BLOCK_CONV, skip);
}

static const struct {
    const char *name;
    onp_status (*read)(onp_arch_reader *r, const onp_arch_layer *l, bool skip);
} readers[] = {
    {"MBInvertedConvLayer", read_mbconv},
    {"MBConvLayer", read_mbconv},
    {"ZeroLayer", read_zero},
    {"ConvLayer", read_plain_conv},
    {"DepthConvLayer", read_separable},
    {"PoolingLayer", read_pool},
    {"IdentityLayer", read_identity},
};

/* The shortcut of a block: null, or the identity. */
static onp_status read_shortcut(onp_arch_reader *r, const onp_arch_layer *block, bool *present)
{
    onp_arch_layer l;
    *present = !json_is_null(json_object_get(block->json, "shortcut"));
    if (!*present)
        return ONP_OK;
    ONP_TRY(onp_arch_get_layer(r, block, "shortcut", &l));
    return check_identity(r, &l);
}

/* Once-for-All calls the block and its layer otherwise, and has null where a block is skipped. */
onp_status onp_arch_read_block(onp_arch_reader *r, const onp_arch_layer *l)
{
    onp_arch_layer conv;
    const char *name = NULL, *key = "mobile_inverted_conv";
    bool skip = false;
    if (json_is_null(l->json))
        return onp_arch_add_block(r, l, (onp_block){.kind = ONP_BLOCK_ZERO});
    ONP_TRY(onp_json_get_string(l->json, "name", &name, l->where, r->err));
    if (strcmp(name, "ResidualBlock") == 0)
        key = json_object_get(l->json, "conv") != NULL ? "conv" : key;
    else
        ONP_TRY(onp_arch_check_name(r, l, "MobileInvertedResidualBlock"));
    if (strcmp(name, "ResidualBlock") == 0 && json_is_null(json_object_get(l->json, key)))
        return onp_arch_add_block(r, l, (onp_block){.kind = ONP_BLOCK_ZERO});
    ONP_TRY(onp_arch_get_layer(r, l, key, &conv));
    ONP_TRY(onp_json_get_string(conv.json, "name", &name, conv.where, r->err));
    ONP_TRY(read_shortcut(r, l, &skip));
    for (size_t i = 0; i < ONP_COUNT(readers); i++)
        if (strcmp(name, readers[i].name) == 0)
            return readers[i].read(r, &conv, skip);
    return onp_fail(r->err, ONP_E_FORMAT, "%s: is a %.60s, wanted MBInvertedConvLayer", conv.where,
                    name);
}
