/* SPDX-License-Identifier: Apache-2.0 */
/* Search spaces: the shipped ones, all that a file can have wrong, and paths. */
#include "supernet/space.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supernet/supernet.h"
#include "tests/test_support.h"

#define CANDIDATES                                                                                 \
    "candidates:\n"                                                                                \
    "  - {op: mbconv, kernel: 3, expand: 3}\n"                                                     \
    "  - {op: mbconv, kernel: 5, expand: 6}\n"                                                     \
    "  - {op: zero}\n"
#define HEAD                                                                                       \
    "name: small\n"                                                                                \
    "input: {height: 8, width: 6, channels: 3}\n"                                                  \
    "stem: {kernel: 3, channels: 4}\n"
#define STAGES                                                                                     \
    "stages:\n"                                                                                    \
    "  - {channels: 4, blocks: 1}\n"                                                               \
    "  - {channels: 8, blocks: 2, stride: 2}\n"
#define TAIL                                                                                       \
    "mix: {channels: 16}\n"                                                                        \
    "classes: 10\n"

typedef struct fixture {
    onp_context ctx;
    onp_strbuf problems;
    onp_error err;
    onp_space *s;
} fixture;

static onp_status parse(fixture *f, const char *text)
{
    onp_yaml_doc *doc = NULL;
    onp_space_free(f->s);
    f->s = NULL;
    f->err = (onp_error){0};
    onp_strbuf_reset(&f->problems);
    onp_status st = onp_yaml_parse(&f->ctx, text, strlen(text), "s.yaml", &doc, &f->err);
    if (st == ONP_OK)
        st = onp_space_from_doc(&f->ctx, doc, "s.yaml", &f->problems, &f->s, &f->err);
    onp_yaml_free(doc);
    return st;
}

static int set_up(void **state)
{
    static fixture f;
    f = (fixture){0};
    onp_context_init(&f.ctx);
    onp_strbuf_init(&f.problems, &f.ctx);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    onp_space_free(f->s);
    onp_strbuf_reset(&f->problems);
    return 0;
}

static void load(fixture *f, const char *name)
{
    char file[128], path[ONP_TEST_PATH];
    (void)snprintf(file, sizeof file, "configs/spaces/%s.yaml", name);
    onp_test_path(path, onp_test_source(), file);
    onp_space_free(f->s);
    f->s = NULL;
    if (onp_space_load(&f->ctx, path, NULL, &f->s, &f->err) != ONP_OK)
        fail_msg("%s", f->err.msg);
}

static void check_key(const fixture *f, int32_t position, int32_t candidate, const char *wanted)
{
    char key[ONP_BLOCK_KEY];
    onp_block_key(&f->s->positions[position].candidate[candidate], key);
    assert_string_equal(key, wanted);
}

/* Each position's blocks fit the next one's, whichever is taken. */
static void check_chain(const onp_space *s)
{
    for (int32_t i = 0; i + 1 < s->n_positions; i++)
        for (int32_t j = 0; j < s->positions[i].n; j++)
            for (int32_t k = 0; k < s->positions[i + 1].n; k++) {
                const onp_block *a = &s->positions[i].candidate[j];
                const onp_block *b = &s->positions[i + 1].candidate[k];
                assert_int_equal(a->out_h, b->in_h);
                assert_int_equal(a->out_w, b->in_w);
                assert_int_equal(a->out_c, b->in_c);
            }
}

/* No block twice; returns how many. */
static int32_t count_blocks(const fixture *f)
{
    onp_block *blocks = NULL;
    int32_t n = 0;
    assert_int_equal(onp_space_blocks(&f->ctx, f->s, &blocks, &n, NULL), ONP_OK);
    for (int32_t i = 0; i < n; i++) {
        assert_int_not_equal(blocks[i].kind, ONP_BLOCK_ZERO);
        for (int32_t j = 0; j < i; j++)
            assert_false(onp_block_equal(&blocks[i], &blocks[j]));
    }
    onp_free(&f->ctx, blocks);
    return n;
}

