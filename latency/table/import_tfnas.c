/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The width tables that TF-NAS publishes: of each mbconv, the time at many hidden widths. A pickle
 * of a dict of dicts, or CSV made from it, in milliseconds:
 *
 *     key,mid_channels,ms
 *     base,,9.35646969
 *     MBInvertedResBlock_112_16_0_24_k3_s2_relu,24,2.37210464
 *                        map, input channels, squeeze and excite channels, output channels
 *
 * The authors measured every 8 hidden channels above the input's. What they filled in by straight
 * lines, the widths between and those up to the input's (where no such block exists, and a line
 * went below 0), is left out and counted. "base", the rest of the network, is kept as base_ms.
 * swish is taken as h-swish.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "latency/table/import_internal.h"
#include "latency/table/pickle.h"

enum { MAX_LINE = 256, STEP = 8, MAX_POINTS = 4096 /* of one key */ };

typedef struct point {
    int32_t mid;
    int line;
    double ms;
} point;

/* The rows of one key. */
typedef struct group {
    onp_import_sink *sink;
    char key[MAX_LINE];
    onp_block block; /* without hidden width */
    bool good;
    point *points;
    size_t n, capacity;
} group;

onp_status onp_import_read_width_key(const char *key, onp_block *b, onp_error *err)
{
    int h = 0, in = 0, se = 0, out = 0, k = 0, s = 0, used = 0;
    const int n = sscanf(key, "MBInvertedResBlock_%5d_%5d_%5d_%5d_k%2d_s%1d_%n", &h, &in, &se, &out,
                         &k, &s, &used);
    const char *act = key + used;
    if (n != 6 || used == 0 || (strcmp(act, "relu") != 0 && strcmp(act, "swish") != 0))
        return onp_fail(err, ONP_E_FORMAT,
                        "bad key, wanted MBInvertedResBlock_H_IN_SE_OUT_kK_sS_relu or _swish");
    *b = (onp_block){.kind = ONP_BLOCK_MBCONV,
                     .in_h = h,
                     .in_w = h,
                     .in_c = in,
                     .out_c = out,
                     .kernel = k,
                     .stride = s,
                     .skip = s == 1 && in == out,
                     .act = act[0] == 'r' ? ONP_ACT_RELU : ONP_ACT_HSWISH,
                     .se = se > 0,
                     .se_width = se};
    onp_block check = *b;
    return onp_import_complete_width(&check, in + STEP, err);
}

static const double *value_at(const group *g, int32_t mid)
{
    for (size_t i = 0; i < g->n; i++)
        if (g->points[i].mid == mid)
            return &g->points[i].ms;
    return NULL;
}

/* Filled in by the authors. */
static bool is_line(const group *g, const point *p)
{
    const int32_t below = p->mid / STEP * STEP;
    const double *lo = value_at(g, below), *hi = value_at(g, below + STEP);
    if (p->mid <= g->block.in_c)
        return true;
    if (p->mid == below || lo == NULL || hi == NULL)
        return false;
    const double line = *lo + (*hi - *lo) * (p->mid - below) / STEP;
    return fabs(line - p->ms) <= 1e-6 * fabs(p->ms);
}

static onp_status add_point(group *g, const point *p, onp_error *err)
{
    onp_block b = g->block;
    onp_error why = {0};
    onp_import_row row = {.line = p->line, .column = 1, .count = 1};
    onp_status st = onp_import_check_ms("the time", p->ms, &why);
    if (st == ONP_OK)
        st = onp_import_complete_width(&b, p->mid, &why);
    if (st != ONP_OK) {
        onp_import_problem(g->sink, p->line, 1, "%.120s at %d: %s", g->key, (int)p->mid, why.msg);
        return ONP_OK;
    }
    row.mean_ns = llround(p->ms * 1e6);
    onp_block_key(&b, row.key);
    return onp_import_add(g->sink, &row, err);
}

static onp_status end_group(group *g, onp_error *err)
{
    for (size_t i = 0; i < g->n; i++) {
        if (is_line(g, &g->points[i]))
            g->sink->n_left_out++;
        else
            ONP_TRY(add_point(g, &g->points[i], err));
    }
    g->n = 0;
    return ONP_OK;
}

/* The base, or the group that the next points are of. */
static onp_status begin_group(group *g, const char *key, int line, onp_error *err)
{
    onp_error why = {0};
    if (strcmp(g->key, key) == 0)
        return ONP_OK;
    ONP_TRY(end_group(g, err));
    (void)snprintf(g->key, sizeof g->key, "%s", key);
    g->good = onp_import_read_width_key(key, &g->block, &why) == ONP_OK;
    if (!g->good)
        onp_import_problem(g->sink, line, 1, "%.120s: %s", key, why.msg);
    return ONP_OK;
}

