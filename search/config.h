/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration of a search: a YAML file bound to a plain struct (DESIGN part 7 shows one),
 * with overrides.
 *
 *     onp_config cfg;
 *     ONP_TRY(onp_config_load(ctx, "quickstart.yaml", sets, n_sets, &problems, &cfg, err));
 *     ...
 *     onp_config_free(&cfg);
 */
#ifndef ONP_SEARCH_CONFIG_H
#define ONP_SEARCH_CONFIG_H

#include "base/yaml.h"
#include "graph/recompute.h"
#include "supernet/space.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum onp_gradient_mode { ONP_GRADIENT_ALL_PATHS, ONP_GRADIENT_TWO_PATHS } onp_gradient_mode;
typedef enum onp_loss_kind { ONP_LOSS_HINGE, ONP_LOSS_ADD_LINEAR, ONP_LOSS_MUL_LOG } onp_loss_kind;

typedef enum onp_statistics { ONP_STATISTICS_BATCH, ONP_STATISTICS_FROZEN } onp_statistics;

/* What of the latency has to stay within the budget. */
typedef enum onp_latency_bound { ONP_BOUND_EXPECTED, ONP_BOUND_UPPER } onp_latency_bound;
typedef enum onp_weights_home { ONP_WEIGHTS_MEMORY, ONP_WEIGHTS_MAPPED } onp_weights_home;

/* The names of onp_recompute (graph/recompute.h), then "auto". */
extern const char *const onp_config_recompute[ONP_RECOMPUTE_COUNT + 2];
#define ONP_CONFIG_RECOMPUTE_AUTO ONP_RECOMPUTE_COUNT

typedef struct onp_loss_config {
    int kind;           /* onp_loss_kind */
    double lambda;      /* hinge, add-linear: weight of the latency term */
    double margin;      /* hinge: it begins this share under the target (0), so that a search that
                           hovers at its hinge ends within the target */
    double alpha, beta; /* mul-log */
    int64_t unit_ns;    /* mul-log: what E and T are counted in (default 1ms) */
} onp_loss_config;

typedef struct onp_config {
    int64_t schema; /* 1 */
    int64_t seed;
    struct {
        int format;         /* index into onp_dataset_formats */
        char *train, *test; /* NULL for format generated; test also with holdout */
        char *cache; /* folder of pack files; NULL: $XDG_CACHE_HOME/onepath or ~/.cache/onepath */
        int64_t validation; /* images in all */
        int64_t limit;      /* 0: all training images */
        int64_t holdout;    /* so many images of `train` are the test set; 0: `test` is */
        bool skip_bad;      /* image files that cannot be read are left out and listed */
        struct {
            int64_t side; /* 0: images as they are, all of one size */
            int fit;      /* onp_fit */
        } resize;
        struct {
            int64_t pad;
            bool flip;
            double crop_scale; /* 0: no random resized crop */
            double brightness, saturation;
            int64_t cutout;
        } augment;
    } data;
    char *space_path;
    int64_t resolution; /* side of the square input that the space gets; 0: its own input */
    /* How steps are run; no result depends on it. */
    int recompute;             /* index into onp_config_recompute */
    int64_t memory_limit_mib;  /* of a step's arena; with `auto`, which chooses by it */
    int weights;               /* onp_weights_home: of the supernet's weights and momentum */
    int64_t weights_limit_mib; /* mapped: about so much of them in memory; 0: what there is */
    struct {
        char *device; /* "this-machine", a target (latency/measure/target.h), or a device of the
                         table */
        onp_yaml_target latency;
        int64_t threads;   /* of the platform, not of the search */
        char *cluster;     /* cores to measure on; NULL: the fastest */
        char *ssh_config;  /* for ssh -F; NULL: the user's */
        int bound;         /* onp_latency_bound */
        double deviations; /* of the upper bound */
        int mode;          /* onp_profile_mode: how its rows were measured, and missing ones are */
    } target;
    struct {
        int gradient; /* onp_gradient_mode */
        onp_loss_config loss;
        int64_t warmup_epochs, epochs, batch;
        struct {
            double lr, momentum, decay, smoothing;
        } weights;
        struct {
            int64_t every;
            double lr; /* 0: 4 / planned architecture steps */
            bool skip_first_epoch;
        } architecture;
        struct {
            double below; /* 0: never */
            int64_t from_epoch;
        } prune;
    } search;
    struct {
        int64_t epochs, batch;
        double lr, momentum, decay, smoothing;
        bool inherit;   /* start from the supernet's weights */
        int statistics; /* onp_statistics: of batch norms; frozen: those of the inherited weights */
        int64_t serial_batch; /* frozen: so many samples of a batch at a time; 0: all */
        double dropout;       /* rate, before the last layer */
    } train;

    onp_space *space; /* loaded from space_path, with the input that resolution asks for; owned */
    char path[1024];  /* of the file */
    const onp_context *ctx;
} onp_config;

/*
 * Reads path, applies `sets` ("search.loss.lambda=0"), checks everything, loads the space. Every
 * problem goes to `problems` (may be NULL) as one line file:line:col: error: ... ("--set KEY:
 * error: ..." where the value came from `sets`); err holds the first. On failure *out is all zero.
 * Errors: ONP_E_CONFIG (a missing file too), ONP_E_USAGE (a malformed override: in err alone),
 * ONP_E_NOMEM.
 */
onp_status onp_config_load(const onp_context *ctx, const char *path, const char *const *sets,
                           size_t n_sets, onp_strbuf *problems, onp_config *out,
                           onp_error *err) ONP_MUST_USE;
void onp_config_free(onp_config *cfg); /* all zero allowed */

/* The effective configuration as YAML: every key with its value, paths absolute, so that it reads
 * the same from another folder. Errors: ONP_E_NOMEM, ONP_E_RANGE (a path too long), ONP_E_IO. */
onp_status onp_config_emit(const onp_config *cfg, onp_strbuf *out, onp_error *err) ONP_MUST_USE;

/*
 * Calls visit for each key that decides a result, in the order of the file: "search.loss.lambda",
 * "1". Paths do not: what they lead to does; nor does how steps use memory. Stops at the first
 * failure. Errors: ONP_E_NOMEM, those of visit.
 */
typedef onp_status (*onp_config_visit)(void *user, const char *key, const char *value,
                                       onp_error *err);
onp_status onp_config_each(const onp_config *cfg, onp_config_visit visit, void *user,
                           onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
