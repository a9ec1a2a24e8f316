/* SPDX-License-Identifier: Apache-2.0 */
/* What `onepath graph` says and draws of one network: counts of vertices and edges, the memory at
 * its peak, and the files that were asked for. */
#ifndef ONP_CLI_GRAPH_DRAW_H
#define ONP_CLI_GRAPH_DRAW_H

#include "base/json.h"
#include "cli/app.h"
#include "graph/block.h"

typedef struct onp_graph_draw_args {
    const char *svg, *dot, *memory, *block, *zoom, *colour, *recompute; /* NULL: not given */
    bool backward, unfold;
    int64_t batch;
} onp_graph_draw_args;

/* The first option that wants one network, or NULL. */
const char *onp_graph_draw_asked(const onp_graph_draw_args *a);

/* input: the file that the network is of. json: NULL prints lines, else it gets an object
 * (json_decref). Errors: ONP_E_USAGE (a name that is not known, a file that is another one),
 * ONP_E_SHAPE, ONP_E_IO, ONP_E_NOMEM. */
onp_status onp_graph_draw(onp_app *app, const char *input, const onp_block *blocks, int32_t n,
                          double bn_eps, const onp_graph_draw_args *a, json_t **json,
                          onp_error *err) ONP_MUST_USE;

#endif
