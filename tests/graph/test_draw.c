/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures: what they count is what the graph has, boxes lie in their clusters, rectangles are the
 * plan's, the same bytes come out twice, and what is large is summarised. */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/test_support.h"

#include "graph/draw/network.h"

extern char **environ;

enum { N_BLOCKS = 7 };

/* Stem, a strided block, three equal ones, mix and head. */
static void make_blocks(onp_block blocks[N_BLOCKS])
{
    onp_error err;
    blocks[0] = (onp_block){.kind = ONP_BLOCK_STEM,
                            .in_h = 16,
                            .in_w = 16,
                            .in_c = 3,
                            .out_c = 8,
                            .kernel = 3,
                            .stride = 1};
    blocks[1] = (onp_block){.kind = ONP_BLOCK_MBCONV,
                            .in_h = 16,
                            .in_w = 16,
                            .in_c = 8,
                            .out_c = 12,
                            .kernel = 5,
                            .expand = 3,
                            .stride = 2};
    for (int i = 2; i < 5; i++)
        blocks[i] = (onp_block){.kind = ONP_BLOCK_MBCONV,
                                .in_h = 8,
                                .in_w = 8,
                                .in_c = 12,
                                .out_c = 12,
                                .kernel = 3,
                                .expand = 6,
                                .stride = 1,
                                .skip = true};
    blocks[5] = (onp_block){.kind = ONP_BLOCK_MIX,
                            .in_h = 8,
                            .in_w = 8,
                            .in_c = 12,
                            .out_c = 32,
                            .kernel = 1,
                            .stride = 1};
    blocks[6] = (onp_block){.kind = ONP_BLOCK_HEAD, .in_h = 8, .in_w = 8, .in_c = 32, .out_c = 10};
    for (int i = 0; i < N_BLOCKS; i++)
        assert_int_equal(onp_block_complete(&blocks[i], &err), ONP_OK);
}

typedef struct fixture {
    onp_context ctx;
    onp_draw_network net;
    onp_draw_options options;
} fixture;

static void begin(fixture *f, bool backward)
{
    onp_block blocks[N_BLOCKS];
    onp_error err;
    onp_context_init(&f->ctx);
    make_blocks(blocks);
    const onp_draw_network_options how = {
        .batch = 4, .backward = backward, .recompute = ONP_RECOMPUTE_CHEAP, .bn_eps = 1e-3};
    assert_int_equal(onp_draw_network_make(&f->ctx, blocks, N_BLOCKS, &how, &f->net, &err), ONP_OK);
    f->options = (onp_draw_options){.zoom = ONP_ZOOM_OP,
                                    .title = "a <title> & \"more\"",
                                    .group_names = f->net.names,
                                    .n_groups = N_BLOCKS};
}

static void end(fixture *f)
{
    onp_draw_network_reset(&f->net);
}

static onp_picture *draw(const fixture *f)
{
    onp_error err;
    onp_picture *p = NULL;
    assert_int_equal(onp_draw_graph(&f->ctx, f->net.g, f->net.plan, &f->options, &p, &err), ONP_OK);
    return p;
}

static const onp_picture_cluster *cluster(const onp_picture *p, const char *label)
{
    for (int32_t i = 0; i < p->n_clusters; i++)
        if (strcmp(p->clusters[i].label, label) == 0)
            return &p->clusters[i];
    fail_msg("no cluster \"%s\"", label);
    return NULL;
}

/* ---- the graph ---- */

static bool same_pair(const onp_graph *g, int32_t node, int k, int before)
{
    return onp_graph_tensor(g, onp_graph_node(g, node)->in[k])->producer ==
           onp_graph_tensor(g, onp_graph_node(g, node)->in[before])->producer;
}

