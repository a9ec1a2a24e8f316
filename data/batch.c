/* SPDX-License-Identifier: Apache-2.0 */
#include "data/batch.h"

#include <assert.h>
#include <math.h>

#include "base/parallel.h"

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
    assert(augment.pad >= 0);
    t.augment = augment;
    t.rng = onp_rng_make(seed, ONP_RNG_AUGMENT);
    t.stream = stream;
    return t;
}

/* Where the crop of one image lies: its pixel (i, j) is the image's (i + down, j + right), mirrored
 * in j when `flip`. */
typedef struct placement {
    int down, right;
    bool flip;
} placement;

/* 0 .. n-1 from a random word, by the high half of the product */
static int scaled(uint32_t word, int n)
{
    return (int)((uint64_t)word * (uint64_t)n >> 32);
}

static placement place(const onp_transform *t, int64_t index, int64_t epoch)
{
    placement p = {0};
    const int pad = t->augment.pad;
    uint32_t word[4];
    if (pad == 0 && !t->augment.flip)
        return p;
    onp_rng_block(t->rng, (uint64_t)index, (uint32_t)epoch, t->stream, word);
    p.down = scaled(word[0], 2 * pad + 1) - pad;
    p.right = scaled(word[1], 2 * pad + 1) - pad;
    p.flip = t->augment.flip && (word[2] & 1) != 0;
    return p;
}

static void fill_black(const onp_transform *t, int n_pixels, int c, float *y)
{
    for (int j = 0; j < n_pixels; j++)
        for (int k = 0; k < c; k++)
            y[j * c + k] = t->shift[k];
}

/* n pixels of c bytes; step is c, or -c to go backwards. */
static void normalise(const onp_transform *t, const uint8_t *x, ptrdiff_t step, int n, int c,
                      float *y)
{
    if (c == 1) {
        const float scale = t->scale[0], shift = t->shift[0];
        for (int j = 0; j < n; j++)
            y[j] = (float)x[j * step] * scale + shift;
        return;
    }
    for (int j = 0; j < n; j++)
        for (int k = 0; k < c; k++)
            y[j * c + k] = (float)x[j * step + k] * t->scale[k] + t->shift[k];
}

void onp_batch_image(const onp_dataset *ds, int64_t index, int64_t epoch, const onp_transform *t,
                     float *x)
{
    const int h = ds->h, w = ds->w, c = ds->c;
    const uint8_t *image = ds->images + (size_t)index * onp_dataset_image_bytes(ds);
    const placement p = place(t, index, epoch);
    /* columns of the crop, before the flip, that lie in the image: first .. last-1 */
    const int first = p.right < 0 ? (-p.right < w ? -p.right : w) : 0;
    const int last = p.right > 0 ? (p.right < w ? w - p.right : 0) : w;
    const int inside = last > first ? last - first : 0;
    assert(index >= 0 && index < ds->n);
    for (int i = 0; i < h; i++) {
        float *y = x + (size_t)i * (size_t)(w * c);
        int row = i + p.down;
        if (row < 0 || row >= h || inside == 0) {
            fill_black(t, w, c, y);
            continue;
        }
        /* flipped, column j of the crop is stored at w-1-j */
        const int left = p.flip ? w - last : first;
        const int from = (p.flip ? last - 1 : first) + p.right;
        fill_black(t, left, c, y);
        normalise(t, image + ((size_t)row * (size_t)w + (size_t)from) * (size_t)c, p.flip ? -c : c,
                  inside, c, y + left * c);
        fill_black(t, w - left - inside, c, y + (left + inside) * c);
    }
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
    (void)thread;
    onp_batch_image(job->ds, index, job->epoch, job->t,
                    job->x + (size_t)tile * onp_dataset_image_bytes(job->ds));
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
