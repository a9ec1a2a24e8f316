/* SPDX-License-Identifier: Apache-2.0 */
/* onepath graph ARCH|RUN|SPACE|ONNX: a network or a space as numbers and pictures. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/graph_draw.h"
#include "cli/onnx.h"
#include "cli/source.h"
#include "cli/verb.h"

typedef struct graph_args {
    onp_args all;
    const char *path;
    bool summary;
    onp_graph_draw_args draw;
} graph_args;

static const onp_option options[] = {
    {"path", ONP_OPTION_TEXT, "P",
     "a path of the space: a candidate (3x3e6) or its index, for all positions or joined by commas",
     offsetof(graph_args, path), 0, 0},
    {"summary", ONP_OPTION_FLAG, NULL, "parameters, multiply-accumulates and blocks (the default)",
     offsetof(graph_args, summary), 0, 0},
    {"backward", ONP_OPTION_FLAG, NULL, "the graph that trains it, not the one that runs it",
     offsetof(graph_args, draw.backward), 0, 0},
    {"svg", ONP_OPTION_TEXT, "FILE", "draw the graph", offsetof(graph_args, draw.svg), 0, 0},
    {"dot", ONP_OPTION_TEXT, "FILE", "the same for graphviz", offsetof(graph_args, draw.dot), 0, 0},
    {"memory", ONP_OPTION_TEXT, "FILE", "draw what lies where in memory, and when (SVG)",
     offsetof(graph_args, draw.memory), 0, 0},
    {"block", ONP_OPTION_TEXT, "B", "draw one block only: its index or name",
     offsetof(graph_args, draw.block), 0, 0},
    {"zoom", ONP_OPTION_TEXT, "layer|op|tile", "how much is drawn (default: op)",
     offsetof(graph_args, draw.zoom), 0, 0},
    {"colour", ONP_OPTION_TEXT, "macs|bytes|time",
     "what colours tell; time is measured here (default: macs)", offsetof(graph_args, draw.colour),
     0, 0},
    {"unfold", ONP_OPTION_FLAG, NULL, "draw equal blocks one by one",
     offsetof(graph_args, draw.unfold), 0, 0},
    {"batch", ONP_OPTION_INT, "N", "images (default: 1)", offsetof(graph_args, draw.batch), 1,
     65536},
    {"recompute", ONP_OPTION_TEXT, "none|cheap|blocks|sqrt", "with --backward (default: cheap)",
     offsetof(graph_args, draw.recompute), 0, 0},
    ONP_OPTION_THREADS,
    ONP_OPTION_KERNELS,
    ONP_OPTION_SET,
    ONP_OPTION_END,
};

/* ---- a network ---- */

typedef struct network {
    const char *file;
    const onp_block *blocks;
    int32_t n;
    double bn_eps;
    int64_t params, macs;
} network;

static json_t *block_to_json(const onp_block *b)
{
    char key[ONP_BLOCK_KEY], name[32];
    onp_block_key(b, key);
    onp_block_short_name(b, name);
    return json_pack("{s:s, s:s, s:I, s:I}", "name", name, "key", key, "params",
                     (json_int_t)onp_block_n_params(b), "macs", (json_int_t)onp_block_n_macs(b));
}

/* drawn: taken. */
static json_t *network_to_json(const network *net, json_t *drawn)
{
    const onp_block *first = &net->blocks[0];
    json_t *blocks = json_array();
    for (int32_t i = 0; i < net->n; i++)
        if (json_array_append_new(blocks, block_to_json(&net->blocks[i])) != 0) {
            json_decref(blocks);
            json_decref(drawn);
            return NULL;
        }
    json_t *root =
        json_pack("{s:s, s:[i,i,i], s:I, s:I, s:o}", "file", net->file, "input", first->in_h,
                  first->in_w, first->in_c, "params", (json_int_t)net->params, "macs",
                  (json_int_t)net->macs, "blocks", blocks);
    const char *key;
    json_t *value;
    bool ok = root != NULL;
    json_object_foreach(drawn, key, value) ok = ok && json_object_set(root, key, value) == 0;
    json_decref(drawn);
    if (ok)
        return root;
    json_decref(root);
    return NULL;
}

static void print_network(const network *net)
{
    (void)printf("%s\n%5s  %12s  %14s  %s\n", net->file, "block", "parameters", "MACs", "key");
    for (int32_t i = 0; i < net->n; i++) {
        char key[ONP_BLOCK_KEY];
        onp_block_key(&net->blocks[i], key);
        (void)printf("%5" PRId32 "  %12" PRId64 "  %14" PRId64 "  %s\n", i,
                     onp_block_n_params(&net->blocks[i]), onp_block_n_macs(&net->blocks[i]), key);
    }
    (void)printf("%5s  %12" PRId64 "  %14" PRId64 "\n", "all", net->params, net->macs);
}

static onp_status show_network(onp_app *app, const graph_args *a, network *net, onp_error *err)
{
    for (int32_t i = 0; i < net->n; i++) {
        net->params += onp_block_n_params(&net->blocks[i]);
        net->macs += onp_block_n_macs(&net->blocks[i]);
    }
    json_t *drawn = NULL;
    if (!a->all.json)
        print_network(net);
    ONP_TRY(onp_graph_draw(app, net->file, net->blocks, net->n, net->bn_eps, &a->draw,
                           a->all.json ? &drawn : NULL, err));
    return a->all.json ? onp_app_print(app, network_to_json(net, drawn), err) : ONP_OK;
}

