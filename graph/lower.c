/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A graph into calls. First it is decided which outputs are not stored (lower_unstored.c). Then
 * each node becomes at most a few calls; an unstored node becomes none. Column sums for batch norms
 * ride on the call that writes the tensor where that call can take them.
 */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "graph/plan_internal.h"

typedef struct lowering {
    onp_plan *p;
    const onp_graph *g;
    int32_t group; /* of the node that calls are made from */
    onp_status st;
    onp_error *err;
} lowering;

/* What a lazy operand is made of; tensors are stored ones. */
typedef struct lazy {
    onp_tid x, q;
    int32_t coef, grad_coef; /* buffers */
    float hi;                /* clamp at 0 and here; 0: none */
} lazy;

static onp_tensor_state *state_of(const lowering *l, onp_tid t)
{
    return &l->p->state[t];
}

static const onp_node *producer_of(const lowering *l, onp_tid t)
{
    const int32_t i = onp_graph_tensor(l->g, t)->producer;
    return i == ONP_NONE ? NULL : onp_graph_node(l->g, i);
}

static int32_t group_of(const lowering *l, onp_tid t)
{
    const onp_node *n = producer_of(l, t);
    return n == NULL ? ONP_NONE : n->group;
}

/* Where an activation or its gradient ends above. */
static float clamp_of(onp_op op)
{
    return op == ONP_OP_RELU6 || op == ONP_OP_RELU6_BWD ? 6.0F : INFINITY;
}

/* ---- building calls ---- */

static int32_t new_buffer(lowering *l, int64_t floats)
{
    onp_plan *p = l->p;
    if (l->st == ONP_OK)
        l->st = onp_grow(p->ctx, (void **)&p->buffers, &p->buffers_cap, (size_t)p->n_buffers + 1,
                         sizeof *p->buffers, l->err);
    if (l->st != ONP_OK)
        return 0;
    p->buffers[p->n_buffers] = (onp_buffer){.floats = floats};
    return p->n_buffers++;
}

static int32_t new_call(lowering *l, onp_call call)
{
    onp_plan *p = l->p;
    if (l->st == ONP_OK)
        l->st = onp_grow(p->ctx, (void **)&p->calls, &p->calls_cap, (size_t)p->n_calls + 1,
                         sizeof *p->calls, l->err);
    if (l->st != ONP_OK)
        return 0;
    if (call.lo == 0 && call.hi == 0)
        call.lo = 1; /* lo > hi: no clamp */
    call.node_group = l->group;
    p->calls[p->n_calls] = call;
    return p->n_calls++;
}

static void patch(lowering *l, int32_t call, size_t field, int32_t buffer, int64_t extra)
{
    onp_plan *p = l->p;
    if (l->st == ONP_OK)
        l->st = onp_grow(p->ctx, (void **)&p->patches, &p->patches_cap, (size_t)p->n_patches + 1,
                         sizeof *p->patches, l->err);
    if (l->st == ONP_OK)
        p->patches[p->n_patches++] = (onp_patch){call, (uint32_t)field, buffer, extra};
}

/* The buffer of a stored tensor, made when it is first asked for. */
static int32_t buffer_of(lowering *l, onp_tid t)
{
    onp_tensor_state *s = state_of(l, t);
    if (s->buffer != ONP_NONE)
        return s->buffer;
    const onp_tensor *tensor = onp_graph_tensor(l->g, t);
    if (tensor->external && tensor->data == NULL && l->st == ONP_OK)
        l->st = onp_fail(l->err, ONP_E_SHAPE, "plan: external tensor %d has no memory", t);
    if (!tensor->external && (tensor->producer == ONP_NONE) && l->st == ONP_OK)
        l->st = onp_fail(l->err, ONP_E_SHAPE, "plan: tensor %d is never written", t);
    s->buffer = new_buffer(l, onp_shape_count(tensor->shape));
    if (l->st == ONP_OK) {
        l->p->buffers[s->buffer].external = tensor->external ? tensor->data : NULL;
        l->p->buffers[s->buffer].keep = tensor->keep;
    }
    return s->buffer;
}

static void patch_tensor(lowering *l, int32_t call, size_t field, onp_tid t)
{
    patch(l, call, field, buffer_of(l, t), 0);
}