static void test_imagenet(void **state)
{
    fixture *f = *state;
    load(f, "mbconv-imagenet");
    const onp_space *s = f->s;
    uint64_t exact = 0;
    assert_int_equal(s->n_positions, 25);
    assert_int_equal(s->n_choices, 21);
    double n = onp_space_n_vectors(s, &exact);
    assert_true(exact == 221502229807900608u); /* 6^6 * 7^15 */
    assert_true(fabs(n / 221502229807900608.0 - 1) < 1e-12);
    check_key(f, 0, 0, "stem in=224x224x3 out=112x112x32 k=3 s=2");
    check_key(f, 1, 0, "mbconv in=112x112x32 out=112x112x16 k=3 e=1 s=1 skip=0");
    check_key(f, 2, 0, "mbconv in=112x112x16 out=56x56x24 k=3 e=3 s=2 skip=0");
    check_key(f, 3, 1, "mbconv in=56x56x24 out=56x56x24 k=3 e=6 s=1 skip=1");
    check_key(f, 3, 6, "zero");
    check_key(f, 14, 5, "mbconv in=14x14x80 out=14x14x96 k=7 e=6 s=1 skip=0");
    check_key(f, 22, 2, "mbconv in=7x7x192 out=7x7x320 k=5 e=3 s=1 skip=0");
    check_key(f, 23, 0, "mix in=7x7x320 out=7x7x1280");
    check_key(f, 24, 0, "head in=7x7x1280 out=1000");
    const int32_t starts[] = {2, 6, 10, 14, 18, 22}; /* six candidates, all others seven */
    for (int32_t i = 2, at = 0; i < 23; i++) {
        bool start = at < 6 && starts[at] == i;
        assert_int_equal(s->positions[i].n, start ? 6 : 7);
        at += start;
    }
    check_chain(s);
    assert_int_equal(count_blocks(f), 2 + 5 * 12 + 6 + 2);
}

/* Widths of released networks: stem, the fixed block, the six stages, mix. At 1.12 the nearest
 * multiples of 8 are 32 and 24 for the stem and the first stage: the tenth decides. 1.12 and 1.35
 * are the published CPU and GPU networks exactly; 1.40 is Mobile-14 but for its first and fifth
 * stage, which have 40 and 256 there. */
static void test_width(void **state)
{
    static const struct {
        const char *width;
        int32_t channels[9];
    } cases[] = {{"1.12", {40, 24, 32, 48, 88, 104, 216, 360, 1432}},
                 {"1.35", {40, 24, 32, 56, 112, 128, 256, 432, 1728}},
                 {"1.40", {48, 24, 32, 56, 112, 136, 272, 448, 1792}},
                 {"0.35", {16, 8, 8, 16, 32, 32, 64, 112, 1280}},
                 {"1", {32, 16, 24, 40, 80, 96, 192, 320, 1280}},
                 {"4", {128, 64, 96, 160, 320, 384, 768, 1280, 5120}}};
    static const int32_t positions[9] = {0, 1, 2, 6, 10, 14, 18, 22, 23};
    fixture *f = *state;
    char path[ONP_TEST_PATH];
    onp_test_path(path, onp_test_source(), "configs/spaces/mbconv-imagenet.yaml");
    for (size_t i = 0; i < ONP_COUNT(cases); i++) {
        char set[32];
        onp_yaml_doc *doc = NULL;
        (void)snprintf(set, sizeof set, "width=%s", cases[i].width);
        assert_int_equal(onp_yaml_load(&f->ctx, path, &doc, &f->err), ONP_OK);
        assert_int_equal(onp_yaml_set(doc, set, &f->err), ONP_OK);
        onp_space_free(f->s);
        f->s = NULL;
        assert_int_equal(onp_space_from_doc(&f->ctx, doc, "s.yaml", NULL, &f->s, &f->err), ONP_OK);
        onp_yaml_free(doc);
        for (int k = 0; k < 9; k++)
            assert_int_equal(f->s->positions[positions[k]].candidate[0].out_c,
                             cases[i].channels[k]);
        assert_int_equal(f->s->n_choices, 21);
        check_chain(f->s);
    }
    load(f, "mbconv-imagenet-w4");
    check_key(f, 3, 1, "mbconv in=56x56x96 out=56x56x96 k=3 e=6 s=1 skip=1");
    check_key(f, 3, 6, "zero");
}