static void counts_are_the_graphs(void **state)
{
    (void)state;
    fixture f;
    begin(&f, true);
    onp_draw_counts c;
    onp_error err;
    assert_int_equal(onp_draw_count(&f.ctx, f.net.g, f.net.plan, ONP_ZOOM_OP, &c, &err), ONP_OK);
    int64_t vertices[2] = {0, 0}, edges[2] = {0, 0}, pairs = 0, inside = 0, all = 0;
    for (int32_t i = 0; i < onp_graph_n_nodes(f.net.g); i++) {
        const onp_node *n = onp_graph_node(f.net.g, i);
        vertices[n->backward]++;
        for (int k = 0; k < n->n_in; k++) {
            const int32_t from = onp_graph_tensor(f.net.g, n->in[k])->producer;
            bool again = false;
            if (from == ONP_NONE)
                continue;
            edges[n->backward]++;
            all++;
            inside += onp_graph_node(f.net.g, from)->group == n->group;
            for (int before = 0; before < k; before++)
                again = again || same_pair(f.net.g, i, k, before);
            pairs += !again;
        }
    }
    assert_memory_equal(c.vertices, vertices, sizeof vertices);
    assert_memory_equal(c.edges, edges, sizeof edges);
    assert_true(inside * 10 > all * 8); /* clusters are seen */
    f.options.unfold = true;
    onp_picture *p = draw(&f);
    assert_int_equal(p->n_vertices, onp_graph_n_nodes(f.net.g));
    assert_int_equal(p->n_edges, pairs);
    onp_picture_free(p);
    end(&f);
}

static void layers_and_tiles_are_counted(void **state)
{
    (void)state;
    fixture f;
    begin(&f, false);
    onp_draw_counts c;
    onp_error err;
    assert_int_equal(onp_draw_count(&f.ctx, f.net.g, f.net.plan, ONP_ZOOM_LAYER, &c, &err), ONP_OK);
    assert_int_equal(c.vertices[0], N_BLOCKS);
    assert_int_equal(c.edges[0], N_BLOCKS - 1); /* a skip goes the same way */
    assert_int_equal(c.vertices[1] + c.edges[1], 0);
    assert_int_equal(onp_draw_count(&f.ctx, f.net.g, f.net.plan, ONP_ZOOM_TILE, &c, &err), ONP_OK);
    int64_t tiles = 0;
    for (int32_t i = 0; i < onp_plan_get_info(f.net.plan).n_calls; i++)
        tiles += onp_tiling_count(onp_call_tiling(onp_plan_call(f.net.plan, i)));
    assert_int_equal(c.vertices[0], tiles);
    assert_true(c.edges[0] >= onp_plan_get_info(f.net.plan).n_calls - 1);
    end(&f);
}

/* A pointwise convolution behind a store of the same rows: a tile reads the tiles of its rows. */
static void a_tile_reads_its_rows(void **state)
{
    (void)state;
    onp_context ctx;
    onp_error err;
    float place = 0;
    onp_context_init(&ctx);
    onp_graph *g = onp_graph_new(&ctx, &err);
    onp_tid x = onp_graph_external(g, (onp_shape){1, 64, 64, 8}, &place);
    const onp_tid w = onp_graph_param(g, (onp_shape){1, 1, 8, 8}, &place, NULL);
    for (int i = 0; i < 2; i++) {
        const onp_tid in[2] = {x, w};
        x = onp_graph_add(g, ONP_OP_CONV, in, 2, &(onp_attr){.kernel = 1, .stride = 1});
    }
    onp_graph_keep(g, x);
    onp_plan *plan = NULL;
    onp_draw_counts c;
    assert_int_equal(onp_plan_new(&ctx, &plan, &err), ONP_OK);
    assert_int_equal(onp_plan_make(plan, g, NULL, &err), ONP_OK);
    assert_int_equal(onp_draw_count(&ctx, g, plan, ONP_ZOOM_TILE, &c, &err), ONP_OK);
    const int64_t tiles = onp_tiling_count(onp_call_tiling(onp_plan_call(plan, 0)));
    assert_true(tiles > 1);
    assert_int_equal(c.vertices[0], 2 * tiles);
    assert_int_equal(c.edges[0], tiles);
    onp_plan_free(plan);
    onp_graph_free(g);
}

