/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "graph/block.h"
#include "latency/table/samples.h"
#include "latency/table/store_internal.h"

const char *onp_quality_name(onp_quality q)
{
    static const char *const names[] = {
        [ONP_QUALITY_OK] = "ok",
        [ONP_QUALITY_NOISY] = "noisy",
        [ONP_QUALITY_THROTTLED] = "throttled",
        [ONP_QUALITY_BIMODAL] = "bimodal",
        [ONP_QUALITY_FAILED] = "failed",
    };
    return names[q];
}

onp_status onp_store_block_add(onp_store *s, const char *key, int64_t *id, onp_error *err)
{
    onp_block block;
    bool found = false;
    const onp_sql_value values[] = {onp_sql_text(key)};
    ONP_TRY(onp_block_parse(key, &block, err));
    if (onp_block_is_free(&block))
        return onp_fail(err, ONP_E_FORMAT, "block \"%s\" costs 0 by definition and has no row",
                        key);
    ONP_TRY(ONP_STORE_RUN(s, ONP_Q_BLOCK_ADD, values, err));
    return onp_store_get_int(s, ONP_Q_BLOCK_ID, key, &found, id, err);
}

/* n values as bytes; blob: n * ONP_SAMPLE_MAX_BYTES. No values: NULL. */
static onp_sql_value encode(const int64_t *values, size_t n, uint8_t *blob)
{
    return values == NULL ? onp_sql_text(NULL)
                          : onp_sql_blob(blob, onp_samples_encode(values, n, blob));
}

static onp_status add_samples(onp_store *s, int64_t measurement, const onp_measurement *m,
                              onp_error *err)
{
    if (m->samples_ns == NULL || m->n_samples == 0)
        return ONP_OK;
    const size_t n_stamps = m->stamps_ns != NULL ? m->n_groups * m->n_samples : 0;
    uint8_t(*blobs)[ONP_SAMPLE_MAX_BYTES] =
        onp_alloc(s->ctx, 3 * m->n_samples + n_stamps, sizeof *blobs);
    if (blobs == NULL)
        return onp_fail(err, ONP_E_NOMEM, "no memory for %zu samples", m->n_samples);
    const onp_sql_value values[] = {
        onp_sql_int(measurement),
        onp_sql_int((int64_t)m->n_samples),
        encode(m->samples_ns, m->n_samples, blobs[0]),
        encode(m->clocks_khz, m->n_samples, blobs[m->n_samples]),
        encode(m->temperatures_mc, m->n_samples, blobs[2 * m->n_samples]),
        onp_sql_known(n_stamps > 0 ? (int64_t)m->n_groups : 0),
        encode(n_stamps > 0 ? m->stamps_ns : NULL, n_stamps, blobs[3 * m->n_samples]),
    };
    onp_status st = ONP_STORE_RUN(s, ONP_Q_SAMPLE_ADD, values, err);
    onp_free(s->ctx, blobs);
    return st;
}

static onp_status add_measurement(onp_store *s, int64_t run, onp_sql_value block,
                                  onp_sql_value network, const onp_measurement *m, int64_t *id,
                                  onp_error *err)
{
    const onp_sql_value values[] = {
        onp_sql_int(run),
        block,
        network,
        onp_sql_int(onp_unix_ns()),
        onp_sql_int(m->n),
        onp_sql_int(m->n_rejected),
        onp_sql_known(m->inner_reps),
        onp_sql_known(m->min_ns),
        onp_sql_known(m->p05_ns),
        onp_sql_known(m->median_ns),
        onp_sql_known(m->mean_ns),
        onp_sql_known(m->trimmed_mean_ns),
        onp_sql_known(m->p90_ns),
        onp_sql_known(m->p99_ns),
        onp_sql_int(m->mad_ns),
        onp_sql_real(m->cv),
        onp_sql_known(m->ci95_lo_ns),
        onp_sql_known(m->ci95_hi_ns),
        onp_sql_known(m->normalized_median_ns),
        onp_sql_known(m->clock_khz),
        onp_sql_text(onp_quality_name(m->quality)),
        onp_sql_text(m->reason),
        onp_sql_text(m->mode),
        onp_sql_known(m->pass),
        onp_sql_known(m->seq),
        onp_sql_known(m->n_paths),
        onp_sql_real(m->overhead_ns),
        onp_sql_known(m->clock_min_khz),
        onp_sql_known(m->temperature_before_mc),
        onp_sql_known(m->temperature_after_mc),
        onp_sql_text(m->cores),
    };
    ONP_TRY(ONP_STORE_RUN(s, ONP_Q_MEASUREMENT_ADD, values, err));
    int64_t added = sqlite3_last_insert_rowid(s->db);
    ONP_TRY(add_samples(s, added, m, err));
    if (id != NULL)
        *id = added;
    return ONP_OK;
}

onp_status onp_store_measure_block(onp_store *s, int64_t run, const char *key,
                                   const onp_measurement *m, int64_t *id, onp_error *err)
{
    int64_t block = 0;
    onp_sql_tx tx;
    ONP_TRY(onp_store_begin(s, &tx, err));
    onp_status st = onp_store_block_add(s, key, &block, err);
    if (st == ONP_OK)
        st = add_measurement(s, run, onp_sql_int(block), onp_sql_text(NULL), m, id, err);
    return onp_store_end(s, &tx, st, err);
}

onp_status onp_store_measure_network(onp_store *s, int64_t run, const char *hash,
                                     const onp_measurement *m, int64_t *id, onp_error *err)
{
    onp_sql_tx tx;
    ONP_TRY(onp_store_begin(s, &tx, err));
    onp_status st = add_measurement(s, run, onp_sql_text(NULL), onp_sql_text(hash), m, id, err);
    return onp_store_end(s, &tx, st, err);
}