static void test_cifar_and_28(void **state)
{
    fixture *f = *state;
    load(f, "mbconv-cifar");
    assert_int_equal(f->s->n_choices, 15);
    check_key(f, 0, 0, "stem in=32x32x3 out=32x32x32 k=3 s=1");
    check_key(f, 17, 0, "mix in=4x4x192 out=4x4x640");
    check_key(f, 18, 0, "head in=4x4x640 out=10");
    check_chain(f->s);
    assert_int_equal(count_blocks(f), 64);
    load(f, "mbconv-28");
    assert_int_equal(f->s->n_choices, 6);
    check_key(f, 0, 0, "stem in=28x28x1 out=28x28x16 k=3 s=1");
    check_key(f, 1, 0, "mbconv in=28x28x16 out=28x28x8 k=3 e=1 s=1 skip=0");
    check_key(f, 2, 0, "mbconv in=28x28x8 out=14x14x16 k=3 e=3 s=2 skip=0");
    check_key(f, 6, 5, "mbconv in=7x7x24 out=7x7x40 k=7 e=6 s=1 skip=0");
    check_key(f, 8, 0, "mix in=7x7x40 out=7x7x128");
    check_chain(f->s);
    assert_int_equal(count_blocks(f), 40);
}

static void test_conv_cifar(void **state)
{
    fixture *f = *state;
    int32_t path[ONP_MAX_POSITIONS];
    load(f, "conv-cifar");
    assert_int_equal(f->s->n_choices, 12);
    assert_int_equal(f->s->positions[1].n, 6);
    assert_int_equal(f->s->positions[5].n, 3); /* its channels change */
    check_key(f, 0, 0, "stem in=32x32x3 out=32x32x24 k=3 s=1");
    check_key(f, 1, 1, "conv in=32x32x24 out=32x32x24 k=5 s=1");
    check_key(f, 1, 3, "max-pool in=32x32x24 out=32x32x24 k=3 s=1");
    check_key(f, 1, 4, "avg-pool in=32x32x24 out=32x32x24 k=3 s=1");
    check_key(f, 1, 5, "identity");
    check_key(f, 5, 2, "conv in=32x32x24 out=16x16x48 k=7 s=2");
    check_chain(f->s);
    assert_int_equal(count_blocks(f), 1 + 3 * 5 + 2 * 3 + 2);
    assert_int_equal(onp_space_path_parse(f->s, "conv5x5", path, NULL), ONP_OK);
    assert_int_equal(path[1] * 10 + path[5], 11);
    assert_int_equal(
        onp_space_path_parse(f->s, "identity,max3x3,4,0,0,avg3x3,0,0,0,0,0,5", path, NULL), ONP_OK);
    const int32_t wanted[] = {0, 5, 3, 4, 0, 0, 4, 0, 0, 0, 0, 0, 5, 0, 0};
    for (size_t i = 0; i < ONP_COUNT(wanted); i++)
        assert_int_equal(path[i], wanted[i]);
    assert_int_equal(onp_space_path_parse(f->s, "max3x3", path, &f->err), ONP_E_USAGE);
    onp_assert_contains(f->err.msg, "block 5 of 12 (stage 2, block 1) cannot be max3x3");
}

