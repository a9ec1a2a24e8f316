/* SPDX-License-Identifier: Apache-2.0 */
/* The forms that others publish; what they look like is with their importers. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "latency/table/export_internal.h"
#include "latency/table/import_internal.h"

/* The longest key, "MBInvertedResBlock_..." and "expanded_conv-...", has some 110 bytes. */
typedef char published_key[192];

static const char no_key[] = "the form has no key for it";

/* ---- keys, as import_key.c reads them ---- */

/* hidden: with Once-for-All's expand, and its suffixes. */
static void write_key(const onp_block *b, bool hidden, published_key key)
{
    static const char *const kinds[ONP_BLOCK_KIND_COUNT] = {[ONP_BLOCK_STEM] = "Conv",
                                                            [ONP_BLOCK_MIX] = "Conv_1",
                                                            [ONP_BLOCK_HEAD] = "Logits",
                                                            [ONP_BLOCK_MBCONV] = "expanded_conv"};
    const char *kind = kinds[b->kind] != NULL ? kinds[b->kind] : "";
    char input[64], output[64] = "", rest[96] = "";
    (void)snprintf(input, sizeof input, "%" PRId32 "x%" PRId32 "x", b->in_h, b->in_w);
    if (b->kind != ONP_BLOCK_HEAD)
        (void)snprintf(output, sizeof output, "%" PRId32 "x%" PRId32 "x", b->out_h, b->out_w);
    if (b->kind == ONP_BLOCK_MBCONV)
        (void)snprintf(rest, sizeof rest,
                       "-expand:%" PRId32 "-kernel:%" PRId32 "-stride:%" PRId32 "-idskip:%d",
                       hidden ? b->mid : b->expand, b->kernel, b->stride, b->skip);
    const size_t used = strlen(rest);
    if (b->kind == ONP_BLOCK_MBCONV && hidden)
        (void)snprintf(rest + used, sizeof rest - used, "-se:%d-hs:%d", b->se,
                       b->act == ONP_ACT_HSWISH);
    (void)snprintf(key, sizeof(published_key), "%s-input:%s%" PRId32 "-output:%s%" PRId32 "%s",
                   kind, input, b->in_c, output, b->out_c, rest);
}

/* Whether the key, read back, is the block again. */
static bool has_key(const onp_block *b, bool hidden, published_key key)
{
    onp_block again;
    onp_import_part part = ONP_PART_NONE;
    onp_error why = {0};
    write_key(b, hidden, key);
    onp_status st = hidden ? onp_import_read_ofa_key(key, &again, &part, &why)
                           : onp_import_read_key(key, &again, &why);
    return st == ONP_OK && part == ONP_PART_NONE && onp_block_equal(&again, b);
}

/* ---- ProxylessNAS and Once-for-All: YAML ---- */

/* sd_ns: the standard deviation of one value. */
static void add_row(onp_export *x, bool ofa, const char *key, int64_t n, int64_t ns, double sd_ns)
{
    const double sd_ms = sd_ns / 1e6;
    onp_strbuf_addf(x->out, "%s:\n  count: %" PRId64 "\n  mean: ", key, n > 0 ? n : 1);
    onp_export_add_ms(x->out, ns);
    onp_strbuf_adds(x->out, ofa ? "\n  std: " : "\n  var: ");
    onp_strbuf_addreal(x->out, ofa ? sd_ms : sd_ms * sd_ms);
    onp_strbuf_adds(x->out, "\n");
}

/*
 * A head of two layers has three rows there, of which only the sum is known here: it is divided by
 * additions and multiply-accumulates. Variances add up to that of the whole. false: too short.
 */
static bool add_head(onp_export *x, const onp_export_row *row)
{
    const onp_block *b = &row->block;
    const double work[ONP_PART_COUNT] = {[ONP_PART_POOL] = (double)b->in_h * b->in_w * b->in_c,
                                         [ONP_PART_FIRST] = (double)b->in_c * b->mid,
                                         [ONP_PART_LAST] = (double)b->mid * b->out_c};
    const double all = work[0] + work[1] + work[2], ns = (double)row->e.median_ns;
    int64_t parts[ONP_PART_COUNT];
    published_key keys[ONP_PART_COUNT];
    parts[ONP_PART_POOL] = llround(ns * work[ONP_PART_POOL] / all);
    parts[ONP_PART_FIRST] = llround(ns * work[ONP_PART_FIRST] / all);
    parts[ONP_PART_LAST] = row->e.median_ns - parts[ONP_PART_POOL] - parts[ONP_PART_FIRST];
    (void)snprintf(keys[ONP_PART_POOL], sizeof keys[0],
                   "AvgPool2D-input:%" PRId32 "x%" PRId32 "x%" PRId32 "-output:1x1x%" PRId32,
                   b->in_h, b->in_w, b->in_c, b->in_c);
    (void)snprintf(keys[ONP_PART_FIRST], sizeof keys[0],
                   "Conv_2-input:1x1x%" PRId32 "-output:1x1x%" PRId32, b->in_c, b->mid);
    (void)snprintf(keys[ONP_PART_LAST], sizeof keys[0],
                   "Logits-input:1x1x%" PRId32 "-output:%" PRId32, b->mid, b->out_c);
    for (int i = 0; i < ONP_PART_COUNT; i++)
        if (parts[i] < 1)
            return false;
    for (int i = 0; i < ONP_PART_COUNT; i++)
        add_row(x, true, keys[i], row->e.n, parts[i], row->e.cv * sqrt(ns * (double)parts[i]));
    return true;
}

