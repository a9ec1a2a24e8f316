/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pointwise convolutions of stride 1: products of rows. A tile of rows is multiplied block by
 * block: the operand's rows are transformed into scratch that stays in the first- or second-level
 * cache, and the column sums of what a tile stores are taken while it is in the second level. Both
 * gradients share the transformed rows of the output's gradient.
 */
#include "ops/call_internal.h"

/* Floats that a tile reads and writes: half of a 1 MiB second-level cache. */
#define TILE_FLOATS (128 * 1024)

/*
 * Eight tiles of equal height or a multiple of it, so that two, four or eight threads end together;
 * where they would be lower than 48 rows four, two or one, and columns are cut too.
 */
onp_tiling onp_pointwise_tiling(const onp_call *call)
{
    const int64_t n = onp_shape_rows(call->out), width = call->in.c + call->out.c;
    int64_t rows = TILE_FLOATS / (width > 0 ? width : 1);
    rows = onp_min64(rows > 48 ? rows : 48, 512);
    int64_t tiles = onp_ceil_div(n, rows);
    if (n >= ONP_FEW_ROWS)
        tiles = onp_ceil_div(tiles, 8) * 8;
    else
        tiles = n >= 4 * 64 ? 4 : n >= 2 * 64 ? 2 : 1;
    return (onp_tiling){.rows = onp_ceil_div(n, tiles > 0 ? tiles : 1), .group = n, .groups = 1};
}

/* Rows of a block of scratch: as many as fit half of the first-level cache, in whole register
 * tiles. */
static int64_t block_rows(int64_t width)
{
    const int64_t rows = 6 * 1024 / (width > 0 ? width : 1) / 24 * 24;
    return rows < 24 ? 24 : onp_min64(rows, 96);
}

/* A matrix that fills half of the second level. */
#define LARGE_FLOATS (128 * 1024)

/* Of a block that is read in place: a quarter of the second level. A large matrix is then read from
 * memory once. */
static int64_t plain_block_rows(int64_t width)
{
    const int64_t rows = 64 * 1024 / (width > 0 ? width : 1) / 24 * 24;
    return rows < 24 ? 24 : rows;
}

static int64_t round_even(int64_t n)
{
    return n + n % 2;
}

/* ---- the packed matrix ---- */

static int64_t depth_of(const onp_call *call)
{
    return call->kind == ONP_CALL_CONV ? call->in.c : call->out.c;
}

static int64_t width_of(const onp_call *call)
{
    return call->kind == ONP_CALL_CONV ? call->out.c : call->in.c;
}

/* Columns in `n` parts of whole lanes, each packed by itself. */
static int64_t n_parts(const onp_call *call)
{
    if (call->kind == ONP_CALL_CONV_BACKWARD)
        return 1;
    const int64_t tiles = onp_tiling_count(onp_pointwise_tiling(call));
    const int64_t lanes = onp_ceil_div(width_of(call), ONP_LANE);
    int64_t parts = 1;
    while (tiles * parts < 8 && lanes >= (parts == 1 ? 4 : 10 * parts))
        parts *= 2;
    return parts;
}

/* First column of a part; of the last one past the end, all. */
static int64_t part_begin(const onp_call *call, int64_t part, int64_t parts)
{
    const int64_t n = width_of(call), lanes = onp_ceil_div(n, ONP_LANE);
    return onp_min64(part * lanes / parts * ONP_LANE, n);
}

/* Floats of packed columns before column j. */
static int64_t part_offset(const onp_call *call, int64_t j)
{
    return round_even(depth_of(call)) * j;
}

static void pack(const onp_kernels *k, const onp_call *call, int64_t from, int64_t to, float *dst)
{
    const bool forward = call->kind == ONP_CALL_CONV;
    const int64_t n = call->out.c, parts = n_parts(call);
    for (int64_t p = 0; p < parts; p++) {
        const int64_t j = part_begin(call, p, parts), end = part_begin(call, p + 1, parts);
        k->gemm_pack(call->w + (forward ? j + from * n : j * n + from), forward ? n : 1,
                     forward ? 1 : n, depth_of(call), 1, end - j, from, to,
                     dst + part_offset(call, j));
    }
}