/* The large network of A. Howard et al. (2019), table 1, is nearly a path of the space. */
static void test_mobilenet_v3(void **state)
{
    fixture *f = *state;
    int32_t path[ONP_MAX_POSITIONS];
    load(f, "mobilenet-v3");
    assert_int_equal(f->s->n_choices, 20);
    check_key(f, 0, 0, "stem in=224x224x3 out=112x112x16 k=3 s=2 act=hswish");
    check_key(f, 1, 0, "mbconv in=112x112x16 out=112x112x16 k=3 e=1 s=1 skip=1 act=relu");
    check_key(f, 2, 1, "mbconv in=112x112x16 out=56x56x24 k=3 e=4 s=2 skip=0 act=relu");
    check_key(f, 7, 3, "mbconv in=28x28x40 out=28x28x40 k=5 e=3 s=1 skip=1 act=relu se=32");
    check_key(f, 10, 2, "mbconv in=28x28x40 out=14x14x80 k=3 e=6 s=2 skip=0 act=hswish");
    check_key(f, 15, 2, "mbconv in=14x14x112 out=14x14x112 k=3 e=6 s=1 skip=1 act=hswish se=168");
    check_key(f, 22, 0, "mix in=7x7x160 out=7x7x960 act=hswish");
    check_key(f, 23, 0, "head in=7x7x960 out=1000 mid=1280 act=hswish");
    check_chain(f->s);
    assert_int_equal(onp_space_path_parse(f->s, "5x5e6", path, NULL), ONP_OK);
    assert_int_equal(path[2] * 10 + path[21], 55);
    load(f, "mobilenet-v3-cifar");
    check_chain(f->s);
    check_key(f, 7, 4, "mbconv in=16x16x40 out=8x8x80 k=3 e=3 s=2 skip=0 act=hswish se=32");
    /* by the name in the file, and by what the stage makes of it */
    assert_int_equal(onp_space_path_parse(f->s,
                                          "3x3e3,3x3e3-relu,3x3e3-se,3x3e3-se-relu,zero,0,0,0,0,0",
                                          path, NULL),
                     ONP_OK);
    const int32_t wanted[] = {0, 0, 0, 0, 4, 4, 6, 0};
    for (size_t i = 0; i < ONP_COUNT(wanted); i++)
        assert_int_equal(path[i], wanted[i]);
    assert_int_equal(onp_space_path_parse(f->s, "3x3e3-hswish", path, &f->err), ONP_E_USAGE);
    onp_assert_contains(f->err.msg, "block 1 of 10 (stage 1, block 1) has no 3x3e3-hswish");
}

/* Every key a candidate can have, in the keys of its blocks. */
static void test_kinds(void **state)
{
    fixture *f = *state;
    assert_int_equal(
        parse(f,
              HEAD "fixed: [{op: conv, kernel: 3, groups: 2, channels: 4, activation: hswish}]\n"
                   "candidates:\n  - {op: conv, kernel: 3, dilation: 2}\n"
                   "  - {op: depthwise-separable, kernel: 5, dilation: 3, activation: relu}\n"
                   "  - {op: depthwise-separable, kernel: 5, shortcut: none}\n"
                   "  - {op: mbconv, kernel: 3, expand: 2, activation: hswish}\n"
                   "stages:\n  - {channels: 4, blocks: 1, activation: relu, squeeze_excite: true}\n"
                   "  - {channels: 8, blocks: 1, stride: 2}\n"
                   "mix: {channels: 16, activation: relu}\nhead: {channels: 20}\nclasses: 10\n"),
        ONP_OK);
    check_key(f, 1, 0, "conv in=8x6x4 out=8x6x4 k=3 s=1 g=2 act=hswish");
    check_key(f, 2, 0, "conv in=8x6x4 out=8x6x4 k=3 s=1 d=2");
    check_key(f, 2, 1, "depthwise-separable in=8x6x4 out=8x6x4 k=5 s=1 skip=1 d=3 act=relu");
    check_key(f, 2, 2, "depthwise-separable in=8x6x4 out=8x6x4 k=5 s=1 skip=0");
    check_key(f, 2, 3, "mbconv in=8x6x4 out=8x6x4 k=3 e=2 s=1 skip=1 act=hswish se=8");
    check_key(f, 3, 1, "depthwise-separable in=8x6x4 out=4x3x8 k=5 s=2 skip=0 d=3 act=relu");
    check_key(f, 3, 3, "mbconv in=8x6x4 out=4x3x8 k=3 e=2 s=2 skip=0 act=hswish");
    check_key(f, 4, 0, "mix in=4x3x8 out=4x3x16 act=relu");
    check_key(f, 5, 0, "head in=4x3x16 out=10 mid=20");
}

static void test_small_space(void **state)
{
    fixture *f = *state;
    uint64_t exact = 0;
    assert_int_equal(parse(f, HEAD CANDIDATES STAGES TAIL), ONP_OK);
    assert_int_equal(f->s->n_positions, 6);
    assert_int_equal(f->s->positions[1].n, 3); /* the shape stays at 4 channels: zero is there */
    assert_int_equal(f->s->positions[2].n, 2);
    assert_true(onp_space_n_vectors(f->s, &exact) == 18);
    assert_int_equal(exact, 18);
    check_key(f, 2, 0, "mbconv in=8x6x4 out=4x3x8 k=3 e=3 s=2 skip=0");
    /* shortcut: none takes the input away */
    assert_int_equal(parse(f,
                           HEAD "fixed: [{op: mbconv, kernel: 3, expand: 2, channels: 4}]\n"
                                "candidates: [{op: mbconv, kernel: 3, expand: 3, shortcut: none}]\n"
                                "stages: [{channels: 4, blocks: 1}]\n" TAIL),
                     ONP_OK);
    check_key(f, 1, 0, "mbconv in=8x6x4 out=8x6x4 k=3 e=2 s=1 skip=1");
    check_key(f, 2, 0, "mbconv in=8x6x4 out=8x6x4 k=3 e=3 s=1 skip=0");
    assert_int_equal(f->s->n_choices, 0);
}

