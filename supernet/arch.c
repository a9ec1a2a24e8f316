/* SPDX-License-Identifier: Apache-2.0 */
#include "supernet/arch.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_BLOCKS = 500, MAX_SIZE = 65536, WHERE = 256, DEFAULT_RESOLUTION = 224 };

typedef struct reader {
    onp_arch *arch;
    const char *name; /* of the file */
    onp_error *err;
    int32_t h, w, c; /* the map behind the last block */
} reader;

/* A layer of the file with its place in it, for errors. */
typedef struct layer {
    const json_t *json;
    char where[WHERE];
} layer;

/* ---- values ---- */

/* Required values of keys whose other values we cannot build. */
typedef struct fixed_value {
    const char *key, *json;
    bool required; /* else a file without it means this value */
} fixed_value;

static onp_status check_value(reader *r, const layer *l, const fixed_value *f)
{
    const json_t *value = json_object_get(l->json, f->key);
    if (value == NULL && !f->required)
        return ONP_OK;
    if (value == NULL)
        return onp_fail(r->err, ONP_E_FORMAT, "%s: key \"%s\" is missing", l->where, f->key);
    onp_strbuf text;
    onp_strbuf_init(&text, r->arch->ctx);
    onp_status st = onp_json_dump(value, 0, &text, r->err);
    if (st == ONP_OK && strcmp(text.text, f->json) != 0)
        st = onp_fail(r->err, ONP_E_FORMAT, "%s: key \"%s\" is %.60s, wanted %s", l->where, f->key,
                      text.text, f->json);
    onp_strbuf_reset(&text);
    return st;
}

static onp_status check_values(reader *r, const layer *l, const fixed_value *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ONP_TRY(check_value(r, l, &list[i]));
    return ONP_OK;
}

static onp_status get_int(reader *r, const layer *l, const char *key, int64_t max, int32_t *out)
{
    int64_t value = 0;
    ONP_TRY(onp_json_get_int(l->json, key, 1, max, &value, l->where, r->err));
    *out = (int32_t)value;
    return ONP_OK;
}

/* An integer or a list of two (rows, columns); def when the key is absent. */
static onp_status get_pair(reader *r, const layer *l, const char *key, int32_t def, int32_t max,
                           int32_t out[2])
{
    const json_t *value = json_object_get(l->json, key);
    if (value == NULL) {
        out[0] = out[1] = def;
        return ONP_OK;
    }
    const bool list = json_is_array(value) && json_array_size(value) == 2;
    for (size_t i = 0; i < 2; i++) {
        const json_t *v = list ? json_array_get(value, i) : value;
        if (!json_is_integer(v) || json_integer_value(v) < 1 || json_integer_value(v) > max)
            return onp_fail(r->err, ONP_E_FORMAT,
                            "%s: key \"%s\" is not an integer in 1..%" PRId32
                            " or a list of two of them",
                            l->where, key, max);
        out[i] = (int32_t)json_integer_value(v);
    }
    return ONP_OK;
}

/* Kernel or stride: the same for rows and columns. */
static onp_status get_square(reader *r, const layer *l, const char *key, int32_t def, int32_t max,
                             int32_t *out)
{
    int32_t pair[2] = {0};
    ONP_TRY(get_pair(r, l, key, def, max, pair));
    if (pair[0] != pair[1])
        return onp_fail(r->err, ONP_E_FORMAT,
                        "%s: key \"%s\" is [%" PRId32 ", %" PRId32 "], wanted two equal numbers",
                        l->where, key, pair[0], pair[1]);
    *out = pair[0];
    return ONP_OK;
}

/* A key that must say what the layers before it say. */
static onp_status check_channels(reader *r, const layer *l, const char *key)
{
    int32_t seen = 0;
    ONP_TRY(get_int(r, l, key, MAX_SIZE, &seen));
    if (seen != r->c)
        return onp_fail(r->err, ONP_E_FORMAT,
                        "%s: key \"%s\" is %" PRId32 ", but the layer before has %" PRId32
                        " channels",
                        l->where, key, seen, r->c);
    return ONP_OK;
}

/* The member `key` of l as a layer of its own. */
static onp_status get_layer(reader *r, const layer *l, const char *key, layer *out)
{
    json_t *value = NULL;
    ONP_TRY(onp_json_get_object(l->json, key, &value, l->where, r->err));
    const size_t room = WHERE - strlen(key) - 3;
    const bool root = l->json == r->arch->json;
    (void)snprintf(out->where, WHERE, "%.*s%s%s", (int)room, l->where, root ? ": " : ".", key);
    out->json = value;
    return ONP_OK;
}

