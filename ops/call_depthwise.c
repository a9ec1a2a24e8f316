/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Depthwise convolutions, forward and backward. A call walks the map that it
 * writes (the weight gradient: x) in bands of lines, all channels of a line
 * together, so that memory is read and written in long runs. The lines of the
 * other map that the taps of a band meet are read in place where they are
 * stored as they are, else transformed once into a ring of scratch, whose lines
 * stay for the next band of the image. No borders are stored: a line outside of
 * the map is a NULL in the table of lines, a column outside is the kernel's
 * business.
 *
 * An item of work is an image, cut further (bands, channels) where images are
 * few.
 */
#include <string.h>

#include "ops/call_internal.h"

/* Floats of scratch that a band may touch: half of a 1 MiB second-level cache.
 */
#define BAND_FLOATS    (128 * 1024)
/* Channels are not cut below this: 256 bytes at a time. */
#define PART_CHANNELS  64
/* Items that an operation has at least, where its shape allows; and sets of
 * partial taps at most. */
#define ITEMS          8
#define POINTER_FLOATS ((int64_t)sizeof(float *) / (int64_t)sizeof(float))

/* How a call is cut; a function of its kind and shapes. */
typedef struct cut {
    bool backward;
    onp_shape from, to;   /* the map that taps meet, the map that is walked */
    int64_t part, parts;  /* channels */
    int64_t band, bands;  /* lines of `to`, of one image */
    int64_t ring;         /* lines of `from` that a band meets, at most */
    int64_t chunks;       /* runs of bands, each an item */
    int64_t lanes, pixel; /* channels of a part in whole lanes; floats from pixel to pixel */
} cut;

typedef struct job {
    const onp_call_env *env;
    cut c;
    int64_t splits;
    onp_product raw; /* packed NULL: x is stored; else its rows are made band by band */
} job;

static int64_t n_taps(const onp_call *call)
{
    return (int64_t)call->kernel * call->kernel;
}

/* Channels in `parts` equal parts of whole lanes. A pixel of scratch is an odd
 * number of lanes, so that the columns of a line do not fall into few sets of
 * the first-level cache. */
static void cut_channels(cut *c, int64_t parts)
{
    const int64_t lanes = onp_ceil_div(onp_ceil_div(c->to.c, ONP_LANE), parts);
    c->lanes = lanes * ONP_LANE;
    c->part = onp_min64(c->lanes, c->to.c);
    c->parts = onp_ceil_div(c->to.c, c->lanes);
    c->pixel = (lanes | 1) * ONP_LANE;
}

static int64_t ring_lines(const onp_call *call, const cut *c, int64_t band)
{
    const int64_t reach = (call->kernel - 1) * onp_call_dilation(call);
    const int64_t lines =
        c->backward ? (band - 1 + reach) / call->stride + 1 : (band - 1) * call->stride + reach + 1;
    return onp_min64(lines, c->from.h);
}

static int64_t band_floats(const onp_call *call, const cut *c, int64_t band)
{
    return (ring_lines(call, c, band) * c->from.w + band * c->to.w) * c->pixel;
}

static cut cut_call(const onp_call *call)
{
    cut c = {.backward = call->kind != ONP_CALL_DEPTHWISE};
    c.from = c.backward ? call->out : call->in;
    c.to = c.backward ? call->in : call->out;
    int64_t parts = 1;
    for (cut_channels(&c, parts); c.lanes > PART_CHANNELS; cut_channels(&c, ++parts))
        if (c.to.n * c.parts >= ITEMS && band_floats(call, &c, onp_min64(c.to.h, 8)) <= BAND_FLOATS)
            break;
    int64_t items = onp_ceil_div(ITEMS, c.to.n * c.parts); /* wanted of an image */
    if (c.to.n == 1 && c.parts % 2 != 0)
        items += items % 2; /* of one image, so that two threads end together */
    c.band = onp_ceil_div(c.to.h, items);
    while (c.band > 1 && band_floats(call, &c, c.band) > BAND_FLOATS)
        c.band--;
    c.bands = onp_ceil_div(c.to.h, c.band);
    c.band = onp_ceil_div(c.to.h, c.bands);
    c.bands = onp_ceil_div(c.to.h, c.band);
    c.chunks = onp_min64(c.bands, items);
    c.ring = ring_lines(call, &c, c.band);
    return c;
}

onp_tiling onp_depthwise_tiling(const onp_call *call)
{
    const cut c = cut_call(call);
    return (onp_tiling){c.band * c.to.w, c.to.h * c.to.w, c.to.n};
}

static int64_t n_splits(const cut *c)
{
    return onp_min64(ITEMS, c->to.n * c->chunks);
}

int64_t onp_depthwise_splits(const onp_call *call)
{
    const cut c = cut_call(call);
    return n_splits(&c);
}

