/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders alone, on 5,000 random sets of steps: each rule gives every step once, keeps each pair of
 * touches of which one writes in the given order, and equal inputs give equal orders. Then plans of
 * random networks with branches, forward and backward: ordered, they need no more memory, and have
 * the same bits. A network of branches built breadth first falls to what depth first needs.
 */
#include <math.h>
#include <string.h>

#include "base/philox.h"
#include "graph/order.h"
#include "graph/plan_internal.h"
#include "graph/plan_view.h"
#include "ops/kernels.h"
#include "tests/test_support.h"

#define N_SETS    5000
#define MAX_STEPS 24
#define MAX_TOUCH 96
#define N_NETS    100

static int32_t below(uint64_t i, uint32_t stream, uint32_t k, int32_t n)
{
    return (int32_t)onp_rng_below(onp_rng_make(31, ONP_RNG_TEST), i, stream, k, (uint64_t)n);
}

/* ---- orders alone ---- */

typedef struct set {
    onp_touch touches[MAX_TOUCH];
    onp_thing things[MAX_STEPS];
    onp_order_input in;
} set;

static void draw_set(set *s, uint64_t i)
{
    s->in = (onp_order_input){.touches = s->touches,
                              .things = s->things,
                              .n_touches = below(i, 0, 0, MAX_TOUCH + 1),
                              .n_things = 1 + below(i, 0, 1, MAX_STEPS),
                              .n_steps = 1 + below(i, 0, 2, MAX_STEPS)};
    for (int32_t k = 0; k < s->in.n_touches; k++)
        s->touches[k] = (onp_touch){.step = below(i, 1, (uint32_t)k, s->in.n_steps),
                                    .thing = below(i, 2, (uint32_t)k, s->in.n_things),
                                    .write = below(i, 3, (uint32_t)k, 3) == 0};
    for (int32_t k = 0; k < s->in.n_things; k++)
        s->things[k] = (onp_thing){.size = below(i, 4, (uint32_t)k, 100),
                                   .keep = below(i, 5, (uint32_t)k, 8) == 0};
}

static void check_order(const onp_order_input *in, const int32_t *order)
{
    int32_t position[MAX_STEPS];
    memset(position, -1, sizeof position);
    for (int32_t i = 0; i < in->n_steps; i++) {
        assert_in_range(order[i], 0, in->n_steps - 1);
        assert_int_equal(position[order[i]], -1);
        position[order[i]] = i;
    }
    for (int32_t a = 0; a < in->n_touches; a++)
        for (int32_t b = 0; b < in->n_touches; b++) {
            const onp_touch *x = &in->touches[a], *y = &in->touches[b];
            if (x->thing == y->thing && (x->write || y->write) && x->step < y->step)
                assert_true(position[x->step] < position[y->step]);
        }
}

static void test_random_sets(void **state)
{
    (void)state;
    onp_context ctx;
    onp_error err = {0};
    onp_context_init(&ctx);
    onp_orderer orderer = {.ctx = &ctx};
    for (uint64_t i = 0; i < N_SETS; i++) {
        set s;
        int32_t order[ONP_ORDER_RULE_COUNT][MAX_STEPS], again[MAX_STEPS];
        draw_set(&s, i);
        assert_int_equal(onp_order_prepare(&orderer, &s.in, &err), ONP_OK);
        for (int rule = 0; rule < ONP_ORDER_RULE_COUNT; rule++) {
            onp_order_by(&orderer, (onp_order_rule)rule, order[rule]);
            check_order(&s.in, order[rule]);
        }
        for (int rule = 0; rule < ONP_ORDER_RULE_COUNT; rule++) {
            onp_order_by(&orderer, (onp_order_rule)rule, again);
            assert_memory_equal(again, order[rule], (size_t)s.in.n_steps * sizeof *again);
        }
    }
    onp_orderer_reset(&orderer);
}

/* ---- plans ---- */

#define MEMORY_FLOATS ((size_t)1 << 20)

typedef struct net {
    onp_context ctx;
    onp_graph *g;
    float *memory; /* of external tensors */
    size_t used;
    bool train;
} net;

static void start(net *n, const onp_context *ctx, bool train)
{
    *n = (net){.ctx = *ctx, .train = train};
    onp_error err = {0};
    n->g = onp_graph_new(ctx, &err);
    n->memory = test_calloc(MEMORY_FLOATS, sizeof *n->memory);
    const onp_rng r = onp_rng_make(32, ONP_RNG_TEST);
    for (size_t i = 0; i < MEMORY_FLOATS; i++)
        n->memory[i] = (float)onp_rng_normal(r, i, 0, 0) / 4;
}

