/* SPDX-License-Identifier: Apache-2.0 */
/* Paths drawn from spaces: balance, seeds, families. */
#include "supernet/space_sample.h"

#include <stdio.h>
#include <string.h>

#include "supernet/supernet.h"
#include "tests/test_support.h"

/* The blocks of two positions never have the same key, so that a path tells its choices. */
static const char small[] = "name: small\n"
                            "input: {height: 8, width: 6, channels: 3}\n"
                            "stem: {kernel: 3, channels: 4}\n"
                            "candidates:\n"
                            "  - {op: zero}\n"
                            "  - {op: mbconv, kernel: 3, expand: 3}\n"
                            "  - {op: mbconv, kernel: 5, expand: 6}\n"
                            "  - {op: identity}\n"
                            "  - {op: max-pool, kernel: 3}\n"
                            "stages:\n"
                            "  - {channels: 4, blocks: 1}\n"
                            "  - {channels: 8, blocks: 2, stride: 2}\n"
                            "mix: {channels: 16}\n"
                            "classes: 10\n";

typedef struct fixture {
    onp_context ctx;
    onp_error err;
    onp_space *s;
    onp_block_paths paths, more;
} fixture;

static void parse(fixture *f, const char *text)
{
    onp_yaml_doc *doc = NULL;
    onp_status st = onp_yaml_parse(&f->ctx, text, strlen(text), "s.yaml", &doc, &f->err);
    if (st == ONP_OK)
        st = onp_space_from_doc(&f->ctx, doc, "s.yaml", NULL, &f->s, &f->err);
    onp_yaml_free(doc);
    if (st != ONP_OK)
        fail_msg("%s", f->err.msg);
}

static void load(fixture *f, const char *name)
{
    char file[128], path[ONP_TEST_PATH];
    (void)snprintf(file, sizeof file, "configs/spaces/%s.yaml", name);
    onp_test_path(path, onp_test_source(), file);
    if (onp_space_load(&f->ctx, path, NULL, &f->s, &f->err) != ONP_OK)
        fail_msg("%s", f->err.msg);
}

static int set_up(void **state)
{
    static fixture f;
    f = (fixture){0};
    onp_context_init(&f.ctx);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    onp_block_paths_reset(&f->ctx, &f->paths);
    onp_block_paths_reset(&f->ctx, &f->more);
    onp_space_free(f->s);
    return 0;
}

/* In how many of the paths a block stands. */
static int count(const onp_block_paths *p, int32_t from, int32_t to, const onp_block *wanted)
{
    int n = 0;
    for (int32_t i = p->start[from]; i < p->start[to]; i++)
        n += onp_block_equal(&p->blocks[i], wanted);
    return n;
}

/* Counts of a position's candidates; the free ones share what is left. */
static void check_position(const onp_block_paths *p, int32_t from, int32_t to,
                           const onp_position *position, int least, int most)
{
    int n_free = 0, left = to - from;
    for (int32_t c = 0; c < position->n; c++) {
        const onp_block *b = &position->candidate[c];
        if (onp_block_is_free(b)) {
            n_free++;
            continue;
        }
        const int n = count(p, from, to, b);
        assert_in_range(n, least, most);
        left -= n;
    }
    assert_in_range(left, least * n_free, most * n_free);
}

/* Each path is a network: neighbours fit, from the stem to the head, nothing free. */
static void check_networks(const onp_space *s, const onp_block_paths *p)
{
    assert_int_equal(p->start[0], 0);
    for (int32_t i = 0; i < p->n; i++) {
        const onp_block *b = onp_block_path(p, i);
        const int32_t n = onp_block_path_length(p, i);
        assert_in_range(n, 3, s->n_positions);
        assert_int_equal(b[0].kind, ONP_BLOCK_STEM);
        assert_int_equal(b[n - 1].kind, ONP_BLOCK_HEAD);
        for (int32_t k = 0; k < n; k++) {
            assert_false(onp_block_is_free(&b[k]));
            assert_true(k == 0 || (b[k].in_h == b[k - 1].out_h && b[k].in_w == b[k - 1].out_w &&
                                   b[k].in_c == b[k - 1].out_c));
        }
    }
}

static void check_same(const onp_block_paths *a, const onp_block_paths *b, int32_t n)
{
    for (int32_t i = 0; i <= n; i++)
        assert_int_equal(a->start[i], b->start[i]);
    for (int32_t i = 0; i < a->start[n]; i++)
        assert_true(onp_block_equal(&a->blocks[i], &b->blocks[i]));
}

static void test_cover_is_balanced(void **state)
{
    fixture *f = *state;
    const int times = 11;
    parse(f, small);
    const int32_t round = onp_space_cover_round(f->s);
    assert_int_equal(round, 5);
    assert_int_equal(onp_space_cover(&f->ctx, f->s, 7, times, &f->paths, &f->err), ONP_OK);
    assert_int_equal(f->paths.n, times * round);
    check_networks(f->s, &f->paths);
    for (int32_t i = 0; i < f->s->n_positions; i++) {
        const onp_position *p = &f->s->positions[i];
        const int all = times * round;
        check_position(&f->paths, 0, all, p, all / p->n, (all + p->n - 1) / p->n);
        for (int r = 0; r < times; r++)
            check_position(&f->paths, r * round, (r + 1) * round, p, round / p->n,
                           (round + p->n - 1) / p->n);
    }
}

