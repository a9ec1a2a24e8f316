/* SPDX-License-Identifier: Apache-2.0 */
#include "data/generate.h"

#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "base/philox.h"
#include "data/format.h"

#define SIDE        ONP_GENERATE_SIDE
#define PIXELS      (SIDE * SIDE)
#define CHUNK       256 /* images drawn at a time */
#define MAX_CLUTTER 4

#define DEFAULT_TRAIN 20000
#define DEFAULT_TEST  4000

/* Signed distances, negative inside, of shapes that fit a circle of radius 1 around the origin. */

static double box(double x, double y, double half_w, double half_h)
{
    double dx = fabs(x) - half_w, dy = fabs(y) - half_h;
    double ox = dx > 0 ? dx : 0, oy = dy > 0 ? dy : 0;
    double inside = dx > dy ? dx : dy;
    return inside < 0 ? inside : sqrt(ox * ox + oy * oy);
}

static double disc(double x, double y)
{
    return sqrt(x * x + y * y) - 0.85;
}

static double ring(double x, double y)
{
    return fabs(sqrt(x * x + y * y) - 0.75) - 0.2;
}

static double square(double x, double y)
{
    return box(x, y, 0.7, 0.7);
}

static double frame(double x, double y)
{
    return fabs(box(x, y, 0.6, 0.6)) - 0.17;
}

static double triangle(double x, double y)
{
    double side = 0.8660254037844386 * fabs(x) + 0.5 * y; /* sin and cos of 60 degrees */
    return (side > -y ? side : -y) - 0.5;
}

static double cross(double x, double y)
{
    double a = box(x, y, 0.95, 0.22), b = box(x, y, 0.22, 0.95);
    return a < b ? a : b;
}

/* Mirrors (x, y) to the positive side of the line through 0 with normal (nx, ny). */
static void fold(double *x, double *y, double nx, double ny)
{
    double d = *x * nx + *y * ny;
    if (d < 0) {
        *x -= 2 * d * nx;
        *y -= 2 * d * ny;
    }
}

/* Five points: folded along its axes, the star is the half plane below the line from a tip (0, 1)
 * to the notch beside it, at 0.4 of the radius and 36 degrees. */
static double star(double x, double y)
{
    const double c36 = 0.8090169943749475, s36 = 0.5877852522924731;
    x = fabs(x);
    fold(&x, &y, -c36, s36);
    fold(&x, &y, c36, s36);
    x = fabs(x);
    const double ex = 0.4 * s36, ey = 0.4 * c36 - 1; /* from the tip to the notch */
    double length = sqrt(ex * ex + ey * ey);
    return (ex * (y - 1) - ey * x) / length;
}

static double bar(double x, double y)
{
    return box(x, y, 0.95, 0.22);
}

static double pair(double x, double y)
{
    return box(x, fabs(y) - 0.45, 0.85, 0.2);
}

static double corner(double x, double y)
{
    double a = box(x, y + 0.5, 0.75, 0.22), b = box(x + 0.53, y, 0.22, 0.72);
    return a < b ? a : b;
}

static const struct {
    const char *name;
    double (*distance)(double x, double y);
} shapes[ONP_GENERATE_CLASSES] = {
    {"disc", disc},   {"ring", ring}, {"square", square}, {"frame", frame}, {"triangle", triangle},
    {"cross", cross}, {"star", star}, {"bar", bar},       {"pair", pair},   {"corner", corner},
};

enum {
    SHAPE_DISC = 0,
    SHAPE_BAR = 7 /* what clutter is made of */
};

double onp_shape_coverage(int shape, const onp_shape_pose *pose, int i, int j)
{
    double x = (j - pose->x) / pose->radius, y = (i - pose->y) / pose->radius;
    double u = pose->cosine * x + pose->sine * y, v = pose->cosine * y - pose->sine * x;
    double c = 0.5 - pose->radius * shapes[shape].distance(u, v); /* the edge is one pixel wide */
    return c < 0 ? 0 : c > 1 ? 1 : c;
}

/* The numbers of one image: `part` of the drawing (0: ground, 1: shape, then clutter), `use` in it.
 */
typedef struct dice {
    onp_rng rng;
    uint64_t image; /* index, the part of the data set in the high bits */
} dice;

