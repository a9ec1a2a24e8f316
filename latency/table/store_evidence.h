/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a latency table holds beside its rows, by which one can tell how far to trust them: the
 * sentinel of each run, networks that were measured whole, fitted models, calibrations,
 * validations. The contract of latency/table/store.h holds here too.
 *
 *     ONP_TRY(onp_store_network_add(s, hash, blocks, n, "mbconv-imagenet", err));
 *     ONP_TRY(onp_store_measure_network(s, run, hash, &m, NULL, err));
 *     ONP_TRY(onp_store_networks(s, platform, collect, user, err));
 */
#ifndef ONP_LATENCY_TABLE_STORE_EVIDENCE_H
#define ONP_LATENCY_TABLE_STORE_EVIDENCE_H

#include "base/json.h"
#include "graph/block.h"
#include "latency/predict/calibration.h"
#include "latency/table/store.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- sentinels: one graph, measured again and again in a run ---- */

typedef struct onp_sentinel {
    const char *key; /* a block's key, or a network's hash */
    int64_t seq;     /* when in the run: as onp_measurement.seq */
    int64_t median_ns;
    int64_t clock_khz; /* 0: unknown */
    bool done;         /* set by visits: its run ended well */
} onp_sentinel;
/* Errors: ONP_E_RANGE (the same run and seq twice, no such run, a value out of range). */
onp_status onp_store_sentinel_add(onp_store *s, int64_t run, const onp_sentinel *v,
                                  onp_error *err) ONP_MUST_USE;

/* The sentinels of a platform with this key (NULL: all), oldest first, texts living during the
 * call. Stops at, and returns, the first failure. */
typedef onp_status (*onp_sentinel_visit)(void *user, int64_t run, const onp_sentinel *v,
                                         onp_error *err);
onp_status onp_store_sentinels(onp_store *s, int64_t platform, const char *key,
                               onp_sentinel_visit visit, void *user, onp_error *err) ONP_MUST_USE;

/* The run of a platform's oldest row that is not stale: sentinels before it are of a device that
 * has changed since. 0: no row is fresh. */
onp_status onp_store_fresh_since(onp_store *s, int64_t platform, int64_t *run,
                                 onp_error *err) ONP_MUST_USE;

/* ---- networks ---- */

/*
 * What a network's hash (64 digits) stands for: its blocks, free ones too, in order; space: where
 * it was drawn from, NULL allowed. One that is known already stays what it is. Errors: ONP_E_RANGE,
 * ONP_E_NOMEM.
 */
onp_status onp_store_network_add(onp_store *s, const char *hash, const onp_block *blocks, int32_t n,
                                 const char *space, onp_error *err) ONP_MUST_USE;

/* The same for one whose blocks are not ours: text says what it is ("fbnet 78184..."). */
onp_status onp_store_network_add_text(onp_store *s, const char *hash, const char *text,
                                      const char *space, onp_error *err) ONP_MUST_USE;

/* The keys of blocks as a JSON array, the caller's; NULL: out of memory. */
json_t *onp_block_keys_json(const onp_block *blocks, int32_t n);

/* A network that was measured on a platform. Borrowed during the visit. */
typedef struct onp_measured_network {
    const char *hash;
    const char *space;       /* NULL: unknown */
    const onp_block *blocks; /* NULL, 0: unknown */
    int32_t n_blocks;
    const char *text; /* of one whose blocks are not ours; NULL: they are, or are unknown */
    int64_t run, measured_unix_ns;
    int64_t median_ns, normalized_median_ns, clock_khz; /* 0: unknown, but for the first */
    int64_t n;           /* of an imported mean, the values it is of; else 1 */
    double cv;           /* of these n; of 1, of its samples */
    onp_quality quality; /* never failed */
    bool stamped;        /* the boundaries of its blocks were: it made rows */
} onp_measured_network;
/* Each measurement of a whole network on this platform, oldest first; where its rows are imported,
 * of the device's imported networks too. Stops at, and returns, the
 * first failure. Errors: ONP_E_FORMAT (a damaged encoding). */
typedef onp_status (*onp_network_visit)(void *user, const onp_measured_network *v, onp_error *err);
onp_status onp_store_networks(onp_store *s, int64_t platform, onp_network_visit visit, void *user,
                              onp_error *err) ONP_MUST_USE;

/* How many networks were measured whole on this platform, without stamps that made rows. */
onp_status onp_store_n_networks(onp_store *s, int64_t platform, int64_t *n,
                                onp_error *err) ONP_MUST_USE;

/* ---- models ---- */

typedef struct onp_model_info {
    const char *kind;                          /* "physical + gaussian process", ... */
    const char *params;                        /* JSON; NULL allowed */
    int64_t trained_on;                        /* rows */
    double loo_mape, loo_within10, coverage95; /* shares, each row left out in turn; NAN: unknown */
} onp_model_info;
/* *id is for onp_estimate.model. Errors: ONP_E_RANGE. */
onp_status onp_store_model_add(onp_store *s, int64_t platform, const onp_model_info *info,
                               int64_t *id, onp_error *err) ONP_MUST_USE;

/* ---- calibrations ---- */

/* The calibration of a platform's networks of about such sums from now on; run: the one that
 * measured its networks, 0 when they are of several. Errors: ONP_E_RANGE. */
onp_status onp_store_calibration_set(onp_store *s, int64_t platform, int64_t run,
                                     const onp_calibration *cal, onp_error *err) ONP_MUST_USE;
/* The newest; onp_calibration_none() when there is none. One of imported rows counts until others
 * are imported. */
onp_status onp_store_calibration_get(onp_store *s, int64_t platform, onp_calibration *out,
                                     onp_error *err) ONP_MUST_USE;
/* The newest that holds for a network of so many blocks and such a sum of rows. */
onp_status onp_store_calibration_for(onp_store *s, int64_t platform, double sum_ns, double n_ops,
                                     onp_calibration *out, onp_error *err) ONP_MUST_USE;

/* ---- validations ---- */

typedef struct onp_validation {
    const char *hash;     /* of the network */
    bool test;            /* false: it was used to calibrate */
    int64_t sum_ns;       /* of its rows */
    int64_t predicted_ns; /* calibrated */
    int64_t lo_ns, hi_ns; /* 95 % interval of predicted_ns; both 0: unknown */
    int64_t measured_ns;
    int64_t repeated_ns; /* measured once more, later in the run; 0: it was not */
    int64_t measurement; /* id of the measurement; 0: none was stored */
} onp_validation;
onp_status onp_store_validation_add(onp_store *s, int64_t run, const onp_validation *v,
                                    onp_error *err) ONP_MUST_USE;

/* The validations of a platform's newest run that has some, by their sum. */
typedef onp_status (*onp_validation_visit)(void *user, int64_t run, int64_t started_unix_ns,
                                           const onp_validation *v, onp_error *err);
onp_status onp_store_validations(onp_store *s, int64_t platform, onp_validation_visit visit,
                                 void *user, onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