#define PACK_ROWS 32

static void pack_tile(void *arg, int64_t tile, int thread)
{
    (void)thread;
    const onp_call_env *env = arg;
    const int64_t from = tile * PACK_ROWS;
    pack(env->k, env->call, from, onp_min64(from + PACK_ROWS, depth_of(env->call)), env->scratch);
}

/* Packed weights: the caller's, or made in the scratch of thread 0, which all threads read. */
static const float *packed_weights(onp_call_env *env)
{
    if (env->call->packed != NULL)
        return env->call->packed;
    onp_parallel_for(onp_ceil_div(depth_of(env->call), PACK_ROWS), pack_tile, env);
    return env->scratch;
}

int64_t onp_pointwise_packed_floats(const onp_call *call)
{
    return onp_round_lane(onp_gemm_packed_floats(depth_of(call), width_of(call)));
}

void onp_pointwise_pack(const onp_kernels *k, const onp_call *call, float *packed)
{
    pack(k, call, 0, depth_of(call), packed);
}

/* ---- forward, and the data gradient alone ---- */

typedef struct rows_args {
    onp_call_env *env;
    const float *packed;
    int64_t parts; /* of the columns */
} rows_args;

/* Rows of an operand with an even row length, `ld` floats apart: in place where that does. */
static const float *rows_of(const onp_kernels *k, const onp_operand *o, int64_t row, int64_t rows,
                            float *scratch, int64_t ld)
{
    if (onp_operand_is_plain(o) && ld == o->c)
        return o->x + row * o->c;
    k->load(o, row, rows, 0, o->c, scratch, ld);
    if (o->c % 2 != 0)
        for (int64_t r = 0; r < rows; r++)
            scratch[r * ld + o->c] = 0;
    return scratch;
}

/* Rows that the next block of a tile, or the thread's next tile, will meet. */
static void fetch_ahead(onp_ahead *ahead, const float *x, int64_t row, int64_t rows, int64_t c)
{
    if (x != NULL && rows > 0)
        ahead->part[ahead->parts++] = (onp_ahead_part){x + row * c, rows * c};
}

static void fetch_operand(onp_ahead *ahead, const onp_operand *o, int64_t row, int64_t rows)
{
    fetch_ahead(ahead, o->x, row, rows, o->c);
    fetch_ahead(ahead, o->q, row, rows, o->c);
}

/* At most `rows` from `row` on. */
static int64_t rows_behind(const onp_call *call, int64_t row, int64_t rows)
{
    return onp_min64(rows, onp_shape_rows(call->out) - row);
}

/* Parts follow each other: threads share the matrix, which is large where columns are cut. */
static void rows_tile(void *arg, int64_t item, int thread)
{
    const rows_args *args = arg;
    const onp_call_env *env = args->env;
    const onp_call *call = env->call;
    const int64_t tiles = onp_tiling_count(env->tiling), tile = item % tiles;
    const int64_t first = onp_tiling_first(env->tiling, tile);
    const int64_t rows = onp_tiling_rows(env->tiling, tile);
    const int64_t k = depth_of(call), n = width_of(call), ld = round_even(k);
    const int64_t j0 = part_begin(call, item / tiles, args->parts);
    const int64_t j1 = part_begin(call, item / tiles + 1, args->parts);
    float *scratch = onp_env_scratch(env, thread) + onp_pointwise_packed_floats(call);
    const bool plain = onp_operand_is_plain(&call->a) && ld == k;
    const bool once = plain && k * n > LARGE_FLOATS;
    const int64_t step = once ? plain_block_rows(k) : block_rows(k);
    for (int64_t r = 0; r < rows; r += step) {
        const int64_t count = onp_min64(step, rows - r);
        const int64_t next = first + r + count, behind = rows_behind(call, next, step);
        onp_ahead ahead = {.parts = 0};
        fetch_ahead(&ahead, call->y, next, behind, n);
        fetch_operand(&ahead, &call->a, next, behind);
        const onp_gemm_in in = {.x = rows_of(env->k, &call->a, first + r, count, scratch, ld),
                                .ld = ld,
                                .rows = count,
                                .k = k,
                                .segments = 1,
                                .ahead = &ahead};
        const onp_gemm_out out = onp_call_output(call, first + r, j0, n);
        env->k->gemm_rows(&in, args->packed + part_offset(call, j0), j1 - j0, &out);
    }
    onp_call_settle(env, tile, first, rows, n, j0, j1);
}

