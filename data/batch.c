/* SPDX-License-Identifier: Apache-2.0 */
#include "data/batch.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "data/augment.h"

#define STATS_TILE 256 /* images */

typedef struct channel_sums {
    uint64_t sum[ONP_DATA_MAX_CHANNELS], squares[ONP_DATA_MAX_CHANNELS];
} channel_sums;

typedef struct stats_job {
    const onp_dataset *ds;
    const int64_t *indices;
    int64_t n;
    channel_sums *tiles;
} stats_job;

/* 2^40 pixels at most, each square below 2^16: no sum overflows. */
static void sum_tile(void *arg, int64_t tile, int thread)
{
    const stats_job *job = arg;
    const size_t size = onp_dataset_image_bytes(job->ds), c = (size_t)job->ds->c;
    channel_sums s = {{0}, {0}};
    int64_t end = (tile + 1) * STATS_TILE < job->n ? (tile + 1) * STATS_TILE : job->n;
    (void)thread;
    for (int64_t i = tile * STATS_TILE; i < end; i++) {
        const uint8_t *x = job->ds->images + (size_t)job->indices[i] * size;
        for (size_t p = 0; p < size; p += c)
            for (size_t k = 0; k < c; k++) {
                s.sum[k] += x[p + k];
                s.squares[k] += (uint64_t)x[p + k] * x[p + k];
            }
    }
    job->tiles[tile] = s;
}

/* variance = (n sum x^2 - (sum x)^2) / n^2, the numerator exact in 128 bits */
static onp_status stats_of(const channel_sums *s, uint64_t n_pixels, int c, onp_channel_stats *out,
                           onp_error *err)
{
    onp_channel_stats stats = {.c = c};
    for (int k = 0; k < c; k++) {
        __extension__ typedef unsigned __int128 wide;
        wide numerator = (wide)n_pixels * s->squares[k] - (wide)s->sum[k] * s->sum[k];
        double n = (double)n_pixels;
        if (numerator == 0)
            return onp_fail(err, ONP_E_FORMAT,
                            "channel %d is %g in every pixel of the training images, wanted one "
                            "that varies",
                            k, (double)s->sum[k] / n);
        stats.mean[k] = (double)s->sum[k] / n / 255;
        stats.deviation[k] = sqrt((double)numerator) / n / 255;
    }
    *out = stats;
    return ONP_OK;
}

onp_status onp_channel_stats_measure(const onp_context *ctx, const onp_dataset *ds,
                                     const int64_t *indices, int64_t n, onp_channel_stats *out,
                                     onp_error *err)
{
    if (n < 1)
        return onp_fail(err, ONP_E_RANGE, "channel statistics: %lld images, wanted at least 1",
                        (long long)n);
    int64_t n_tiles = (n + STATS_TILE - 1) / STATS_TILE;
    stats_job job = {.ds = ds, .indices = indices, .n = n};
    job.tiles = onp_alloc(ctx, (size_t)n_tiles, sizeof *job.tiles);
    if (job.tiles == NULL)
        return onp_fail(err, ONP_E_NOMEM, "channel statistics: out of memory for %lld tiles",
                        (long long)n_tiles);
    onp_parallel_for(n_tiles, sum_tile, &job);
    channel_sums total = {{0}, {0}};
    for (int64_t tile = 0; tile < n_tiles; tile++)
        for (int k = 0; k < ds->c; k++) {
            total.sum[k] += job.tiles[tile].sum[k];
            total.squares[k] += job.tiles[tile].squares[k];
        }
    onp_free(ctx, job.tiles);
    return stats_of(&total, (uint64_t)n * (uint64_t)(ds->h * ds->w), ds->c, out, err);
}

onp_transform onp_transform_eval(const onp_channel_stats *stats)
{
    onp_transform t = {0};
    for (int k = 0; k < stats->c; k++) {
        t.scale[k] = (float)(1 / (255 * stats->deviation[k]));
        t.shift[k] = (float)(-stats->mean[k] / stats->deviation[k]);
    }
    return t;
}

onp_transform onp_transform_train(const onp_channel_stats *stats, onp_augment augment,
                                  uint64_t seed, uint32_t stream)
{
    onp_transform t = onp_transform_eval(stats);
    assert(augment.pad >= 0 && (augment.pad == 0 || augment.crop_scale == 0));
    t.train = true;
    t.augment = augment;
    t.rng = onp_rng_make(seed, ONP_RNG_AUGMENT);
    t.stream = stream;
    return t;
}

/* y = byte * scale + shift, per channel */
typedef struct scaling {
    float scale[ONP_DATA_MAX_CHANNELS], shift[ONP_DATA_MAX_CHANNELS];
} scaling;

static void fill_black(const scaling *s, int n_pixels, int c, float *y)
{
    for (int j = 0; j < n_pixels; j++)
        for (int k = 0; k < c; k++)
            y[j * c + k] = s->shift[k];
}

