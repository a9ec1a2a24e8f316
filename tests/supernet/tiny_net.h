/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small supernet for tests: stem, a choice of equal shape, a choice that halves the map, another
 * of equal shape, mix and head.
 *
 *     onp_position positions[TINY_POSITIONS];
 *     tiny_positions(TINY_MBCONV, positions, 9, 8);
 *     tiny_net t;
 *     tiny_net_init(&t, &ctx, 9, 8, batch);      // fails the test on an error
 *     tiny_net_reset(&t);
 */
#ifndef ONP_TESTS_SUPERNET_TINY_NET_H
#define ONP_TESTS_SUPERNET_TINY_NET_H

#include "supernet/step.h"
#include "tests/test_support.h"

#define TINY_POSITIONS 6
#define TINY_CLASSES   5
#define TINY_EPS       1e-3

typedef struct tiny_net {
    onp_supernet *net;
    onp_step *step;
    int64_t batch;
    int32_t h, w;
} tiny_net;

/* Which candidates there are. */
typedef enum tiny_candidates {
    TINY_MBCONV,
    TINY_KINDS /* all other kinds, activations, squeeze and excite, a head of two layers */
} tiny_candidates;

/* TINY_MBCONV: candidates of positions 1 and 3: 3x3e2 and 5x5e1, both with a shortcut, and zero; of
 * position 2: 3x3e2, 5x5e3 and 3x3e1 with stride 2. */
void tiny_positions(tiny_candidates which, onp_position positions[TINY_POSITIONS], int32_t h,
                    int32_t w);
/* Weights, momentum and gamma and beta away from their initial values; a batch of images and
 * labels. */
void tiny_net_init(tiny_net *t, const onp_context *ctx, int32_t h, int32_t w, int64_t batch);
void tiny_net_init_of(tiny_net *t, tiny_candidates which, const onp_context *ctx, int32_t h,
                      int32_t w, int64_t batch);
/* Of a test with the prestate &tiny_kinds; without one TINY_MBCONV. */
extern tiny_candidates tiny_kinds;
tiny_candidates tiny_of(void **state);
void tiny_net_reset(tiny_net *t);
/* Normal images and random labels. */
void tiny_net_images(tiny_net *t, uint64_t seed);
/* Any path, counted by i: 27 of them. */
void tiny_path(int i, int32_t path[TINY_POSITIONS]);

#endif