/* The call that would store what `of` stands for. */
static onp_call forward_of(const onp_call *call)
{
    const onp_shape from = {call->in.n, call->in.h, call->in.w, call->of.c};
    return (onp_call){.kind = ONP_CALL_CONV,
                      .kernel = 1,
                      .stride = 1,
                      .in = from,
                      .out = call->in,
                      .a = call->of,
                      .w = call->of_w,
                      .lo = 1};
}

/* ---- scratch ---- */

/* Of one thread: the table of lines, taps and their gradient in whole lanes,
 * the ring, one band. */
typedef struct areas {
    const float **lines;
    float *taps, *sums, *ring, *band;
    float *raw, *of; /* rows that are made again, and what they are made of */
} areas;

static int64_t table_floats(const onp_call *call, const cut *c)
{
    return onp_round_lane(c->band * call->kernel * POINTER_FLOATS);
}

int64_t onp_depthwise_scratch(const onp_call *call)
{
    const cut c = cut_call(call);
    const int64_t own =
        table_floats(call, &c) + 2 * n_taps(call) * c.lanes + band_floats(call, &c, c.band);
    if (call->of.c == 0)
        return own;
    const onp_call forward = forward_of(call);
    const int64_t rows = c.band * c.to.w;
    return onp_call_packed_floats(&forward) + own + onp_round_lane(rows * c.to.c) +
           onp_product_scratch(&forward, rows);
}

static areas areas_of(const job *j, int thread)
{
    const onp_call *call = j->env->call;
    float *at = onp_env_scratch(j->env, thread);
    if (j->raw.packed != NULL)
        at += onp_call_packed_floats(&j->raw.forward);
    areas a = {.lines = (const float **)(void *)at, .taps = at + table_floats(call, &j->c)};
    a.sums = a.taps + n_taps(call) * j->c.lanes;
    a.ring = a.sums + n_taps(call) * j->c.lanes;
    a.band = a.ring + j->c.ring * j->c.from.w * j->c.pixel;
    a.raw = a.band + j->c.band * j->c.to.w * j->c.pixel;
    a.of = a.raw + onp_round_lane(j->c.band * j->c.to.w * j->c.to.c);
    return a;
}

/* Kernels go over whole lanes; tensors whose channels are not are read and
 * written in scratch. */
static bool whole_lanes(const cut *c)
{
    return c->to.c % ONP_LANE == 0;
}

static bool in_place(const cut *c, const onp_operand *o)
{
    return whole_lanes(c) && onp_operand_is_plain(o);
}

/* An item that walks a whole image reads each line into its ring once, and before it writes it or
 * any line above. */
bool onp_call_can_overwrite(const onp_call *call)
{
    const bool both = call->kind == ONP_CALL_DEPTHWISE_BACKWARD;
    if ((!both && call->kind != ONP_CALL_DEPTHWISE_DATA) || call->stride != 1 ||
        onp_call_dilation(call) > 1)
        return false;
    const cut c = cut_call(call);
    return c.chunks == 1 && !in_place(&c, both ? &call->b : &call->a);
}

/* ---- a band ---- */

/* What one item works on. */
typedef struct piece {
    int64_t image, c0, cn;
    int64_t loaded; /* lines of `from` below this one are in the ring */
    areas at;
} piece;

/* The line of `from` that tap row u of line `line` meets, or -1. */
static int64_t met_line(const job *j, int64_t line, int u)
{
    const onp_call *call = j->env->call;
    const int64_t off = (u - call->kernel / 2) * onp_call_dilation(call);
    int64_t met = line * call->stride + off;
    if (j->c.backward) {
        const int64_t spread = line - off;
        if (spread < 0 || spread % call->stride != 0)
            return -1;
        met = spread / call->stride;
    }
    return met >= 0 && met < j->c.from.h ? met : -1;
}

/* With dilation the next lines of the band meet lines between those that one line meets: all below
 * `line` that have a place in the ring beside it. */
static void fill_ring(const job *j, const piece *p, const onp_operand *o, int64_t line)
{
    const cut *c = &j->c;
    const int64_t first = line - c->ring + 1;
    for (int64_t i = first > p->loaded ? first : p->loaded; i < line; i++)
        j->env->k->load(o, (p->image * c->from.h + i) * c->from.w, c->from.w, p->c0, p->cn,
                        p->at.ring + i % c->ring * c->from.w * c->pixel, c->pixel);
}

static const float *line_at(const job *j, piece *p, const onp_operand *o, int64_t line)
{
    const cut *c = &j->c;
    const int64_t row = (p->image * c->from.h + line) * c->from.w;
    if (in_place(c, o))
        return o->x + row * o->c + p->c0;
    float *to = p->at.ring + line % c->ring * c->from.w * c->pixel;
    if (line >= p->loaded) {
        if (onp_call_dilation(j->env->call) > 1)
            fill_ring(j, p, o, line);
        j->env->k->load(o, row, c->from.w, p->c0, p->cn, to, c->pixel);
        p->loaded = line + 1;
    }
    return to;
}

