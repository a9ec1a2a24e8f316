/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/op_case.h"

#include "base/parallel.h"

/* What the places in one case's memory are for. */
typedef enum place {
    X,        /* [in]: the raw input */
    G,        /* [out]: the gradient of the output */
    Q,        /* [out]: the raw output, beside G when lazy */
    W,        /* weights */
    Y,        /* what is written, [in] or [out] */
    DW,       /* the weight gradient of the two-in-one calls */
    IN_COEF,  /* [9][cin] */
    OUT_COEF, /* [9][cout] */
    PARTIAL,
    SPLITS,
    PLACES
} place;

typedef struct sizes {
    int64_t in, out, w, floats[PLACES];
} sizes;

static bool is_depthwise(onp_call_kind kind)
{
    return kind == ONP_CALL_DEPTHWISE || kind == ONP_CALL_DEPTHWISE_DATA ||
           kind == ONP_CALL_DEPTHWISE_WEIGHT || kind == ONP_CALL_DEPTHWISE_BACKWARD;
}

static bool is_weighted(onp_call_kind kind)
{
    return kind == ONP_CALL_CONV || kind == ONP_CALL_CONV_DATA || kind == ONP_CALL_CONV_WEIGHT ||
           kind == ONP_CALL_CONV_BACKWARD || is_depthwise(kind);
}

static bool is_merge(onp_call_kind kind)
{
    return kind == ONP_CALL_MOMENTS_MERGE || kind == ONP_CALL_GRAD_MERGE;
}

/* The calls that read the input, that read the output's gradient, that write weights alone. */
static bool reads_input(onp_call_kind kind)
{
    return kind != ONP_CALL_CONV_DATA && kind != ONP_CALL_DEPTHWISE_DATA &&
           kind != ONP_CALL_POOL_BWD;
}

static bool reads_gradient(onp_call_kind kind)
{
    return kind == ONP_CALL_CONV_DATA || kind == ONP_CALL_CONV_WEIGHT ||
           kind == ONP_CALL_CONV_BACKWARD || kind == ONP_CALL_POOL_BWD ||
           (is_depthwise(kind) && kind != ONP_CALL_DEPTHWISE);
}

static bool writes_weights(onp_call_kind kind)
{
    return kind == ONP_CALL_CONV_WEIGHT || kind == ONP_CALL_DEPTHWISE_WEIGHT;
}

static bool writes_input(onp_call_kind kind)
{
    return reads_gradient(kind) && !writes_weights(kind);
}

static onp_call describe(const bench_case *c)
{
    const int64_t h = (c->h + c->s - 1) / c->s;
    onp_call call = {.kind = c->kind, .kernel = c->k, .stride = c->s, .lo = 1, .hi = 0};
    call.in = (onp_shape){c->n, c->h, c->h, c->cin};
    call.out = (onp_shape){c->n, h, h, c->cout};
    if (c->kind == ONP_CALL_POOL || c->kind == ONP_CALL_POOL_BWD)
        call.out.h = call.out.w = 1;
    call.count = call.out.n * call.out.h * call.out.w;
    call.eps = 1e-3;
    if ((c->lazy && c->kind != ONP_CALL_STORE) || c->kind == ONP_CALL_SUMS) {
        if (onp_call_can_sum(c->kind, ONP_SUMS_MOMENTS))
            call.sums = ONP_SUMS_MOMENTS;
        else if (onp_call_can_sum(c->kind, ONP_SUMS_GRAD))
            call.sums = ONP_SUMS_GRAD;
    }
    return call;
}