static onp_status take_point(group *g, const char *mid_text, double ms, int line, onp_error *err)
{
    char *end = NULL;
    const size_t digits = strspn(mid_text, "0123456789");
    if (!g->good)
        return ONP_OK;
    if (g->n == MAX_POINTS || digits == 0 || digits > 5 || mid_text[digits] != '\0') {
        onp_import_problem(g->sink, line, 1, "%.120s: \"%.20s\" hidden channels", g->key, mid_text);
        return ONP_OK;
    }
    void *points = g->points;
    ONP_TRY(onp_grow(g->sink->ctx, &points, &g->capacity, g->n + 1, sizeof *g->points, err));
    g->points = points;
    g->points[g->n++] = (point){.mid = (int32_t)strtol(mid_text, &end, 10), .line = line, .ms = ms};
    return ONP_OK;
}

static onp_status take_base(group *g, double ms, int line, onp_error *err)
{
    onp_error why = {0};
    if (onp_import_check_ms("base", ms, &why) != ONP_OK) {
        onp_import_problem(g->sink, line, 1, "%s", why.msg);
        return ONP_OK;
    }
    json_decref(g->sink->origin);
    g->sink->origin = json_pack("{s:f}", "base_ms", ms);
    return g->sink->origin != NULL ? ONP_OK
                                   : onp_fail(err, ONP_E_NOMEM, "%s: out of memory", g->sink->file);
}

/* ---- CSV ---- */

static onp_status read_line(group *g, char *line, int number, onp_error *err)
{
    char *mid = strchr(line, ','), *value = mid != NULL ? strchr(mid + 1, ',') : NULL;
    double ms = 0;
    if (value == NULL) {
        onp_import_problem(g->sink, number, 1, "%.120s: wanted key, hidden channels, ms", line);
        return ONP_OK;
    }
    *mid++ = *value++ = '\0';
    if (!onp_import_read_real(value, &ms)) {
        onp_import_problem(g->sink, number, (int)(value - line) + 1,
                           "the time is \"%.40s\", wanted a finite number", value);
        return ONP_OK;
    }
    if (strcmp(line, "base") == 0 && mid[0] == '\0')
        return take_base(g, ms, number, err);
    ONP_TRY(begin_group(g, line, number, err));
    return take_point(g, mid, ms, number, err);
}

static onp_status parse_csv(group *g, const char *text, size_t size, onp_error *err)
{
    static const char heading[] = "key,mid_channels,ms";
    const char *const end = text + size;
    for (int number = 1; text < end; number++) {
        char line[MAX_LINE];
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        size_t n = (size_t)((newline != NULL ? newline : end) - text);
        const char *const next = text + n + (newline != NULL);
        n -= n > 0 && text[n - 1] == '\r';
        if (n >= MAX_LINE || memchr(text, '\0', n) != NULL) {
            onp_import_problem(g->sink, number, 1, "no text of at most 255 bytes");
        } else {
            memcpy(line, text, n);
            line[n] = '\0';
            if (number > 1)
                ONP_TRY(read_line(g, line, number, err));
            else if (strcmp(line, heading) != 0)
                return onp_fail(err, ONP_E_FORMAT,
                                "%s:1:1: error: the heading is \"%.60s\", wanted \"%s\"",
                                g->sink->file, line, heading);
        }
        text = next;
    }
    return end_group(g, err);
}

/* ---- pickle ---- */

static onp_status read_widths(group *g, const char *key, json_t *widths, int number, onp_error *err)
{
    const char *mid;
    json_t *ms;
    if (strcmp(key, "base") == 0 && json_is_number(widths))
        return take_base(g, json_number_value(widths), number, err);
    if (!json_is_object(widths)) {
        onp_import_problem(g->sink, number, 1, "%.120s: no dict of widths", key);
        return ONP_OK;
    }
    ONP_TRY(begin_group(g, key, number, err));
    json_object_foreach(widths, mid, ms)
    {
        if (json_is_number(ms))
            ONP_TRY(take_point(g, mid, json_number_value(ms), number, err));
        else
            onp_import_problem(g->sink, number, 1, "%.120s at %.20s: no number", key, mid);
    }
    return ONP_OK;
}

/* "Lines" are the entries of the dict, by their place. */
static onp_status parse_pickle(group *g, const char *text, size_t size, onp_error *err)
{
    json_t *root = NULL, *widths;
    const char *key;
    int number = 0;
    onp_status st = onp_pickle_load(g->sink->ctx, g->sink->file, text, size, &root, err);
    if (st == ONP_OK && !json_is_object(root))
        st = onp_fail(err, ONP_E_FORMAT, "%s: no dict of blocks", g->sink->file);
    json_object_foreach(root, key, widths) if (st == ONP_OK) st =
        read_widths(g, key, widths, ++number, err);
    json_decref(root);
    return st == ONP_OK ? end_group(g, err) : st;
}

static onp_status parse(onp_import_sink *sink, const char *text, size_t size, onp_error *err)
{
    group g = {.sink = sink};
    onp_status st = onp_pickle_is(text, size) ? parse_pickle(&g, text, size, err)
                                              : parse_csv(&g, text, size, err);
    onp_free(sink->ctx, g.points);
    return st;
}

const onp_importer onp_import_tfnas = {
    .format = "tfnas", .unit = "ms", .expand = "hidden channels", .parse = parse};