static onp_status show_arch(onp_app *app, const graph_args *a, const onp_arch *arch, onp_error *err)
{
    network net = {.file = a->all.operands[0],
                   .blocks = arch->blocks,
                   .n = arch->n_blocks,
                   .bn_eps = arch->bn_eps};
    if (a->path != NULL)
        return onp_fail(err, ONP_E_USAGE, "--path is for a space, %s is one network", net.file);
    return show_network(app, a, &net, err);
}

static onp_status show_path(onp_app *app, const graph_args *a, const onp_space *space,
                            onp_error *err)
{
    int32_t path[ONP_MAX_POSITIONS];
    onp_block blocks[ONP_MAX_POSITIONS];
    ONP_TRY(onp_space_path_parse(space, a->path, path, err));
    network net = {.file = a->all.operands[0],
                   .blocks = blocks,
                   .n = onp_source_path_blocks(space, path, blocks),
                   .bn_eps = ONP_ARCH_BN_EPS};
    return show_network(app, a, &net, err);
}

/* ---- a space ---- */

static int64_t supernet_params(const onp_space *space)
{
    int64_t params = 0;
    for (int32_t i = 0; i < space->n_positions; i++)
        for (int32_t j = 0; j < space->positions[i].n; j++)
            params += onp_block_n_params(&space->positions[i].candidate[j]);
    return params;
}

static json_t *position_to_json(const onp_position *position)
{
    json_t *candidates = json_array();
    for (int32_t j = 0; j < position->n; j++)
        if (json_array_append_new(candidates, block_to_json(&position->candidate[j])) != 0) {
            json_decref(candidates);
            return NULL;
        }
    return candidates;
}

static json_t *space_to_json(const char *file, const onp_space *space)
{
    uint64_t exact = 0;
    double vectors = onp_space_n_vectors(space, &exact);
    json_t *positions = json_array();
    for (int32_t i = 0; i < space->n_positions; i++)
        if (json_array_append_new(positions, position_to_json(&space->positions[i])) != 0) {
            json_decref(positions);
            return NULL;
        }
    bool fits = exact != 0 && exact <= INT64_MAX;
    return json_pack("{s:s, s:s, s:i, s:i, s:o, s:I, s:o}", "file", file, "name", space->spec.name,
                     "positions", space->n_positions, "choices", space->n_choices, "vectors",
                     fits ? json_integer((json_int_t)exact) : json_real(vectors), "params",
                     (json_int_t)supernet_params(space), "candidates", positions);
}

static void print_space(const char *file, const onp_space *space)
{
    uint64_t exact = 0;
    double vectors = onp_space_n_vectors(space, &exact);
    (void)printf("%s: %s\n%8s  %-24s  %s\n", file, space->spec.name, "position", "input",
                 "candidates");
    for (int32_t i = 0; i < space->n_positions; i++) {
        const onp_position *p = &space->positions[i];
        char name[32], map[48];
        const onp_block *b = &p->candidate[0];
        (void)snprintf(map, sizeof map, "%" PRId32 "x%" PRId32 "x%" PRId32, b->in_h, b->in_w,
                       b->in_c);
        (void)printf("%8" PRId32 "  %-24s", i, map);
        for (int32_t j = 0; j < p->n; j++) {
            onp_block_short_name(&p->candidate[j], name);
            (void)printf("%s%s", j > 0 ? ", " : "  ", name);
        }
        (void)printf("\n");
    }
    (void)printf("positions: %" PRId32 ", with a choice: %" PRId32 "\n", space->n_positions,
                 space->n_choices);
    if (exact != 0)
        (void)printf("choice vectors: %" PRIu64 "\n", exact);
    else
        (void)printf("choice vectors: %.4g\n", vectors);
    (void)printf("parameters of the supernet: %" PRId64 "\n", supernet_params(space));
}

static onp_status show_space(onp_app *app, const graph_args *a, const onp_space *space,
                             onp_error *err)
{
    if (a->path != NULL)
        return show_path(app, a, space, err);
    const char *wants = onp_graph_draw_asked(&a->draw);
    if (wants != NULL)
        return onp_fail(err, ONP_E_USAGE, "--%s wants one network: give a --path of %s", wants,
                        a->all.operands[0]);
    if (a->all.json)
        return onp_app_print(app, space_to_json(a->all.operands[0], space), err);
    print_space(a->all.operands[0], space);
    return ONP_OK;
}

static bool is_onnx(const char *path)
{
    const size_t n = strlen(path);
    return n > 5 && strcmp(path + n - 5, ".onnx") == 0;
}

static onp_status show_onnx(onp_app *app, const graph_args *a, onp_error *err)
{
    const char *file = a->all.operands[0];
    const char *wants = a->path != NULL ? "path" : onp_graph_draw_asked(&a->draw);
    if (wants != NULL)
        return onp_fail(err, ONP_E_USAGE, "--%s is not for %s: of an ONNX file there is a summary",
                        wants, file);
    return onp_onnx_show(app, file, err);
}

static onp_status run(onp_app *app, const void *args, onp_error *err)
{
    const graph_args *a = args;
    onp_source source;
    if (is_onnx(a->all.operands[0]))
        return show_onnx(app, a, err);
    ONP_TRY(
        onp_source_open(app, a->all.operands[0], ONP_SOURCE_ARCH | ONP_SOURCE_SPACE, &source, err));
    onp_status st = source.arch != NULL ? show_arch(app, a, source.arch, err)
                                        : show_space(app, a, source.space, err);
    onp_source_close(&source);
    return st;
}

const onp_verb onp_verb_graph = {
    .name = "graph",
    .operands = "ARCH|RUN|SPACE|ONNX",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "a network or a space: parameters, blocks, pictures of graph and memory",
    .options = options,
    .args_size = sizeof(graph_args),
    .run = run,
};