static lazy resolve(const lowering *l, onp_tid t)
{
    if (!state_of(l, t)->unstored)
        return (lazy){.x = t, .q = ONP_NONE, .coef = ONP_NONE, .grad_coef = ONP_NONE};
    const onp_node *n = producer_of(l, t);
    lazy v;
    switch (n->op) {
    case ONP_OP_BN_APPLY:
        v = resolve(l, n->in[0]);
        v.coef = state_of(l, t)->coef;
        return v;
    case ONP_OP_RELU6:
    case ONP_OP_RELU:
        v = resolve(l, n->in[0]);
        v.hi = clamp_of(n->op);
        return v;
    case ONP_OP_RELU6_BWD:
    case ONP_OP_RELU_BWD:
        v = resolve(l, n->in[1]);
        v.q = v.x;
        v.x = n->in[0];
        v.hi = clamp_of(n->op);
        return v;
    default: /* BN_BWD_APPLY */
        v = resolve(l, n->in[0]);
        v.q = n->in[1];
        v.grad_coef = state_of(l, t)->coef;
        return v;
    }
}

static void put_operand(lowering *l, int32_t call, size_t at, lazy v);

/* What a depthwise call reads is made of the convolution's own input and weights. */
static void put_product(lowering *l, int32_t call, size_t at, onp_tid made)
{
    const onp_node *conv = producer_of(l, made);
    if (at != offsetof(onp_call, a)) /* its mask is the same rows */
        return;
    put_operand(l, call, offsetof(onp_call, of), resolve(l, conv->in[0]));
    patch_tensor(l, call, offsetof(onp_call, of_w), conv->in[1]);
}

/* Writes operand v into the call's field at `at` (offset of an onp_operand). */
static void put_operand(lowering *l, int32_t call, size_t at, lazy v)
{
    if (l->st != ONP_OK)
        return;
    onp_operand *o = (onp_operand *)(void *)((char *)&l->p->calls[call] + at);
    const int64_t c = onp_graph_shape(l->g, v.x).c;
    const bool backward = l->p->calls[call].kind != ONP_CALL_DEPTHWISE; /* of what is made again */
    *o = (onp_operand){.lo = 0, .hi = v.hi, .clamp = v.hi > 0, .c = c};
    if (backward && state_of(l, v.x)->made != ONP_MADE_NOT)
        put_product(l, call, at, v.x);
    else
        patch_tensor(l, call, at + offsetof(onp_operand, x), v.x);
    if (v.q != ONP_NONE && state_of(l, v.q)->made == ONP_MADE_NOT)
        patch_tensor(l, call, at + offsetof(onp_operand, q), v.q);
    if (v.coef != ONP_NONE) {
        patch(l, call, at + offsetof(onp_operand, scale), v.coef, 0);
        patch(l, call, at + offsetof(onp_operand, shift), v.coef, c);
    }
    if (v.grad_coef != ONP_NONE) {
        patch(l, call, at + offsetof(onp_operand, ga), v.grad_coef, 0);
        patch(l, call, at + offsetof(onp_operand, gb), v.grad_coef, c);
        patch(l, call, at + offsetof(onp_operand, gc), v.grad_coef, 2 * c);
    }
}

static void write_output(lowering *l, int32_t call, onp_tid t)
{
    patch_tensor(l, call, offsetof(onp_call, y), t);
    state_of(l, t)->writer = call;
}

static void add_splits(lowering *l, int32_t call)
{
    if (l->st != ONP_OK)
        return;
    const int64_t floats = onp_call_split_floats(&l->p->calls[call]);
    patch(l, call, offsetof(onp_call, splits), new_buffer(l, floats > 0 ? floats : 1), 0);
}

/* Asks `call` for column sums of what it stores. */
static void add_sums(lowering *l, int32_t call, onp_sums_kind kind)
{
    if (l->st != ONP_OK)
        return;
    l->p->calls[call].sums = kind;
    patch(l, call, offsetof(onp_call, partial),
          new_buffer(l, onp_call_partial_floats(&l->p->calls[call])), 0);
}