/* The space of another input, which is what its file would give with that input. */
static void test_set_input(void **state)
{
    fixture *f = *state;
    load(f, "mbconv-cifar");
    onp_space *s = f->s;
    const int32_t n_positions = s->n_positions, n_choices = s->n_choices;
    check_key(f, 0, 0, "stem in=32x32x3 out=32x32x32 k=3 s=1");
    assert_int_equal(onp_space_set_input(s, 96, 96, 1, &f->err), ONP_OK);
    check_key(f, 0, 0, "stem in=96x96x1 out=96x96x32 k=3 s=1");
    check_key(f, s->n_positions - 1, 0, "head in=12x12x640 out=10");
    assert_int_equal(s->n_positions, n_positions);
    assert_int_equal(s->n_choices, n_choices);
    assert_int_equal(s->spec.in_h, 96);
    check_chain(s);

    /* three strides of 2: a side of 3 becomes 2, then 1 */
    assert_int_equal(onp_space_set_input(s, 3, 3, 3, &f->err), ONP_E_RANGE);
    onp_assert_contains(f->err.msg, "leaves nothing to shrink");
    onp_assert_contains(f->err.msg, "space mbconv-cifar: stages.4");
    assert_int_equal(onp_space_set_input(s, 96, 0, 1, &f->err), ONP_E_RANGE);
    check_key(f, 0, 0, "stem in=96x96x1 out=96x96x32 k=3 s=1");
    assert_int_equal(onp_space_set_classes(s, 3, NULL), ONP_OK);
    assert_int_equal(onp_space_set_input(s, 32, 32, 3, NULL), ONP_OK);
    check_key(f, s->n_positions - 1, 0, "head in=4x4x640 out=3"); /* classes stay */
}

static void test_set_classes(void **state)
{
    fixture *f = *state;
    load(f, "mbconv-28");
    assert_int_equal(onp_space_set_classes(f->s, 47, NULL), ONP_OK);
    check_key(f, 9, 0, "head in=7x7x128 out=47");
    assert_int_equal(onp_space_set_classes(f->s, 1, &f->err), ONP_E_RANGE);
    onp_assert_contains(f->err.msg, "1 classes, wanted 2..65536");
    assert_int_equal(onp_space_set_classes(f->s, 65537, NULL), ONP_E_RANGE);
    check_key(f, 9, 0, "head in=7x7x128 out=47");
}

/* A space of more than 2^64 vectors says so and keeps its double. */
static void test_too_many_vectors_for_an_integer(void **state)
{
    fixture *f = *state;
    uint64_t exact = 1;
    assert_int_equal(parse(f, HEAD CANDIDATES "stages:\n"
                                              "  - {channels: 4, blocks: 24}\n"
                                              "  - {channels: 4, blocks: 24}\n" TAIL),
                     ONP_OK);
    double n = onp_space_n_vectors(f->s, &exact);
    assert_int_equal(exact, 0);
    assert_true(fabs(n / pow(3, 48) - 1) < 1e-12);
    (void)onp_space_n_vectors(f->s, NULL);
}

static void expect_problem(fixture *f, const char *text, const char *wanted)
{
    assert_int_equal(parse(f, text), ONP_E_CONFIG);
    assert_null(f->s);
    onp_assert_contains(f->problems.text, wanted);
    assert_memory_equal(f->err.msg, f->problems.text, strlen(f->err.msg)); /* the first of them */
}

