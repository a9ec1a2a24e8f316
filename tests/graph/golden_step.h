/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two training steps of a small network against PyTorch in float64 (tests/golden/make_step.py):
 * loss, logits, every gradient and the weights after stochastic gradient descent with Nesterov
 * momentum, for any engine that runs the graph.
 *
 *     golden_step s;
 *     golden_step_open(&s);                    // loads the file, builds graph and gradients
 *     golden_engine e = {.user = r, .write = write, .run = run, .read = read};
 *     golden_step_compare(&s, &e, 1e-9);       // fails the test at the first tensor that is off
 *     golden_step_close(&s);
 */
#ifndef ONP_TESTS_GRAPH_GOLDEN_STEP_H
#define ONP_TESTS_GRAPH_GOLDEN_STEP_H

#include "base/safetensors.h"
#include "tests/graph/small_net.h"

/* How an engine takes and gives the values of a tensor of the graph (images, parameters; logits,
 * loss, gradients: all of them external), runs it, and makes the step of parameter net.params[i].
 */
typedef struct golden_engine {
    void *user;
    void (*write)(void *user, onp_tid t, const double *data, int64_t count);
    void (*run)(void *user);
    void (*read)(void *user, onp_tid t, double *data, int64_t count);
    void (*update)(void *user, int i); /* NULL: computed here in double from what is read */
} golden_engine;

typedef struct golden_step {
    onp_context ctx;
    onp_st_file *file;
    small_net net;
    double lr, momentum, decay;
} golden_step;

void golden_step_open(golden_step *s);
/* Compares as ||seen - wanted|| <= tolerance * max(||wanted||, floor), where the floor of gradients
 * is a fixed share of the largest gradient's norm and 0 for the rest. */
void golden_step_compare(golden_step *s, const golden_engine *e, double tolerance);
void golden_step_close(golden_step *s);

#endif