static bool is_two_layers(const onp_block *b)
{
    return b->kind == ONP_BLOCK_HEAD && b->mid > 0 && b->act == ONP_ACT_HSWISH;
}

static onp_status write_rows(onp_export *x, bool ofa)
{
    bool head = false;
    for (size_t i = 0; i < x->n_rows; i++) {
        onp_export_row *row = &x->rows[i];
        published_key key;
        if (has_key(&row->block, ofa, key))
            add_row(x, ofa, key, row->e.n, row->e.median_ns, row->e.cv * (double)row->e.median_ns);
        else if (!ofa || !is_two_layers(&row->block))
            onp_export_leave_out(x, row, no_key);
        else if (head || !add_head(x, row))
            onp_export_leave_out(x, row,
                                 head ? "the form has one head only"
                                      : "too short to be divided into three rows");
        else
            head = true;
    }
    return ONP_OK;
}

static onp_status write_proxylessnas(onp_export *x, onp_error *err)
{
    (void)err;
    return write_rows(x, false);
}

static onp_status write_ofa(onp_export *x, onp_error *err)
{
    (void)err;
    return write_rows(x, true);
}

/* ---- CSV ---- */

static onp_status write_csv(onp_export *x, onp_error *err)
{
    (void)err;
    onp_strbuf_adds(x->out, "block_name,latency(ms)\n");
    for (size_t i = 0; i < x->n_rows; i++) {
        published_key key;
        if (!has_key(&x->rows[i].block, false, key)) {
            onp_export_leave_out(x, &x->rows[i], no_key);
            continue;
        }
        onp_strbuf_addf(x->out, "%s,", key);
        onp_export_add_ms(x->out, x->rows[i].e.median_ns);
        onp_strbuf_adds(x->out, "\n");
    }
    return ONP_OK;
}

/* ---- TF-NAS: widths ---- */

typedef struct width {
    published_key key; /* without the width */
    int32_t mid;
    int64_t ns;
} width;

static int compare_widths(const void *a, const void *b)
{
    const width *x = a, *y = b;
    const int order = strcmp(x->key, y->key);
    return order != 0 ? order : (x->mid > y->mid) - (x->mid < y->mid);
}

static bool has_width(const onp_block *b, published_key key)
{
    onp_block again;
    onp_error why = {0};
    if (b->kind != ONP_BLOCK_MBCONV || b->mid <= b->in_c)
        return false;
    (void)snprintf(key, sizeof(published_key),
                   "MBInvertedResBlock_%" PRId32 "_%" PRId32 "_%" PRId32 "_%" PRId32 "_k%" PRId32
                   "_s%" PRId32 "_%s",
                   b->in_h, b->in_c, b->se ? onp_block_se_width(b) : 0, b->out_c, b->kernel,
                   b->stride, b->act == ONP_ACT_RELU ? "relu" : "swish");
    return onp_import_read_width_key(key, &again, &why) == ONP_OK &&
           onp_import_complete_width(&again, b->mid, &why) == ONP_OK && onp_block_equal(&again, b);
}

/* What such a table said of the rest of the network, kept by the import. */
static onp_status read_base(void *user, const onp_import_source *source, onp_error *err)
{
    double *ms = user;
    json_t *origin = onp_export_origin(source);
    const json_t *base = json_object_get(origin, "base_ms");
    (void)err;
    if (strcmp(source->format, onp_import_tfnas.format) == 0 && json_is_number(base))
        *ms = json_number_value(base);
    json_decref(origin);
    return ONP_OK;
}

static onp_status write_widths(onp_export *x, width *widths, onp_error *err)
{
    size_t n = 0;
    double base_ms = 0;
    ONP_TRY(onp_store_import_sources(x->store, x->platform, read_base, &base_ms, err));
    for (size_t i = 0; i < x->n_rows; i++) {
        onp_export_row *row = &x->rows[i];
        if (has_width(&row->block, widths[n].key)) {
            widths[n].mid = row->block.mid;
            widths[n++].ns = row->e.median_ns;
        } else {
            onp_export_leave_out(x, row, no_key);
        }
    }
    qsort(widths, n, sizeof *widths, compare_widths);
    onp_strbuf_adds(x->out, "key,mid_channels,ms\n");
    if (base_ms > 0) {
        onp_strbuf_adds(x->out, "base,,");
        onp_strbuf_addreal(x->out, base_ms);
        onp_strbuf_adds(x->out, "\n");
    }
    for (size_t i = 0; i < n; i++) {
        onp_strbuf_addf(x->out, "%s,%" PRId32 ",", widths[i].key, widths[i].mid);
        onp_export_add_ms(x->out, widths[i].ns);
        onp_strbuf_adds(x->out, "\n");
    }
    return ONP_OK;
}

static onp_status write_tfnas(onp_export *x, onp_error *err)
{
    const onp_context *ctx = onp_store_context(x->store);
    width *widths = onp_alloc(ctx, x->n_rows + 1, sizeof *widths);
    if (widths == NULL)
        return onp_fail(err, ONP_E_NOMEM, "export: out of memory");
    onp_status st = write_widths(x, widths, err);
    onp_free(ctx, widths);
    return st;
}

const onp_exporter onp_export_proxylessnas = {
    .form = "proxylessnas", .no_networks = true, .plain = true, .write = write_proxylessnas};
const onp_exporter onp_export_ofa = {
    .form = "once-for-all", .no_networks = true, .plain = true, .write = write_ofa};
const onp_exporter onp_export_csv = {
    .form = "csv", .no_networks = true, .plain = true, .write = write_csv};
const onp_exporter onp_export_tfnas = {
    .form = "tfnas", .no_networks = true, .plain = true, .write = write_tfnas};