/* The call that takes sums of stored tensor t: its writer when that can, has none yet and runs
 * after call `after`, which made what the sums read beside t; else one of its own. Tiles differ
 * between the two and bits with them, so the choice may not depend on what is computed again and
 * when: callers pass `after` = INT32_MAX where x may come late. */
static int32_t sums_call(lowering *l, onp_tid t, onp_sums_kind kind, int32_t after)
{
    const int32_t writer = state_of(l, t)->writer;
    if (l->st == ONP_OK && writer > after && l->p->calls[writer].sums == ONP_SUMS_NONE &&
        onp_call_can_sum(l->p->calls[writer].kind, kind)) {
        add_sums(l, writer, kind);
        return writer;
    }
    const onp_shape s = onp_graph_shape(l->g, t);
    const int32_t call = new_call(l, (onp_call){.kind = ONP_CALL_SUMS, .in = s, .out = s});
    put_operand(l, call, offsetof(onp_call, a), resolve(l, t));
    add_sums(l, call, kind);
    return call;
}

/* The merge of a call's partial sums. */
static int32_t merge_call(lowering *l, onp_call_kind kind, int32_t sums, onp_shape s)
{
    const int32_t call = new_call(
        l, (onp_call){.kind = kind, .in = s, .out = {1, 1, 1, s.c}, .count = s.n * s.h * s.w});
    if (l->st != ONP_OK)
        return call;
    l->p->calls[call].partial_tiling = onp_call_tiling(&l->p->calls[sums]);
    for (int32_t i = l->p->n_patches - 1; i >= 0; i--) {
        const onp_patch *q = &l->p->patches[i];
        if (q->call == sums && q->field == offsetof(onp_call, partial)) {
            patch(l, call, offsetof(onp_call, partial), q->buffer, 0);
            break;
        }
    }
    return call;
}

static void lower_store(lowering *l, const onp_node *n)
{
    if (state_of(l, n->out[0])->unstored)
        return;
    const onp_shape s = onp_graph_shape(l->g, n->out[0]);
    const int32_t call = new_call(l, (onp_call){.kind = ONP_CALL_STORE, .in = s, .out = s});
    if (n->op == ONP_OP_ADD) {
        put_operand(l, call, offsetof(onp_call, a), resolve(l, n->in[0]));
        put_operand(l, call, offsetof(onp_call, b), resolve(l, n->in[1]));
    } else {
        /* its own output as an operand, as if it were not stored */
        state_of(l, n->out[0])->unstored = true;
        put_operand(l, call, offsetof(onp_call, a), resolve(l, n->out[0]));
        state_of(l, n->out[0])->unstored = false;
    }
    write_output(l, call, n->out[0]);
}

/* Tensor t lies in a buffer that is there already. */
static void take_buffer(lowering *l, onp_tid t, int32_t buffer)
{
    const onp_tensor *tensor = onp_graph_tensor(l->g, t);
    state_of(l, t)->buffer = buffer;
    if (l->st != ONP_OK)
        return;
    l->p->buffers[buffer].keep = l->p->buffers[buffer].keep || tensor->keep;
    if (tensor->external)
        l->p->buffers[buffer].external = tensor->data;
}

static bool is_conv_store(onp_call_kind kind)
{
    return kind == ONP_CALL_CONV || kind == ONP_CALL_CONV_DATA || kind == ONP_CALL_CONV_BACKWARD;
}

/* Can the convolution that writes t add tensor `other` to what it stores? Nothing else may read t,
 * and `other` must be there before. */
static bool can_take_residual(const lowering *l, onp_tid t, onp_tid other)
{
    const onp_tensor_state *x = state_of(l, t), *r = state_of(l, other);
    const onp_tensor *tensor = onp_graph_tensor(l->g, t);
    if (t == other || x->unstored || r->unstored || x->writer == ONP_NONE || x->n_uses != 1 ||
        tensor->external || tensor->keep)
        return false;
    const onp_call *writer = &l->p->calls[x->writer];
    const onp_tensor *residual = onp_graph_tensor(l->g, other);
    const bool there = r->writer != ONP_NONE ? r->writer < x->writer : residual->external;
    return is_conv_store(writer->kind) && writer->sums == ONP_SUMS_NONE &&
           writer->store == ONP_STORE_SUM && writer->lo > writer->hi && there;
}