static void test_cover_of_imagenet(void **state)
{
    fixture *f = *state;
    const int times = 5;
    load(f, "mbconv-imagenet");
    assert_int_equal(onp_space_cover_round(f->s), 7);
    assert_int_equal(onp_space_cover(&f->ctx, f->s, 1, times, &f->paths, &f->err), ONP_OK);
    assert_int_equal(f->paths.n, 7 * times);
    check_networks(f->s, &f->paths);
    for (int32_t i = 0; i < f->s->n_positions; i++)
        for (int32_t c = 0; c < f->s->positions[i].n; c++) {
            const onp_block *b = &f->s->positions[i].candidate[c];
            assert_true(onp_block_is_free(b) || count(&f->paths, 0, f->paths.n, b) >= times);
        }
}

static void test_same_seed_same_paths(void **state)
{
    fixture *f = *state;
    load(f, "mbconv-28");
    assert_int_equal(onp_space_cover(&f->ctx, f->s, 3, 4, &f->paths, &f->err), ONP_OK);
    assert_int_equal(onp_space_cover(&f->ctx, f->s, 3, 9, &f->more, &f->err), ONP_OK);
    check_same(&f->paths, &f->more, f->paths.n); /* more rounds begin with the same ones */
    onp_block_paths_reset(&f->ctx, &f->more);
    assert_int_equal(onp_space_cover(&f->ctx, f->s, 4, 4, &f->more, &f->err), ONP_OK);
    assert_true(f->paths.start[f->paths.n] != f->more.start[f->more.n] ||
                memcmp(f->paths.blocks, f->more.blocks,
                       (size_t)f->paths.start[f->paths.n] * sizeof(onp_block)) != 0);
}

static void test_sample(void **state)
{
    fixture *f = *state;
    const int n = 1200;
    parse(f, small);
    assert_int_equal(onp_space_sample(&f->ctx, f->s, 5, n, &f->paths, &f->err), ONP_OK);
    assert_int_equal(onp_space_sample(&f->ctx, f->s, 5, n / 2, &f->more, &f->err), ONP_OK);
    assert_int_equal(f->paths.n, n);
    check_networks(f->s, &f->paths);
    check_same(&f->paths, &f->more, n / 2);
    for (int32_t i = 0; i < f->s->n_positions; i++) { /* within five standard deviations */
        const onp_position *p = &f->s->positions[i];
        const int slack = p->n > 1 ? 87 : 0;
        check_position(&f->paths, 0, n, p, n / p->n - slack, n / p->n + slack);
    }
}

static int64_t macs_of(const onp_block_paths *p, int32_t path)
{
    int64_t sum = 0;
    for (int32_t k = 0; k < onp_block_path_length(p, path); k++)
        sum += onp_block_n_macs(&onp_block_path(p, path)[k]);
    return sum;
}

static void test_spread(void **state)
{
    fixture *f = *state;
    enum { N = 200 };
    int64_t low = 0, middle = 0, high = 0;
    load(f, "mbconv-imagenet");
    assert_int_equal(onp_space_spread(&f->ctx, f->s, 5, N, &f->paths, &f->err), ONP_OK);
    assert_int_equal(f->paths.n, N);
    check_networks(f->s, &f->paths);
    for (int32_t i = 0; i < 20; i++) {
        low += macs_of(&f->paths, i);
        middle += macs_of(&f->paths, N / 2 + i);
        high += macs_of(&f->paths, N - 1 - i);
    }
    assert_int_equal(onp_space_families(&f->ctx, f->s, &f->more, &f->err), ONP_OK);
    const int64_t smallest = 20 * macs_of(&f->more, 0), largest = 20 * macs_of(&f->more, 1);
    assert_true(smallest < low && low < smallest + (largest - smallest) / 4);
    assert_true(middle > low + low / 4 && high > middle + middle / 4);
    assert_true(high < largest && high > largest - (largest - smallest) / 4);
}

static bool has_only(const onp_block_paths *p, int32_t path, const char *name, int32_t n_choices)
{
    int32_t n = 0;
    char other[32];
    for (int32_t k = 0; k < onp_block_path_length(p, path); k++) {
        onp_block_short_name(&onp_block_path(p, path)[k], other);
        n += strcmp(name, other) == 0;
    }
    return n == n_choices;
}