static void boxes_lie_in_their_clusters(void **state)
{
    (void)state;
    fixture f;
    begin(&f, true);
    for (int zoom = 0; zoom < ONP_ZOOM_COUNT; zoom++) {
        f.options.zoom = (onp_draw_zoom)zoom;
        onp_picture *p = draw(&f);
        for (int32_t i = 0; i < p->n_vertices; i++) {
            const onp_picture_vertex *v = &p->vertices[i];
            const onp_picture_cluster *c = &p->clusters[v->cluster];
            assert_in_range(v->x, c->x, c->x + c->width - ONP_PICTURE_BOX_WIDTH);
            assert_in_range(v->y, c->y, c->y + c->height - ONP_PICTURE_BOX_HEIGHT);
            for (int32_t k = c->first; k < i; k++)
                assert_false(p->vertices[k].x == v->x && p->vertices[k].y == v->y);
        }
        for (int32_t i = 0; i < p->n_clusters; i++)
            for (int32_t k = 0; k < i; k++) {
                const onp_picture_cluster *a = &p->clusters[i], *b = &p->clusters[k];
                assert_true(a->x + a->width <= b->x || b->x + b->width <= a->x ||
                            a->y + a->height <= b->y || b->y + b->height <= a->y);
            }
        onp_picture_free(p);
    }
    end(&f);
}

static void equal_blocks_are_folded(void **state)
{
    (void)state;
    fixture f;
    begin(&f, false);
    onp_picture *p = draw(&f);
    assert_int_equal(cluster(p, "block2 3x3e6")->count, 3);
    assert_int_equal(cluster(p, "block1 5x5e3")->count, 1);
    assert_int_equal(p->n_clusters, N_BLOCKS - 2);
    onp_picture_free(p);
    f.options.only = &(int32_t){1};
    p = draw(&f);
    assert_int_equal(p->n_clusters, 1);
    assert_int_equal(p->n_vertices, 5);
    onp_picture_free(p);
    end(&f);
}

/* ---- files ---- */

/* True when the program is there; its exit code must be 0. */
static bool runs(char *const argv[])
{
    pid_t pid = 0;
    int how = 0;
    const int code = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
    if (code == ENOENT) {
        printf("SKIPPED: no %s\n", argv[0]);
        return false;
    }
    assert_int_equal(code, 0);
    assert_int_equal(waitpid(pid, &how, 0), pid);
    assert_true(WIFEXITED(how));
    if (WEXITSTATUS(how) == 127) {
        printf("SKIPPED: no %s\n", argv[0]);
        return false;
    }
    assert_int_equal(WEXITSTATUS(how), 0);
    return true;
}

static void assert_parses(const onp_strbuf *s, bool dot)
{
    char dir[ONP_TEST_PATH], path[ONP_TEST_PATH];
    char python[] = "python3", flag[] = "-c", graphviz[] = "dot", plain[] = "-Tplain",
         null[] = "-o/dev/null", parse[] = "import sys, xml.dom.minidom as m; m.parse(sys.argv[1])";
    onp_test_dir_make(dir);
    onp_test_path(path, dir, "picture");
    onp_test_write(path, s->text, s->length);
    if (dot)
        (void)runs((char *const[]){graphviz, plain, null, path, NULL});
    else
        (void)runs((char *const[]){python, flag, parse, path, NULL});
    onp_test_dir_remove(dir);
}

static void text_of(const fixture *f, bool dot, onp_strbuf *s)
{
    onp_error err;
    onp_picture *p = draw(f);
    onp_strbuf_init(s, &f->ctx);
    if (dot)
        onp_picture_dot(p, s);
    else
        onp_picture_svg(p, s);
    assert_int_equal(onp_strbuf_status(s, &err), ONP_OK);
    onp_picture_free(p);
}