/* A sum becomes the residual of the convolution that makes one of its terms. */
static bool add_at_store(lowering *l, const onp_node *n)
{
    for (int k = 0; l->st == ONP_OK && k < 2; k++) {
        const onp_tid t = n->in[k], other = n->in[1 - k];
        if (!can_take_residual(l, t, other))
            continue;
        const int32_t call = state_of(l, t)->writer;
        onp_tensor_state *y = state_of(l, n->out[0]);
        patch_tensor(l, call, offsetof(onp_call, add), other);
        take_buffer(l, n->out[0], state_of(l, t)->buffer);
        y->writer = call;
        y->unstored = false;
        return true;
    }
    return false;
}

/* An activation that alone reads a convolution's output is applied where that is stored. */
static bool activate_at_store(lowering *l, const onp_node *n)
{
    const onp_tensor_state *x = state_of(l, n->in[0]);
    const onp_tensor *tensor = onp_graph_tensor(l->g, n->in[0]);
    if (l->st != ONP_OK || x->unstored || x->writer == ONP_NONE || x->n_uses != 1 ||
        tensor->external || tensor->keep)
        return false;
    onp_call *writer = &l->p->calls[x->writer];
    if ((writer->kind != ONP_CALL_CONV && writer->kind != ONP_CALL_DEPTHWISE) ||
        writer->sums != ONP_SUMS_NONE || writer->store != ONP_STORE_SUM)
        return false;
    if (n->op == ONP_OP_HSWISH || n->op == ONP_OP_HSIGMOID) {
        writer->store = n->op == ONP_OP_HSWISH ? ONP_STORE_HSWISH : ONP_STORE_HSIGMOID;
    } else {
        writer->lo = 0;
        writer->hi = clamp_of(n->op);
    }
    onp_tensor_state *y = state_of(l, n->out[0]);
    take_buffer(l, n->out[0], x->buffer);
    y->writer = x->writer;
    y->unstored = false;
    return true;
}

static void lower_conv(lowering *l, const onp_node *n, onp_call_kind kind)
{
    const int32_t call = new_call(l, (onp_call){.kind = kind,
                                                .in = onp_graph_shape(l->g, n->in[0]),
                                                .out = onp_graph_shape(l->g, n->out[0]),
                                                .kernel = n->attr.kernel,
                                                .stride = n->attr.stride,
                                                .dilation = n->attr.dilation,
                                                .groups = n->attr.groups});
    put_operand(l, call, offsetof(onp_call, a), resolve(l, n->in[0]));
    patch_tensor(l, call, offsetof(onp_call, w), n->in[1]);
    if (n->n_in > 2)
        patch_tensor(l, call, offsetof(onp_call, bias), n->in[2]);
    write_output(l, call, n->out[0]);
}

/* One call for both gradients where both are wanted: gy and x are read once. */
static void lower_conv_data(lowering *l, int32_t index, onp_op weight_op, onp_call_kind alone,
                            onp_call_kind both)
{
    const onp_node *n = onp_graph_node(l->g, index);
    const onp_node *weight = onp_plan_weight_partner(l->g, index, weight_op);
    const int32_t call = new_call(l, (onp_call){.kind = weight != NULL ? both : alone,
                                                .in = onp_graph_shape(l->g, n->out[0]),
                                                .out = onp_graph_shape(l->g, n->in[0]),
                                                .kernel = n->attr.kernel,
                                                .stride = n->attr.stride,
                                                .dilation = n->attr.dilation,
                                                .groups = n->attr.groups});
    if (weight != NULL) {
        put_operand(l, call, offsetof(onp_call, a), resolve(l, weight->in[0]));
        put_operand(l, call, offsetof(onp_call, b), resolve(l, n->in[0]));
        add_splits(l, call);
        patch_tensor(l, call, offsetof(onp_call, dw), weight->out[0]);
        state_of(l, weight->out[0])->writer = call;
    } else
        put_operand(l, call, offsetof(onp_call, a), resolve(l, n->in[0]));
    patch_tensor(l, call, offsetof(onp_call, w), n->in[1]);
    write_output(l, call, n->out[0]);
}