static sizes measure(const bench_case *c, const onp_call *call)
{
    sizes s = {.in = onp_shape_count(call->in), .out = onp_shape_count(call->out)};
    const bool weighted = is_weighted(c->kind);
    s.w = weighted ? (int64_t)c->k * c->k * (is_depthwise(c->kind) ? 1 : c->cin) * c->cout : 0;
    s.floats[X] = reads_input(c->kind) || call->sums == ONP_SUMS_GRAD ? s.in : 0;
    s.floats[G] = reads_gradient(c->kind) ? s.out : 0;
    s.floats[Q] = reads_gradient(c->kind) && c->lazy ? s.out : 0;
    s.floats[W] = writes_weights(c->kind) ? 0 : s.w;
    s.floats[Y] = writes_weights(c->kind) ? s.w : writes_input(c->kind) ? s.in : s.out;
    if (c->kind == ONP_CALL_STORE && c->lazy)
        s.floats[Q] = s.out; /* the shortcut */
    if (c->kind == ONP_CALL_SUMS)
        s.floats[Y] = 0;
    s.floats[DW] =
        c->kind == ONP_CALL_CONV_BACKWARD || c->kind == ONP_CALL_DEPTHWISE_BACKWARD ? s.w : 0;
    s.floats[IN_COEF] = 9 * (int64_t)c->cin;
    s.floats[OUT_COEF] = 9 * (int64_t)c->cout;
    s.floats[PARTIAL] = call->sums != ONP_SUMS_NONE ? onp_call_partial_floats(call) : 0;
    s.floats[SPLITS] = onp_call_split_floats(call);
    if (is_merge(c->kind)) {
        s.floats[X] = s.floats[Y] = 0;
        s.floats[PARTIAL] = onp_tiling_count(call->partial_tiling) * 2 * c->cout;
    }
    if (c->kind == ONP_CALL_BN_COEF)
        s.floats[X] = s.floats[Y] = 0;
    return s;
}

/* Values between -0.5 and 0.5 without a pattern that a prefetcher or a denormal would care for. */
static void fill(float *x, int64_t n, uint32_t seed)
{
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525U + 1013904223U;
        x[i] = (float)(seed >> 8) / 16777216.0F - 0.5F;
    }
}

/* scale, shift, gamma and variance near 1, the rest near 0. coef: [9][c]. */
static void fill_coef(float *coef, int64_t c)
{
    for (int64_t j = 0; j < c; j++) {
        coef[0 * c + j] = 1.1F;  /* scale */
        coef[1 * c + j] = 0.2F;  /* shift */
        coef[2 * c + j] = 0.9F;  /* ga */
        coef[3 * c + j] = 0.01F; /* gb */
        coef[4 * c + j] = 0.02F; /* gc */
        coef[5 * c + j] = 0.03F; /* mean */
        coef[6 * c + j] = 1.0F;  /* variance */
        coef[7 * c + j] = 1.0F;  /* gamma */
        coef[8 * c + j] = 0.1F;  /* beta */
    }
}

/* v = clamp(scale x + shift) of batch norm and ReLU6. */
static onp_operand lazy_forward(const float *x, const float *coef, int64_t c)
{
    return (onp_operand){.x = x, .scale = coef, .shift = coef + c, .hi = 6, .clamp = true, .c = c};
}

static onp_operand lazy_backward(const float *g, const float *q, const float *coef, int64_t c)
{
    onp_operand o = lazy_forward(g, coef, c);
    o.q = q;
    o.ga = coef + 2 * c;
    o.gb = coef + 3 * c;
    o.gc = coef + 4 * c;
    return o;
}

