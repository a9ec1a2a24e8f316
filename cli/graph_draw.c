/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/graph_draw.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "graph/draw/network.h"

#define N_RUNS  15
#define N_SHOWN 6 /* lines of what is alive at the peak */

typedef struct drawing {
    onp_app *app;
    const onp_graph_draw_args *a;
    onp_draw_network net;
    onp_draw_options options;
    onp_draw_counts counts[ONP_ZOOM_COUNT];
    onp_peak peak;
    double *ns;
    int32_t only;
    char title[160];
} drawing;

const char *onp_graph_draw_asked(const onp_graph_draw_args *a)
{
    const struct {
        const char *name;
        bool given;
    } options[] = {{"svg", a->svg != NULL},       {"dot", a->dot != NULL},
                   {"memory", a->memory != NULL}, {"block", a->block != NULL},
                   {"backward", a->backward},     {"zoom", a->zoom != NULL},
                   {"colour", a->colour != NULL}};
    for (size_t i = 0; i < ONP_COUNT(options); i++)
        if (options[i].given)
            return options[i].name;
    return NULL;
}

/* The place of a name in a list that ends with NULL; `none` when it is not given. */
static onp_status choose(const char *option, const char *name, const char *const *names, int none,
                         int *out, onp_error *err)
{
    *out = none;
    if (name == NULL)
        return ONP_OK;
    for (int i = 0; names[i] != NULL; i++)
        if (strcmp(names[i], name) == 0) {
            *out = i;
            return ONP_OK;
        }
    return onp_fail(err, ONP_E_USAGE, "--%s: \"%s\" is none of those that --help names", option,
                    name);
}

/* An index, a name as pictures have it, or the short name of a block (the first of that name). */
static onp_status find_block(drawing *d, onp_error *err)
{
    const char *wanted = d->a->block;
    if (wanted == NULL)
        return ONP_OK;
    char *end = NULL;
    const long index = strtol(wanted, &end, 10);
    d->options.only = &d->only;
    if (*end == '\0' && index >= 0 && index < d->net.n_blocks) {
        d->only = (int32_t)index;
        return ONP_OK;
    }
    for (int32_t i = 0; i < d->net.n_blocks; i++) {
        const char *name = d->net.names[i], *space = strchr(name, ' ');
        if (strcmp(name, wanted) == 0 || (space != NULL && strcmp(space + 1, wanted) == 0)) {
            d->only = i;
            return ONP_OK;
        }
    }
    return onp_fail(err, ONP_E_USAGE, "--block: \"%s\" is none of the %d blocks", wanted,
                    (int)d->net.n_blocks);
}

/* ---- files ---- */

/* No output takes the place of what is read, or of another output. */
static onp_status check_files(const onp_graph_draw_args *a, const char *input, onp_error *err)
{
    static const char *const names[] = {"--svg", "--dot", "--memory"};
    const char *const files[] = {a->svg, a->dot, a->memory};
    for (size_t i = 0; i < ONP_COUNT(files); i++) {
        if (files[i] == NULL)
            continue;
        if (onp_file_is_same(files[i], input))
            return onp_fail(err, ONP_E_USAGE, "%s: %s is the file that is read", names[i],
                            files[i]);
        for (size_t j = 0; j < i; j++)
            if (files[j] != NULL && onp_file_is_same(files[i], files[j]))
                return onp_fail(err, ONP_E_USAGE, "%s: %s is the file of %s", names[i], files[i],
                                names[j]);
    }
    return ONP_OK;
}

static onp_status write_graph(drawing *d, const char *file, bool dot, onp_error *err)
{
    onp_picture *picture = NULL;
    onp_strbuf s;
    if (file == NULL)
        return ONP_OK;
    ONP_TRY(onp_draw_graph(&d->app->ctx, d->net.g, d->net.plan, &d->options, &picture, err));
    onp_strbuf_init(&s, &d->app->ctx);
    if (dot)
        onp_picture_dot(picture, &s);
    else
        onp_picture_svg(picture, &s);
    onp_status st = onp_strbuf_status(&s, err);
    if (st == ONP_OK)
        st = onp_file_write_atomic(file, s.text, s.length, err);
    onp_strbuf_reset(&s);
    onp_picture_free(picture);
    return st;
}