static void lower_conv_weight(lowering *l, const onp_node *n, onp_call_kind kind)
{
    if (state_of(l, n->out[0])->writer != ONP_NONE)
        return; /* the data gradient's call writes it */
    const int32_t call = new_call(l, (onp_call){.kind = kind,
                                                .in = onp_graph_shape(l->g, n->in[0]),
                                                .out = onp_graph_shape(l->g, n->in[1]),
                                                .kernel = n->attr.kernel,
                                                .stride = n->attr.stride,
                                                .dilation = n->attr.dilation,
                                                .groups = n->attr.groups});
    put_operand(l, call, offsetof(onp_call, a), resolve(l, n->in[0]));
    put_operand(l, call, offsetof(onp_call, b), resolve(l, n->in[1]));
    add_splits(l, call);
    write_output(l, call, n->out[0]);
}

static void lower_bn_stats(lowering *l, const onp_node *n)
{
    const onp_shape s = onp_graph_shape(l->g, n->in[0]);
    const int32_t sums = sums_call(l, n->in[0], ONP_SUMS_MOMENTS, ONP_NONE);
    const int32_t call = merge_call(l, ONP_CALL_MOMENTS_MERGE, sums, s);
    patch_tensor(l, call, offsetof(onp_call, stats), n->out[0]);
    state_of(l, n->out[0])->writer = call;
}

/* Coefficients ride on the merge of the sums when there is one; eps and gamma go with them. */
static int32_t coef_call(lowering *l, onp_tid sums_tensor, onp_call_kind merge, onp_call_kind alone,
                         onp_shape s, double eps)
{
    const int32_t writer = state_of(l, sums_tensor)->writer;
    if (l->st == ONP_OK && writer != ONP_NONE && l->p->calls[writer].kind == merge &&
        state_of(l, sums_tensor)->coef == ONP_NONE) {
        l->p->calls[writer].eps = eps;
        return writer;
    }
    return new_call(
        l,
        (onp_call){
            .kind = alone, .in = s, .out = {1, 1, 1, s.c}, .count = s.n * s.h * s.w, .eps = eps});
}

static void lower_bn_apply(lowering *l, const onp_node *n)
{
    if (n->repeats != ONP_NONE) { /* the same statistics, gamma and beta */
        state_of(l, n->out[0])->coef = state_of(l, onp_graph_node(l->g, n->repeats)->out[0])->coef;
        lower_store(l, n);
        return;
    }
    const onp_shape s = onp_graph_shape(l->g, n->in[0]);
    const int32_t call =
        coef_call(l, n->in[1], ONP_CALL_MOMENTS_MERGE, ONP_CALL_BN_COEF, s, n->attr.eps);
    const int32_t coef = new_buffer(l, 2 * s.c);
    patch(l, call, offsetof(onp_call, coef), coef, 0);
    patch_tensor(l, call, offsetof(onp_call, stats), n->in[1]);
    patch_tensor(l, call, offsetof(onp_call, gamma), n->in[2]);
    patch_tensor(l, call, offsetof(onp_call, beta), n->in[3]);
    state_of(l, n->in[1])->coef = coef;
    state_of(l, n->out[0])->coef = coef;
    lower_store(l, n);
}

static void lower_bn_bwd_sums(lowering *l, const onp_node *n)
{
    const onp_shape s = onp_graph_shape(l->g, n->in[1]);
    lazy g = resolve(l, n->in[0]);
    const int32_t x_writer = state_of(l, n->in[1])->writer;
    const int32_t stats_writer = state_of(l, n->in[2])->writer;
    /* Inside a block x is there before the gradient; across blocks it may be computed again later.
     */
    const bool inside = group_of(l, g.x) == group_of(l, n->in[1]);
    const int32_t after = x_writer > stats_writer ? x_writer : stats_writer;
    const int32_t sums = sums_call(l, g.x, ONP_SUMS_GRAD, inside ? after : INT32_MAX);
    lazy mask = {.x = n->in[1], .q = n->in[1], .coef = g.coef, .grad_coef = ONP_NONE, .hi = g.hi};
    put_operand(l, sums, offsetof(onp_call, mask), mask);
    patch_tensor(l, sums, offsetof(onp_call, stats), n->in[2]);
    const int32_t call = merge_call(l, ONP_CALL_GRAD_MERGE, sums, s);
    if (l->st == ONP_OK)
        l->p->calls[call].eps = n->attr.eps;
    patch_tensor(l, call, offsetof(onp_call, stats), n->in[2]);
    patch_tensor(l, call, offsetof(onp_call, dgamma), n->out[0]);
    patch_tensor(l, call, offsetof(onp_call, dbeta), n->out[1]);
    state_of(l, n->out[0])->writer = call;
    state_of(l, n->out[1])->writer = call;
}