static void test_problems(void **state)
{
    fixture *f = *state;
    expect_problem(f, HEAD CANDIDATES STAGES TAIL "widht: 1\n", "unknown key \"widht\"");
    expect_problem(f, "schema: 2\n" HEAD CANDIDATES STAGES TAIL, "s.yaml:1:9: error: schema");
    expect_problem(f,
                   "name: a\ninput: {height: 8, width: 6, channels: 3}\n"
                   "stem: {kernel: 4, channels: 4}\n" CANDIDATES STAGES TAIL,
                   "s.yaml:3:8: error: stem.kernel: 4 is even, wanted an odd number");
    expect_problem(
        f,
        HEAD "fixed:\n  - {op: mbconv, kernel: 2, expand: 1, channels: 4}\n" CANDIDATES STAGES TAIL,
        "s.yaml:5:18: error: fixed.0.kernel: 2 is even");
    expect_problem(f,
                   HEAD "candidates:\n  - {op: zero}\n"
                        "  - {op: mbconv, kernel: 6, expand: 1}\n" STAGES TAIL,
                   "s.yaml:6:18: error: candidates.1.kernel: 6 is even");
    expect_problem(f, HEAD "candidates: [{op: mbconv, kernel: 3}]\n" STAGES TAIL,
                   "candidates.0: mbconv needs an expand");
    expect_problem(f, HEAD "candidates: [{op: mbconv, expand: 3}]\n" STAGES TAIL,
                   "candidates.0: mbconv needs a kernel");
    expect_problem(f, HEAD "candidates: [{op: zero, kernel: 3}]\n" STAGES TAIL,
                   "candidates.0: zero takes no kernel");
    expect_problem(f, HEAD CANDIDATES "  - {op: mbconv, kernel: 5, expand: 6}\n" STAGES TAIL,
                   "s.yaml:8:5: error: candidates.3: the same as candidates.1");
    expect_problem(f, HEAD CANDIDATES "  - {op: zero}\n" STAGES TAIL,
                   "candidates.3: the same as candidates.2");
    expect_problem(f, HEAD "candidates: []\n" STAGES TAIL,
                   "s.yaml:4:1: error: candidates: 0 entries, wanted 1..64");
    expect_problem(f, HEAD CANDIDATES "stages: []\n" TAIL, "stages: 0 entries, wanted 1..16");
    expect_problem(f, HEAD CANDIDATES "stages: [{channels: 4, blocks: 0}]\n" TAIL,
                   "stages.0.blocks is the number 0");
    expect_problem(f, HEAD "candidates: [{op: zero}]\n" STAGES TAIL,
                   "stages.1: its first block has no candidate");
    expect_problem(f, HEAD CANDIDATES STAGES "  - {channels: 8, blocks: 2, stride: 4}\n" TAIL,
                   "s.yaml:11:5: error: stages.2: stride 4 on a map of 4x3 leaves nothing");
    expect_problem(f,
                   "name: a\ninput: {height: 1, width: 6, channels: 3}\n"
                   "stem: {kernel: 3, stride: 2, channels: 4}\n" CANDIDATES STAGES TAIL,
                   "s.yaml:3:1: error: stem: stride 2 on a map of 1x6");
    expect_problem(f,
                   "name: a\ninput: {height: 65536, width: 65536, channels: 3}\n"
                   "stem: {kernel: 3, stride: 1, channels: 4}\n" CANDIDATES STAGES TAIL,
                   "s.yaml:3:1: error: stem: stem block: its input map 65536x65536x3");
    expect_problem(f, HEAD CANDIDATES STAGES "classes: 10\n", "missing key \"mix\"");
    expect_problem(f, HEAD CANDIDATES STAGES "mix: {channels: 4}\nclasses: 1\n", "classes is");
    expect_problem(f, HEAD "candidates: [{op: convolve, kernel: 3}]\n" STAGES TAIL,
                   "candidates.0.op");
    static const char *const bad[][2] = {
        {"{op: conv}", "candidates.0: conv needs a kernel"},
        {"{op: conv, kernel: 3, expand: 2}", "candidates.0: conv takes no expand"},
        {"{op: conv, kernel: 3, shortcut: none}", "candidates.0: conv takes no shortcut"},
        {"{op: conv, kernel: 3, squeeze_excite: true}", "conv takes no squeeze_excite"},
        {"{op: conv, kernel: 3, dilation: 33}", "candidates.0.dilation is the number 33"},
        {"{op: conv, kernel: 3, groups: 3}", "stages.0: conv block: groups is 3, wanted a divisor"},
        {"{op: conv, kernel: 3, activation: tanh}", "candidates.0.activation"},
        {"{op: max-pool, kernel: 4}", "candidates.0.kernel: 4 is even"},
        {"{op: max-pool, kernel: 3, activation: relu}", "max-pool takes no activation"},
        {"{op: avg-pool, kernel: 3, dilation: 2}", "avg-pool takes no dilation"},
        {"{op: identity, groups: 2}", "identity takes no groups"},
        {"{op: mbconv, kernel: 3, expand: 1, dilation: 2}", "mbconv takes no dilation"},
        {"{op: depthwise-separable, kernel: 3, expand: 1}", "depthwise-separable takes no expand"},
        {"{op: max-pool, kernel: 3}", "stages.1: its first block has no candidate: zero, identity"},
        {"{op: conv, kernel: 3}, {op: conv, kernel: 3, dilation: 1}",
         "candidates.1: the same as candidates.0"},
    };
    for (size_t i = 0; i < ONP_COUNT(bad); i++) {
        char text[512];
        (void)snprintf(text, sizeof text, HEAD "candidates: [%s]\n" STAGES TAIL, bad[i][0]);
        expect_problem(f, text, bad[i][1]);
    }
    /* the stage makes two candidates one */
    expect_problem(f,
                   HEAD "candidates:\n  - {op: mbconv, kernel: 3, expand: 3}\n"
                        "  - {op: mbconv, kernel: 3, expand: 3, activation: relu}\n"
                        "stages: [{channels: 4, blocks: 1, activation: relu}]\n" TAIL,
                   "s.yaml:7:10: error: stages.0: two of its candidates are 3x3e3-relu here");
    expect_problem(
        f, HEAD "fixed: [{op: conv, kernel: 3, expand: 1, channels: 4}]\n" CANDIDATES STAGES TAIL,
        "s.yaml:4:9: error: fixed.0: conv takes no expand");
    expect_problem(f, HEAD "fixed: [{op: identity, channels: 4}]\n" CANDIDATES STAGES TAIL,
                   "fixed.0.op");
    expect_problem(f, HEAD CANDIDATES STAGES TAIL "head: {activation: relu}\n",
                   "head: an activation is for a head with channels");
}