static void connect(const bench_case *c, onp_call *call, float *const at[PLACES])
{
    const onp_operand plain_x = {.x = at[X], .c = c->cin}, plain_g = {.x = at[G], .c = c->cout};
    const onp_operand x = c->lazy ? lazy_forward(at[X], at[IN_COEF], c->cin) : plain_x;
    const onp_operand g = c->lazy && reads_gradient(c->kind)
                              ? lazy_backward(at[G], at[Q], at[OUT_COEF], c->cout)
                              : plain_g;
    call->a = reads_input(c->kind) ? x : g;
    if (reads_input(c->kind) && reads_gradient(c->kind))
        call->b = g;
    if (c->kind == ONP_CALL_STORE && c->lazy) { /* the end of a block: batch norm and shortcut */
        call->a.clamp = false;
        call->b = (onp_operand){.x = at[Q], .c = c->cin};
    }
    call->w = at[W];
    call->y = at[Y];
    call->dw = at[DW];
    call->splits = at[SPLITS];
    call->partial = at[PARTIAL];
    const float *sums_coef = call->sums == ONP_SUMS_GRAD ? at[IN_COEF] : at[OUT_COEF];
    const int64_t cs = call->sums == ONP_SUMS_GRAD ? c->cin : c->cout;
    call->stats = at[call->sums == ONP_SUMS_GRAD ? IN_COEF : OUT_COEF] + 5 * cs;
    if (call->sums == ONP_SUMS_GRAD) {
        call->mask = lazy_forward(NULL, sums_coef, cs);
        call->mask.q = at[X];
    }
    float *coef = at[OUT_COEF];
    call->coef = coef;
    call->gamma = coef + 7 * cs;
    call->beta = coef + 8 * cs;
    call->dgamma = coef + 3 * cs;
    call->dbeta = coef + 4 * cs;
}

static double nominal_flops(const bench_case *c, const onp_call *call)
{
    if (!is_weighted(c->kind))
        return 0;
    const double taps = (double)c->k * c->k * (is_depthwise(c->kind) ? 1 : c->cin);
    const double once = 2.0 * taps * (double)onp_shape_count(call->out);
    const bool both = c->kind == ONP_CALL_CONV_BACKWARD || c->kind == ONP_CALL_DEPTHWISE_BACKWARD;
    return both ? 2 * once : once;
}

onp_status bench_case_open(const onp_context *ctx, const bench_case *c, bench_case_memory *out,
                           onp_error *err)
{
    onp_call call = describe(c);
    if (is_merge(c->kind)) {
        onp_call before = call;
        before.kind = ONP_CALL_SUMS;
        call.partial_tiling = onp_call_tiling(&before);
    }
    const sizes s = measure(c, &call);
    int64_t total = 0, begin[PLACES];
    for (int i = 0; i < PLACES; i++) {
        begin[i] = total;
        total += (s.floats[i] + 15) / 16 * 16;
    }
    *out = (bench_case_memory){.flops = nominal_flops(c, &call)};
    out->memory = onp_alloc(ctx, (size_t)total, sizeof *out->memory);
    out->labels = onp_alloc(ctx, (size_t)c->n, sizeof *out->labels);
    out->scratch_floats = (onp_call_scratch_floats(&call) + 15) / 16 * 16;
    out->scratch = onp_alloc(ctx, (size_t)out->scratch_floats * (size_t)onp_parallel_threads(),
                             sizeof *out->scratch);
    if (out->memory == NULL || out->labels == NULL || out->scratch == NULL) {
        bench_case_close(ctx, out);
        return onp_fail(err, ONP_E_NOMEM, "no memory for %lld floats", (long long)total);
    }
    float *at[PLACES];
    for (int i = 0; i < PLACES; i++) {
        at[i] = out->memory + begin[i];
        fill(at[i], s.floats[i], (uint32_t)i);
        if (i <= DW || (i == PARTIAL && is_merge(c->kind)))
            out->bytes += 4 * (double)s.floats[i];
    }
    for (int64_t i = 0; i < s.floats[PARTIAL]; i++)
        at[PARTIAL][i] += 1; /* sums of squares */
    fill_coef(at[IN_COEF], c->cin);
    fill_coef(at[OUT_COEF], c->cout);
    for (int32_t i = 0; i < c->n; i++)
        out->labels[i] = i % c->cout;
    connect(c, &call, at);
    call.labels = out->labels;
    out->call = call;
    return ONP_OK;
}

void bench_case_close(const onp_context *ctx, bench_case_memory *m)
{
    onp_free(ctx, m->memory);
    onp_free(ctx, m->labels);
    onp_free(ctx, m->scratch);
}