static void lower_bn_bwd_apply(lowering *l, const onp_node *n)
{
    const onp_shape s = onp_graph_shape(l->g, n->in[1]);
    const int32_t call =
        coef_call(l, n->in[4], ONP_CALL_GRAD_MERGE, ONP_CALL_GRAD_COEF, s, n->attr.eps);
    const int32_t coef = new_buffer(l, 3 * s.c);
    if (l->st == ONP_OK)
        l->p->calls[call].frozen = n->attr.frozen;
    patch(l, call, offsetof(onp_call, coef), coef, 0);
    patch_tensor(l, call, offsetof(onp_call, stats), n->in[2]);
    patch_tensor(l, call, offsetof(onp_call, gamma), n->in[3]);
    patch_tensor(l, call, offsetof(onp_call, dgamma), n->in[4]);
    patch_tensor(l, call, offsetof(onp_call, dbeta), n->in[5]);
    state_of(l, n->in[4])->coef = coef;
    state_of(l, n->out[0])->coef = coef;
    lower_store(l, n);
}

static void lower_softmax(lowering *l, const onp_node *n, onp_call_kind kind)
{
    const onp_shape s = onp_graph_shape(l->g, n->in[0]);
    const int32_t call =
        new_call(l, (onp_call){.kind = kind, .in = s, .out = s, .smoothing = n->attr.smoothing});
    put_operand(l, call, offsetof(onp_call, a), resolve(l, n->in[0]));
    patch_tensor(l, call, offsetof(onp_call, labels), n->in[1]);
    if (kind == ONP_CALL_SOFTMAX)
        add_splits(l, call);
    write_output(l, call, n->out[0]);
}

static void lower_rows(lowering *l, const onp_node *n, onp_call_kind kind, onp_tid in, onp_tid out)
{
    const int32_t call = new_call(l, (onp_call){.kind = kind,
                                                .in = onp_graph_shape(l->g, in),
                                                .out = onp_graph_shape(l->g, out)});
    put_operand(l, call, offsetof(onp_call, a), resolve(l, n->in[0]));
    write_output(l, call, n->out[0]);
}

/* What an element-wise operation makes of one or two tensors; it cannot be loaded lazily. */
static void lower_elementwise(lowering *l, const onp_node *n, onp_call_store store)
{
    const onp_shape s = onp_graph_shape(l->g, n->out[0]);
    const int32_t call = new_call(l, (onp_call){.kind = ONP_CALL_STORE,
                                                .store = store,
                                                .in = s,
                                                .out = s,
                                                .rate = n->attr.rate,
                                                .key = n->attr.key});
    put_operand(l, call, offsetof(onp_call, a), resolve(l, n->in[0]));
    if (n->n_in > 1)
        put_operand(l, call, offsetof(onp_call, b), resolve(l, n->in[1]));
    write_output(l, call, n->out[0]);
}

/* Sums of products of two tensors: in each image's channels, or all. */
static void lower_dot(lowering *l, const onp_node *n, onp_call_kind kind)
{
    const onp_shape s = onp_graph_shape(l->g, n->in[0]);
    const onp_shape out = kind == ONP_CALL_DOT ? s : onp_graph_shape(l->g, n->out[0]);
    const int32_t call = new_call(l, (onp_call){.kind = kind, .in = s, .out = out});
    put_operand(l, call, offsetof(onp_call, a), resolve(l, n->in[0]));
    put_operand(l, call, offsetof(onp_call, b), resolve(l, n->in[1]));
    if (kind == ONP_CALL_DOT)
        add_splits(l, call);
    write_output(l, call, n->out[0]);
}