static onp_status check_name(reader *r, const layer *l, const char *wanted)
{
    const char *seen = NULL;
    ONP_TRY(onp_json_get_string(l->json, "name", &seen, l->where, r->err));
    if (strcmp(seen, wanted) != 0)
        return onp_fail(r->err, ONP_E_FORMAT, "%s: is a %.60s, wanted %s", l->where, seen, wanted);
    return ONP_OK;
}

/* ---- layers ---- */

/* Appends the block, whose kind, output and parameters are set, behind the map so far. */
static onp_status add_block(reader *r, const layer *l, onp_block b)
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

/* A convolution with batch norm and ReLU6: the stem, whose input is the network's, or the mix. */
static onp_status read_conv(reader *r, const layer *l, onp_block_kind kind)
{
    static const fixed_value values[] = {
        {"dilation", "1", false},        {"groups", "1", false},
        {"bias", "false", false},        {"has_shuffle", "false", false},
        {"use_bn", "true", false},       {"ops_order", "\"weight_bn_act\"", false},
        {"act_func", "\"relu6\"", true},
    };
    onp_block b = {.kind = kind};
    ONP_TRY(check_name(r, l, "ConvLayer"));
    ONP_TRY(get_square(r, l, "kernel_size", 3, 31, &b.kernel));
    ONP_TRY(get_square(r, l, "stride", 1, 4, &b.stride));
    ONP_TRY(check_values(r, l, values, ONP_COUNT(values)));
    ONP_TRY(check_channels(r, l, "in_channels"));
    ONP_TRY(get_int(r, l, "out_channels", MAX_SIZE, &b.out_c));
    return add_block(r, l, b);
}

/* The shortcut of a block: null, or the identity on `c` channels. */
static onp_status read_shortcut(reader *r, const layer *block, bool *present)
{
    static const fixed_value values[] = {{"use_bn", "false", false}, {"act_func", "null", false}};
    *present = !json_is_null(json_object_get(block->json, "shortcut"));
    if (!*present)
        return ONP_OK;
    layer l;
    ONP_TRY(get_layer(r, block, "shortcut", &l));
    ONP_TRY(check_name(r, &l, "IdentityLayer"));
    ONP_TRY(check_values(r, &l, values, ONP_COUNT(values)));
    ONP_TRY(check_channels(r, &l, "in_channels"));
    return check_channels(r, &l, "out_channels");
}

static onp_status read_zero(reader *r, const layer *l, bool shortcut)
{
    int32_t stride = 1;
    ONP_TRY(get_square(r, l, "stride", 1, 4, &stride));
    if (stride != 1)
        return onp_fail(r->err, ONP_E_FORMAT, "%s: key \"stride\" is %" PRId32 ", wanted 1",
                        l->where, stride);
    if (!shortcut)
        return onp_fail(r->err, ONP_E_FORMAT, "%s: has no shortcut beside it, so nothing passes",
                        l->where);
    return add_block(r, l, (onp_block){.kind = ONP_BLOCK_ZERO});
}

static onp_status read_mbconv(reader *r, const layer *l, bool shortcut)
{
    static const fixed_value values[] = {
        {"act_func", "\"relu6\"", false}, {"use_se", "false", false}, {"groups", "null", false}};
    onp_block b = {.kind = ONP_BLOCK_MBCONV, .skip = shortcut};
    const json_t *mid = json_object_get(l->json, "mid_channels");
    ONP_TRY(check_name(r, l, "MBInvertedConvLayer"));
    ONP_TRY(check_channels(r, l, "in_channels"));
    ONP_TRY(get_int(r, l, "out_channels", MAX_SIZE, &b.out_c));
    ONP_TRY(get_square(r, l, "kernel_size", 3, 31, &b.kernel));
    ONP_TRY(get_square(r, l, "stride", 1, 4, &b.stride));
    ONP_TRY(get_int(r, l, "expand_ratio", 32, &b.expand));
    if (mid != NULL && !json_is_null(mid))
        ONP_TRY(get_int(r, l, "mid_channels", MAX_SIZE, &b.mid));
    ONP_TRY(check_values(r, l, values, ONP_COUNT(values)));
    return add_block(r, l, b);
}

static onp_status read_block(reader *r, const layer *l)
{
    layer conv;
    const char *name = NULL;
    bool shortcut = false;
    ONP_TRY(check_name(r, l, "MobileInvertedResidualBlock"));
    ONP_TRY(get_layer(r, l, "mobile_inverted_conv", &conv));
    ONP_TRY(onp_json_get_string(conv.json, "name", &name, conv.where, r->err));
    ONP_TRY(read_shortcut(r, l, &shortcut));
    return strcmp(name, "ZeroLayer") == 0 ? read_zero(r, &conv, shortcut)
                                          : read_mbconv(r, &conv, shortcut);
}