/* The window of lines [first, first + rows): their taps in order of the lines
 * that they meet, so that the ring is filled in order too. */
static onp_window make_window(const job *j, piece *p, const onp_operand *o, int64_t first,
                              int64_t rows)
{
    const cut *c = &j->c;
    const onp_call *call = j->env->call;
    const int kernel = call->kernel;
    for (int64_t r = 0; r < rows; r++)
        for (int i = 0; i < kernel; i++) {
            const int u = c->backward ? kernel - 1 - i : i;
            const int64_t met = met_line(j, first + r, u);
            p->at.lines[r * kernel + u] = met < 0 ? NULL : line_at(j, p, o, met);
        }
    return (onp_window){.kernel = kernel,
                        .stride = call->stride,
                        .dilation = call->dilation,
                        .backward = c->backward,
                        .lines = p->at.lines,
                        .width = c->from.w,
                        .pixel = in_place(c, o) ? o->c : c->pixel,
                        .rows = rows,
                        .cols = c->to.w,
                        .c = onp_round_lane(p->cn)};
}

/* Floats from pixel to pixel of the map that is walked, in the tensor or in
 * scratch. */
static void walk(onp_window *w, int64_t pixel)
{
    w->pixel_y = pixel;
    w->line_y = w->cols * pixel;
}

/* Bias, clamp and sums of what is stored at `y`, and its way to the tensor. */
static void store_band(const job *j, const piece *p, int64_t tile, int64_t row, int64_t rows,
                       float *y, int64_t ld)
{
    onp_operand mask = j->env->call->mask;
    const bool made = j->raw.packed != NULL;
    if (made)
        mask.q = p->at.raw;
    const onp_call_env *env = j->env;
    const onp_call *call = env->call;
    const int64_t c = j->c.to.c, c0 = p->c0, cn = p->cn;
    env->k->finish(y, rows, cn, ld, call->bias != NULL ? call->bias + c0 : NULL, call->lo,
                   call->hi);
    onp_call_activate(env, y, rows, cn, ld);
    float *partial = call->partial + tile * 2 * c + c0;
    if (call->sums == ONP_SUMS_MOMENTS)
        env->k->moments(y, rows, cn, ld, partial, partial + c);
    else if (call->sums == ONP_SUMS_GRAD)
        env->k->grad_sums(y, ld, &mask, call->stats, made ? 0 : row, rows, c0, cn, partial,
                          partial + c);
    float *to = call->y + row * c + c0;
    for (int64_t r = 0; to != y && r < rows; r++)
        memcpy(to + r * c, y + r * ld, (size_t)cn * sizeof *y);
}

/* What the taps of one part are, and where their gradient is summed; NULL: not
 * wanted. */
typedef struct weights {
    const float *w;
    float *gw;
    int64_t tap; /* floats from tap to tap */
} weights;

static void run_band(const job *j, piece *p, int64_t band, weights w)
{
    const cut *c = &j->c;
    const onp_call_env *env = j->env;
    const onp_call *call = env->call;
    const int64_t first = band * c->band, lines = onp_min64(c->band, c->to.h - first);
    const int64_t row = (p->image * c->to.h + first) * c->to.w, rows = lines * c->to.w;
    const bool weight = w.gw != NULL;
    onp_window window = make_window(j, p, weight ? &call->b : &call->a, first, lines);
    if (weight) {
        onp_operand a = call->a;
        const bool made = j->raw.packed != NULL;
        if (made) {
            onp_product_rows(&j->raw, row, rows, p->at.of, p->at.raw);
            a.x = p->at.raw;
        }
        const int64_t from = made ? 0 : row;
        const float *x = a.x + from * c->to.c + p->c0;
        walk(&window, c->to.c);
        if (!in_place(c, &a)) {
            env->k->load(&a, from, rows, p->c0, p->cn, p->at.band, c->pixel);
            x = p->at.band;
            walk(&window, c->pixel);
        }
        env->k->depthwise_weight(&window, x, w.gw, w.tap);
    }
    if (w.w != NULL) {
        const bool direct = whole_lanes(c);
        float *y = direct ? call->y + row * c->to.c + p->c0 : p->at.band;
        walk(&window, direct ? c->to.c : c->pixel);
        env->k->depthwise(&window, w.w, w.tap, y);
        store_band(j, p, p->image * c->bands + band, row, rows, y, window.pixel_y);
    }
}

/* ---- items ---- */

