/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A step of the whole supernet, for comparison: the output of a position is the sum of all its
 * candidates, each times its probability, as in differentiable search without sampling (H. Liu et
 * al., 2019). Every candidate ends in a batch norm, gamma x + beta, so its probability p is put
 * into the parameters that the graph reads, p gamma and p beta: the same function, the same
 * gradients by the chain rule, and no pass over the tensors for it. Sums are ADD nodes.
 *
 *     bench_full *f;
 *     ONP_TRY(bench_full_new(ctx, net, batch, images, labels, &f, err));
 *     ONP_TRY(bench_full_step(f, ONP_RECOMPUTE_NONE, &sgd, &loss, err));
 *     bench_full_free(f);
 */
#ifndef ONP_BENCH_FULL_H
#define ONP_BENCH_FULL_H

#include "supernet/step.h"

typedef struct bench_full bench_full;

/* net, images [batch][h][w][c] and labels [batch] are borrowed. Errors: ONP_E_NOMEM. */
onp_status bench_full_new(const onp_context *ctx, onp_supernet *net, int64_t batch, float *images,
                          int32_t *labels, bench_full **out, onp_error *err) ONP_MUST_USE;
void bench_full_free(bench_full *f);
/* Forward, backward, SGD on all weights and on alpha. Errors: ONP_E_NOMEM, ONP_E_FAIL (a loss that
 * is not finite). */
onp_status bench_full_step(bench_full *f, onp_recompute recompute, const onp_sgd *sgd, double *loss,
                           onp_error *err) ONP_MUST_USE;
onp_plan_info bench_full_info(const bench_full *f);

#endif
