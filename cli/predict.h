/* SPDX-License-Identifier: Apache-2.0 */
/* The latency of a network as the sum of its blocks' rows: of a latency table, or of those that a
 * run used. */
#ifndef ONP_CLI_PREDICT_H
#define ONP_CLI_PREDICT_H

#include "cli/app.h"
#include "latency/table/estimate_sum.h"
#include "supernet/arch.h"

typedef struct onp_prediction {
    bool known;
    double ms;
    size_t n_rows, n_noisy; /* a run's rows do not say which are noisy: 0 */
} onp_prediction;

/* A row that is missing is a note, and *out then not known. Errors: those of the store,
 * ONP_E_NOMEM. */
onp_status onp_predict_by_table(const onp_app *app, onp_store *store, int64_t platform,
                                const onp_arch *arch, onp_prediction *out,
                                onp_error *err) ONP_MUST_USE;

/* The same by the latencies in a run.db, which must be there. Errors: those of search/rundb.h. */
onp_status onp_predict_by_run(const onp_app *app, const char *run_db, const onp_arch *arch,
                              onp_prediction *out, onp_error *err) ONP_MUST_USE;

#endif
