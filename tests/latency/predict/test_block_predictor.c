/* SPDX-License-Identifier: Apache-2.0 */
/* Made-up devices whose speed is known: what was left out must come back, and how far off a
 * prediction is must fit its interval. Amounts of work are counted by hand. */
#include "tests/test_support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/parallel.h"
#include "base/philox.h"
#include "latency/predict/block_features.h"
#include "latency/predict/block_lines.h"
#include "latency/predict/block_transfer.h"

enum { MAX_ROWS = 80 };

static onp_block block_of(const char *key)
{
    onp_block b;
    onp_error err = {0};
    if (onp_block_parse(key, &b, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    return b;
}

static void near(double seen, double wanted, double share)
{
    if (!(fabs(seen - wanted) <= share * fabs(wanted)))
        fail_msg("%.12g, wanted %.12g", seen, wanted);
}

/* Seconds per MAC and element of a device with a step: projections to 40 channels are slower. */
static double device_ns(const onp_block *b)
{
    const double area = (double)b->in_h * b->in_w, out = (double)b->out_h * b->out_w;
    const double slow = b->out_c == 40 ? 1.25 : 1;
    return 3e3 + 0.05 * area * b->in_c * b->mid + 0.3 * out * b->mid * b->kernel * b->kernel +
           0.05 * slow * out * b->mid * b->out_c + 0.2 * out * b->mid;
}

/* A space of 72 mbconvs; with noise of so many percent. */
static size_t make_rows(onp_block_row *rows, double noise)
{
    static const int shapes[][4] = {{56, 24, 24, 1},  {56, 24, 40, 2},  {28, 40, 40, 1},
                                    {28, 40, 80, 2},  {14, 80, 80, 1},  {14, 80, 96, 1},
                                    {14, 96, 96, 1},  {14, 96, 192, 2}, {7, 192, 192, 1},
                                    {7, 192, 320, 1}, {112, 16, 24, 2}, {28, 24, 40, 1}};
    const onp_rng rng = onp_rng_make(3, ONP_RNG_TEST);
    size_t n = 0;
    for (size_t s = 0; s < ONP_COUNT(shapes); s++)
        for (int e = 3; e <= 6; e += 3)
            for (int k = 3; k <= 7; k += 2) {
                onp_block b = {.kind = ONP_BLOCK_MBCONV,
                               .in_h = shapes[s][0],
                               .in_w = shapes[s][0],
                               .in_c = shapes[s][1],
                               .out_c = shapes[s][2],
                               .stride = shapes[s][3],
                               .kernel = k,
                               .expand = e};
                b.skip = b.stride == 1 && b.in_c == b.out_c;
                assert_int_equal(onp_block_complete(&b, NULL), ONP_OK);
                rows[n] = (onp_block_row){b, device_ns(&b)};
                rows[n].ns *= 1 + noise / 100 * onp_rng_normal(rng, n, 0, 0);
                n++;
            }
    return n;
}

static void terms_by_hand(void **state)
{
    (void)state;
    double t[ONP_BLOCK_TERMS];
    const onp_block b =
        block_of("mbconv in=28x28x20 out=14x14x40 k=5 e=3 s=2 skip=0 act=hswish se=16");
    onp_block_terms(&b, t);
    near(t[ONP_TERM_EXPAND_MACS], 784.0 * 20 * 60, 0);
    near(t[ONP_TERM_DEPTHWISE_MACS], 196.0 * 60 * 25, 0);
    near(t[ONP_TERM_PROJECT_MACS], 196.0 * 60 * 40, 0);
    near(t[ONP_TERM_SE_WEIGHTS], 2.0 * 60 * 16, 0);
    near(t[ONP_TERM_HSWISH], 784.0 * 60 + 196.0 * 60, 0);
    near(t[ONP_TERM_SKIP], 0, 0);
    /* 60 hidden channels are 64 in eights, 40 output channels 40 */
    near(t[ONP_TERM_PAD4], 0, 0);
    near(t[ONP_TERM_PAD8], 784.0 * 20 * 4 + 196.0 * 4 * 25, 1e-12);
    near(t[ONP_TERM_PAD32], 784.0 * 20 * 4 + 196.0 * 4 * 25 + 196.0 * 60 * 24, 1e-12);
    /* MACs are those of the block */
    near(t[ONP_TERM_EXPAND_MACS] + t[ONP_TERM_DEPTHWISE_MACS] + t[ONP_TERM_PROJECT_MACS] +
             t[ONP_TERM_SE_WEIGHTS],
         (double)onp_block_n_macs(&b), 1e-12);
    static const char *const others[] = {
        "stem in=32x32x3 out=32x32x32 k=3 s=1", "mix in=4x4x192 out=4x4x640",
        "conv in=8x8x24 out=8x8x40 k=3 s=1 g=4", "head in=7x7x960 out=1000 mid=1280",
        "depthwise-separable in=8x8x24 out=8x8x24 k=5 s=1 skip=1"};
    for (size_t i = 0; i < ONP_COUNT(others); i++) {
        const onp_block o = block_of(others[i]);
        onp_block_terms(&o, t);
        near(t[ONP_TERM_EXPAND_MACS] + t[ONP_TERM_DEPTHWISE_MACS] + t[ONP_TERM_PROJECT_MACS] +
                 t[ONP_TERM_DENSE_MACS],
             (double)onp_block_n_macs(&o), 1e-12);
        for (int j = 0; j < ONP_BLOCK_TERMS; j++)
            assert_true(t[j] >= 0);
    }
}

/* Leaves every fourth row out, from `first` on. */
static void left_out(double noise, double most, int *inside, int *n)
{
    onp_context ctx;
    onp_block_row rows[MAX_ROWS], known[MAX_ROWS];
    onp_context_init(&ctx);
    const size_t n_rows = make_rows(rows, noise);
    for (size_t first = 0; first < 4; first++) {
        size_t n_known = 0;
        onp_block_predictor *model = NULL;
        for (size_t i = 0; i < n_rows; i++)
            if (i % 4 != first)
                known[n_known++] = rows[i];
        assert_int_equal(onp_block_predictor_fit(&ctx, known, n_known, &model, NULL), ONP_OK);
        for (size_t i = first; i < n_rows; i += 4) {
            onp_predicted p;
            assert_int_equal(onp_block_predictor_predict(model, &rows[i].block, &p, NULL), ONP_OK);
            assert_true(p.lo_ns > 0 && p.lo_ns <= p.ns && p.ns <= p.hi_ns);
            near(p.ns, rows[i].ns, most);
            *inside += p.lo_ns <= rows[i].ns && rows[i].ns <= p.hi_ns;
            (*n)++;
        }
        onp_block_predictor_free(model);
    }
}

static void finds_the_device(void **state)
{
    (void)state;
    int inside = 0, n = 0;
    left_out(0, 0.03, &inside, &n);
    inside = n = 0;
    left_out(2, 0.15, &inside, &n);
    assert_true(inside >= 0.88 * n);
}

/* Rows with 2 % of noise: what it tells of itself is that noise, sqrt(2 / pi) of it, and a bit. */
static void tells_its_own_error(void **state)
{
    (void)state;
    onp_context ctx;
    onp_block_row rows[MAX_ROWS];
    onp_block_predictor *model = NULL;
    double mape = 0, within10 = 0;
    onp_context_init(&ctx);
    const size_t n = make_rows(rows, 2);
    assert_int_equal(onp_block_predictor_fit(&ctx, rows, n, &model, NULL), ONP_OK);
    onp_block_predictor_left_out(model, &mape, &within10);
    assert_true(mape > 0.012 && mape < 0.03);
    assert_true(within10 > 0.97);
    onp_block_predictor_free(model);
}

static void lines_between_maps_and_widths(void **state)
{
    (void)state;
    onp_context ctx;
    onp_block_row rows[MAX_ROWS];
    onp_block_predictor *model = NULL;
    onp_predicted p;
    size_t n = 0, n_lines = 0;
    double mape = 0;
    char key[ONP_BLOCK_KEY];
    onp_context_init(&ctx);
    for (int size = 10; size <= 31; size += 1) { /* ns: the map's pixels, one more */
        (void)snprintf(key, sizeof key, "mbconv in=%dx%dx24 out=%dx%dx40 k=5 e=3 s=1 skip=0", size,
                       size, size, size);
        if (size != 20)
            rows[n++] = (onp_block_row){block_of(key), 1000.0 * size * size};
    }
    assert_int_equal(onp_block_predictor_fit(&ctx, rows, n, &model, NULL), ONP_OK);
    const onp_block left = block_of("mbconv in=20x20x24 out=20x20x40 k=5 e=3 s=1 skip=0");
    assert_int_equal(onp_block_predictor_predict(model, &left, &p, NULL), ONP_OK);
    assert_int_equal(p.method, ONP_PREDICT_MAP);
    near(p.ns, 400000, 1e-6);
    assert_false(p.extrapolated);
    const onp_block large = block_of("mbconv in=56x56x24 out=56x56x40 k=5 e=3 s=1 skip=0");
    assert_int_equal(onp_block_predictor_predict(model, &large, &p, NULL), ONP_OK);
    assert_int_equal(p.method, ONP_PREDICT_MODEL);
    assert_true(p.extrapolated);
    onp_block_predictor_lines(model, &n_lines, &mape);
    assert_int_equal(n_lines, 19);
    onp_block_predictor_free(model);
    n = 0;
    for (int mid = 64; mid <= 320; mid += 16) {
        (void)snprintf(key, sizeof key, "mbconv in=14x14x32 out=14x14x40 k=5 e=2 s=1 skip=0%s%.0d",
                       mid == 64 ? "" : " mid=", mid == 64 ? 0 : mid);
        rows[n++] = (onp_block_row){block_of(key), 100.0 * mid};
    }
    assert_int_equal(onp_block_predictor_fit(&ctx, rows, n, &model, NULL), ONP_OK);
    const onp_block width = block_of("mbconv in=14x14x32 out=14x14x40 k=5 e=2 s=1 skip=0 mid=136");
    assert_int_equal(onp_block_predictor_predict(model, &width, &p, NULL), ONP_OK);
    assert_int_equal(p.method, ONP_PREDICT_WIDTH);
    near(p.ns, 13600, 1e-9);
    const onp_block narrow = block_of("mbconv in=14x14x32 out=14x14x40 k=5 e=2 s=1 skip=0 mid=8");
    assert_int_equal(onp_block_predictor_predict(model, &narrow, &p, NULL), ONP_OK);
    assert_true(p.extrapolated);
    assert_true(p.ns >= 6400); /* never below what was measured */
    assert_true(p.hi_ns >= p.ns);
    onp_block_predictor_free(model);
}

/* Lines of one width of squeeze and excite: another's rows lie between, and are slower. */
static void lines_of_one_squeeze(void **state)
{
    (void)state;
    onp_context ctx;
    onp_error err = {0};
    onp_block_row rows[MAX_ROWS];
    onp_block_predictor *model = NULL;
    onp_predicted p;
    size_t n = 0;
    onp_context_init(&ctx);
    for (int se = 16; se <= 32; se += 16)
        for (int mid = 64; mid <= 384; mid += 32) {
            onp_block b = block_of("mbconv in=14x14x32 out=14x14x40 k=5 e=2 s=1 skip=0");
            b.mid = mid;
            b.se = true;
            b.se_width = se;
            assert_int_equal(onp_block_complete(&b, NULL), ONP_OK);
            rows[n++] = (onp_block_row){b, (se == 16 ? 1e6 : 3e6) + 1e3 * mid};
        }
    if (onp_block_predictor_fit(&ctx, rows, n, &model, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    onp_block b = block_of("mbconv in=14x14x32 out=14x14x40 k=5 e=2 s=1 skip=0 mid=208 se=16");
    assert_int_equal(onp_block_predictor_predict(model, &b, &p, NULL), ONP_OK);
    assert_int_equal(p.method, ONP_PREDICT_WIDTH);
    near(p.ns, 1e6 + 208e3, 1e-9);
    onp_block_predictor_free(model);
}

/* Whether a line leads to `key` between two rows of another block, whose work is a little less and
 * so many times that. */
static bool has_line(const char *other, const char *key, double ratio)
{
    const onp_block b = block_of(key);
    const onp_block_row rows[] = {{block_of(other), 100}, {block_of(other), 200}};
    const double work[] = {0.9 * onp_block_work(&b), 0.9 * ratio * onp_block_work(&b)};
    onp_block_line line;
    return onp_block_line_find(rows, work, 2, -1, &b, ONP_PREDICT_MAP, &line);
}

/* What two ops do not share makes a line between them a guess. */
static void lines_of_one_op_only(void **state)
{
    (void)state;
#define MBCONV "mbconv in=9x9x24 out=9x9x24 k=5 e=3 s=1 skip=1"
#define CONV   "conv in=9x9x24 out=9x9x24 k=3 s=1"
    static const char *const rows[][2] = {
        {MBCONV, "mbconv in=9x9x24 out=9x9x24 k=5 e=3 s=1 skip=0"},
        {MBCONV, "mbconv in=9x9x24 out=9x9x24 k=3 e=3 s=1 skip=1"},
        {MBCONV, MBCONV " act=hswish"},
        {MBCONV, MBCONV " se=16"},
        {MBCONV, MBCONV " mid=80"},
        {"mbconv in=9x9x24 out=9x9x24 k=5 e=1 s=1 skip=1",
         "mbconv in=9x9x24 out=9x9x24 k=5 e=2 s=1 skip=1 mid=24"},
        {CONV, CONV " d=2"},
        {CONV, CONV " g=2"},
        {CONV, "conv in=18x18x24 out=9x9x24 k=3 s=2"},
    };
    for (size_t i = 0; i < ONP_COUNT(rows); i++) {
        assert_true(has_line(rows[i][0], rows[i][0], 1.9));
        assert_false(has_line(rows[i][0], rows[i][0], 2.1)); /* too far apart */
        assert_false(has_line(rows[i][0], rows[i][1], 1.9));
        assert_false(has_line(rows[i][1], rows[i][0], 1.9));
    }
}

/* Rows of maps of so many sizes from 10 on, off a line by 2 %; one is left out. */
static size_t rows_of_maps(onp_block_row *rows, int n_sizes, int without)
{
    const onp_rng rng = onp_rng_make(5, ONP_RNG_TEST);
    size_t n = 0;
    for (int size = 10; size < 10 + n_sizes; size++) {
        char key[ONP_BLOCK_KEY];
        (void)snprintf(key, sizeof key, "mbconv in=%dx%dx24 out=%dx%dx40 k=5 e=3 s=1 skip=0", size,
                       size, size, size);
        const double noise = 0.02 * onp_rng_normal(rng, (uint64_t)size, 0, 0);
        if (size != without)
            rows[n++] = (onp_block_row){block_of(key), 1000.0 * size * size * (1 + noise)};
    }
    return n;
}

/* So many of the rows that have a neighbour on either side are within the interval of a line; of
 * few rows nobody knows it. */
static void interval_of_lines(void **state)
{
    (void)state;
    onp_context ctx;
    onp_block_row rows[MAX_ROWS];
    double work[MAX_ROWS];
    onp_block_predictor *model = NULL;
    onp_predicted p;
    size_t n_lines = 0, n_within = 0;
    onp_context_init(&ctx);
    size_t n = rows_of_maps(rows, 62, 20);
    assert_int_equal(onp_block_predictor_fit(&ctx, rows, n, &model, NULL), ONP_OK);
    const onp_block left = block_of("mbconv in=20x20x24 out=20x20x40 k=5 e=3 s=1 skip=0");
    assert_int_equal(onp_block_predictor_predict(model, &left, &p, NULL), ONP_OK);
    assert_int_equal(p.method, ONP_PREDICT_MAP);
    near(p.ns / p.lo_ns, p.hi_ns / p.ns, 1e-12);
    for (size_t i = 0; i < n; i++)
        work[i] = onp_block_work(&rows[i].block);
    for (size_t i = 0; i < n; i++) {
        onp_block_line line;
        if (!onp_block_line_find(rows, work, n, (ptrdiff_t)i, &rows[i].block, ONP_PREDICT_MAP,
                                 &line))
            continue;
        n_lines++;
        n_within += fabs(log(line.ns / rows[i].ns)) <= log(p.hi_ns / p.ns) + 1e-12;
    }
    assert_int_equal(n_lines, 59);
    assert_int_equal(n_within, 57); /* 95 % of one more */
    onp_block_predictor_free(model);

    n = rows_of_maps(rows, 10, 14);
    assert_int_equal(onp_block_predictor_fit(&ctx, rows, n, &model, NULL), ONP_OK);
    const onp_block other = block_of("mbconv in=14x14x24 out=14x14x40 k=5 e=3 s=1 skip=0");
    assert_int_equal(onp_block_predictor_predict(model, &other, &p, NULL), ONP_OK);
    assert_int_equal(p.method, ONP_PREDICT_MODEL);
    onp_block_predictor_free(model);
}

/* Two rows of a block are their mean. */
static void rows_that_repeat(void **state)
{
    (void)state;
    onp_context ctx;
    onp_block_row rows[2 * MAX_ROWS];
    onp_block_predictor *model = NULL;
    onp_predicted p;
    onp_context_init(&ctx);
    const size_t n = rows_of_maps(rows, 30, 20);
    for (size_t i = 0; i < n; i++) {
        rows[n + i] = rows[i];
        rows[i].ns *= 0.5;
        rows[n + i].ns *= 1.5;
    }
    assert_int_equal(onp_block_predictor_fit(&ctx, rows, 2 * n, &model, NULL), ONP_OK);
    const onp_block left = block_of("mbconv in=20x20x24 out=20x20x40 k=5 e=3 s=1 skip=0");
    assert_int_equal(onp_block_predictor_predict(model, &left, &p, NULL), ONP_OK);
    near(p.ns, 400000, 0.05);
    onp_block_predictor_free(model);
}

/* Each pair's error by a fit to the others, and Student's quantile of so few. */
static void interval_of_a_transfer(void **state)
{
    (void)state;
    enum { N_PAIRS = 10 };
    onp_context ctx;
    onp_block_row rows[MAX_ROWS];
    onp_block_pair pairs[N_PAIRS], others[N_PAIRS];
    onp_block_transfer all, t;
    onp_predicted p;
    onp_error err = {0};
    double squares = 0;
    const onp_rng rng = onp_rng_make(6, ONP_RNG_TEST);
    onp_context_init(&ctx);
    (void)make_rows(rows, 0);
    for (size_t i = 0; i < N_PAIRS; i++)
        pairs[i] = (onp_block_pair){rows[7 * i].block,
                                    rows[7 * i].ns * exp(0.1 * onp_rng_normal(rng, i, 0, 0)),
                                    rows[7 * i].ns};
    for (size_t i = 0; i < N_PAIRS; i++) {
        size_t n = 0;
        for (size_t k = 0; k < N_PAIRS; k++)
            if (k != i)
                others[n++] = pairs[k];
        assert_int_equal(onp_block_transfer_fit(&ctx, others, n, &t, NULL), ONP_OK);
        onp_block_transfer_predict(&t, &pairs[i].block, pairs[i].other_ns, &p);
        squares += pow(log(pairs[i].ns / p.ns), 2);
    }
    assert_int_equal(onp_block_transfer_fit(&ctx, pairs, N_PAIRS, &all, NULL), ONP_OK);
    near(all.deviation, sqrt(squares / N_PAIRS), 1e-9);
    onp_block_transfer_predict(&all, &pairs[3].block, pairs[3].other_ns, &p);
    near(log(p.hi_ns / p.ns), 2.262 * all.deviation, 0.04); /* nine degrees of freedom */
    near(log(p.ns / p.lo_ns), 2.262 * all.deviation, 0.04);

    assert_int_equal(onp_block_transfer_fit(&ctx, pairs, 2, &t, &err), ONP_E_MISSING);
    onp_assert_contains(err.msg, "2 blocks are known on both devices, wanted 3 or more");
    pairs[4].other_ns = 0;
    assert_int_equal(onp_block_transfer_fit(&ctx, pairs, N_PAIRS, &t, &err), ONP_E_RANGE);
    onp_assert_contains(err.msg, "pair 4 has ");
}

static void refuses(void **state)
{
    (void)state;
    onp_context ctx;
    onp_block_row rows[MAX_ROWS];
    onp_block_predictor *model = NULL;
    onp_predicted p;
    onp_error err = {0};
    onp_context_init(&ctx);
    const size_t n = make_rows(rows, 0);
    assert_int_equal(onp_block_predictor_fit(&ctx, rows, 7, &model, &err), ONP_E_MISSING);
    onp_assert_contains(err.msg, "7 blocks are known");
    rows[3].ns = 0;
    assert_int_equal(onp_block_predictor_fit(&ctx, rows, n, &model, &err), ONP_E_RANGE);
    rows[3].ns = (double)NAN;
    assert_int_equal(onp_block_predictor_fit(&ctx, rows, n, &model, &err), ONP_E_RANGE);
    assert_null(model);
    rows[3].ns = 1e5;
    assert_int_equal(onp_block_predictor_fit(&ctx, rows, n, &model, &err), ONP_OK);
    const onp_block stem = block_of("stem in=32x32x3 out=32x32x32 k=3 s=1");
    const onp_block zero = block_of("zero");
    assert_int_equal(onp_block_predictor_predict(model, &stem, &p, &err), ONP_E_MISSING);
    onp_assert_contains(err.msg, "stem in=32x32x3");
    assert_int_equal(onp_block_predictor_predict(model, &zero, &p, &err), ONP_E_MISSING);
    /* of the kind and a size that are known, but for one thing */
    onp_block b = rows[3].block;
    assert_int_equal(onp_block_predictor_predict(model, &b, &p, &err), ONP_OK);
    b.act = b.act == ONP_ACT_HSWISH ? ONP_ACT_RELU : ONP_ACT_HSWISH;
    assert_int_equal(onp_block_predictor_predict(model, &b, &p, &err), ONP_E_MISSING);
    onp_assert_contains(err.msg, "no block like \"mbconv");
    b = rows[3].block;
    b.se = true;
    assert_int_equal(onp_block_predictor_predict(model, &b, &p, &err), ONP_E_MISSING);
    onp_block_predictor_free(model);
}

typedef struct tiles {
    const onp_block_row *rows;
    size_t n;
    onp_predicted out[3];
} tiles;

static void fit_tile(void *arg, int64_t tile, int thread)
{
    tiles *t = arg;
    onp_context ctx;
    onp_block_predictor *model = NULL;
    (void)thread;
    onp_context_init(&ctx);
    onp_status st = onp_block_predictor_fit(&ctx, t->rows, t->n - 1, &model, NULL);
    if (st == ONP_OK)
        st = onp_block_predictor_predict(model, &t->rows[t->n - 1].block, &t->out[tile], NULL);
    assert_int_equal(st, ONP_OK);
    onp_block_predictor_free(model);
}

/* In tiles or not, rows in another order: the same bits. */
static void same_bits(void **state)
{
    (void)state;
    onp_block_row rows[MAX_ROWS], turned[MAX_ROWS];
    tiles t = {.rows = rows, .n = make_rows(rows, 1)}, other = {.rows = turned, .n = t.n};
    for (size_t i = 0; i + 1 < t.n; i++)
        turned[i] = rows[t.n - 2 - i];
    turned[t.n - 1] = rows[t.n - 1];
    onp_parallel_for(2, fit_tile, &t);
    fit_tile(&other, 0, 0);
    assert_memory_equal(&t.out[0].ns, &t.out[1].ns, 3 * sizeof(double));
    assert_memory_equal(&t.out[0].ns, &other.out[0].ns, 3 * sizeof(double));
}

static onp_status fits(const onp_context *ctx, void *arg)
{
    onp_block_row rows[MAX_ROWS];
    onp_block_predictor *model = NULL;
    onp_predicted p;
    (void)arg;
    make_rows(rows, 0);
    ONP_TRY(onp_block_predictor_fit(ctx, rows, 12, &model, NULL));
    onp_status st = onp_block_predictor_predict(model, &rows[20].block, &p, NULL);
    onp_block_predictor_free(model);
    return st;
}

static void each_allocation(void **state)
{
    (void)state;
    onp_test_each_allocation(fits, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(terms_by_hand),
                                       cmocka_unit_test(finds_the_device),
                                       cmocka_unit_test(tells_its_own_error),
                                       cmocka_unit_test(lines_between_maps_and_widths),
                                       cmocka_unit_test(lines_of_one_squeeze),
                                       cmocka_unit_test(lines_of_one_op_only),
                                       cmocka_unit_test(interval_of_lines),
                                       cmocka_unit_test(rows_that_repeat),
                                       cmocka_unit_test(interval_of_a_transfer),
                                       cmocka_unit_test(refuses),
                                       cmocka_unit_test(same_bits),
                                       cmocka_unit_test(each_allocation)};
    return cmocka_run_group_tests_name("block_predictor", tests, NULL, NULL);
}