static double between(const dice *d, uint32_t part, uint32_t use, double low, double high)
{
    return low + (high - low) * onp_rng_uniform(d->rng, d->image, part, use, 0);
}

/* A quarter turn by its number, the rest by t = tan(angle / 2): no sine or cosine, whose last bit
 * differs between C libraries. */
static void turn(const dice *d, uint32_t part, uint32_t use, onp_shape_pose *pose)
{
    const double tan_eighth = 0.41421356237309503; /* half of 45 degrees either way */
    double t = between(d, part, use, -tan_eighth, tan_eighth);
    double c = (1 - t * t) / (1 + t * t), s = 2 * t / (1 + t * t);
    uint64_t quarter = onp_rng_below(d->rng, d->image, part, use + 1, 4);
    pose->cosine = quarter == 0 ? c : quarter == 1 ? -s : quarter == 2 ? -c : s;
    pose->sine = quarter == 0 ? s : quarter == 1 ? c : quarter == 2 ? -s : -c;
}

/* Adds amount, over or under the ground, where the shape covers it. */
static void draw(double *image, int shape, const onp_shape_pose *pose, double amount)
{
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++)
            image[i * SIDE + j] += amount * onp_shape_coverage(shape, pose, i, j);
}

static double either_sign(const dice *d, uint32_t part, uint32_t use, double amount)
{
    return onp_rng_below(d->rng, d->image, part, use, 2) != 0 ? -amount : amount;
}

/* A plane of light: its middle and its slope. */
static void draw_ground(const dice *d, double *image)
{
    double level = between(d, 0, 0, 110, 145);
    double slope_x = between(d, 0, 1, -1, 1), slope_y = between(d, 0, 2, -1, 1);
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++)
            image[i * SIDE + j] =
                level + slope_x * (j - (SIDE - 1) / 2.0) + slope_y * (i - (SIDE - 1) / 2.0);
}

static void draw_shape(const dice *d, int shape, double *image)
{
    onp_shape_pose pose = {.radius = between(d, 1, 0, 6.5, 10)};
    double room = SIDE / 2.0 - pose.radius;
    pose.x = between(d, 1, 1, -room, room) + (SIDE - 1) / 2.0;
    pose.y = between(d, 1, 2, -room, room) + (SIDE - 1) / 2.0;
    turn(d, 1, 3, &pose);
    draw(image, shape, &pose, either_sign(d, 1, 5, between(d, 1, 6, 45, 90)));
}

/* Short bars and dots of half the shape's contrast, anywhere. */
static void draw_clutter(const dice *d, double *image)
{
    uint32_t count = (uint32_t)onp_rng_below(d->rng, d->image, 0, 3, MAX_CLUTTER + 1);
    for (uint32_t k = 0; k < count; k++) {
        uint32_t part = 2 + k;
        int shape = onp_rng_below(d->rng, d->image, part, 0, 2) != 0 ? SHAPE_BAR : SHAPE_DISC;
        double radius =
            shape == SHAPE_BAR ? between(d, part, 1, 2.5, 4.5) : between(d, part, 1, 1, 2);
        onp_shape_pose pose = {.radius = radius,
                               .x = between(d, part, 2, 0, SIDE - 1),
                               .y = between(d, part, 3, 0, SIDE - 1)};
        turn(d, part, 4, &pose);
        draw(image, shape, &pose, either_sign(d, part, 6, between(d, part, 7, 20, 40)));
    }
}

/* Noise of one pixel: the four bytes of a word summed, which has mean 510 and deviation 147.8. */
static double noise(uint32_t word)
{
    uint32_t sum = (word & 255) + (word >> 8 & 255) + (word >> 16 & 255) + (word >> 24);
    return ((double)sum - 510) / 147.8;
}

static void store_with_noise(const dice *d, const double *image, uint8_t *out)
{
    const uint32_t part = 2 + MAX_CLUTTER;
    double deviation = between(d, 0, 4, 6, 16);
    for (uint32_t k = 0; k < PIXELS / 4; k++) {
        uint32_t words[4];
        onp_rng_block(d->rng, d->image, part, k, words);
        for (uint32_t q = 0; q < 4; q++) {
            double v = image[4 * k + q] + deviation * noise(words[q]) + 0.5;
            out[4 * k + q] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
        }
    }
}