void onp_run_pointwise(onp_call_env *env)
{
    rows_args args = {.env = env, .packed = packed_weights(env), .parts = n_parts(env->call)};
    onp_parallel_for(onp_tiling_count(env->tiling) * args.parts, rows_tile, &args);
}

/* ---- rows that no tensor holds ---- */

onp_product onp_product_begin(const onp_call_env *env, const onp_call *forward,
                              float *packed) /* NOLINT(readability-non-const-parameter): written */
{
    onp_call_env packing = {.k = env->k, .call = forward, .scratch = packed};
    onp_parallel_for(onp_ceil_div(depth_of(forward), PACK_ROWS), pack_tile, &packing);
    return (onp_product){env->k, *forward, packed};
}

static void multiply(const onp_product *p, const float *x, int64_t ld, int64_t rows,
                     float *y) /* NOLINT(readability-non-const-parameter): gemm_rows writes it */
{
    const onp_call *forward = &p->forward;
    const int64_t parts = n_parts(forward), n = width_of(forward);
    const onp_gemm_in in = {.x = x, .ld = ld, .rows = rows, .k = depth_of(forward), .segments = 1};
    for (int64_t part = 0; part < parts; part++) {
        const int64_t j0 = part_begin(forward, part, parts);
        const onp_gemm_out out = {.y = y + j0, .ld = n, .lo = 1};
        p->k->gemm_rows(&in, p->packed + part_offset(forward, j0),
                        part_begin(forward, part + 1, parts) - j0, &out);
    }
}

int64_t onp_product_scratch(const onp_call *forward, int64_t rows)
{
    return onp_round_lane(rows * round_even(depth_of(forward)));
}

void onp_product_rows(const onp_product *p, int64_t row, int64_t rows, float *scratch, float *y)
{
    const int64_t ld = round_even(depth_of(&p->forward));
    multiply(p, rows_of(p->k, &p->forward.a, row, rows, scratch, ld), ld, rows, y);
}

/* ---- the weight gradient, alone or with the data gradient ---- */

/*
 * The kernel reads one operand by vectors and the other element by element. Vectors run along the
 * operand that wastes fewer lanes; sums are kept as [m][ld] and transposed when they are merged.
 */
typedef struct orientation {
    bool along_x; /* vectors along the input's channels */
    int64_t m, n, ld;
} orientation;

static int64_t wasted(int64_t c)
{
    return onp_round_lane(c) - c;
}

static orientation orientation_of(const onp_call *call)
{
    const int64_t k = call->in.c, n = call->out.c;
    const bool along_x = wasted(k) * n < wasted(n) * k;
    return along_x ? (orientation){true, n, k, onp_round_lane(k)}
                   : (orientation){false, k, n, onp_round_lane(n)};
}

static int64_t most_splits(const onp_call *call)
{
    const int64_t floats = call->in.c * call->out.c;
    const int64_t splits = floats <= 32 * 1024 ? 16 : floats <= 128 * 1024 ? 8 : 4;
    return onp_min64(splits, onp_tiling_count(onp_pointwise_tiling(call)));
}

/* With few rows, parts of one sum cost less than sums to merge; with the data gradient they would
 * not share the rows. */
static int64_t splits_of(const onp_call *call)
{
    int64_t splits = most_splits(call);
    if (call->kind == ONP_CALL_CONV_WEIGHT)
        while (splits > 1 && onp_shape_rows(call->out) < splits * 192)
            splits /= 2;
    return splits;
}

/* One split that lies as the gradient does is summed where the gradient goes: a wide layer of few
 * rows would need another matrix of its size. */