static onp_status read_blocks(reader *r, json_t *blocks)
{
    for (size_t i = 0; i < json_array_size(blocks); i++) {
        layer l = {.json = json_array_get(blocks, i)};
        (void)snprintf(l.where, WHERE, "%.200s: blocks[%zu]", r->name, i);
        ONP_TRY(read_block(r, &l));
    }
    return ONP_OK;
}

static onp_status read_classifier(reader *r, const layer *l)
{
    static const fixed_value values[] = {{"bias", "true", false},
                                         {"use_bn", "false", false},
                                         {"act_func", "null", false},
                                         {"ops_order", "\"weight_bn_act\"", false}};
    onp_block b = {.kind = ONP_BLOCK_HEAD};
    ONP_TRY(check_name(r, l, "LinearLayer"));
    ONP_TRY(check_values(r, l, values, ONP_COUNT(values)));
    ONP_TRY(check_channels(r, l, "in_features"));
    ONP_TRY(get_int(r, l, "out_features", MAX_SIZE, &b.out_c));
    return add_block(r, l, b);
}

static onp_status read_bn_value(reader *r, const layer *bn, const char *key, double *out)
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

static onp_status read_bn(reader *r, const layer *root)
{
    static const fixed_value values[] = {{"ws_eps", "null", false}};
    layer bn;
    r->arch->bn_eps = ONP_ARCH_BN_EPS;
    r->arch->bn_momentum = ONP_ARCH_BN_MOMENTUM;
    if (json_object_get(root->json, "bn") == NULL)
        return ONP_OK;
    ONP_TRY(get_layer(r, root, "bn", &bn));
    ONP_TRY(check_values(r, &bn, values, ONP_COUNT(values)));
    ONP_TRY(read_bn_value(r, &bn, "eps", &r->arch->bn_eps));
    return read_bn_value(r, &bn, "momentum", &r->arch->bn_momentum);
}

/* ---- the file ---- */

/* The size of the input, which stem and resolution tell together. */
static onp_status read_input(reader *r, const layer *root, const layer *stem)
{
    onp_arch *a = r->arch;
    int32_t pair[2] = {0};
    ONP_TRY(get_pair(r, root, "resolution", DEFAULT_RESOLUTION, MAX_SIZE, pair));
    ONP_TRY(get_int(r, stem, "in_channels", MAX_SIZE, &a->in_c));
    r->h = a->in_h = pair[0];
    r->w = a->in_w = pair[1];
    r->c = a->in_c;
    return ONP_OK;
}

static onp_status read_network(reader *r)
{
    onp_arch *a = r->arch;
    layer root = {.json = a->json}, l;
    json_t *blocks = NULL;
    (void)snprintf(root.where, WHERE, "%.200s", r->name);
    ONP_TRY(check_name(r, &root, ONP_ARCH_NAME));
    a->name = json_string_value(json_object_get(a->json, "name"));
    ONP_TRY(read_bn(r, &root));
    ONP_TRY(onp_json_get_array(a->json, "blocks", &blocks, root.where, r->err));
    if (json_array_size(blocks) > MAX_BLOCKS)
        return onp_fail(r->err, ONP_E_FORMAT, "%s: %zu blocks, wanted at most %d", root.where,
                        json_array_size(blocks), MAX_BLOCKS);
    a->blocks = onp_alloc(a->ctx, json_array_size(blocks) + 3, sizeof *a->blocks);
    if (a->blocks == NULL)
        return onp_fail(r->err, ONP_E_NOMEM, "%s: out of memory for the blocks", root.where);
    ONP_TRY(get_layer(r, &root, "first_conv", &l));
    ONP_TRY(read_input(r, &root, &l));
    ONP_TRY(read_conv(r, &l, ONP_BLOCK_STEM));
    ONP_TRY(read_blocks(r, blocks));
    if (!json_is_null(json_object_get(a->json, "feature_mix_layer"))) {
        ONP_TRY(get_layer(r, &root, "feature_mix_layer", &l));
        ONP_TRY(read_conv(r, &l, ONP_BLOCK_MIX));
    }
    ONP_TRY(get_layer(r, &root, "classifier", &l));
    return read_classifier(r, &l);
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
    reader r = {.arch = a, .name = name, .err = err};
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
