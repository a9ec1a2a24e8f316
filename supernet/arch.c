/* SPDX-License-Identifier: Apache-2.0 */
#include "supernet/arch.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "supernet/arch_internal.h"

enum { MAX_BLOCKS = 500, DEFAULT_RESOLUTION = 224 };

/* ---- ends of the network ---- */

/* mid, act: of the linear layer before it; 0: there is none */
static onp_status read_classifier(onp_arch_reader *r, const onp_arch_layer *l, int32_t mid,
                                  onp_activation act)
{
    static const onp_arch_value values[] = {{"bias", "true", false},
                                            {"use_bn", "false", false},
                                            {"act_func", "null", false},
                                            {"ops_order", "\"weight_bn_act\"", false}};
    onp_block b = {.kind = ONP_BLOCK_HEAD, .mid = mid, .act = act};
    ONP_TRY(onp_arch_check_name(r, l, "LinearLayer"));
    ONP_TRY(onp_arch_check_values(r, l, values, ONP_COUNT(values)));
    const int32_t c = r->c;
    r->c = mid > 0 ? mid : c;
    ONP_TRY(onp_arch_check_channels(r, l, "in_features"));
    r->c = c;
    ONP_TRY(onp_arch_get_int(r, l, "out_features", ONP_ARCH_MAX_SIZE, &b.out_c));
    return onp_arch_add_block(r, l, b);
}

static onp_status read_bn_value(onp_arch_reader *r, const onp_arch_layer *bn, const char *key,
                                double *out)
{
    if (json_object_get(bn->json, key) == NULL)
        return ONP_OK;
    double value = 0;
    ONP_TRY(onp_json_get_real(bn->json, key, &value, bn->where, r->err));
    if (!(value > 0 && value <= 1))
        return onp_fail(r->err, ONP_E_FORMAT, "%s: key \"%s\" is %g, wanted above 0 and at most 1",
                        bn->where, key, value);
    *out = value;
    return ONP_OK;
}

static onp_status read_bn(onp_arch_reader *r, const onp_arch_layer *root)
{
    static const onp_arch_value values[] = {{"ws_eps", "null", false}};
    onp_arch_layer bn;
    r->arch->bn_eps = ONP_ARCH_BN_EPS;
    r->arch->bn_momentum = ONP_ARCH_BN_MOMENTUM;
    if (json_object_get(root->json, "bn") == NULL)
        return ONP_OK;
    ONP_TRY(onp_arch_get_layer(r, root, "bn", &bn));
    ONP_TRY(onp_arch_check_values(r, &bn, values, ONP_COUNT(values)));
    ONP_TRY(read_bn_value(r, &bn, "eps", &r->arch->bn_eps));
    return read_bn_value(r, &bn, "momentum", &r->arch->bn_momentum);
}

/* ---- the file ---- */

/* The size of the input, which stem and resolution tell together. */
static onp_status read_input(onp_arch_reader *r, const onp_arch_layer *root,
                             const onp_arch_layer *stem)
{
    onp_arch *a = r->arch;
    int32_t pair[2] = {0};
    ONP_TRY(onp_arch_get_pair(r, root, "resolution", DEFAULT_RESOLUTION, ONP_ARCH_MAX_SIZE, pair));
    ONP_TRY(onp_arch_get_int(r, stem, "in_channels", ONP_ARCH_MAX_SIZE, &a->in_c));
    r->h = a->in_h = pair[0];
    r->w = a->in_w = pair[1];
    r->c = a->in_c;
    return ONP_OK;
}

static onp_status read_blocks(onp_arch_reader *r, json_t *blocks)
{
    for (size_t i = 0; i < json_array_size(blocks); i++) {
        onp_arch_layer l = {.json = json_array_get(blocks, i)};
        (void)snprintf(l.where, ONP_ARCH_WHERE, "%.200s: blocks[%zu]", r->name, i);
        ONP_TRY(onp_arch_read_block(r, &l));
    }
    return ONP_OK;
}

/* The convolution on the pooled map, without batch norm and bias. */
static onp_status read_hidden(onp_arch_reader *r, const onp_arch_layer *l, int32_t *mid,
                              onp_activation *act)
{
    static const onp_arch_value values[] = {
        {"kernel_size", "1", true}, {"stride", "1", false},
        {"dilation", "1", false},   {"groups", "1", false},
        {"bias", "false", false},   {"has_shuffle", "false", false},
        {"use_bn", "false", true},  {"ops_order", "\"weight_bn_act\"", false},
    };
    ONP_TRY(onp_arch_check_name(r, l, "ConvLayer"));
    ONP_TRY(onp_arch_check_values(r, l, values, ONP_COUNT(values)));
    ONP_TRY(onp_arch_check_channels(r, l, "in_channels"));
    ONP_TRY(onp_arch_get_int(r, l, "out_channels", ONP_ARCH_MAX_SIZE, mid));
    return onp_arch_get_activation(r, l, "act_func", NULL, act);
}

/*
 * What is behind the blocks. ProxylessNAS: feature_mix_layer, pool, classifier. Once-for-All's
 * MobileNetV3: final_expand_layer, pool, feature_mix_layer without batch norm, classifier.
 */