/* in, out: the forward operation's maps, for both directions. */
static void lower_pool(lowering *l, const onp_node *n, onp_call_kind kind, onp_tid in, onp_tid out)
{
    const int32_t call = new_call(l, (onp_call){.kind = kind,
                                                .in = onp_graph_shape(l->g, in),
                                                .out = onp_graph_shape(l->g, out),
                                                .kernel = n->attr.kernel,
                                                .stride = n->attr.stride,
                                                .dilation = n->attr.dilation,
                                                .groups = n->attr.groups});
    put_operand(l, call, offsetof(onp_call, a), resolve(l, n->in[0]));
    if (n->n_in > 1)
        put_operand(l, call, offsetof(onp_call, b), resolve(l, n->in[1]));
    write_output(l, call, n->out[0]);
}

/* A tensor in another shape is the same memory, unless the caller wants it elsewhere. */
static void lower_view(lowering *l, const onp_node *n)
{
    if (!onp_graph_tensor(l->g, n->out[0])->external) {
        take_buffer(l, n->out[0], buffer_of(l, n->in[0]));
        return;
    }
    const onp_shape s = onp_graph_shape(l->g, n->in[0]);
    const int32_t call = new_call(l, (onp_call){.kind = ONP_CALL_STORE, .in = s, .out = s});
    put_operand(l, call, offsetof(onp_call, a), resolve(l, n->in[0]));
    write_output(l, call, n->out[0]);
}

static void lower_gate(lowering *l, const onp_node *n)
{
    const int32_t call =
        new_call(l, (onp_call){.kind = ONP_CALL_GATE, .out = onp_graph_shape(l->g, n->in[0])});
    static const size_t field[4] = {offsetof(onp_call, gamma), offsetof(onp_call, dgamma),
                                    offsetof(onp_call, beta), offsetof(onp_call, dbeta)};
    for (int i = 0; i < 4; i++)
        patch_tensor(l, call, field[i], n->in[i]);
    write_output(l, call, n->out[0]);
}

