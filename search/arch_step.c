/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The architecture step (H. Cai et al., 2019, sections 3.2 and 3.3): a fresh path, gate gradients
 * on a batch of held-out images, the latency term, Adam on alpha. `all-paths` evaluates every
 * candidate; `two-paths` a drawn pair per position, whose probabilities are rescaled so that those
 * of the others stay.
 */
#include <math.h>

#include "search/objective.h"
#include "search/trainer.h"

/* What one position does in this step. */
typedef struct choice {
    int drawn;  /* the candidate that the path takes */
    int a, b;   /* two-paths: the pair; b = -1: nothing to learn here */
    double q_a; /* probability of a within the pair */
} choice;

typedef struct arch_args {
    int32_t path[ONP_MAX_POSITIONS];
    choice choices[ONP_MAX_POSITIONS];
    bool wanted[ONP_MAX_POSITIONS][ONP_MAX_CANDIDATES];
    double gates[ONP_MAX_POSITIONS][ONP_MAX_CANDIDATES];
    double slopes[ONP_MAX_POSITIONS][ONP_MAX_CANDIDATES]; /* of the bounded latency, by p */
} arch_args;

static choice draw(const onp_trainer *t, int32_t position, uint64_t step, bool *wanted)
{
    const onp_supernet *net = t->net;
    const onp_rng rng = onp_rng_make((uint64_t)t->cfg->seed, ONP_RNG_PATH_ARCH);
    const uint32_t i = (uint32_t)position;
    const int n = net->positions[position].n;
    double p[ONP_MAX_CANDIDATES];
    onp_supernet_probabilities(net, position, p);
    const double u = onp_rng_uniform(rng, step, i, 0, 0), v = onp_rng_uniform(rng, step, i, 0, 1);
    choice c = {.a = 0, .b = -1};
    if (t->cfg->search.gradient == ONP_GRADIENT_ALL_PATHS) {
        c.drawn = onp_alpha_draw(p, n, u);
        for (int k = 0; k < n; k++)
            wanted[k] = net->alive[position][k] && k != c.drawn;
        return c;
    }
    const bool pair = onp_alpha_draw_pair(p, n, u, v, &c.a, &c.b);
    c.drawn = c.a;
    if (!pair)
        return c;
    c.q_a = p[c.a] / (p[c.a] + p[c.b]);
    c.drawn = onp_rng_uniform(rng, step, i, 1, 0) < c.q_a ? c.a : c.b;
    wanted[c.drawn == c.a ? c.b : c.a] = true;
    return c;
}

/* One position's alpha: gate part and latency part, then Adam. */
static onp_status update(const onp_trainer *t, int32_t position, const choice *c,
                         const double *gates, const double *slopes, const onp_objective_value *v,
                         int64_t adam_step, double lr, onp_error *err)
{
    onp_supernet *net = t->net;
    const int n = net->positions[position].n;
    double *alpha = net->alpha[position];
    double push[ONP_MAX_CANDIDATES], grad[ONP_MAX_CANDIDATES] = {0}, p[ONP_MAX_CANDIDATES];
    for (int k = 0; k < n; k++) { /* the loss is linear in both: one gradient of their sum */
        push[k] = v->d_ce * gates[k] + v->d_expected * slopes[k];
        if (!isfinite(push[k]))
            return onp_fail(err, ONP_E_FAIL,
                            "architecture step: the gradient of candidate %d at position %d is %g: "
                            "lower the learning rate",
                            k, (int)position, push[k]);
    }
    if (t->cfg->search.gradient == ONP_GRADIENT_ALL_PATHS) {
        onp_supernet_probabilities(net, position, p);
        onp_alpha_gradient(push, p, n, grad);
        onp_alpha_adam(alpha, net->second[position], grad, net->alive[position], n, adam_step, lr);
        return ONP_OK;
    }
    if (c->b < 0)
        return ONP_OK;
    const double old_a = alpha[c->a], old_b = alpha[c->b];
    grad[c->a] = onp_alpha_pair_gradient(c->q_a, push[c->a], push[c->b]);
    grad[c->b] = -grad[c->a];
    onp_alpha_adam(alpha, net->second[position], grad, net->alive[position], n, adam_step, lr);
    (void)onp_alpha_rescale(alpha, c->a, c->b, old_a, old_b);
    return ONP_OK;
}

double onp_trainer_arch_rate(const onp_trainer *t)
{
    const double given = t->cfg->search.architecture.lr;
    return given > 0 ? given : 4.0 / (double)onp_trainer_arch_steps(t);
}

static onp_status arch_step(onp_trainer *t, arch_args *a, onp_error *err)
{
    onp_supernet *net = t->net;
    const int64_t batch = t->cfg->search.batch;
    const uint64_t step = (uint64_t)net->n_arch_steps;
    for (int32_t i = 0; i < net->n_positions; i++) {
        a->choices[i] = draw(t, i, step, a->wanted[i]);
        a->path[i] = a->choices[i].drawn;
    }
    onp_feed_batch(t->feed, ONP_STREAM_ARCHITECTURE, net->n_arch_steps, batch,
                   onp_step_images(t->step), onp_step_labels(t->step));
    onp_step_result r;
    ONP_TRY(onp_step_gates(t->step, batch, a->path, (const bool(*)[ONP_MAX_CANDIDATES])a->wanted,
                           a->gates, &r, err));
    const double bounded = onp_latency_model_bound(t->latency, net);
    const onp_objective_value v =
        onp_objective(&t->cfg->search.loss, r.loss, bounded, t->target_ns);
    const double lr = onp_trainer_arch_rate(t);
    onp_latency_model_slopes(t->latency, net, a->slopes);
    net->n_arch_steps++;
    for (int32_t i = 0; i < net->n_positions; i++)
        if (onp_supernet_n_alive(net, i) > 1)
            ONP_TRY(update(t, i, &a->choices[i], a->gates[i], a->slopes[i], &v, net->n_arch_steps,
                           lr, err));
    t->cursor.arch_loss_sum += v.loss;
    t->cursor.arch_steps++;
    return ONP_OK;
}

onp_status onp_trainer_arch_step(onp_trainer *t, onp_error *err)
{
    arch_args *a = onp_alloc(t->ctx, 1, sizeof *a);
    if (a == NULL)
        return onp_fail(err, ONP_E_NOMEM, "architecture step: out of memory");
    onp_status st = arch_step(t, a, err);
    onp_free(t->ctx, a);
    return st;
}