static void the_same_bytes_twice_and_they_parse(void **state)
{
    (void)state;
    fixture f;
    begin(&f, true);
    for (int zoom = 0; zoom < ONP_ZOOM_COUNT; zoom++)
        for (int dot = 0; dot < 2; dot++) {
            onp_strbuf a, b;
            f.options.zoom = (onp_draw_zoom)zoom;
            text_of(&f, dot != 0, &a);
            text_of(&f, dot != 0, &b);
            assert_string_equal(a.text, b.text);
            assert_parses(&a, dot != 0);
            onp_assert_contains(a.text, dot != 0 ? "a <title> & \\\"more\\\""
                                                 : "a &lt;title&gt; &amp; &quot;more&quot;");
            onp_strbuf_reset(&a);
            onp_strbuf_reset(&b);
        }
    end(&f);
}

/* ---- memory ---- */

typedef struct rectangle {
    size_t bytes, offset;
    int32_t first, last;
} rectangle;

/* Rectangles by their titles, "...: N bytes at O, calls F to L". */
static int32_t rectangles(const char *svg, rectangle *out, int32_t max)
{
    int32_t n = 0;
    for (const char *at = strstr(svg, " bytes at "); at != NULL;
         at = strstr(at + 1, " bytes at ")) {
        const char *number = at;
        while (number[-1] >= '0' && number[-1] <= '9')
            number--;
        assert_true(n < max);
        char *end_of = NULL;
        out[n].bytes = strtoul(number, NULL, 10);
        out[n].offset = strtoul(at + strlen(" bytes at "), &end_of, 10);
        out[n].first = (int32_t)strtol(end_of + strlen(", calls "), &end_of, 10);
        out[n].last = (int32_t)strtol(end_of + strlen(" to "), NULL, 10);
        n++;
    }
    return n;
}

static void rectangles_are_the_plans(void **state)
{
    (void)state;
    enum { MAX = 1000 };
    static rectangle r[MAX];
    fixture f;
    onp_error err;
    onp_strbuf s;
    begin(&f, true);
    onp_strbuf_init(&s, &f.ctx);
    assert_int_equal(onp_draw_memory(&f.ctx, f.net.g, f.net.plan, &f.options, &s, &err), ONP_OK);
    assert_parses(&s, false);
    const onp_plan_info info = onp_plan_get_info(f.net.plan);
    const int32_t n = rectangles(s.text, r, MAX);
    int32_t next = 0;
    assert_int_equal(n, info.n_buffers);
    for (int32_t i = 0; i < onp_plan_n_buffers(f.net.plan); i++) {
        const onp_buffer_view v = onp_plan_buffer_view(f.net.plan, i);
        if (!v.placed)
            continue;
        assert_int_equal(r[next].bytes, v.bytes);
        assert_int_equal(r[next].offset, v.offset);
        assert_int_equal(r[next].first, v.first);
        assert_true(v.offset + v.bytes <= info.arena_bytes);
        next++;
    }
    for (int32_t i = 0; i < n; i++)
        for (int32_t k = 0; k < i; k++)
            assert_true(r[i].last < r[k].first || r[k].last < r[i].first ||
                        r[i].offset + r[i].bytes <= r[k].offset ||
                        r[k].offset + r[k].bytes <= r[i].offset);
    onp_assert_contains(s.text, "mix conv again");
    onp_strbuf_reset(&s);
    end(&f);
}

static void the_peak_is_the_lower_bound(void **state)
{
    (void)state;
    fixture f;
    onp_error err;
    onp_peak peak;
    begin(&f, true);
    assert_int_equal(onp_draw_peak(&f.ctx, f.net.g, f.net.plan, &f.options, &peak, &err), ONP_OK);
    size_t sum = 0;
    for (int32_t i = 0; i < peak.n; i++) {
        sum += peak.entries[i].bytes;
        assert_true(i == 0 || peak.entries[i].bytes <= peak.entries[i - 1].bytes);
    }
    assert_int_equal(sum, peak.bytes);
    assert_int_equal(peak.bytes, onp_plan_get_info(f.net.plan).lower_bound_bytes);
    onp_free(&f.ctx, peak.entries);
    end(&f);
}

/* ---- large, and no memory ---- */