int32_t onp_generate_image(uint64_t seed, onp_part part, int64_t index, uint8_t *image)
{
    const dice d = {.rng = onp_rng_make(seed, ONP_RNG_GENERATE),
                    .image = (uint64_t)index | (uint64_t)part << 32};
    const int32_t label = (int32_t)(index % ONP_GENERATE_CLASSES);
    double exact[PIXELS];
    draw_ground(&d, exact);
    draw_clutter(&d, exact);
    draw_shape(&d, label, exact);
    store_with_noise(&d, exact, image);
    return label;
}

static int64_t count_of(const onp_source *source)
{
    if (source->n_images != 0)
        return source->n_images;
    return source->part == ONP_PART_TRAIN ? DEFAULT_TRAIN : DEFAULT_TEST;
}

static onp_status identify(const onp_context *ctx, const onp_source *source, onp_strbuf *identity,
                           onp_error *err)
{
    (void)ctx;
    int64_t n = count_of(source);
    if (n < 1 || n > ONP_DATA_MAX_IMAGES)
        return onp_fail(err, ONP_E_CONFIG, "data format generated: %lld images, wanted 1..%lld",
                        (long long)n, (long long)ONP_DATA_MAX_IMAGES);
    if (source->n_classes != 0 && source->n_classes != ONP_GENERATE_CLASSES)
        return onp_fail(err, ONP_E_CONFIG, "data format generated: %d classes, it has %d",
                        source->n_classes, ONP_GENERATE_CLASSES);
    onp_strbuf_addf(identity, "images %lld\nseed %llu\n", (long long)n,
                    (unsigned long long)source->seed);
    return ONP_OK;
}

typedef struct chunk {
    const onp_source *source;
    int64_t first;
    uint8_t *images;
} chunk;

static void generate_tile(void *arg, int64_t tile, int thread)
{
    const chunk *c = arg;
    (void)thread;
    (void)onp_generate_image(c->source->seed, c->source->part, c->first + tile,
                             c->images + tile * PIXELS);
}

static onp_status begin(const onp_context *ctx, int64_t n, onp_pack_writer *pack, onp_error *err)
{
    onp_status st = ONP_OK;
    onp_strbuf names;
    onp_strbuf_init(&names, ctx);
    for (size_t k = 0; k < ONP_COUNT(shapes); k++)
        onp_strbuf_add(&names, shapes[k].name, strlen(shapes[k].name) + 1);
    int32_t *labels = onp_alloc(ctx, (size_t)n, sizeof *labels);
    if (labels == NULL) {
        st = onp_fail(err, ONP_E_NOMEM, "generated data: out of memory for %lld labels",
                      (long long)n);
        goto done;
    }
    for (int64_t i = 0; i < n; i++)
        labels[i] = (int32_t)(i % ONP_GENERATE_CLASSES);
    ONP_TRY_GOTO(onp_strbuf_status(&names, err));
    const onp_pack_info info = {.n = n,
                                .h = SIDE,
                                .w = SIDE,
                                .c = 1,
                                .n_classes = ONP_GENERATE_CLASSES,
                                .names = names.text,
                                .names_bytes = names.length};
    ONP_TRY_GOTO(onp_pack_check(&info, "generated data", err));
    ONP_TRY_GOTO(onp_pack_begin(pack, &info, labels, err));
done:
    onp_free(ctx, labels);
    onp_strbuf_reset(&names);
    return st;
}

static onp_status decode(const onp_context *ctx, const onp_source *source, onp_pack_writer *pack,
                         onp_error *err)
{
    int64_t n = count_of(source);
    ONP_TRY(begin(ctx, n, pack, err));
    chunk c = {.source = source, .images = onp_alloc(ctx, CHUNK, PIXELS)};
    if (c.images == NULL)
        return onp_fail(err, ONP_E_NOMEM, "generated data: out of memory for %d images", CHUNK);
    onp_status st = ONP_OK;
    for (; c.first < n && st == ONP_OK; c.first += CHUNK) {
        int64_t count = n - c.first < CHUNK ? n - c.first : CHUNK;
        onp_parallel_for(count, generate_tile, &c);
        st = onp_pack_add(pack, c.images, (size_t)count * PIXELS, err);
    }
    onp_free(ctx, c.images);
    return st;
}

const onp_format onp_format_generated = {.identify = identify, .decode = decode};
