/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/ops/op_case.h"

#include <math.h>
#include <stdlib.h>

#include "base/philox.h"

double *op_zeros(int64_t count)
{
    double *x = calloc((size_t)count, sizeof *x);
    assert_non_null(x);
    return x;
}

double *op_random(int64_t count, uint64_t seed)
{
    const onp_rng rng = onp_rng_make(seed, ONP_RNG_TEST);
    double *x = op_zeros(count);
    for (int64_t i = 0; i < count; i++)
        x[i] = onp_rng_normal(rng, (uint64_t)i, 0, 0);
    return x;
}

double op_dot(const double *a, const double *b, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

double op_norm_of_difference(const double *a, const double *b, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sqrt(sum);
}

/* Around two kinks that are 6 apart, the first of them here: */
static bool has_kinks(onp_op op, double *first)
{
    *first = op == ONP_OP_HSWISH || op == ONP_OP_HSIGMOID ? -3 : 0;
    return op == ONP_OP_RELU6 || op == ONP_OP_RELU || *first < 0;
}

static void spread_around_kinks(double *x, int64_t count, double first)
{
    for (int64_t i = 0; i < count; i++) {
        x[i] = 3 + 4 * x[i];
        if (fabs(x[i]) < 0.01 || fabs(x[i] - 6) < 0.01)
            x[i] += 0.05;
        x[i] += first;
    }
}

static int32_t *random_labels(int64_t count, int64_t n_classes, uint64_t seed)
{
    const onp_rng rng = onp_rng_make(seed, ONP_RNG_TEST);
    int32_t *labels = malloc((size_t)count * sizeof *labels);
    assert_non_null(labels);
    for (int64_t i = 0; i < count; i++)
        labels[i] = (int32_t)onp_rng_below(rng, (uint64_t)i, 1, 0, (uint64_t)n_classes);
    return labels;
}

void op_case_init(op_case *k, onp_op op, onp_attr attr, const onp_shape *in, int n_in,
                  uint64_t seed)
{
    *k = (op_case){.op = op, .attr = attr, .n_in = n_in};
    onp_error err = {0};
    onp_status st = onp_op_get(op)->infer(in, n_in, &attr, &k->out, &err);
    assert_string_equal(err.msg, "");
    assert_int_equal(st, ONP_OK);
    for (int i = 0; i < n_in; i++) {
        const int64_t count = onp_shape_count(in[i]);
        k->in[i] = in[i];
        if (op == ONP_OP_SOFTMAX_CE && i == 1)
            k->labels = random_labels(count, in[0].c, seed);
        else
            k->x[i] = op_random(count, seed * ONP_OP_MAX_IN + (uint64_t)i);
        if (op == ONP_OP_BN_APPLY && i == 1) /* frozen ones */
            for (int64_t e = in[i].c; e < count; e++)
                k->x[i][e] = 0.1 + k->x[i][e] * k->x[i][e];
        double kink;
        if (has_kinks(op, &kink))
            spread_around_kinks(k->x[i], count, kink);
    }
    k->y = op_zeros(onp_shape_count(k->out));
}

void op_case_forward(op_case *k)
{
    const double *in[ONP_OP_MAX_IN] = {k->x[0], k->x[1], k->x[2], k->x[3], k->x[4], k->x[5]};
    if (k->op == ONP_OP_BN_APPLY && !k->attr.frozen)
        onp_ref_run(ONP_OP_BN_STATS, &k->attr, in, k->in, 1, NULL, &k->x[1], &k->in[1]);
    onp_ref_run(k->op, &k->attr, in, k->in, k->n_in, k->labels, &k->y, &k->out);
}

static void gradient_make(op_case *k, int i)
{
    free(k->gx[i]);
    k->gx[i] = op_zeros(onp_shape_count(k->in[i]));
}

/* What an input code stands for. */
static const double *resolve(const op_case *k, const double *gy, int code,
                             const onp_grad_rule *rules, onp_shape *shape)
{
    if (code == ONP_FROM_GY) {
        *shape = k->out;
        return gy;
    }
    int i = code - ONP_FROM_X(0);
    if (code < ONP_FROM_RULE(0, 0)) {
        *shape = k->in[i];
        return k->x[i];
    }
    code -= ONP_FROM_RULE(0, 0);
    i = rules[code / 4].out[code % 4];
    *shape = k->in[i];
    return k->gx[i];
}

static void apply_rule(op_case *k, const double *gy, const onp_grad_rule *rules, int r)
{
    const onp_grad_rule *rule = &rules[r];
    const double *in[ONP_OP_MAX_IN];
    onp_shape in_shape[ONP_OP_MAX_IN], out_shape[ONP_OP_MAX_OUT];
    double *out[ONP_OP_MAX_OUT];
    for (int i = 0; i < rule->n_in; i++)
        in[i] = resolve(k, gy, rule->in[i], rules, &in_shape[i]);
    for (int o = 0; o < rule->n_out; o++) {
        gradient_make(k, rule->out[o]);
        out[o] = k->gx[rule->out[o]];
        out_shape[o] = k->in[rule->out[o]];
    }
    onp_ref_run(rule->op, &k->attr, in, in_shape, rule->n_in, k->labels, out, out_shape);
}

void op_case_backward(op_case *k, const double *gy)
{
    const onp_op_def *def = onp_op_get(k->op);
    for (int r = 0; r < def->n_rules; r++)
        if (def->rules[r].optional_input < k->n_in)
            apply_rule(k, gy, def->rules, r);
    for (int i = 0; def->pass_gradient && i < k->n_in; i++) {
        gradient_make(k, i);
        for (int64_t e = 0; e < onp_shape_count(k->in[i]); e++)
            k->gx[i][e] = gy[e];
    }
}

void op_case_reset(op_case *k)
{
    for (int i = 0; i < ONP_OP_MAX_IN; i++) {
        free(k->x[i]);
        free(k->gx[i]);
    }
    free(k->y);
    free(k->labels);
    *k = (op_case){.op = k->op};
}