static void finish(net *n)
{
    onp_graph_free(n->g);
    test_free(n->memory);
}

static float *take(net *n, onp_shape s)
{
    n->used += ((size_t)onp_shape_count(s) + 15) / 16 * 16;
    assert_true(n->used <= MEMORY_FLOATS);
    return n->memory + n->used - ((size_t)onp_shape_count(s) + 15) / 16 * 16;
}

static onp_tid conv(net *n, onp_tid x, int kernel, int64_t c)
{
    const onp_shape s = {kernel, kernel, onp_graph_shape(n->g, x).c, c};
    const onp_tid in[2] = {x, onp_graph_param(n->g, s, take(n, s), n->train ? take(n, s) : NULL)};
    return onp_graph_add(n->g, ONP_OP_CONV, in, 2, &(onp_attr){.kernel = kernel, .stride = 1});
}

static onp_tid add(net *n, onp_tid a, onp_tid b)
{
    return onp_graph_add(n->g, ONP_OP_ADD, (onp_tid[]){a, b}, 2, NULL);
}

static onp_tid input(net *n)
{
    const onp_shape s = {2, 6, 5, 8};
    return onp_graph_external(n->g, s, take(n, s));
}

/* Four branches that widen, all of them before the first one narrows. */
static void branches(net *n)
{
    enum { N = 4 };
    const onp_tid x = input(n);
    onp_tid wide[N], sum = ONP_NONE;
    for (int i = 0; i < N; i++)
        wide[i] = conv(n, x, 1, 64);
    for (int i = 0; i < N; i++) {
        const onp_tid narrow = conv(n, wide[i], 3, 8);
        sum = i == 0 ? narrow : add(n, sum, narrow);
    }
    onp_graph_keep(n->g, sum);
}

/* Convolutions of what was there before, sums of two of those of equal shape, and all that nothing
 * read kept; with train, a loss over the sum of pools and its gradients. */
static void random_net(net *n, uint64_t i)
{
    enum { N = 16 };
    onp_tid t[N];
    int n_uses[N] = {0};
    t[0] = input(n);
    for (int k = 1; k < N; k++) {
        const uint32_t stream = 10 + (uint32_t)k;
        const int a = below(i, stream, 0, k), b = below(i, stream, 1, k);
        const bool sum = a != b && onp_graph_shape(n->g, t[a]).c == onp_graph_shape(n->g, t[b]).c;
        t[k] = sum ? add(n, t[a], t[b])
                   : conv(n, t[a], 1 + 2 * below(i, stream, 2, 2),
                          (int64_t)8 << below(i, stream, 3, 4));
        if (below(i, stream, 4, 3) == 0)
            t[k] = onp_graph_add(n->g, ONP_OP_RELU6, &t[k], 1, NULL);
        n_uses[a]++;
        n_uses[b] += sum;
    }
    onp_tid all = ONP_NONE;
    for (int k = 1; k < N; k++) {
        if (n_uses[k] > 0)
            continue;
        if (!n->train) {
            onp_graph_keep(n->g, t[k]);
            continue;
        }
        const onp_tid row =
            conv(n, onp_graph_add(n->g, ONP_OP_GLOBAL_AVG_POOL, &t[k], 1, NULL), 1, 5);
        all = all == ONP_NONE ? row : add(n, all, row);
    }
    if (!n->train)
        return;
    static int32_t labels[2] = {1, 3};
    onp_error err = {0};
    const onp_tid in[2] = {all, onp_graph_labels(n->g, 2, labels)};
    const onp_tid loss = onp_graph_add(n->g, ONP_OP_SOFTMAX_CE, in, 2, NULL);
    onp_graph_keep(n->g, loss);
    if (onp_graph_backward(n->g, loss, NULL, NULL, &err) != ONP_OK)
        fail_msg("%s", err.msg);
}