static void test_all_problems_at_once(void **state)
{
    fixture *f = *state;
    expect_problem(f,
                   HEAD "candidates:\n  - {op: mbconv, kernel: 4, expand: 3}\n"
                        "  - {op: mbconv, kernel: 6, expand: 3}\n" STAGES TAIL,
                   "candidates.0.kernel: 4 is even");
    onp_assert_contains(f->problems.text, "candidates.1.kernel: 6 is even");
}

static void test_too_many_candidates(void **state)
{
    fixture *f = *state;
    char text[8192] = HEAD "candidates:\n";
    for (int i = 0; i < 65; i++) {
        size_t used = strlen(text);
        (void)snprintf(text + used, sizeof text - used,
                       "  - {op: mbconv, kernel: %d, expand: %d}\n", 1 + 2 * (i % 8), 1 + i / 8);
    }
    size_t used = strlen(text);
    (void)snprintf(text + used, sizeof text - used, "%s", STAGES TAIL);
    expect_problem(f, text, "candidates: 65 entries, wanted 1..64");
}

static void test_paths(void **state)
{
    fixture *f = *state;
    int32_t path[ONP_MAX_POSITIONS];
    load(f, "mbconv-28");
    assert_int_equal(onp_space_path_parse(f->s, "5x5e6", path, NULL), ONP_OK);
    for (int32_t i = 0; i < f->s->n_positions; i++)
        assert_int_equal(path[i], f->s->positions[i].n > 1 ? 3 : 0);
    assert_int_equal(onp_space_path_parse(f->s, "5", path, NULL), ONP_OK);
    assert_int_equal(path[2], 5);
    assert_int_equal(onp_space_path_parse(f->s, "0,zero,7x7e3,6,1,3x3e3", path, NULL), ONP_OK);
    const int32_t wanted[] = {0, 0, 0, 6, 4, 6, 1, 0, 0, 0};
    for (size_t i = 0; i < ONP_COUNT(wanted); i++)
        assert_int_equal(path[i], wanted[i]);
}