static void a_million_nodes_are_summarised(void **state)
{
    (void)state;
    enum { NODES = 1000000, PER_GROUP = 100 };
    onp_context ctx;
    onp_error err;
    onp_picture *p = NULL;
    onp_strbuf s;
    onp_context_init(&ctx);
    onp_graph *g = onp_graph_new(&ctx, &err);
    onp_tid x = onp_graph_external(g, (onp_shape){1, 4, 4, 8}, NULL);
    for (int32_t i = 0; i < NODES; i++) {
        onp_graph_set_group(g, i / PER_GROUP);
        if (i % (2 * PER_GROUP) == 0)
            x = onp_graph_add(g, ONP_OP_RELU6, &x, 1, NULL); /* no two neighbours are equal */
        else
            x = onp_graph_add(g, ONP_OP_ADD, (onp_tid[]){x, x}, 2, NULL);
    }
    assert_int_equal(onp_graph_status(g, &err), ONP_OK);
    const onp_draw_options o = {.zoom = ONP_ZOOM_OP};
    assert_int_equal(onp_draw_graph(&ctx, g, NULL, &o, &p, &err), ONP_OK);
    assert_in_range(p->n_vertices, 2, ONP_DRAW_MAX_BOXES);
    onp_assert_contains(p->note, "summarised: 1000000 boxes");
    onp_strbuf_init(&s, &ctx);
    onp_picture_svg(p, &s);
    assert_int_equal(onp_strbuf_status(&s, &err), ONP_OK);
    assert_in_range(s.length, 1000, 300000);
    onp_strbuf_reset(&s);
    onp_picture_free(p);
    onp_graph_free(g);
}

static onp_status draw_everything(const onp_context *ctx, void *arg)
{
    onp_error *err = NULL;
    onp_draw_network net;
    onp_strbuf s;
    onp_picture *p = NULL;
    onp_strbuf_init(&s, ctx);
    onp_status st =
        onp_draw_network_make(ctx, arg, N_BLOCKS, &(onp_draw_network_options){0}, &net, err);
    onp_draw_options o = {.group_names = net.names, .n_groups = N_BLOCKS};
    for (int zoom = 0; zoom < ONP_ZOOM_COUNT && st == ONP_OK; zoom++) {
        o.zoom = (onp_draw_zoom)zoom;
        st = onp_draw_graph(ctx, net.g, net.plan, &o, &p, err);
        if (st == ONP_OK) {
            onp_picture_svg(p, &s);
            onp_picture_free(p);
            st = onp_strbuf_status(&s, err);
        }
    }
    if (st == ONP_OK)
        st = onp_draw_memory(ctx, net.g, net.plan, &o, &s, err);
    onp_strbuf_reset(&s);
    onp_draw_network_reset(&net);
    return st;
}

static void no_memory_is_an_error(void **state)
{
    (void)state;
    onp_block blocks[N_BLOCKS];
    make_blocks(blocks);
    onp_test_each_allocation(draw_everything, blocks);
}

static void tiles_want_a_plan(void **state)
{
    (void)state;
    fixture f;
    onp_error err;
    onp_picture *p = NULL;
    begin(&f, false);
    f.options.zoom = ONP_ZOOM_TILE;
    assert_int_equal(onp_draw_graph(&f.ctx, f.net.g, NULL, &f.options, &p, &err), ONP_E_USAGE);
    assert_null(p);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_the_graphs),
        cmocka_unit_test(layers_and_tiles_are_counted),
        cmocka_unit_test(a_tile_reads_its_rows),
        cmocka_unit_test(boxes_lie_in_their_clusters),
        cmocka_unit_test(equal_blocks_are_folded),
        cmocka_unit_test(the_same_bytes_twice_and_they_parse),
        cmocka_unit_test(rectangles_are_the_plans),
        cmocka_unit_test(the_peak_is_the_lower_bound),
        cmocka_unit_test(a_million_nodes_are_summarised),
        cmocka_unit_test(no_memory_is_an_error),
        cmocka_unit_test(tiles_want_a_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