static onp_status write_memory(drawing *d, onp_error *err)
{
    onp_strbuf s;
    if (d->a->memory == NULL)
        return ONP_OK;
    onp_strbuf_init(&s, &d->app->ctx);
    onp_status st = onp_draw_memory(&d->app->ctx, d->net.g, d->net.plan, &d->options, &s, err);
    if (st == ONP_OK)
        st = onp_file_write_atomic(d->a->memory, s.text, s.length, err);
    onp_strbuf_reset(&s);
    return st;
}

/* ---- words ---- */

static void print_words(const drawing *d)
{
    const onp_plan_info info = onp_plan_get_info(d->net.plan);
    char peak[32], bound[32], naive[32];
    (void)printf("%-6s  %-33s  %s\n", "zoom", "forward: vertices, edges",
                 d->a->backward ? "backward: vertices, edges" : "");
    for (int z = 0; z < ONP_ZOOM_COUNT; z++) {
        const onp_draw_counts *c = &d->counts[z];
        (void)printf("%-6s  %16" PRId64 " %16" PRId64, onp_draw_zooms[z], c->vertices[0],
                     c->edges[0]);
        if (d->a->backward)
            (void)printf("  %16" PRId64 " %16" PRId64, c->vertices[1], c->edges[1]);
        (void)printf("\n");
    }
    onp_draw_bytes((double)info.arena_bytes, peak, sizeof peak);
    onp_draw_bytes((double)info.lower_bound_bytes, bound, sizeof bound);
    onp_draw_bytes((double)info.naive_bytes, naive, sizeof naive);
    (void)printf("memory: planned peak %s, lower bound %s, without sharing %s; alive at the peak, "
                 "call %" PRId32 " of %" PRId32 ":\n",
                 peak, bound, naive, d->peak.call, info.n_calls);
    for (int32_t i = 0; i < d->peak.n && i < N_SHOWN; i++) {
        onp_draw_bytes((double)d->peak.entries[i].bytes, peak, sizeof peak);
        (void)printf("  %10s  %s\n", peak, d->peak.entries[i].name);
    }
}