static onp_plan *plan(const net *n, bool order)
{
    onp_error err = {0};
    onp_plan *p = NULL;
    if (onp_plan_new(&n->ctx, &p, &err) != ONP_OK ||
        onp_plan_make(p, n->g, &(onp_plan_options){.order = order}, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    return p;
}

/* Runs with NaN wherever nothing was written. */
static void run(const onp_plan *p)
{
    for (size_t i = 0; i < p->arena_mapped / sizeof(float); i++)
        p->arena[i] = NAN;
    onp_plan_run(p);
}

static void check_reads(const onp_plan *p)
{
    bool *written = test_calloc((size_t)p->n_buffers, sizeof *written);
    for (int32_t call = 0; call < p->n_calls; call++)
        for (int pass = 0; pass < 2; pass++) /* writes first: splits are written and read */
            for (int32_t i = 0; i < onp_plan_n_accesses(p); i++) {
                const onp_access a = onp_plan_access(p, i);
                if (a.call == call && pass == 0 && a.write)
                    written[a.buffer] = true;
                if (a.call == call && pass == 1)
                    assert_true(written[a.buffer] || p->buffers[a.buffer].external != NULL);
            }
    test_free(written);
}

/* Plans and runs both; returns true when the ordered plan is smaller. */
static bool compare(const net *n)
{
    onp_plan *given = plan(n, false), *ordered = plan(n, true), *again = plan(n, true);
    const onp_plan_info a = onp_plan_get_info(given), b = onp_plan_get_info(ordered);
    assert_true(b.arena_bytes <= a.arena_bytes);
    assert_int_equal(b.given_bound_bytes, a.lower_bound_bytes);
    assert_int_equal(a.n_calls, b.n_calls);
    assert_int_equal(b.ordered, b.arena_bytes < a.arena_bytes);
    assert_false(a.ordered);
    check_reads(ordered);
    for (int32_t i = 0; i < ordered->n_buffers; i++)
        assert_int_equal(ordered->buffers[i].offset, again->buffers[i].offset);
    run(given);
    float *externals = test_malloc(n->used * sizeof *externals); /* gradients among them */
    memcpy(externals, n->memory, n->used * sizeof *externals);
    run(ordered);
    assert_memory_equal(externals, n->memory, n->used * sizeof *externals);
    for (onp_tid t = 0; t < onp_graph_n_tensors(n->g); t++) {
        const onp_tensor *tensor = onp_graph_tensor(n->g, t);
        if (tensor->keep)
            assert_memory_equal(onp_plan_data(given, t), onp_plan_data(ordered, t),
                                (size_t)onp_shape_count(tensor->shape) * sizeof(float));
    }
    test_free(externals);
    onp_plan_free(given);
    onp_plan_free(ordered);
    onp_plan_free(again);
    return b.arena_bytes < a.arena_bytes;
}

static void test_random_networks(void **state)
{
    (void)state;
    onp_context ctx;
    onp_context_init(&ctx);
    ctx.kernels = onp_kernels_at(0);
    int lower[2] = {0};
    for (uint64_t i = 0; i < N_NETS; i++) {
        net n;
        start(&n, &ctx, i % 2 == 1);
        random_net(&n, i);
        lower[i % 2] += compare(&n);
        finish(&n);
    }
    print_message("lower for %d of %d inferences and %d of %d steps\n", lower[0], N_NETS / 2,
                  lower[1], N_NETS / 2);
    assert_true(lower[0] > 0);
    assert_true(lower[1] > 0);
}

static void test_branches(void **state)
{
    (void)state;
    onp_context ctx;
    onp_context_init(&ctx);
    ctx.kernels = onp_kernels_at(0);
    net n;
    start(&n, &ctx, false);
    branches(&n);
    assert_true(compare(&n));
    onp_plan *p = plan(&n, true);
    const size_t floats = 2 * 6 * 5; /* of one channel; a wide one, the sum and what is added */
    assert_true(onp_plan_get_info(p).given_bound_bytes >= 4 * 64 * floats * sizeof(float));
    assert_true(onp_plan_get_info(p).arena_bytes <= (64 + 8 + 8) * floats * sizeof(float));
    onp_plan_free(p);
    finish(&n);
}

/* Planned again, nothing is allocated. */
static onp_status plan_twice(const onp_context *counting, void *arg)
{
    onp_test_memory *memory = counting->alloc_user;
    onp_error err = {0};
    onp_plan *p = NULL;
    ONP_TRY(onp_plan_new(counting, &p, &err));
    const net *n = arg;
    onp_status st = onp_plan_make(p, n->g, &(onp_plan_options){.order = true}, &err);
    const long before = memory->n_allocs;
    if (st == ONP_OK)
        st = onp_plan_make(p, n->g, &(onp_plan_options){.order = true}, &err);
    assert_int_equal(memory->n_allocs, before);
    onp_plan_free(p);
    return st;
}

static void test_no_memory(void **state)
{
    (void)state;
    onp_context ctx;
    onp_context_init(&ctx);
    ctx.kernels = onp_kernels_at(0);
    net n;
    start(&n, &ctx, true);
    random_net(&n, 1);
    onp_test_each_allocation(plan_twice, &n);
    finish(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_sets),
        cmocka_unit_test(test_random_networks),
        cmocka_unit_test(test_branches),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
