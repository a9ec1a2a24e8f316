/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filling the table from a device: the blocks that have no fresh estimate on the runner's platform
 * are measured and stored, so that a profile that was stopped goes on where it was.
 *
 *     ONP_TRY(onp_space_cover(ctx, space, seed, ONP_PROFILE_ROUNDS, &paths, err));
 *     const onp_profile_options options = {.paths = &paths, .budget_ns = 240 * second, .seed = 1};
 *     onp_profile_result result;
 *     ONP_TRY(onp_profile(store, runner, blocks, n, &options, &result, err));
 *
 * How, by mode; rows of different modes belong to different platforms (cache_mode):
 *
 * - chain: whole networks, `paths`, in random order, the runner stamping the boundaries of their
 *   blocks: what a block finds in the caches is what it finds in a network. A path's value of a
 *   block is the median of its samples there, which a disturbed sample does not move. A row is the
 *   mean of the block's values over all paths, by a line that takes their load out and in which far
 *   ones weigh less (of fewer than eight values the mean without the fifth at either end): the sum
 *   of rows has to be right, and means add up where medians do not, since what a block costs
 *   depends on its neighbours. Its interval is that of the mean over paths.
 * - difference, for runners that cannot stamp: the block behind another one, the cheapest of
 *   `paths` that feeds it, minus that one alone, both measured in turn.
 * - isolated: the block alone, again and again.
 *
 * Each path (in the other modes: block) is one transaction, its raw samples stored with it. What is
 * to be measured is a function of blocks, paths, seed and options: a profile under the same ones
 * takes over what an unfinished one on the same platform has stored, and measures nothing twice.
 *
 * One graph, the sentinel, is measured at both ends and after every six paths. Its quiet level
 * (latency/table/quiet.h) is that of the platform's newest 128 sentinels, earlier runs' included.
 * While it is more than 2 % above that the device is busy, and what is measured between two
 * sentinels of which either was busy is not quiet. A sentinel that is itself not known within 2 %,
 * for want of time, tells nothing.
 *
 * - Without paths, measuring all takes at most 0.4 of the budget; the rest is there to wait in
 *   while the device is busy, and to measure again what was not quiet. A row is made of what was,
 *   where there is such, else of the quietest.
 * - Paths tell their load, what they take over what their blocks usually take (the medians of the
 *   session), and there are so many of them that a block's value at the usual load can be told from
 *   all (latency/table/profile_internal.h): nothing is gained by waiting.
 *
 * Rows that were measured more than 5 % above the sentinel's level are noisy. Each pass has another
 * order.
 *
 * Clocks: each sample is also scaled to the clock that the runner's hello names, by its own clock
 * (its run's settings: reference_khz). Where clocks are known, sentinels are compared by the scaled
 * times, and rows of chains are made of them: they repeat better. An estimate is in time as it
 * passes all the same, at the clock that was usual in the run.
 */
#ifndef ONP_LATENCY_TABLE_PROFILE_H
#define ONP_LATENCY_TABLE_PROFILE_H

#include <signal.h>

#include "base/progress.h"
#include "base/watch.h"
#include "graph/block_paths.h"
#include "latency/measure/driver.h"
#include "latency/table/store.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum onp_profile_mode {
    ONP_PROFILE_AUTO, /* chain when the runner stamps, else difference; without paths isolated */
    ONP_PROFILE_CHAIN,
    ONP_PROFILE_DIFFERENCE,
    ONP_PROFILE_ISOLATED,
    ONP_PROFILE_MODE_COUNT
} onp_profile_mode;
/* "auto", "chain", "difference", "isolated", then NULL. */
extern const char *const onp_profile_mode_names[ONP_PROFILE_MODE_COUNT + 1];

/* Rounds of onp_space_cover() that paths are best made of: less time takes fewer of them. */
#define ONP_PROFILE_ROUNDS 12

/* A network that was measured whole; 0: it could not be. */
typedef struct onp_profile_whole {
    int64_t ns;     /* at the clock that rows are at: the session's median one, where it is known */
    int64_t raw_ns; /* as time passed */
} onp_profile_whole;