static onp_status read_tail(onp_arch_reader *r, const onp_arch_layer *root)
{
    static const char expand[] = "final_expand_layer", mix[] = "feature_mix_layer";
    const json_t *json = r->arch->json;
    const bool has_expand =
        !json_is_null(json_object_get(json, expand)) && json_object_get(json, expand) != NULL;
    const bool v3 = json_object_get(json, expand) != NULL;
    int32_t mid = 0;
    onp_activation act = ONP_ACT_RELU6;
    onp_arch_layer l;
    if (has_expand) {
        ONP_TRY(onp_arch_get_layer(r, root, expand, &l));
        ONP_TRY(onp_arch_read_conv(r, &l, ONP_BLOCK_MIX, false));
    }
    if (!json_is_null(json_object_get(json, mix))) {
        ONP_TRY(onp_arch_get_layer(r, root, mix, &l));
        ONP_TRY(v3 ? read_hidden(r, &l, &mid, &act)
                   : onp_arch_read_conv(r, &l, ONP_BLOCK_MIX, false));
    }
    ONP_TRY(onp_arch_get_layer(r, root, "classifier", &l));
    return read_classifier(r, &l, mid, act);
}

static onp_status read_network(onp_arch_reader *r)
{
    onp_arch *a = r->arch;
    onp_arch_layer root = {.json = a->json}, l;
    json_t *blocks = NULL;
    (void)snprintf(root.where, ONP_ARCH_WHERE, "%.200s", r->name);
    if (!json_is_string(json_object_get(a->json, "name")) ||
        strcmp(json_string_value(json_object_get(a->json, "name")), ONP_ARCH_NAME_V3) != 0)
        ONP_TRY(onp_arch_check_name(r, &root, ONP_ARCH_NAME));
    a->name = json_string_value(json_object_get(a->json, "name"));
    ONP_TRY(read_bn(r, &root));
    ONP_TRY(onp_json_get_array(a->json, "blocks", &blocks, root.where, r->err));
    if (json_array_size(blocks) > MAX_BLOCKS)
        return onp_fail(r->err, ONP_E_FORMAT, "%s: %zu blocks, wanted at most %d", root.where,
                        json_array_size(blocks), MAX_BLOCKS);
    a->blocks = onp_alloc(a->ctx, json_array_size(blocks) + 3, sizeof *a->blocks);
    if (a->blocks == NULL)
        return onp_fail(r->err, ONP_E_NOMEM, "%s: out of memory for the blocks", root.where);
    ONP_TRY(onp_arch_get_layer(r, &root, "first_conv", &l));
    ONP_TRY(read_input(r, &root, &l));
    ONP_TRY(onp_arch_read_conv(r, &l, ONP_BLOCK_STEM, false));
    ONP_TRY(read_blocks(r, blocks));
    return read_tail(r, &root);
}

onp_status onp_arch_from_json(const onp_context *ctx, json_t *json, const char *name,
                              onp_arch **out, onp_error *err)
{
    onp_arch *a = onp_alloc(ctx, 1, sizeof *a);
    if (a == NULL) {
        json_decref(json);
        return onp_fail(err, ONP_E_NOMEM, "%.200s: out of memory for the architecture", name);
    }
    a->ctx = ctx;
    a->json = json;
    onp_arch_reader r = {.arch = a, .name = name, .err = err};
    onp_status st = read_network(&r);
    if (st != ONP_OK) {
        onp_arch_free(a);
        return st;
    }
    *out = a;
    return ONP_OK;
}

onp_status onp_arch_parse(const onp_context *ctx, const char *text, size_t size, const char *name,
                          onp_arch **out, onp_error *err)
{
    json_t *json = NULL;
    ONP_TRY(onp_json_parse(text, size, name, &json, err));
    return onp_arch_from_json(ctx, json, name, out, err);
}

onp_status onp_arch_load(const onp_context *ctx, const char *path, onp_arch **out, onp_error *err)
{
    json_t *json = NULL;
    ONP_TRY(onp_json_load_file(ctx, path, 16 * ONP_MIB, &json, err));
    return onp_arch_from_json(ctx, json, path, out, err);
}

void onp_arch_free(onp_arch *arch)
{
    if (arch == NULL)
        return;
    json_decref(arch->json);
    onp_free(arch->ctx, arch->blocks);
    onp_free(arch->ctx, arch);
}

int64_t onp_arch_n_params(const onp_arch *arch)
{
    int64_t total = 0;
    for (int32_t i = 0; i < arch->n_blocks; i++)
        total += onp_block_n_params(&arch->blocks[i]);
    return total;
}

int64_t onp_arch_n_macs(const onp_arch *arch)
{
    int64_t total = 0;
    for (int32_t i = 0; i < arch->n_blocks; i++)
        total += onp_block_n_macs(&arch->blocks[i]);
    return total;
}

onp_status onp_arch_hash(const onp_arch *arch, char hex[ONP_SHA256_HEX], onp_error *err)
{
    onp_strbuf keys;
    onp_strbuf_init(&keys, arch->ctx);
    for (int32_t i = 0; i < arch->n_blocks; i++) {
        char key[ONP_BLOCK_KEY];
        onp_block_key(&arch->blocks[i], key);
        onp_strbuf_addf(&keys, "%s\n", key);
    }
    onp_status st = onp_strbuf_status(&keys, err);
    if (st == ONP_OK)
        onp_sha256(keys.text, keys.length, hex);
    onp_strbuf_reset(&keys);
    return st;
}