static json_t *counts_to_json(const drawing *d)
{
    json_t *all = json_object();
    for (int z = 0; z < ONP_ZOOM_COUNT; z++) {
        const onp_draw_counts *c = &d->counts[z];
        json_t *one =
            json_pack("{s:{s:I, s:I}, s:{s:I, s:I}}", "forward", "vertices",
                      (json_int_t)c->vertices[0], "edges", (json_int_t)c->edges[0], "backward",
                      "vertices", (json_int_t)c->vertices[1], "edges", (json_int_t)c->edges[1]);
        if (json_object_set_new(all, onp_draw_zooms[z], one) != 0) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

static json_t *peak_to_json(const drawing *d)
{
    json_t *list = json_array();
    for (int32_t i = 0; i < d->peak.n; i++)
        if (json_array_append_new(list, json_pack("{s:s, s:I}", "name", d->peak.entries[i].name,
                                                  "bytes", (json_int_t)d->peak.entries[i].bytes)) !=
            0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *words_to_json(const drawing *d)
{
    const onp_plan_info info = onp_plan_get_info(d->net.plan);
    json_t *memory = json_pack("{s:I, s:I, s:I, s:i, s:i, s:o}", "planned_peak_bytes",
                               (json_int_t)info.arena_bytes, "lower_bound_bytes",
                               (json_int_t)info.lower_bound_bytes, "naive_bytes",
                               (json_int_t)info.naive_bytes, "calls", info.n_calls, "peak_call",
                               d->peak.call, "alive_at_peak", peak_to_json(d));
    return json_pack("{s:o, s:o}", "graph", counts_to_json(d), "memory", memory);
}

static onp_status measure(drawing *d, onp_error *err)
{
    d->ns = onp_alloc(&d->app->ctx, (size_t)onp_plan_get_info(d->net.plan).n_calls, sizeof *d->ns);
    if (d->ns == NULL)
        return onp_fail(err, ONP_E_NOMEM, "graph: out of memory");
    d->options.call_ns = d->ns;
    return onp_draw_network_time(&d->net, N_RUNS, d->ns, err);
}

static onp_status draw(drawing *d, const onp_block *blocks, int32_t n, double bn_eps,
                       onp_error *err)
{
    const onp_graph_draw_args *a = d->a;
    int zoom, colour, recompute;
    ONP_TRY(choose("zoom", a->zoom, onp_draw_zooms, ONP_ZOOM_OP, &zoom, err));
    ONP_TRY(choose("colour", a->colour, onp_draw_colours, ONP_COLOUR_MACS, &colour, err));
    ONP_TRY(choose("recompute", a->recompute, onp_recompute_names, ONP_RECOMPUTE_CHEAP, &recompute,
                   err));
    const bool timed = colour == ONP_COLOUR_TIME;
    const onp_draw_network_options how = {.batch = a->batch,
                                          .backward = a->backward,
                                          .recompute = (onp_recompute)recompute,
                                          .bn_eps = bn_eps,
                                          .run = timed};
    if (timed)
        ONP_TRY(onp_app_compute(d->app, err));
    ONP_TRY(onp_draw_network_make(&d->app->ctx, blocks, n, &how, &d->net, err));
    d->options = (onp_draw_options){.zoom = (onp_draw_zoom)zoom,
                                    .colour = (onp_draw_colour)colour,
                                    .unfold = a->unfold,
                                    .title = d->title,
                                    .group_names = d->net.names,
                                    .n_groups = d->net.n_blocks};
    ONP_TRY(find_block(d, err));
    if (timed)
        ONP_TRY(measure(d, err));
    for (int z = 0; z < ONP_ZOOM_COUNT; z++)
        ONP_TRY(onp_draw_count(&d->app->ctx, d->net.g, d->net.plan, (onp_draw_zoom)z, &d->counts[z],
                               err));
    ONP_TRY(onp_draw_peak(&d->app->ctx, d->net.g, d->net.plan, &d->options, &d->peak, err));
    ONP_TRY(write_graph(d, a->svg, false, err));
    ONP_TRY(write_graph(d, a->dot, true, err));
    return write_memory(d, err);
}

/* "proxyless_mobile.config, batch 8, forward and backward" */
static void set_title(drawing *d, const char *file)
{
    const char *slash = strrchr(file, '/');
    char batch[32] = "";
    if (d->a->batch > 1)
        (void)snprintf(batch, sizeof batch, ", batch %" PRId64, d->a->batch);
    (void)snprintf(d->title, sizeof d->title, "%.80s%s%s", slash != NULL ? slash + 1 : file, batch,
                   d->a->backward ? ", forward and backward" : "");
}

onp_status onp_graph_draw(onp_app *app, const char *input, const onp_block *blocks, int32_t n,
                          double bn_eps, const onp_graph_draw_args *a, json_t **json,
                          onp_error *err)
{
    drawing d = {.app = app, .a = a, .net = {.ctx = &app->ctx}};
    ONP_TRY(check_files(a, input, err));
    set_title(&d, input);
    onp_status st = draw(&d, blocks, n, bn_eps, err);
    if (st == ONP_OK && json != NULL) {
        *json = words_to_json(&d);
        if (*json == NULL)
            st = onp_fail(err, ONP_E_NOMEM, "graph: out of memory");
    } else if (st == ONP_OK)
        print_words(&d);
    onp_free(&app->ctx, d.peak.entries);
    onp_free(&app->ctx, d.ns);
    onp_draw_network_reset(&d.net);
    return st;
}