/* An index counts in the file's list, also where an earlier candidate is left out. */
static void test_index_is_of_the_list(void **state)
{
    fixture *f = *state;
    int32_t path[ONP_MAX_POSITIONS];
    assert_int_equal(parse(f, HEAD "candidates:\n  - {op: zero}\n"
                                   "  - {op: mbconv, kernel: 3, expand: 3}\n"
                                   "  - {op: mbconv, kernel: 3, expand: 6}\n" STAGES TAIL),
                     ONP_OK);
    assert_int_equal(onp_space_path_parse(f->s, "2", path, NULL), ONP_OK);
    assert_int_equal(path[1], 2); /* zero, 3x3e3, 3x3e6 */
    assert_int_equal(path[2], 1); /* 3x3e3, 3x3e6 */
}

static void expect_bad_path(fixture *f, const char *text, const char *wanted)
{
    int32_t path[ONP_MAX_POSITIONS];
    assert_int_equal(onp_space_path_parse(f->s, text, path, &f->err), ONP_E_USAGE);
    onp_assert_contains(f->err.msg, wanted);
}

static void test_bad_paths(void **state)
{
    fixture *f = *state;
    load(f, "mbconv-28");
    expect_bad_path(f, "zero",
                    "block 1 of 6 (stage 1, block 1) cannot be zero, since its shape changes from "
                    "28x28x8 to 14x14x16: wanted one of 3x3e3, 3x3e6, 5x5e3, 5x5e6, 7x7e3, 7x7e6");
    expect_bad_path(f, "0,0,0,0,zero,0", "block 5 of 6 (stage 3, block 1) cannot be zero");
    expect_bad_path(f, "3x3e4",
                    "\"3x3e4\" is no candidate of space mbconv-28: wanted one of 3x3e3,");
    expect_bad_path(f, "0,1,2,3,4,9x9e1", "block 6 of 6: path: \"9x9e1\" is no candidate");
    expect_bad_path(f, "7", "\"7\" is no candidate");
    expect_bad_path(f, "-1", "\"-1\" is no candidate");
    expect_bad_path(f, "", "\"\" is no candidate");
    expect_bad_path(f, "99999999999999999999", "is no candidate");
    expect_bad_path(f, "0,1", "2 candidates, wanted one for all blocks or one for each of the 6");
    expect_bad_path(f, "0,1,2,3,4,5,", "7 candidates");
    expect_bad_path(f, "0,,2,3,4,5", "block 2 of 6: path: \"\" is no candidate");
}

static onp_status load_body(const onp_context *ctx, void *arg)
{
    char path[ONP_TEST_PATH];
    onp_test_path(path, onp_test_source(), "configs/spaces/mbconv-28.yaml");
    onp_space *s = NULL;
    onp_block *blocks = NULL;
    int32_t n = 0;
    (void)arg;
    onp_status st = ONP_OK;
    ONP_TRY_GOTO(onp_space_load(ctx, path, NULL, &s, NULL));
    ONP_TRY_GOTO(onp_space_blocks(ctx, s, &blocks, &n, NULL));
    onp_free(ctx, blocks);
done:
    onp_space_free(s);
    return st;
}

static void test_no_memory(void **state)
{
    (void)state;
    onp_test_each_allocation(load_body, NULL);
}

static void test_missing_file(void **state)
{
    fixture *f = *state;
    assert_int_equal(onp_space_load(&f->ctx, "/nowhere/s.yaml", NULL, &f->s, &f->err),
                     ONP_E_CONFIG);
    onp_assert_contains(f->err.msg, "/nowhere/s.yaml");
    assert_null(f->s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_imagenet),
        TEST(test_width),
        TEST(test_cifar_and_28),
        TEST(test_conv_cifar),
        TEST(test_mobilenet_v3),
        TEST(test_kinds),
        TEST(test_small_space),
        TEST(test_set_input),
        TEST(test_set_classes),
        TEST(test_too_many_vectors_for_an_integer),
        TEST(test_problems),
        TEST(test_all_problems_at_once),
        TEST(test_too_many_candidates),
        TEST(test_paths),
        TEST(test_index_is_of_the_list),
        TEST(test_bad_paths),
        TEST(test_no_memory),
        TEST(test_missing_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