static bool is_direct(const onp_call *call, orientation o)
{
    return most_splits(call) == 1 && !o.along_x && o.ld == o.n;
}

static float *weight_gradient(const onp_call *call)
{
    return call->kind == ONP_CALL_CONV_BACKWARD ? call->dw : call->y;
}

int64_t onp_pointwise_split_floats(const onp_call *call)
{
    const orientation o = orientation_of(call);
    return is_direct(call, o) ? 0 : most_splits(call) * o.m * o.ld;
}

/* The call's own output is made again where b lacks it. */
static bool lacks_output(const onp_call *call)
{
    return call->kind == ONP_CALL_CONV_BACKWARD && call->b.ga != NULL && call->b.q == NULL;
}

static onp_call forward_call(const onp_call *call)
{
    return (onp_call){.kind = ONP_CALL_CONV,
                      .kernel = 1,
                      .stride = 1,
                      .in = call->in,
                      .out = call->out,
                      .a = call->a,
                      .w = call->w,
                      .lo = 1};
}

/* Floats of its packed weights. */
static int64_t output_floats(const onp_call *call)
{
    return call->kind == ONP_CALL_CONV_BACKWARD
               ? onp_pointwise_packed_floats(
                     &(onp_call){.kind = ONP_CALL_CONV, .in = call->in, .out = call->out})
               : 0;
}

static int64_t backward_block_rows(const onp_call *call)
{
    return call->in.c + call->out.c <= 256 ? 96 : 64;
}

typedef struct backward_args {
    onp_call_env *env;
    const float *packed; /* NULL: no data gradient */
    onp_product output;  /* packed NULL: b has its q */
    orientation o;
    int64_t splits;
    float *sums;           /* [splits][m][ld] */
    int64_t chunk, chunks; /* rows of a split's sum that are summed together */
} backward_args;

/* Adds rows [row, row + rows) to rows [i0, i0 + m) of `sums`. */
static void backward_block(const backward_args *args, int64_t row, int64_t rows, bool first,
                           int64_t i0, int64_t m, float *sums, float *scratch)
{
    const onp_call_env *env = args->env;
    const onp_call *call = env->call;
    const orientation *o = &args->o;
    const int64_t k = call->in.c, n = call->out.c;
    const int64_t ld_x = o->along_x ? o->ld : round_even(k);
    const int64_t ld_g = o->along_x ? round_even(n) : o->ld;
    float *g_scratch = scratch + onp_round_lane(backward_block_rows(call) * (ld_x));
    const float *x = rows_of(env->k, &call->a, row, rows, scratch, ld_x);
    onp_operand b = call->b;
    if (args->output.packed != NULL) {
        float *q = g_scratch + onp_round_lane(backward_block_rows(call) * onp_round_lane(n));
        multiply(&args->output, x, ld_x, rows, q);
        b.x += row * n;
        b.q = q;
    }
    const float *g = rows_of(env->k, &b, b.q == call->b.q ? row : 0, rows, g_scratch, ld_g);
    const int64_t next = row + rows, behind = rows_behind(call, next, rows);
    onp_ahead ahead = {.parts = 0};
    fetch_ahead(&ahead, args->packed != NULL ? call->y : NULL, next, behind, k);
    fetch_operand(&ahead, &call->a, next, behind);
    fetch_operand(&ahead, &call->b, next, behind);
    if (o->along_x)
        env->k->gemm_outer(g + i0, ld_g, m, x, ld_x, k, rows, sums, o->ld, first, &ahead);
    else
        env->k->gemm_outer(x + i0, ld_x, m, g, ld_g, n, rows, sums, o->ld, first, &ahead);
    if (args->packed != NULL) {
        const onp_gemm_in in = {
            .x = g, .ld = ld_g, .rows = rows, .k = n, .segments = 1, .ahead = &ahead};
        const onp_gemm_out out = onp_call_output(call, row, 0, k);
        env->k->gemm_rows(&in, args->packed, k, &out);
    }
}

