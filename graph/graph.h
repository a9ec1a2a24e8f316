/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network as data: tensors and nodes in execution order. The same graph serves training a path,
 * running the result, measuring a block and drawing a picture. Gradients are nodes too:
 * onp_graph_backward() appends them by the rule tables of ops/.
 *
 *     onp_graph *g = onp_graph_new(ctx, &err);
 *     onp_tid x = onp_graph_external(g, (onp_shape){8, 28, 28, 1}, images);
 *     onp_tid w = onp_graph_param(g, (onp_shape){3, 3, 1, 16}, weight, weight_gradient);
 *     const onp_attr attr = {.kernel = 3, .stride = 1};
 *     onp_tid y = onp_graph_add(g, ONP_OP_CONV, (onp_tid[]){x, w}, 2, &attr);
 *     ...
 *     ONP_TRY(onp_graph_status(g, err));       // building sticks at the first failure
 *     ONP_TRY(onp_graph_backward(g, loss, NULL, NULL, err));
 *
 * Building functions return ONP_NONE after a failure and accept it as input, so a network is built
 * without a check after each node; onp_graph_status() tells what happened. A graph is reused by
 * onp_graph_clear(), which keeps its memory, so that building the path of the next step allocates
 * nothing.
 */
#ifndef ONP_GRAPH_GRAPH_H
#define ONP_GRAPH_GRAPH_H

#include "ops/op.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef int32_t onp_tid; /* index of a tensor */
#define ONP_NONE (-1)

typedef struct onp_tensor {
    onp_shape shape;
    void *data; /* external tensors: float *, or int32_t * for labels; NULL for internal ones */
    float *grad_data; /* parameters: where the gradient goes; NULL when it is not wanted */
    bool external;    /* lives outside the arena */
    bool labels;      /* int32 */
    bool tap;         /* its gradient is wanted */
    bool keep;        /* must still hold its value when the plan has run */
    int32_t producer; /* node, or ONP_NONE */
    onp_tid grad;     /* after onp_graph_backward(): its gradient, or ONP_NONE */
    int8_t recompute; /* see graph/recompute.h; 0: kept for the backward pass */
    onp_tid again;    /* the copy that the backward pass reads now, or ONP_NONE */
} onp_tensor;

typedef struct onp_node {
    onp_op op;
    onp_attr attr;
    int32_t n_in, n_out;
    onp_tid in[ONP_OP_MAX_IN];
    onp_tid out[ONP_OP_MAX_OUT];
    int32_t group;   /* label given by onp_graph_set_group(): the block a node belongs to; -1 */
    bool backward;   /* appended after onp_graph_backward() began */
    int32_t repeats; /* the forward node that this one computes again, or ONP_NONE */
} onp_node;

typedef struct onp_graph onp_graph;

/* NULL and ONP_E_NOMEM when there is no memory. ctx is borrowed for the graph's life. Release with
 * onp_graph_free. */
onp_graph *onp_graph_new(const onp_context *ctx, onp_error *err);
void onp_graph_free(onp_graph *g);
/* Empties the graph, keeping its memory. */
void onp_graph_clear(onp_graph *g);

/* An external tensor: an input or a place for a result. data: float, borrowed until the graph is
 * cleared; NULL is allowed where the graph is not run (a picture, JSON). */
onp_tid onp_graph_external(onp_graph *g, onp_shape shape, float *data);
/* A parameter: data and, when its gradient is wanted, grad_data of the same shape (else NULL). */
onp_tid onp_graph_param(onp_graph *g, onp_shape shape, float *data, float *grad_data);
/* Class labels of a batch: {1, 1, 1, n}, int32. */
onp_tid onp_graph_labels(onp_graph *g, int64_t n, int32_t *data);
/* Appends a forward node; shapes by the contract of ops/. Returns its first output. attr may be
 * NULL. */
onp_tid onp_graph_add(onp_graph *g, onp_op op, const onp_tid *in, int n_in, const onp_attr *attr);
/* Appends a node with given output shapes (backward operations have no inference). Returns the
 * node, or ONP_NONE. */
int32_t onp_graph_add_node(onp_graph *g, onp_op op, const onp_tid *in, int n_in,
                           const onp_shape *out_shape, int n_out, const onp_attr *attr);
/* Makes an internal tensor external at `data`: results go straight where the caller wants them. */
void onp_graph_bind(onp_graph *g, onp_tid t, float *data);
void onp_graph_keep(onp_graph *g, onp_tid t);
void onp_graph_tap(onp_graph *g, onp_tid t);
/* The group of nodes appended from now on. */
void onp_graph_set_group(onp_graph *g, int32_t group);

/* First failure while building, or ONP_OK. */
onp_status onp_graph_status(const onp_graph *g, onp_error *err) ONP_MUST_USE;
/* For callers that build on top (blocks): makes the failure stick. Returns ONP_NONE. */
onp_tid onp_graph_fail(onp_graph *g, onp_status st, const char *fmt, ...) ONP_PRINTF(3, 4);

int32_t onp_graph_n_tensors(const onp_graph *g);
int32_t onp_graph_n_nodes(const onp_graph *g);
const onp_tensor *onp_graph_tensor(const onp_graph *g, onp_tid t);
const onp_node *onp_graph_node(const onp_graph *g, int32_t i);
onp_shape onp_graph_shape(const onp_graph *g, onp_tid t); /* all zero for ONP_NONE */
/* The node with this operation and these first n_in inputs, or ONP_NONE. */
int32_t onp_graph_find(const onp_graph *g, onp_op op, const onp_tid *in, int n_in);

/*
 * Appends the gradient of `loss` (an output of SOFTMAX_CE) with respect to every parameter that has
 * grad_data and every tapped tensor; nothing else is computed. Gradients of parameters are bound to
 * their grad_data.
 *
 * hook (may be NULL) is called once for each tapped tensor, when its gradient is complete and
 * before anything earlier in the network is differentiated: nodes it appends run there, while the
 * gradient is still alive.
 */
typedef onp_status (*onp_tap_hook)(void *user, onp_graph *g, onp_tid tapped, onp_tid grad,
                                   onp_error *err);
onp_status onp_graph_backward(onp_graph *g, onp_tid loss, onp_tap_hook hook, void *user,
                              onp_error *err) ONP_MUST_USE;

/* Multiply-accumulates of the forward nodes. */
int64_t onp_graph_n_macs(const onp_graph *g);

#ifdef __cplusplus
}
#endif
#endif
