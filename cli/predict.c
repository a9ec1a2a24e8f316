/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/predict.h"

#include <stdio.h>

#include "latency/table/store_evidence.h"
#include "search/rundb.h"

/* A missing row is told, and no failure. */
static onp_status note_missing(const onp_app *app, onp_status st, const onp_error *why,
                               onp_error *err)
{
    if (st == ONP_E_MISSING) {
        onp_log(&app->ctx, ONP_LOG_INFO, "no prediction: %s", why->msg);
        return ONP_OK;
    }
    if (st != ONP_OK && err != NULL)
        *err = *why;
    return st;
}

static void predict(const onp_calibration *cal, const onp_estimate_total *total,
                    onp_prediction *out)
{
    double lo = 0, hi = 0;
    const double ns = onp_calibration_apply(cal, total->sum_ns, total->n_ops);
    onp_calibration_interval(cal, ns, &lo, &hi);
    *out = (onp_prediction){.known = true,
                            .sum_ms = total->sum_ns / 1e6,
                            .calibrated = cal->n > 0,
                            .ms = ns / 1e6,
                            .lo_ms = lo / 1e6,
                            .hi_ms = hi / 1e6,
                            .n_networks = cal->n,
                            .total = *total};
}

onp_status onp_predict_by_total(onp_store *store, int64_t platform, const onp_estimate_total *total,
                                onp_prediction *out, onp_error *err)
{
    onp_calibration cal;
    ONP_TRY(onp_store_calibration_for(store, platform, total->sum_ns, total->n_ops, &cal, err));
    predict(&cal, total, out);
    return ONP_OK;
}

onp_status onp_predict_by_table(const onp_app *app, onp_store *store, int64_t platform,
                                const onp_arch *arch, onp_prediction *out, onp_error *err)
{
    onp_estimate_total total = {0};
    onp_error why = {0};
    *out = (onp_prediction){.known = false};
    onp_status st = onp_estimate_blocks(store, platform, arch->blocks, arch->n_blocks, NULL, NULL,
                                        &total, &why);
    if (st == ONP_OK)
        st = onp_predict_by_total(store, platform, &total, out, &why);
    return note_missing(app, st, &why, err);
}

void onp_prediction_text(const onp_prediction *p, char *out, size_t out_size)
{
    const onp_estimate_total *t = &p->total;
    size_t used = 0;
    if (p->calibrated)
        used = (size_t)snprintf(out, out_size,
                                "calibrated by %lld networks, 95 %% interval %.4f..%.4f; %.4f ms ",
                                (long long)p->n_networks, p->lo_ms, p->hi_ms, p->sum_ms);
    (void)snprintf(out + used, out_size - used,
                   "sum of %zu rows, %zu of them noisy, %zu predicted, %zu stale", t->n_rows,
                   t->n_noisy, t->n_predicted, t->n_stale);
}

json_t *onp_prediction_to_json(const onp_prediction *p)
{
    if (!p->known)
        return json_pack("{s:n, s:n}", "predicted_ms", "sum_ms");
    return json_pack("{s:f, s:o, s:o, s:I, s:f, s:I, s:I, s:I, s:I}", "predicted_ms", p->ms,
                     "predicted_lo_ms", p->calibrated ? json_real(p->lo_ms) : json_null(),
                     "predicted_hi_ms", p->calibrated ? json_real(p->hi_ms) : json_null(),
                     "calibration_networks", (json_int_t)p->n_networks, "sum_ms", p->sum_ms, "rows",
                     (json_int_t)p->total.n_rows, "noisy_rows", (json_int_t)p->total.n_noisy,
                     "predicted_rows", (json_int_t)p->total.n_predicted, "stale_rows",
                     (json_int_t)p->total.n_stale);
}

static onp_status sum_run(onp_rundb *db, const onp_arch *arch, onp_prediction *out, onp_error *err)
{
    onp_estimate_total total = {0};
    onp_calibration cal;
    for (int32_t i = 0; i < arch->n_blocks; i++) {
        char key[ONP_BLOCK_KEY];
        int64_t ns = 0;
        if (onp_block_is_free(&arch->blocks[i]))
            continue;
        onp_block_key(&arch->blocks[i], key);
        ONP_TRY(onp_rundb_latency_get(db, key, &ns, NULL, err));
        total.sum_ns += (double)ns;
        total.n_ops++;
        total.n_rows++;
    }
    ONP_TRY(onp_rundb_calibration_get(db, &cal, err));
    predict(&cal, &total, out);
    return ONP_OK;
}

onp_status onp_predict_by_run(const onp_app *app, const char *run_db, const onp_arch *arch,
                              onp_prediction *out, onp_error *err)
{
    onp_rundb *db = NULL;
    onp_error why = {0};
    *out = (onp_prediction){.known = false};
    ONP_TRY(onp_rundb_open(&app->ctx, run_db, &db, err));
    onp_status st = note_missing(app, sum_run(db, arch, out, &why), &why, err);
    onp_rundb_close(db);
    return st;
}