static void test_families(void **state)
{
    fixture *f = *state;
    static const char *const names[] = {"7x7e6", "3x3e3", "3x3e6", "5x5e3", "5x5e6", "7x7e3"};
    load(f, "mbconv-imagenet");
    assert_int_equal(onp_space_families(&f->ctx, f->s, &f->paths, &f->err), ONP_OK);
    check_networks(f->s, &f->paths);
    assert_int_equal(f->paths.n, 1 + (int)ONP_COUNT(names));          /* the largest is all 7x7e6 */
    assert_int_equal(onp_block_path_length(&f->paths, 0), 2 + 6 + 2); /* zero where it may be */
    for (int i = 0; i < (int)ONP_COUNT(names); i++)
        assert_true(has_only(&f->paths, i + 1, names[i], f->s->n_choices));
}

/* A candidate that may not stand everywhere: the first one stands in for it. */
static void test_families_of_pools(void **state)
{
    fixture *f = *state;
    parse(f, small);
    assert_int_equal(onp_space_families(&f->ctx, f->s, &f->paths, &f->err), ONP_OK);
    check_networks(f->s, &f->paths);
    assert_int_equal(f->paths.n, 4); /* smallest, largest, 3x3e3, max3x3; 5x5e6 is the largest */
    assert_int_equal(onp_block_path_length(&f->paths, 0), 4);
    assert_true(has_only(&f->paths, 3, "max3x3", 2));
    assert_true(has_only(&f->paths, 3, "3x3e3", 1));
}

static void test_hash(void **state)
{
    fixture *f = *state;
    char a[ONP_SHA256_HEX], b[ONP_SHA256_HEX], wanted[ONP_SHA256_HEX];
    static const char keys[] = "stem in=8x8x3 out=8x8x4 k=3 s=1\nhead in=8x8x4 out=10\n";
    onp_block blocks[3];
    assert_int_equal(onp_block_parse("stem in=8x8x3 out=8x8x4 k=3 s=1", &blocks[0], NULL), ONP_OK);
    assert_int_equal(onp_block_parse("zero", &blocks[1], NULL), ONP_OK);
    assert_int_equal(onp_block_parse("head in=8x8x4 out=10", &blocks[2], NULL), ONP_OK);
    onp_sha256(keys, strlen(keys), wanted);
    assert_int_equal(onp_block_path_hash(&f->ctx, blocks, 3, a, &f->err), ONP_OK);
    assert_string_equal(a, wanted);
    blocks[1] = blocks[2];
    assert_int_equal(onp_block_path_hash(&f->ctx, blocks, 2, b, &f->err), ONP_OK);
    assert_string_equal(a, b);
    assert_int_equal(onp_block_path_hash(&f->ctx, blocks, 1, b, &f->err), ONP_OK);
    assert_string_not_equal(a, b);
}

static void test_bad_counts(void **state)
{
    fixture *f = *state;
    parse(f, small);
    assert_int_equal(onp_space_cover(&f->ctx, f->s, 1, 0, &f->paths, &f->err), ONP_E_RANGE);
    onp_assert_contains(f->err.msg, "rounds is 0, wanted 1..");
    assert_int_equal(onp_space_cover(&f->ctx, f->s, 1, INT32_MAX / 2, &f->paths, &f->err),
                     ONP_E_RANGE);
    assert_int_equal(onp_space_sample(&f->ctx, f->s, 1, -1, &f->paths, &f->err), ONP_E_RANGE);
    assert_int_equal(onp_space_sample(&f->ctx, f->s, 1, INT32_MAX, &f->paths, &f->err),
                     ONP_E_RANGE);
    onp_assert_contains(f->err.msg, "2^31 - 1 blocks");
    assert_null(f->paths.blocks);
}

static onp_status draw_body(const onp_context *ctx, void *arg)
{
    const onp_space *s = arg;
    onp_block_paths cover = {0}, sample = {0}, spread = {0}, families = {0};
    onp_status st = ONP_OK;
    ONP_TRY_GOTO(onp_space_cover(ctx, s, 1, 2, &cover, NULL));
    ONP_TRY_GOTO(onp_space_sample(ctx, s, 1, 2, &sample, NULL));
    ONP_TRY_GOTO(onp_space_spread(ctx, s, 1, 2, &spread, NULL));
    ONP_TRY_GOTO(onp_space_families(ctx, s, &families, NULL));
    char hash[ONP_SHA256_HEX];
    ONP_TRY_GOTO(onp_block_path_hash(ctx, cover.blocks, cover.start[1], hash, NULL));
done:
    onp_block_paths_reset(ctx, &cover);
    onp_block_paths_reset(ctx, &sample);
    onp_block_paths_reset(ctx, &spread);
    onp_block_paths_reset(ctx, &families);
    return st;
}

static void test_no_memory(void **state)
{
    fixture *f = *state;
    parse(f, small);
    onp_test_each_allocation(draw_body, f->s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_cover_is_balanced),
        TEST(test_cover_of_imagenet),
        TEST(test_same_seed_same_paths),
        TEST(test_sample),
        TEST(test_spread),
        TEST(test_families),
        TEST(test_families_of_pools),
        TEST(test_hash),
        TEST(test_bad_counts),
        TEST(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
