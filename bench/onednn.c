/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/onednn.h"

#ifndef ONEPATH_ONEDNN

bool bench_onednn(const bench_case *c, bench_onednn_layout layout, double seconds, bench_stats *out)
{
    (void)c, (void)layout, (void)seconds, (void)out;
    return false;
}

#else

#    include <dnnl.h>
#    include <string.h>

typedef enum direction { FORWARD, DATA, WEIGHTS, NONE } direction;

typedef struct peer {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_desc_t forward, backward; /* the second for the two gradients, with the first as
                                                its hint */
    dnnl_primitive_t primitive;
    dnnl_memory_t memory[3]; /* source, weights, destination */
    dnnl_exec_arg_t args[3];
} peer;

static direction direction_of(onp_call_kind kind)
{
    switch (kind) {
    case ONP_CALL_CONV:
    case ONP_CALL_DEPTHWISE:
        return FORWARD;
    case ONP_CALL_CONV_DATA:
    case ONP_CALL_DEPTHWISE_DATA:
        return DATA;
    case ONP_CALL_CONV_WEIGHT:
    case ONP_CALL_DEPTHWISE_WEIGHT:
        return WEIGHTS;
    default:
        return NONE;
    }
}

/* The three descriptions: activations in `tag`, weights as it likes. */
static bool describe(const bench_case *c, dnnl_format_tag_t tag, dnnl_memory_desc_t md[3])
{
    const bool depthwise = c->kind == ONP_CALL_DEPTHWISE || c->kind == ONP_CALL_DEPTHWISE_DATA ||
                           c->kind == ONP_CALL_DEPTHWISE_WEIGHT;
    const dnnl_dim_t o = (c->h + c->s - 1) / c->s;
    const dnnl_dims_t source = {c->n, c->cin, c->h, c->h}, destination = {c->n, c->cout, o, o};
    const dnnl_dims_t dense = {c->cout, c->cin, c->k, c->k};
    const dnnl_dims_t grouped = {c->cout, 1, 1, c->k, c->k};
    return dnnl_memory_desc_init_by_tag(&md[0], 4, source, dnnl_f32, tag) == dnnl_success &&
           dnnl_memory_desc_init_by_tag(&md[1], depthwise ? 5 : 4, depthwise ? grouped : dense,
                                        dnnl_f32, dnnl_format_tag_any) == dnnl_success &&
           dnnl_memory_desc_init_by_tag(&md[2], 4, destination, dnnl_f32, tag) == dnnl_success;
}

static bool make_primitive(peer *p, const bench_case *c, const dnnl_memory_desc_t md[3],
                           direction d)
{
    const dnnl_dim_t o = (c->h + c->s - 1) / c->s, left = c->k / 2;
    const dnnl_dim_t right = (o - 1) * c->s + c->k - c->h - left;
    const dnnl_dims_t strides = {c->s, c->s}, before = {left, left}, after = {right, right};
    dnnl_convolution_desc_t desc;
    if (dnnl_convolution_forward_desc_init(&desc, dnnl_forward_training, dnnl_convolution_direct,
                                           &md[0], &md[1], NULL, &md[2], strides, before,
                                           after) != dnnl_success ||
        dnnl_primitive_desc_create(&p->forward, &desc, NULL, p->engine, NULL) != dnnl_success)
        return false;
    if (d == FORWARD)
        return dnnl_primitive_create(&p->primitive, p->forward) == dnnl_success;
    const dnnl_status_t st =
        d == DATA ? dnnl_convolution_backward_data_desc_init(&desc, dnnl_convolution_direct, &md[0],
                                                             &md[1], &md[2], strides, before, after)
                  : dnnl_convolution_backward_weights_desc_init(&desc, dnnl_convolution_direct,
                                                                &md[0], &md[1], NULL, &md[2],
                                                                strides, before, after);
    return st == dnnl_success &&
           dnnl_primitive_desc_create(&p->backward, &desc, NULL, p->engine, p->forward) ==
               dnnl_success &&
           dnnl_primitive_create(&p->primitive, p->backward) == dnnl_success;
}

static void fill(dnnl_memory_t m, const dnnl_memory_desc_t *md)
{
    void *data = NULL;
    (void)dnnl_memory_get_data_handle(m, &data);
    float *x = data;
    for (size_t i = 0; i < dnnl_memory_desc_get_size(md) / sizeof *x; i++)
        x[i] = (float)(i % 61) / 61 - 0.5F;
}

static bool make_memory(peer *p, direction d)
{
    static const dnnl_query_t queries[3][3] = {
        {dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_dst_md},
        {dnnl_query_diff_src_md, dnnl_query_weights_md, dnnl_query_diff_dst_md},
        {dnnl_query_src_md, dnnl_query_diff_weights_md, dnnl_query_diff_dst_md}};
    static const int names[3][3] = {{DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST},
                                    {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST},
                                    {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST}};
    const_dnnl_primitive_desc_t desc = d == FORWARD ? p->forward : p->backward;
    for (int i = 0; i < 3; i++) {
        const dnnl_memory_desc_t *md = dnnl_primitive_desc_query_md(desc, queries[d][i], 0);
        if (md == NULL ||
            dnnl_memory_create(&p->memory[i], md, p->engine, DNNL_MEMORY_ALLOCATE) != dnnl_success)
            return false;
        fill(p->memory[i], md);
        p->args[i] = (dnnl_exec_arg_t){names[d][i], p->memory[i]};
    }
    return true;
}

static void run(void *arg)
{
    const peer *p = arg;
    (void)dnnl_primitive_execute(p->primitive, p->stream, 3, p->args);
    (void)dnnl_stream_wait(p->stream);
}

static void close_peer(peer *p)
{
    for (int i = 0; i < 3; i++)
        (void)dnnl_memory_destroy(p->memory[i]);
    (void)dnnl_primitive_destroy(p->primitive);
    (void)dnnl_primitive_desc_destroy(p->backward);
    (void)dnnl_primitive_desc_destroy(p->forward);
    (void)dnnl_stream_destroy(p->stream);
    (void)dnnl_engine_destroy(p->engine);
}

bool bench_onednn(const bench_case *c, bench_onednn_layout layout, double seconds, bench_stats *out)
{
    const direction d = direction_of(c->kind);
    if (d == NONE || c->lazy)
        return false;
    peer p = {0};
    dnnl_memory_desc_t md[3];
    const bool made =
        dnnl_engine_create(&p.engine, dnnl_cpu, 0) == dnnl_success &&
        dnnl_stream_create(&p.stream, p.engine, dnnl_stream_default_flags) == dnnl_success &&
        describe(c, layout == BENCH_ONEDNN_ANY ? dnnl_format_tag_any : dnnl_nhwc, md) &&
        make_primitive(&p, c, md, d) && make_memory(&p, d);
    if (made)
        *out = bench_time(run, &p, seconds, 3);
    close_peer(&p);
    return made;
}

#endif
