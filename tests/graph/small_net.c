/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/graph/small_net.h"

#include <math.h>
#include <stdio.h>

#include "base/philox.h"

static void *take(small_net *net, int64_t count, size_t size)
{
    void *p = onp_alloc(&net->ctx, (size_t)count, size);
    assert_non_null(p);
    assert_true(net->n_memory < (int)ONP_COUNT(net->memory));
    net->memory[net->n_memory++] = p;
    return p;
}

static float *take_floats(small_net *net, onp_shape shape)
{
    return take(net, onp_shape_count(shape), sizeof(float));
}

static void complete_block(onp_block *b, onp_shape in)
{
    onp_error err = {0};
    b->in_h = (int32_t)in.h;
    b->in_w = (int32_t)in.w;
    b->in_c = (int32_t)in.c;
    if (b->kind != ONP_BLOCK_ZERO && onp_block_complete(b, &err) != ONP_OK)
        fail_msg("%s", err.msg);
}

static void add_params(small_net *net, const small_net_options *o, int index, onp_tid *tids)
{
    onp_param_spec specs[ONP_BLOCK_MAX_PARAMS];
    int n = onp_block_params(&net->blocks[index], o->mode, specs);
    for (int i = 0; i < n; i++) {
        assert_true(net->n_params < SMALL_NET_MAX_PARAMS);
        small_net_param *p = &net->params[net->n_params++];
        *p = (small_net_param){.role = specs[i].role, .shape = specs[i].shape};
        (void)snprintf(p->name, sizeof p->name, "%d.%s", index, specs[i].name);
        p->data = take_floats(net, p->shape);
        p->grad = o->gradients && p->role != ONP_PARAM_STATS ? take_floats(net, p->shape) : NULL;
        p->tid = onp_graph_param(net->g, p->shape, p->data, p->grad);
        tids[i] = p->tid;
    }
}

static onp_tid add_block(small_net *net, const small_net_options *o, int i, onp_tid x)
{
    onp_graph_set_group(net->g, i);
    net->blocks[i] = o->blocks[i];
    complete_block(&net->blocks[i], onp_graph_shape(net->g, x));
    onp_tid tids[ONP_BLOCK_MAX_PARAMS];
    add_params(net, o, i, tids);
    net->in[i] = x;
    onp_tid y =
        onp_block_build(net->g, &net->blocks[i], o->mode, SMALL_NET_EPS, x, tids, &net->nodes[i]);
    net->out[i] = y;
    if (o->perturbed) {
        onp_shape shape = onp_graph_shape(net->g, y);
        net->zero[i] = onp_graph_external(net->g, shape, take_floats(net, shape));
        y = onp_graph_add(net->g, ONP_OP_ADD, (onp_tid[]){y, net->zero[i]}, 2, NULL);
    }
    return y;
}

void small_net_build(small_net *net, const small_net_options *o)
{
    onp_error err = {0};
    *net = (small_net){.n_blocks = o->n_blocks, .batch = o->batch};
    assert_true(o->n_blocks <= SMALL_NET_MAX_BLOCKS);
    onp_context_init(&net->ctx);
    net->g = onp_graph_new(&net->ctx, &err);
    assert_non_null(net->g);
    onp_shape shape = {o->batch, o->size, o->size, o->channels};
    net->images_data = take_floats(net, shape);
    net->images = onp_graph_external(net->g, shape, net->images_data);
    onp_tid x = net->images;
    for (int i = 0; i < o->n_blocks; i++)
        x = add_block(net, o, i, x);
    onp_graph_set_group(net->g, o->n_blocks);
    net->logits = x;
    net->logits_data = take_floats(net, onp_graph_shape(net->g, x));
    onp_graph_bind(net->g, x, net->logits_data);
    net->labels_data = take(net, o->batch, sizeof(int32_t));
    net->labels = onp_graph_labels(net->g, o->batch, net->labels_data);
    net->loss = onp_graph_add(net->g, ONP_OP_SOFTMAX_CE, (onp_tid[]){x, net->labels}, 2,
                              &(onp_attr){.smoothing = o->smoothing});
    onp_graph_bind(net->g, net->loss, net->loss_data);
    if (onp_graph_status(net->g, &err) != ONP_OK)
        fail_msg("%s", err.msg);
}

static void fill_normal(float *data, onp_shape shape, double scale, double shift, uint64_t seed,
                        uint32_t stream)
{
    onp_rng rng = onp_rng_make(seed, ONP_RNG_TEST);
    for (int64_t i = 0; i < onp_shape_count(shape); i++)
        data[i] = (float)(shift + scale * onp_rng_normal(rng, (uint64_t)i, stream, 0));
}

void small_net_fill(small_net *net, uint64_t seed)
{
    onp_rng rng = onp_rng_make(seed, ONP_RNG_TEST);
    const onp_shape logits = onp_graph_shape(net->g, net->logits);
    fill_normal(net->images_data, onp_graph_shape(net->g, net->images), 1.0, 0.0, seed, 0);
    for (int i = 0; i < net->batch; i++)
        net->labels_data[i] = (int32_t)onp_rng_below(rng, (uint64_t)i, 1, 0, (uint64_t)logits.c);
    for (int i = 0; i < net->n_params; i++) {
        const small_net_param *p = &net->params[i];
        double scale = 0.5, shift = 0.0;
        if (p->role == ONP_PARAM_WEIGHT)
            scale = 1.0 / sqrt((double)(p->shape.n * p->shape.h * p->shape.w));
        else if (p->role == ONP_PARAM_GAMMA)
            shift = 2.5;
        else if (p->role == ONP_PARAM_BETA)
            shift = 1.0;
        fill_normal(p->data, p->shape, scale, shift, seed, (uint32_t)(2 + i));
        for (int64_t k = p->shape.c; p->role == ONP_PARAM_STATS && k < 2 * p->shape.c; k++)
            p->data[k] = 0.1F + p->data[k] * p->data[k]; /* variances */
    }
}

void small_net_free(small_net *net)
{
    onp_graph_free(net->g);
    for (int i = 0; i < net->n_memory; i++)
        onp_free(&net->ctx, net->memory[i]);
    *net = (small_net){0};
}
