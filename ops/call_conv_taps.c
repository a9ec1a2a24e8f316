/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolutions with dilation or groups, forward and both gradients: the taps of a tile's pixels are
 * gathered, group by group (im2col of one tile, never of a whole tensor), and multiplied.
 *
 * A call walks the map that it writes (the weight gradient: the output's gradient). What a tile's
 * taps meet are some lines of the other map, which are transformed into scratch first. A row of the
 * gathered matrix is k * k taps of so many channels each; the gradient of the input, whose products
 * are packed tap by tap, has an even number of them.
 */
#include <string.h>

#include "ops/call_internal.h"

/* Floats that a tile gathers and writes: half of a 1 MiB second-level cache. */
#define TILE_FLOATS (128 * 1024)

typedef struct walk {
    bool backward;
    onp_shape from, to; /* the map that taps meet, the map that is walked */
    int64_t groups;
    int64_t depth, width; /* of a group: channels of a tap, channels of a result */
    int64_t tap, row;     /* floats of a tap and of a row of the gathered matrix */
    int64_t lines;        /* of `to`, of a tile */
    int64_t met;          /* of `from`, that they meet at most */
} walk;

static int64_t n_taps(const onp_call *call)
{
    return (int64_t)call->kernel * call->kernel;
}

static int64_t reach(const onp_call *call)
{
    return call->kernel / 2 * onp_call_dilation(call);
}

static int64_t even(int64_t n)
{
    return n + n % 2;
}

/* Lines of `from` that so many lines of `to` meet at most. */
static int64_t met_lines(const onp_call *call, const walk *w, int64_t lines)
{
    const int64_t span = w->backward ? (lines - 1 + 2 * reach(call)) / call->stride + 1
                                     : (lines - 1) * call->stride + 2 * reach(call) + 1;
    return onp_min64(span, w->from.h);
}

static walk walk_of(const onp_call *call)
{
    walk w = {.backward = call->kind == ONP_CALL_CONV_DATA, .groups = onp_call_groups(call)};
    w.from = w.backward ? call->out : call->in;
    w.to = w.backward ? call->in : call->out;
    w.depth = w.from.c / w.groups;
    w.width = w.to.c / w.groups;
    w.tap = w.backward ? even(w.depth) : w.depth;
    w.row = even(n_taps(call) * w.tap);
    const int64_t line = w.to.w * (w.row + w.to.c);
    w.lines = TILE_FLOATS / (line > 0 ? line : 1);
    w.lines = onp_min64(w.lines > 1 ? w.lines : 1, onp_ceil_div(w.to.h * w.to.n, 8));
    w.lines = onp_min64(w.lines, w.to.h);
    w.met = met_lines(call, &w, w.lines);
    return w;
}

onp_tiling onp_taps_tiling(const onp_call *call)
{
    const walk w = walk_of(call);
    return (onp_tiling){w.lines * w.to.w, w.to.h * w.to.w, w.to.n};
}

/* ---- scratch: packed weights (thread 0), lines, gathered taps, rows of a gradient ---- */

static int64_t group_packed(const onp_call *call, const walk *w)
{
    return onp_round_lane(onp_gemm_packed_floats(n_taps(call) * w->tap, w->width));
}

int64_t onp_taps_packed_floats(const onp_call *call)
{
    const walk w = walk_of(call);
    return w.groups * group_packed(call, &w);
}

static int64_t line_floats(const walk *w)
{
    return onp_round_lane(w->met * w->from.w * w->from.c);
}

int64_t onp_taps_scratch(const onp_call *call)
{
    const walk w = walk_of(call);
    const int64_t rows = w.lines * w.to.w;
    const int64_t packed = call->kind == ONP_CALL_CONV_WEIGHT
                               ? onp_round_lane(rows * w.to.c) + onp_sgemm_scratch()
                               : w.groups * group_packed(call, &w);
    return packed + line_floats(&w) + onp_round_lane(rows * w.row);
}

/* ---- gathering ---- */

/* The line or column of `from` (size `map`) that tap t of place i meets, or -1. */
static int64_t met_place(const onp_call *call, const walk *w, int64_t i, int64_t t, int64_t map)
{
    const int64_t off = t * onp_call_dilation(call) - reach(call);
    int64_t met = i * call->stride + off;
    if (w->backward) {
        if (i - off < 0 || (i - off) % call->stride != 0)
            return -1;
        met = (i - off) / call->stride;
    }
    return met >= 0 && met < map ? met : -1;
}

/* The first line of `from` that line i of `to` may meet. */
static int64_t first_line(const onp_call *call, const walk *w, int64_t i)
{
    const int64_t first =
        w->backward ? onp_ceil_div(i - reach(call), call->stride) : i * call->stride - reach(call);
    return first > 0 ? first : 0;
}

/* What a tile works on. */
typedef struct piece {
    int64_t row, rows, image, line; /* the tile's first row of `to`, and where that is */
    int64_t first;                  /* line of `from` that `lines` begins with */
    float *lines, *taps;
} piece;

static piece load_tile(const onp_call_env *env, const walk *w, int64_t tile,
                       float *scratch) /* NOLINT(readability-non-const-parameter): load writes it */
{
    const onp_call *call = env->call;
    piece p = {.row = onp_tiling_first(env->tiling, tile),
               .rows = onp_tiling_rows(env->tiling, tile),
               .lines = scratch,
               .taps = scratch + line_floats(w)};
    p.image = p.row / (w->to.h * w->to.w);
    p.line = p.row % (w->to.h * w->to.w) / w->to.w;
    p.first = first_line(call, w, p.line);
    const int64_t n = onp_min64(w->met, w->from.h - p.first);
    env->k->load(&call->a, (p.image * w->from.h + p.first) * w->from.w, n * w->from.w, 0, w->from.c,
                 p.lines, w->from.c);
    return p;
}

/* The taps of a line of `to` that fall into tap row u, into `to`, the first row's place for it. */
static void gather_run(const onp_call *call, const walk *w, const float *line, float *to)
{
    for (int64_t j = 0; j < w->to.w; j++, to += w->row)
        for (int64_t v = 0; v < call->kernel; v++) {
            const int64_t met = met_place(call, w, j, v, w->from.w);
            if (met >= 0)
                memcpy(to + v * w->tap, line + met * w->from.c, (size_t)w->depth * sizeof *to);
        }
}

static void gather(const onp_call *call, const walk *w, const piece *p, int64_t group)
{
    memset(p->taps, 0, (size_t)(p->rows * w->row) * sizeof *p->taps);
    for (int64_t i = 0; i < p->rows / w->to.w; i++)
        for (int64_t u = 0; u < call->kernel; u++) {
            const int64_t met = met_place(call, w, p->line + i, u, w->from.h);
            if (met >= 0)
                gather_run(call, w,
                           p->lines + (met - p->first) * w->from.w * w->from.c + group * w->depth,
                           p->taps + i * w->to.w * w->row + u * call->kernel * w->tap);
        }
}

/* ---- products ---- */

/* Weights of a group: forward rows are taps and input channels, columns output channels; for the
 * gradient of the input rows are taps and output channels. */
static void pack_group(const onp_kernels *k, const onp_call *call, const walk *w, int64_t group,
                       float *packed)
{
    const int64_t n = call->out.c, rows = n_taps(call) * w->tap;
    if (!w->backward) {
        k->gemm_pack(call->w + group * w->width, n, 1, rows, 1, w->width, 0, rows, packed);
        return;
    }
    for (int64_t t = 0; t < n_taps(call); t++)
        k->gemm_pack(call->w + t * w->width * n + group * w->depth, 1, n, rows, 1, w->width,
                     t * w->tap, t * w->tap + w->depth, packed);
}

void onp_taps_pack(const onp_kernels *k, const onp_call *call, float *packed)
{
    const walk w = walk_of(call);
    for (int64_t g = 0; g < w.groups; g++)
        pack_group(k, call, &w, g, packed + g * group_packed(call, &w));
}

static void pack_tile(void *arg, int64_t group, int thread)
{
    (void)thread;
    const onp_call_env *env = arg;
    const walk w = walk_of(env->call);
    pack_group(env->k, env->call, &w, group, env->scratch + group * group_packed(env->call, &w));
}

static void taps_tile(void *arg, int64_t tile, int thread)
{
    const onp_call_env *env = arg;
    const onp_call *call = env->call;
    const walk w = walk_of(call);
    const int64_t packed = group_packed(call, &w), c = w.to.c;
    const float *weights = call->packed != NULL ? call->packed : env->scratch;
    const piece p = load_tile(env, &w, tile, onp_env_scratch(env, thread) + w.groups * packed);
    const onp_gemm_in in = {
        .x = p.taps, .ld = w.row, .rows = p.rows, .k = n_taps(call) * w.tap, .segments = 1};
    for (int64_t g = 0; g < w.groups; g++) {
        const onp_gemm_out out = onp_call_output(call, p.row, g * w.width, c);
        gather(call, &w, &p, g);
        env->k->gemm_rows(&in, weights + g * packed, w.width, &out);
    }
    onp_call_settle(env, tile, p.row, p.rows, c, 0, c);
}

void onp_run_taps(onp_call_env *env)
{
    if (env->call->packed == NULL)
        onp_parallel_for(onp_call_groups(env->call), pack_tile, env);
    onp_parallel_for(onp_tiling_count(env->tiling), taps_tile, env);
}

/* dw[tap][ci][co] of a run of tiles, each group's columns apart. */
static void weight_split(void *arg, int64_t split, int thread)
{
    const onp_call_env *env = arg;
    const onp_call *call = env->call;
    const walk w = walk_of(call);
    const int64_t m = n_taps(call) * w.depth, n = w.to.c;
    const int64_t splits = onp_conv_splits(call), tiles = onp_tiling_count(env->tiling);
    float *scratch = onp_env_scratch(env, thread);
    float *g_rows = scratch + line_floats(&w) + onp_round_lane(env->tiling.rows * w.row);
    float *dw = (splits > 1 ? call->splits : call->y) + split * m * n;
    const int64_t first = split * tiles / splits, last = (split + 1) * tiles / splits;
    for (int64_t tile = first; tile < last; tile++) {
        const piece p = load_tile(env, &w, tile, scratch);
        env->k->load(&call->b, p.row, p.rows, 0, n, g_rows, n);
        for (int64_t g = 0; g < w.groups; g++) {
            gather(call, &w, &p, g);
            const onp_sgemm_job job = {.trans_a = true,
                                       .m = m,
                                       .n = w.width,
                                       .k = p.rows,
                                       .a = p.taps,
                                       .lda = w.row,
                                       .b = g_rows + g * w.width,
                                       .ldb = n,
                                       .c = dw + g * w.width,
                                       .ldc = n,
                                       .add = tile != first};
            onp_sgemm(env->k, &job, g_rows + onp_round_lane(env->tiling.rows * n));
        }
    }
}

void onp_run_taps_weight(onp_call_env *env)
{
    const onp_call *call = env->call;
    const int64_t splits = onp_conv_splits(call);
    onp_parallel_for(splits, weight_split, env);
    if (splits > 1)
        onp_run_merge_splits(env, splits,
                             n_taps(call) * (call->in.c / onp_call_groups(call)) * call->out.c);
}