static void backward_split(void *arg, int64_t item, int thread)
{
    const backward_args *args = arg;
    const int64_t split = item / args->chunks, i0 = item % args->chunks * args->chunk;
    const int64_t m = onp_min64(args->chunk, args->o.m - i0);
    const onp_call_env *env = args->env;
    const onp_call *call = env->call;
    const int64_t tiles = onp_tiling_count(env->tiling), step = backward_block_rows(call);
    const int64_t begin = split * tiles / args->splits, end = (split + 1) * tiles / args->splits;
    float *sums = args->sums + (split * args->o.m + i0) * args->o.ld;
    float *scratch =
        onp_env_scratch(env, thread) + onp_pointwise_packed_floats(call) + output_floats(call);
    for (int64_t tile = begin; tile < end; tile++) {
        const int64_t first = onp_tiling_first(env->tiling, tile);
        const int64_t rows = onp_tiling_rows(env->tiling, tile);
        for (int64_t r = 0; r < rows; r += step)
            backward_block(args, first + r, onp_min64(step, rows - r), tile == begin && r == 0, i0,
                           m, sums, scratch);
        if (args->packed != NULL)
            onp_call_settle(env, tile, first, rows, call->in.c, 0, call->in.c);
    }
}

/* A square of the sum over splits. */
#define SQUARE ONP_LANE

static void merge_square(const backward_args *args, int64_t i0, int64_t j0)
{
    const orientation *o = &args->o;
    const onp_call *call = args->env->call;
    const int64_t rows = onp_min64(SQUARE, o->m - i0), cols = onp_min64(SQUARE, o->n - j0);
    float sum[SQUARE][SQUARE] = {{0}};
    for (int64_t s = 0; s < args->splits; s++)
        for (int64_t i = 0; i < rows; i++) {
            const float *from = args->sums + (s * o->m + i0 + i) * o->ld + j0;
            for (int64_t j = 0; j < SQUARE; j++)
                sum[i][j] += from[j];
        }
    float *dw = weight_gradient(call);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            dw[o->along_x ? (j0 + j) * o->m + i0 + i : (i0 + i) * o->n + j0 + j] = sum[i][j];
}

static void merge_tile(void *arg, int64_t tile, int thread)
{
    (void)thread;
    const backward_args *args = arg;
    for (int64_t j = 0; j < args->o.n; j += SQUARE)
        merge_square(args, tile * SQUARE, j);
}

void onp_run_pointwise_backward(onp_call_env *env)
{
    const onp_call *call = env->call;
    backward_args args = {.env = env, .o = orientation_of(call), .splits = splits_of(call)};
    const bool direct = is_direct(call, args.o);
    args.sums = direct ? weight_gradient(call) : call->splits;
    int64_t chunks = 1;
    if (call->kind == ONP_CALL_CONV_BACKWARD)
        args.packed = packed_weights(env);
    if (lacks_output(call)) {
        const onp_call forward = forward_call(call);
        args.output =
            onp_product_begin(env, &forward, env->scratch + onp_pointwise_packed_floats(call));
    }
    if (call->kind == ONP_CALL_CONV_WEIGHT && args.splits > 0)
        chunks = onp_ceil_div(8, args.splits);
    args.chunk = onp_ceil_div(onp_ceil_div(args.o.m, chunks), 8) * 8;
    args.chunks = onp_ceil_div(args.o.m, args.chunk);
    onp_parallel_for(args.splits * args.chunks, backward_split, &args);
    if (!direct)
        onp_parallel_for(onp_ceil_div(args.o.m, SQUARE), merge_tile, &args);
}

int64_t onp_pointwise_scratch(const onp_call *call)
{
    if (call->kind == ONP_CALL_CONV || call->kind == ONP_CALL_CONV_DATA) {
        const int64_t k = depth_of(call);
        return onp_pointwise_packed_floats(call) + onp_round_lane(block_rows(k) * round_even(k));
    }
    const int64_t rows = backward_block_rows(call);
    const int64_t outputs =
        call->kind == ONP_CALL_CONV_BACKWARD ? 2 : 1; /* its rows, and made again */
    return onp_pointwise_packed_floats(call) + output_floats(call) +
           rows * (onp_round_lane(call->in.c) + outputs * onp_round_lane(call->out.c));
}
