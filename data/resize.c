/* SPDX-License-Identifier: Apache-2.0 */
#include "data/resize.h"

#include <assert.h>
#include <string.h>

#define BITS 22 /* 255 * 2^22 and the rounding of weights stay below 2^31 */
#define ROW_BLOCK                                                                                  \
    16 /* rows gathered at a time: of a turned image these are neighbours in memory                \
        */

/* The inputs that make an output: `n` from `first` on, their weights at `weights`. */
typedef struct taps {
    int32_t first, n;
    size_t weights;
} taps;

typedef struct filter {
    taps *of; /* (n_out) */
    int32_t *weights;
} filter;

/* Where the parts of the scratch begin. */
typedef struct layout {
    size_t filter, weights, lines, between, end;
} layout;

static size_t aligned(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* A filter's weights: each output has at most 2 S + 2 of them. */
static size_t max_weights(int64_t n_in, int n_out)
{
    return (size_t)(2 * (n_in > n_out ? n_in : n_out) + 4 * (int64_t)n_out);
}

static layout layout_of(int64_t from_h, int64_t from_w, size_t c, int h, int w)
{
    const size_t n_out = (size_t)(h > w ? h : w);
    const size_t across = max_weights(from_w, w), down = max_weights(from_h, h);
    layout at = {0};
    at.weights = aligned(n_out * sizeof(taps));
    at.lines = at.weights + aligned((across > down ? across : down) * sizeof(int32_t));
    at.between = at.lines + aligned(ROW_BLOCK * (size_t)from_w * c);
    at.end = at.between + aligned((size_t)from_h * (size_t)w * c);
    return at;
}

size_t onp_resize_scratch_bytes(int64_t from_h, int64_t from_w, int c, int h, int w)
{
    return layout_of(from_h, from_w, (size_t)c, h, w).end;
}

onp_view onp_view_part(const onp_view *from, int64_t top, int64_t left, int64_t h, int64_t w)
{
    onp_view part = *from;
    part.pixels += top * from->row + left * from->column;
    part.h = h;
    part.w = w;
    return part;
}

/* The weight of the header times 2 max(n_in, n_out), which makes it an integer. */
static int64_t raw_weight(int64_t n_in, int64_t n_out, int64_t i, int64_t x)
{
    const int64_t reach = 2 * (n_in > n_out ? n_in : n_out);
    const int64_t distance = (2 * x + 1) * n_out - (2 * i + 1) * n_in;
    const int64_t weight = reach - (distance < 0 ? -distance : distance);
    return weight > 0 ? weight : 0;
}

static void make_filter(int64_t n_in, int64_t n_out, const filter *f)
{
    size_t used = 0;
    for (int64_t i = 0; i < n_out; i++) {
        const int64_t reach = 2 * (n_in > n_out ? n_in : n_out), centre = (2 * i + 1) * n_in;
        int64_t first = centre > reach ? (centre - reach) / (2 * n_out) : 0, sum = 0;
        while (raw_weight(n_in, n_out, i, first) == 0)
            first++;
        int64_t end = first;
        do
            sum += raw_weight(n_in, n_out, i, end++);
        while (end < n_in && raw_weight(n_in, n_out, i, end) > 0);
        assert(sum > 0);
        f->of[i] = (taps){.first = (int32_t)first, .n = (int32_t)(end - first), .weights = used};
        for (int64_t x = first; x < end; x++)
            f->weights[used++] =
                (int32_t)(((raw_weight(n_in, n_out, i, x) << BITS) + sum / 2) / sum);
    }
}

static uint8_t to_byte(int32_t sum)
{
    const int32_t value = sum >> BITS; /* half was added; never below 0 */
    return (uint8_t)(value < 255 ? value : 255);
}

/* Rows of the view, one after the other. */
static void gather(const onp_view *from, int64_t first, int64_t n, uint8_t *lines)
{
    const size_t c = (size_t)from->c, line = (size_t)from->w * c;
    const uint8_t *rows = from->pixels + first * from->row;
    if (from->column == from->c) {
        for (int64_t i = 0; i < n; i++)
            memcpy(lines + (size_t)i * line, rows + i * from->row, line);
        return;
    }
    for (int64_t j = 0; j < from->w; j++)
        for (int64_t i = 0; i < n; i++)
            for (size_t k = 0; k < c; k++)
                lines[(size_t)i * line + (size_t)j * c + k] =
                    rows[i * from->row + j * from->column + (ptrdiff_t)k];
}

static void across_grey(const filter *f, const uint8_t *line, int w, uint8_t *out)
{
    for (int j = 0; j < w; j++) {
        const int32_t *weight = f->weights + f->of[j].weights;
        const uint8_t *x = line + f->of[j].first;
        int32_t sum = 1 << (BITS - 1);
        for (int32_t t = 0; t < f->of[j].n; t++)
            sum += x[t] * weight[t];
        out[j] = to_byte(sum);
    }
}

static void across_colour(const filter *f, const uint8_t *line, int w, uint8_t *out)
{
    for (int j = 0; j < w; j++) {
        const int32_t *weight = f->weights + f->of[j].weights;
        const uint8_t *x = line + (ptrdiff_t)3 * f->of[j].first;
        int32_t r = 1 << (BITS - 1), g = r, b = r;
        for (int32_t t = 0; t < f->of[j].n; t++) {
            r += x[3 * t] * weight[t];
            g += x[3 * t + 1] * weight[t];
            b += x[3 * t + 2] * weight[t];
        }
        out[3 * j] = to_byte(r);
        out[3 * j + 1] = to_byte(g);
        out[3 * j + 2] = to_byte(b);
    }
}

/* `sums` is as long as a row. */
static void down(const filter *f, const uint8_t *between, size_t row_bytes, int i, int32_t *sums,
                 uint8_t *out)
{
    const taps at = f->of[i];
    for (size_t k = 0; k < row_bytes; k++)
        sums[k] = 1 << (BITS - 1);
    for (int32_t t = 0; t < at.n; t++) {
        const uint8_t *x = between + (size_t)(at.first + t) * row_bytes;
        const int32_t weight = f->weights[at.weights + (size_t)t];
        for (size_t k = 0; k < row_bytes; k++)
            sums[k] += x[k] * weight;
    }
    for (size_t k = 0; k < row_bytes; k++)
        out[k] = to_byte(sums[k]);
}

void onp_resize(const onp_view *from, int h, int w, void *scratch, uint8_t *out)
{
    const size_t c = (size_t)from->c, row_bytes = (size_t)w * c;
    const layout at = layout_of(from->h, from->w, c, h, w);
    uint8_t *base = scratch, *lines = base + at.lines, *between = base + at.between;
    const filter f = {.of = (void *)(base + at.filter), .weights = (void *)(base + at.weights)};
    if (from->h == h && from->w == w) { /* one tap of weight 1 */
        gather(from, 0, h, out);
        return;
    }
    make_filter(from->w, w, &f);
    for (int64_t i = 0; i < from->h; i += ROW_BLOCK) {
        const int64_t n = from->h - i < ROW_BLOCK ? from->h - i : ROW_BLOCK;
        gather(from, i, n, lines);
        for (int64_t r = 0; r < n; r++)
            (c == 1 ? across_grey : across_colour)(&f, lines + (size_t)(r * from->w) * c, w,
                                                   between + (size_t)(i + r) * row_bytes);
    }
    make_filter(from->h, h, &f);
    int32_t sums[3 * ONP_RESIZE_MAX_SIDE];
    for (int i = 0; i < h; i++)
        down(&f, between, row_bytes, i, sums, out + (size_t)i * row_bytes);
}
