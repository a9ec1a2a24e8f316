/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supernet: for each position of a network its candidate blocks, the weights of every
 * candidate, and one vector of architecture parameters. A path is one candidate per position. A
 * plain trained network is a supernet with one candidate everywhere.
 *
 *     onp_supernet *net;
 *     ONP_TRY(onp_supernet_new(ctx, positions, n_positions, 1e-3, seed, &net, err));
 *     int32_t path[ONP_MAX_POSITIONS];
 *     onp_supernet_draw(net, onp_rng_make(seed, ONP_RNG_PATH_WEIGHT), step, path);
 *
 * Weights and momentum of a candidate are one page-aligned slab in one mapping, so that only the
 * drawn path is touched and a pruned candidate's memory can be given back.
 */
#ifndef ONP_SUPERNET_SUPERNET_H
#define ONP_SUPERNET_SUPERNET_H

#include "base/philox.h"
#include "graph/block.h"
#include "supernet/alpha.h"
#include "supernet/position.h"
#include "supernet/slab_memory.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_MAX_POSITIONS 512

/* Weights of one candidate, its parameters one after the other in the order of onp_block_params(b,
 * ONP_MODE_TRAIN). */
typedef struct onp_slab {
    float *weights, *momentum; /* NULL for the zero block */
    int64_t floats;            /* of each */
} onp_slab;

/* Read by all, written by this module, by the steps (weights, momentum) and by a checkpoint that is
 * loaded. */
typedef struct onp_supernet {
    const onp_context *ctx;
    int32_t n_positions;
    onp_position *positions;
    double bn_eps;
    onp_slab (*slabs)[ONP_MAX_CANDIDATES]; /* [n_positions] */
    double (*alpha)[ONP_MAX_CANDIDATES];   /* architecture parameters */
    double (*second)[ONP_MAX_CANDIDATES];  /* Adam's running mean of squared gradients */
    bool (*alive)[ONP_MAX_CANDIDATES];     /* not pruned */
    int64_t n_arch_steps;                  /* Adam steps taken */
    onp_slab_memory memory;                /* where the slabs lie */
    size_t resident_limit, resident;       /* bytes of them in memory; limit 0: none */
    int64_t (*used)[ONP_MAX_CANDIDATES];   /* when, counted by uses; 0: not in memory */
    int64_t n_uses;
} onp_supernet;

/*
 * Copies the positions (the output of one must fit the next), allocates and initialises all
 * weights: convolutions normal(0, sqrt(2 / (k k cout))), the linear layer uniform(+-1/sqrt(in)),
 * biases 0, batch norm 1 and 0; alpha normal(0, 1e-3). Each number is a function of (seed,
 * position, candidate, index). Errors: ONP_E_RANGE (more than ONP_MAX_POSITIONS, no candidate),
 * ONP_E_SHAPE (blocks that do not fit), ONP_E_NOMEM.
 */
onp_status onp_supernet_new(const onp_context *ctx, const onp_position *positions, int32_t n,
                            double bn_eps, uint64_t seed, onp_supernet **out,
                            onp_error *err) ONP_MUST_USE;
/*
 * The same with weights and momentum in a scratch file (see onp_slab_memory_open; its errors too):
 * the same bits in less memory than they need. resident_bytes: about how much of them may be in
 * memory; what was used longest ago goes first. 0: as much as the kernel has room for. What one
 * step takes is in memory whatever the limit.
 */
onp_status onp_supernet_new_mapped(const onp_context *ctx, const onp_position *positions, int32_t n,
                                   double bn_eps, uint64_t seed, const char *file,
                                   size_t resident_bytes, onp_supernet **out,
                                   onp_error *err) ONP_MUST_USE;
void onp_supernet_free(onp_supernet *net);

/* p of one position. */
void onp_supernet_probabilities(const onp_supernet *net, int32_t position, double *p);
/* Candidates left at a position. */
int onp_supernet_n_alive(const onp_supernet *net, int32_t position);
/* One candidate per position drawn from p, by the numbers at (step, position). */
void onp_supernet_draw(const onp_supernet *net, onp_rng rng, uint64_t step, int32_t *path);
/* For weights in a file; in memory these do nothing. A path that a step takes soon is read ahead.
 */
void onp_supernet_want(onp_supernet *net, const int32_t *path);
/* A candidate's weights were read or written: what is then over the limit goes. */
void onp_supernet_use(onp_supernet *net, int32_t position, int candidate);
/* The same for one that is not needed soon: it goes unless a step took it. */
void onp_supernet_unuse(onp_supernet *net, int32_t position, int candidate);
/* The most probable candidate per position; the first of equals. */
void onp_supernet_argmax(const onp_supernet *net, int32_t *path);
/* Mean entropy in nats over the positions that began with more than one candidate; 0 when there is
 * none. */
double onp_supernet_entropy(const onp_supernet *net);

/*
 * Drops the candidates of a position whose p is below `below`, never the most probable one: p is
 * renormalised over the rest, the dropped ones' Adam state is cleared and their weights given back
 * to the system. dropped (may be NULL) gets true for each that went now. Returns how many.
 */
int onp_supernet_prune(onp_supernet *net, int32_t position, double below, bool *dropped);
/* Drops one candidate, as a resumed run does. */
void onp_supernet_drop(onp_supernet *net, int32_t position, int candidate);

/* SGD with Nesterov momentum on the weights of a path; grads: the path's slabs one after the other.
 */
void onp_supernet_sgd(onp_supernet *net, const int32_t *path, const float *grads, double lr,
                      double momentum, double decay);
/* Floats of a path's weights. */
int64_t onp_supernet_path_floats(const onp_supernet *net, const int32_t *path);

#ifdef __cplusplus
}
#endif
#endif