typedef struct onp_profile_options {
    onp_profile_mode mode;
    const onp_block_paths *paths; /* chain, difference: whole networks that the blocks stand in */
    const char *space;            /* where paths are from, for their rows; NULL: unknown */
    /* With networks it is one session that compares them with rows: they are measured whole,
     * without stamps, once in each pass in among the rest, all blocks are measured again, and
     * nothing is taken over. NULL: none */
    const onp_block_paths *networks;
    onp_profile_whole *whole; /* filled: [passes][networks->n] */
    int64_t budget_ns; /* for all of it; 0: max_block_ns for each block, in chain at most 4 min */
    int64_t max_block_ns; /* for one block; 0: 0.8 s. isolated, difference: where given, whatever
                             budget_ns says. Three samples are taken whatever they last */
    int64_t max_temperature_mc;        /* wait, up to 60 times, until the device is
                                          this cool (1/1000 degree C), where it says; 0: never */
    int64_t pause_ns;                  /* first wait for a busy device, each for a warm one;
                                          0: 0.25 s, 2 s */
    int32_t passes;                    /* 0: chain 4, difference 2, isolated 1 */
    uint64_t seed;                     /* of the order */
    int64_t batch;                     /* 0: the runner's, 1 when it does not say */
    const char *target, *command;      /* for the run's row; NULL: unknown */
    const volatile sig_atomic_t *stop; /* may be NULL; not 0: end after the current graph */
    onp_progress *progress;            /* may be NULL */
    const onp_watch *watch;            /* may be NULL: told of every graph */
} onp_profile_options;

/* How far the rows can be trusted; what is not known is NaN. */
typedef struct onp_profile_trust {
    int32_t passes;
    double between_passes;            /* median over blocks of |second - first| / first */
    double between_passes_normalised; /* the same at one clock */
    int32_t n_sentinels;
    int32_t n_pauses, n_again; /* how often it waited for the device; graphs measured again */
    double drift;              /* last sentinel / quiet level - 1 */
    double quiet;              /* share of the measurements that were made in quiet */
    int32_t n_networks;        /* chain: paths, sum of their rows against measured */
    double networks_mape, networks_bias;
} onp_profile_trust;

typedef struct onp_profile_result {
    onp_profile_mode mode;       /* that it was */
    int64_t platform, run;       /* run: 0 when there was nothing to measure, and then no row */
    int32_t n_measured, n_noisy; /* blocks: now; noisy: of these, any quality but ok */
    int32_t n_failed;            /* now; no estimate */
    int32_t n_known;             /* had an estimate */
    int32_t n_graphs, n_resumed; /* measured now, and taken over: paths, or blocks, in each pass */
    onp_profile_trust trust;
} onp_profile_result;

/* What mode is on this runner; with_paths: for AUTO. */
onp_profile_mode onp_profile_choose_mode(const onp_runner *r, onp_profile_mode mode,
                                         bool with_paths);

/* The platform that a runner's hello describes, in a mode (AUTO: as with paths): id in the store,
 * added when new. batch: as in the options. Errors: ONP_E_USAGE when the runner measures another
 * batch, those of the store. */
onp_status onp_profile_platform(onp_store *s, const onp_runner *r, int64_t batch,
                                onp_profile_mode mode, int64_t *platform,
                                onp_error *err) ONP_MUST_USE;

/*
 * Measures blocks[0..n-1] (complete; zero blocks and duplicates are passed over). options may be
 * NULL. Noisy rows give estimates, marked. A graph that the runner cannot measure has a row of
 * quality failed; the others go on, and ONP_E_DEVICE at the end names the first when blocks are
 * left without an estimate. The run's row ends as done, interrupted or (any other error) failed.
 *
 * Errors: ONP_E_INTERRUPTED when *stop was set and there is more to do; ONP_E_DEVICE, at once when
 * the runner has died; ONP_E_USAGE as above, and for a mode
 * that runner or options do not allow, or a block that no path has; ONP_E_RANGE for times and
 * passes out of range; ONP_E_NOMEM; those of the store. What was measured stays, and is what
 * estimates are then made of; result is filled in all cases.
 */
onp_status onp_profile(onp_store *s, onp_runner *r, const onp_block *blocks, int32_t n,
                       const onp_profile_options *options, onp_profile_result *result,
                       onp_error *err) ONP_MUST_USE;

/*
 * Measures a network: its folded blocks run as one graph, within max_block_ns. Stored on the
 * platform of options->mode (AUTO: as with paths) under its hash (64 digits) in a run of its own;
 * hash NULL: not stored. reason, samples and other texts and arrays of *out are NULL. Errors: as
 * above, and ONP_E_SHAPE when neighbours do not fit; *out is then unchanged.
 */
onp_status onp_profile_network(onp_store *s, onp_runner *r, const onp_block *blocks, int32_t n,
                               const char *hash, const onp_profile_options *options,
                               onp_measurement *out, onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
