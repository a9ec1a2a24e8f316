/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures of the networks of bench/nets.h; see usage() below. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "bench/nets.h"
#include "graph/draw/draw.h"

typedef struct settings {
    const char *net, *svg, *memory;
    int zoom;
    bool train, unfold;
    int64_t batch;
} settings;

static void usage(FILE *out)
{
    (void)fputs("usage: draw NET [--svg FILE] [--memory FILE] [--zoom layer|op|tile] [--batch N]\n"
                "            [--train] [--unfold]\n"
                "  NET       " BENCH_NET_NAMES "\n"
                "  --svg     the graph; --memory: what lies where in its arena, and when\n"
                "  --train   with batch norm and the backward pass, nothing recomputed\n"
                "  --unfold  equal blocks one by one\n"
                "One JSON line: vertices and edges at each zoom, bytes of the plan.\n",
                out);
}

static bool parse(int argc, char **argv, settings *s)
{
    *s = (settings){.batch = 1, .zoom = ONP_ZOOM_OP};
    if (argc < 2 || argv[1][0] == '-')
        return false;
    s->net = argv[1];
    for (int i = 2; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--train") == 0)
            s->train = true;
        else if (strcmp(argv[i], "--unfold") == 0)
            s->unfold = true;
        else if (value == NULL)
            return false; /* NOLINT(bugprone-branch-clone): the option without its value */
        else if (strcmp(argv[i], "--svg") == 0)
            s->svg = argv[++i];
        else if (strcmp(argv[i], "--memory") == 0)
            s->memory = argv[++i];
        else if (strcmp(argv[i], "--batch") == 0)
            s->batch = strtoll(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--zoom") == 0) {
            for (s->zoom = 0;
                 s->zoom < ONP_ZOOM_COUNT && strcmp(value, onp_draw_zooms[s->zoom]) != 0;)
                s->zoom++;
            i++;
        } else
            return false;
    }
    return s->zoom < ONP_ZOOM_COUNT && s->batch > 0 && s->batch <= 65536;
}

static onp_status write_graph(const onp_context *ctx, const settings *s, const onp_graph *g,
                              const onp_plan *plan, const onp_draw_options *o, onp_error *err)
{
    onp_picture *picture = NULL;
    onp_strbuf text;
    ONP_TRY(onp_draw_graph(ctx, g, plan, o, &picture, err));
    onp_strbuf_init(&text, ctx);
    onp_picture_svg(picture, &text);
    onp_status st = onp_strbuf_status(&text, err);
    if (st == ONP_OK)
        st = onp_file_write_atomic(s->svg, text.text, text.length, err);
    onp_strbuf_reset(&text);
    onp_picture_free(picture);
    return st;
}

static onp_status write_memory(const onp_context *ctx, const settings *s, const onp_graph *g,
                               const onp_plan *plan, const onp_draw_options *o, onp_error *err)
{
    onp_strbuf text;
    onp_strbuf_init(&text, ctx);
    onp_status st = onp_draw_memory(ctx, g, plan, o, &text, err);
    if (st == ONP_OK)
        st = onp_file_write_atomic(s->memory, text.text, text.length, err);
    onp_strbuf_reset(&text);
    return st;
}

static onp_status print_line(const onp_context *ctx, const settings *s, const onp_graph *g,
                             const onp_plan *plan, onp_error *err)
{
    const onp_plan_info info = onp_plan_get_info(plan);
    (void)printf("{\"net\": \"%s\", \"batch\": %" PRId64 ", \"train\": %s", s->net, s->batch,
                 s->train ? "true" : "false");
    for (int z = 0; z < ONP_ZOOM_COUNT; z++) {
        onp_draw_counts c;
        ONP_TRY(onp_draw_count(ctx, g, plan, (onp_draw_zoom)z, &c, err));
        (void)printf(", \"%s\": {\"vertices\": [%" PRId64 ", %" PRId64 "], \"edges\": [%" PRId64
                     ", %" PRId64 "]}",
                     onp_draw_zooms[z], c.vertices[0], c.vertices[1], c.edges[0], c.edges[1]);
    }
    (void)printf(", \"naive_bytes\": %zu, \"lower_bound_bytes\": %zu, \"arena_bytes\": %zu}\n",
                 info.naive_bytes, info.lower_bound_bytes, info.arena_bytes);
    return ONP_OK;
}

static onp_status run(const onp_context *ctx, const settings *s, onp_error *err)
{
    bench_net net = {0};
    onp_plan *plan = NULL;
    char title[160];
    (void)snprintf(title, sizeof title, "%.60s, batch %" PRId64 "%s", s->net, s->batch,
                   s->train ? ", forward and backward" : "");
    const onp_draw_options o = {
        .zoom = (onp_draw_zoom)s->zoom, .unfold = s->unfold, .title = title};
    const bench_net_options how = {.batch = s->batch, .train = s->train};
    onp_status st = ONP_OK;
    ONP_TRY_GOTO(bench_net_build(ctx, s->net, &how, &net, err));
    ONP_TRY_GOTO(onp_plan_new(ctx, &plan, err));
    ONP_TRY_GOTO(onp_plan_make(plan, net.g, NULL, err));
    if (s->svg != NULL)
        ONP_TRY_GOTO(write_graph(ctx, s, net.g, plan, &o, err));
    if (s->memory != NULL)
        ONP_TRY_GOTO(write_memory(ctx, s, net.g, plan, &o, err));
    st = print_line(ctx, s, net.g, plan, err);
done:
    onp_plan_free(plan);
    bench_net_free(&net);
    return st;
}

int main(int argc, char **argv)
{
    settings s;
    onp_context ctx;
    onp_error err = {0};
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        usage(stdout);
        return 0;
    }
    if (!parse(argc, argv, &s)) {
        usage(stderr);
        return 2;
    }
    onp_context_init(&ctx);
    if (run(&ctx, &s, &err) != ONP_OK) {
        (void)fprintf(stderr, "error: %s\n", err.msg);
        return 1;
    }
    return 0;
}
