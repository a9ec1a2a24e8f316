/* SPDX-License-Identifier: Apache-2.0 */
/* The latency of a network by its blocks' rows, of a latency table or of those that a run used:
 * their sum, and where the platform was calibrated, what that makes of it. */
#ifndef ONP_CLI_PREDICT_H
#define ONP_CLI_PREDICT_H

#include "cli/app.h"
#include "latency/table/estimate_sum.h"
#include "supernet/arch.h"

typedef struct onp_prediction {
    bool known;
    double sum_ms;            /* of the rows */
    bool calibrated;          /* the platform is, by whole networks: */
    double ms, lo_ms, hi_ms;  /* what it says, with its 95 % interval; else ms is the sum */
    int64_t n_networks;       /* that it was calibrated by */
    onp_estimate_total total; /* a run's rows do not say which are noisy */
} onp_prediction;

/* The prediction by a total and the calibration of its platform. */
onp_status onp_predict_by_total(onp_store *store, int64_t platform, const onp_estimate_total *total,
                                onp_prediction *out, onp_error *err) ONP_MUST_USE;
/* "12.345 ms" and what it is: "calibrated by 30 networks, 95 % interval 12.1..12.5; sum of 25 rows
 * 11.9 ms, 1 of them noisy". Into out, for a line. */
void onp_prediction_text(const onp_prediction *p, char *out, size_t out_size);
/* predicted_ms, its interval, sum_ms, rows and their kinds; the caller's. NULL: no memory. */
json_t *onp_prediction_to_json(const onp_prediction *p);

/* A row that is missing is a note, and *out then not known. Errors: those of the store,
 * ONP_E_NOMEM. */
onp_status onp_predict_by_table(const onp_app *app, onp_store *store, int64_t platform,
                                const onp_arch *arch, onp_prediction *out,
                                onp_error *err) ONP_MUST_USE;

/* The same by the latencies in a run.db, which must be there. Errors: those of search/rundb.h. */
onp_status onp_predict_by_run(const onp_app *app, const char *run_db, const onp_arch *arch,
                              onp_prediction *out, onp_error *err) ONP_MUST_USE;

#endif
