/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/predict.h"

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

onp_status onp_predict_by_table(const onp_app *app, onp_store *store, int64_t platform,
                                const onp_arch *arch, onp_prediction *out, onp_error *err)
{
    onp_estimate_total total = {0};
    onp_error why = {0};
    onp_status st = onp_estimate_blocks(store, platform, arch->blocks, arch->n_blocks, NULL, NULL,
                                        &total, &why);
    *out = (onp_prediction){.known = st == ONP_OK,
                            .ms = total.sum_ns / 1e6,
                            .n_rows = total.n_rows,
                            .n_noisy = total.n_noisy};
    return note_missing(app, st, &why, err);
}

static onp_status sum_run(onp_rundb *db, const onp_arch *arch, onp_prediction *out, onp_error *err)
{
    for (int32_t i = 0; i < arch->n_blocks; i++) {
        char key[ONP_BLOCK_KEY];
        int64_t ns = 0;
        if (onp_block_is_free(&arch->blocks[i]))
            continue;
        onp_block_key(&arch->blocks[i], key);
        ONP_TRY(onp_rundb_latency_get(db, key, &ns, err));
        out->ms += (double)ns / 1e6;
        out->n_rows++;
    }
    out->known = true;
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