/* n pixels of c bytes; step is c, or -c to go backwards. */
static void normalise(const scaling *s, const uint8_t *x, ptrdiff_t step, int n, int c, float *y)
{
    if (c == 1) {
        const float scale = s->scale[0], shift = s->shift[0];
        for (int j = 0; j < n; j++)
            y[j] = (float)x[j * step] * scale + shift;
        return;
    }
    for (int j = 0; j < n; j++)
        for (int k = 0; k < c; k++)
            y[j * c + k] = (float)x[j * step + k] * s->scale[k] + s->shift[k];
}

/* The crop into x (h, w, c), black where it is outside the image. */
static void cut(const onp_dataset *ds, const uint8_t *image, const onp_crop *p, const scaling *s,
                float *x)
{
    const int w = p->w, c = ds->c;
    /* columns of the crop, before the flip, that lie in the image: first .. last-1 */
    const int first = p->left < 0 ? (-p->left < w ? -p->left : w) : 0;
    const int room = ds->w - p->left, last = room < w ? (room > 0 ? room : 0) : w;
    const int inside = last > first ? last - first : 0;
    for (int i = 0; i < p->h; i++) {
        float *y = x + (size_t)i * (size_t)(w * c);
        const int row = i + p->top;
        if (row < 0 || row >= ds->h || inside == 0) {
            fill_black(s, w, c, y);
            continue;
        }
        /* flipped, column j of the crop is stored at w-1-j */
        const int left = p->flip ? w - last : first;
        const int from = (p->flip ? last - 1 : first) + p->left;
        fill_black(s, left, c, y);
        normalise(s, image + ((size_t)row * (size_t)ds->w + (size_t)from) * (size_t)c,
                  p->flip ? -c : c, inside, c, y + left * c);
        fill_black(s, w - left - inside, c, y + (left + inside) * c);
    }
}

/* Values of 0 .. 255 in place, where jitter has not done it. */
static void normalise_floats(const onp_transform *t, int n, int c, float *x)
{
    for (int i = 0; i < n; i++)
        for (int k = 0; k < c; k++)
            x[i * c + k] = x[i * c + k] * t->scale[k] + t->shift[k];
}

static int out_h(const onp_dataset *ds, const onp_transform *t)
{
    return t->h > 0 ? t->h : ds->h;
}

static int out_w(const onp_dataset *ds, const onp_transform *t)
{
    return t->w > 0 ? t->w : ds->w;
}

void onp_batch_image(const onp_dataset *ds, int64_t index, int64_t epoch, const onp_transform *t,
                     float *x)
{
    const int h = out_h(ds, t), w = out_w(ds, t), c = ds->c;
    const uint8_t *image = ds->images + (size_t)index * onp_dataset_image_bytes(ds);
    const onp_crop crop = onp_augment_crop(t, index, epoch, ds->h, ds->w, h, w);
    const bool resample = t->train && t->augment.crop_scale > 0;
    const bool jitter = t->train && onp_augment_has_jitter(&t->augment);
    scaling s = {{1, 1, 1, 1}, {0}}; /* bytes stay what they are */
    assert(index >= 0 && index < ds->n && h <= ds->h && w <= ds->w);
    if (!jitter) {
        memcpy(s.scale, t->scale, sizeof s.scale);
        memcpy(s.shift, t->shift, sizeof s.shift);
    }
    if (resample)
        onp_augment_resample(image, (size_t)ds->w * (size_t)c, c, &crop, h, w, x);
    else
        cut(ds, image, &crop, &s, x);
    if (jitter)
        onp_augment_jitter(t, index, epoch, h * w, c, x);
    else if (resample)
        normalise_floats(t, h * w, c, x);
    if (t->train && t->augment.cutout > 0)
        onp_augment_cutout(t, index, epoch, h, w, c, x);
}

typedef struct fill_job {
    const onp_dataset *ds;
    const int64_t *indices;
    int64_t epoch;
    const onp_transform *t;
    float *x;
    int32_t *labels;
} fill_job;

static void fill_tile(void *arg, int64_t tile, int thread)
{
    const fill_job *job = arg;
    const int64_t index = job->indices[tile];
    const size_t size =
        (size_t)out_h(job->ds, job->t) * (size_t)out_w(job->ds, job->t) * (size_t)job->ds->c;
    (void)thread;
    onp_batch_image(job->ds, index, job->epoch, job->t, job->x + (size_t)tile * size);
    if (job->labels != NULL)
        job->labels[tile] = job->ds->labels[index];
}

void onp_batch_fill(const onp_dataset *ds, const int64_t *indices, int64_t n, int64_t epoch,
                    const onp_transform *t, float *x, int32_t *labels)
{
    fill_job job = {.ds = ds, .indices = indices, .epoch = epoch, .t = t};
    job.x = x;
    job.labels = labels;
    onp_parallel_for(n, fill_tile, &job);
}