static weights weights_of(const job *j, const piece *p, int64_t split)
{
    const onp_call *call = j->env->call;
    const int64_t c = j->c.to.c, n = n_taps(call);
    weights w = {call->w, NULL, c};
    if (call->kind == ONP_CALL_DEPTHWISE_WEIGHT)
        w = (weights){NULL, call->y, c};
    else if (call->kind == ONP_CALL_DEPTHWISE_BACKWARD)
        w.gw = call->dw;
    if (w.gw != NULL)
        w.gw = (j->splits > 1 ? call->splits + split * n * c : w.gw) + p->c0;
    if (w.w != NULL)
        w.w += p->c0;
    if (whole_lanes(&j->c))
        return w;
    for (int64_t t = 0; w.w != NULL && t < n; t++)
        memcpy(p->at.taps + t * j->c.lanes, w.w + t * c, (size_t)p->cn * sizeof *w.w);
    return (weights){w.w != NULL ? p->at.taps : NULL, w.gw != NULL ? p->at.sums : NULL, j->c.lanes};
}

static piece piece_of(const job *j, int64_t part, int thread)
{
    const int64_t c0 = part * j->c.part;
    return (piece){.c0 = c0, .cn = onp_min64(j->c.part, j->c.to.c - c0), .at = areas_of(j, thread)};
}

/* The index-th run of bands, counted over all images. */
static void run_chunk(const job *j, piece *p, int64_t index, weights w)
{
    const cut *c = &j->c;
    const int64_t chunk = index % c->chunks;
    p->image = index / c->chunks;
    p->loaded = 0;
    for (int64_t b = chunk * c->bands / c->chunks; b < (chunk + 1) * c->bands / c->chunks; b++)
        run_band(j, p, b, w);
}

static void depthwise_item(void *arg, int64_t index, int thread)
{
    const job *j = arg;
    const int64_t parts = j->c.parts, chunks = j->c.chunks;
    const int64_t image = index / (parts * chunks), item = index % (parts * chunks);
    /* as pointwise calls deal out what they write, so that a thread finds it in its cache */
    const bool by_channels = onp_shape_rows(j->env->call->in) < ONP_FEW_ROWS;
    const int64_t part = by_channels ? item / chunks : item % parts;
    const int64_t chunk = by_channels ? item % chunks : item / parts;
    piece p = piece_of(j, part, thread);
    run_chunk(j, &p, image * chunks + chunk, weights_of(j, &p, 0));
}

static job make_job(const onp_call_env *env)
{
    job j = {.env = env, .c = cut_call(env->call)};
    j.splits = n_splits(&j.c);
    if (env->call->of.x != NULL) {
        const onp_call forward = forward_of(env->call);
        j.raw = onp_product_begin(env, &forward, env->scratch);
    }
    return j;
}

void onp_run_depthwise(onp_call_env *env)
{
    job j = make_job(env);
    onp_parallel_for(j.c.to.n * j.c.chunks * j.c.parts, depthwise_item, &j);
}

/* A run of chunks is summed into one private set of taps; the sets are merged
 * in order. */
static void depthwise_split(void *arg, int64_t index, int thread)
{
    const job *j = arg;
    const onp_call *call = j->env->call;
    const int64_t n = n_taps(call), c = j->c.to.c, chunks = j->c.to.n * j->c.chunks;
    const int64_t splits = j->splits, split = index / j->c.parts;
    piece p = piece_of(j, index % j->c.parts, thread);
    const weights w = weights_of(j, &p, split);
    for (int64_t t = 0; t < n; t++) /* NOLINTNEXTLINE(clang-analyzer-core.*): a split has sums */
        memset(w.gw + t * w.tap, 0, (size_t)p.cn * sizeof *w.gw);
    for (int64_t i = split * chunks / splits; i < (split + 1) * chunks / splits; i++)
        run_chunk(j, &p, i, w);
    if (w.gw != p.at.sums)
        return;
    float *dw = call->kind == ONP_CALL_DEPTHWISE_WEIGHT ? call->y : call->dw;
    float *to = (splits > 1 ? call->splits + split * n * c : dw) + p.c0;
    for (int64_t t = 0; t < n; t++)
        memcpy(to + t * c, w.gw + t * w.tap, (size_t)p.cn * sizeof *w.gw);
}

void onp_run_depthwise_weight(onp_call_env *env)
{
    job j = make_job(env);
    onp_parallel_for(j.splits * j.c.parts, depthwise_split, &j);
    if (j.splits <= 1)
        return;
    onp_call merged = *env->call;
    merged.y = merged.kind == ONP_CALL_DEPTHWISE_WEIGHT ? merged.y : merged.dw;
    onp_call_env merge = *env;
    merge.call = &merged;
    onp_run_merge_splits(&merge, j.splits, n_taps(env->call) * env->call->in.c);
}