static void lower_node(lowering *l, int32_t index)
{
    const onp_node *n = onp_graph_node(l->g, index);
    l->group = n->group;
    switch (n->op) {
    case ONP_OP_CONV:
        state_of(l, n->out[0])->made = onp_plan_makes_again(l->p, l->g, index);
        if (state_of(l, n->out[0])->made != ONP_MADE_ALWAYS)
            lower_conv(l, n, ONP_CALL_CONV);
        break;
    case ONP_OP_DEPTHWISE:
        lower_conv(l, n, ONP_CALL_DEPTHWISE);
        break;
    case ONP_OP_CONV_BWD_DATA:
        lower_conv_data(l, index, ONP_OP_CONV_BWD_WEIGHT, ONP_CALL_CONV_DATA,
                        ONP_CALL_CONV_BACKWARD);
        break;
    case ONP_OP_DEPTHWISE_BWD_DATA:
        lower_conv_data(l, index, ONP_OP_DEPTHWISE_BWD_WEIGHT, ONP_CALL_DEPTHWISE_DATA,
                        ONP_CALL_DEPTHWISE_BACKWARD);
        break;
    case ONP_OP_CONV_BWD_WEIGHT:
        lower_conv_weight(l, n, ONP_CALL_CONV_WEIGHT);
        break;
    case ONP_OP_DEPTHWISE_BWD_WEIGHT:
        lower_conv_weight(l, n, ONP_CALL_DEPTHWISE_WEIGHT);
        break;
    case ONP_OP_BN_STATS:
        lower_bn_stats(l, n);
        break;
    case ONP_OP_BN_APPLY:
        lower_bn_apply(l, n);
        break;
    case ONP_OP_BN_BWD_SUMS:
        lower_bn_bwd_sums(l, n);
        break;
    case ONP_OP_BN_BWD_APPLY:
        lower_bn_bwd_apply(l, n);
        break;
    case ONP_OP_RELU6:
    case ONP_OP_RELU:
        if (!activate_at_store(l, n))
            lower_store(l, n);
        break;
    case ONP_OP_ADD:
        if (!add_at_store(l, n))
            lower_store(l, n);
        break;
    case ONP_OP_RELU6_BWD:
    case ONP_OP_RELU_BWD:
        lower_store(l, n);
        break;
    case ONP_OP_MAX_POOL:
        lower_pool(l, n, ONP_CALL_MAX_POOL, n->in[0], n->out[0]);
        break;
    case ONP_OP_MAX_POOL_BWD:
        lower_pool(l, n, ONP_CALL_MAX_POOL_BWD, n->out[0], n->in[0]);
        break;
    case ONP_OP_AVG_POOL:
        lower_pool(l, n, ONP_CALL_AVG_POOL, n->in[0], n->out[0]);
        break;
    case ONP_OP_AVG_POOL_BWD:
        lower_pool(l, n, ONP_CALL_AVG_POOL_BWD, n->out[0], n->in[0]);
        break;
    case ONP_OP_HSWISH:
        if (!activate_at_store(l, n))
            lower_elementwise(l, n, ONP_STORE_HSWISH);
        break;
    case ONP_OP_HSWISH_BWD:
        lower_elementwise(l, n, ONP_STORE_HSWISH_BWD);
        break;
    case ONP_OP_HSIGMOID:
        if (!activate_at_store(l, n))
            lower_elementwise(l, n, ONP_STORE_HSIGMOID);
        break;
    case ONP_OP_HSIGMOID_BWD:
        lower_elementwise(l, n, ONP_STORE_HSIGMOID_BWD);
        break;
    case ONP_OP_CHANNEL_SCALE:
        lower_elementwise(l, n, ONP_STORE_CHANNEL_SCALE);
        break;
    case ONP_OP_CHANNEL_SCALE_BWD_SCALE:
        lower_dot(l, n, ONP_CALL_CHANNEL_DOT);
        break;
    case ONP_OP_DROPOUT:
        lower_elementwise(l, n, ONP_STORE_DROPOUT);
        break;
    case ONP_OP_FLATTEN:
    case ONP_OP_FLATTEN_BWD:
        lower_view(l, n);
        break;
    case ONP_OP_GLOBAL_AVG_POOL:
        lower_rows(l, n, ONP_CALL_POOL, n->in[0], n->out[0]);
        break;
    case ONP_OP_GLOBAL_AVG_POOL_BWD:
        lower_rows(l, n, ONP_CALL_POOL_BWD, n->out[0], n->out[0]);
        break;
    case ONP_OP_COLUMN_SUM:
        lower_rows(l, n, ONP_CALL_COLUMN_SUM, n->in[0], n->out[0]);
        break;
    case ONP_OP_SOFTMAX_CE:
        lower_softmax(l, n, ONP_CALL_SOFTMAX);
        break;
    case ONP_OP_SOFTMAX_CE_BWD:
        lower_softmax(l, n, ONP_CALL_SOFTMAX_BWD);
        break;
    case ONP_OP_GATE:
        lower_gate(l, n);
        break;
    case ONP_OP_DOT:
        lower_dot(l, n, ONP_CALL_DOT);
        break;
    case ONP_OP_COUNT:
        break;
    }
}

onp_status onp_plan_lower(onp_plan *p, const onp_graph *g, const onp_plan_options *options,
                          onp_error *err)
{
    lowering l = {.p = p, .g = g, .st = ONP_OK, .err = err};
    p->n_calls = p->n_buffers = p->n_patches = 0;
    p->n_tensors = onp_graph_n_tensors(g);
    ONP_TRY(onp_grow(p->ctx, (void **)&p->state, &p->state_cap, (size_t)p->n_tensors,
                     sizeof *p->state, err));
    onp_plan_mark_unstored(p, g, options->stored);
    for (int32_t i = 0; i < onp_graph_n_nodes(g) && l.st == ONP_OK; i++)
        lower_node(&l, i);
    for (onp_tid t = 0; t < p->n_tensors && l.st == ONP_OK; t++)
        if (onp_graph_tensor(g, t)->external && !onp_graph_tensor(g, t)->labels &&
            onp_graph_tensor(g, t)->data != NULL)
            (void)buffer_of(&l, t); /* so that its data can be asked for */
    return l.st;
}
