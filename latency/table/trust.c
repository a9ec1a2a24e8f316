/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/trust.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "latency/table/quiet.h"
#include "latency/table/store_internal.h"

/* ---- the last validation ---- */

typedef struct evidence {
    const onp_context *ctx;
    double *predicted, *lo, *hi, *measured; /* of test networks */
    size_t n, capacity;
    double noise;
    size_t n_repeated;
    int64_t started_unix_ns;
} evidence;

static onp_status count_validation(void *user, int64_t run, int64_t started,
                                   const onp_validation *v, onp_error *err)
{
    evidence *e = user;
    (void)run, (void)err;
    e->capacity++;
    e->started_unix_ns = started;
    if (v->repeated_ns > 0) {
        e->noise += fabs((double)v->repeated_ns / (double)v->measured_ns - 1);
        e->n_repeated++;
    }
    return ONP_OK;
}

static onp_status take_validation(void *user, int64_t run, int64_t started, const onp_validation *v,
                                  onp_error *err)
{
    evidence *e = user;
    const double measured = (double)v->measured_ns;
    (void)run, (void)started, (void)err;
    if (!v->test || e->n == e->capacity) /* another process may have added some */
        return ONP_OK;
    e->predicted[e->n] = (double)v->predicted_ns;
    e->lo[e->n] = (double)v->lo_ns;
    e->hi[e->n] = (double)v->hi_ns;
    e->measured[e->n++] = v->repeated_ns > 0 ? (measured + (double)v->repeated_ns) / 2 : measured;
    return ONP_OK;
}

static onp_status agree(onp_store *s, int64_t platform, evidence *e, onp_trust *out, onp_error *err)
{
    double *memory = onp_alloc(e->ctx, 4 * e->capacity, sizeof *memory);
    if (memory == NULL)
        return onp_fail(err, ONP_E_NOMEM, "validations: out of memory");
    e->predicted = memory;
    e->lo = memory + e->capacity;
    e->hi = memory + 2 * e->capacity;
    e->measured = memory + 3 * e->capacity;
    onp_status st = onp_store_validations(s, platform, take_validation, e, err);
    if (st == ONP_OK && e->n > 0)
        st = onp_agreement_take(e->ctx, e->predicted, e->lo, e->hi, e->measured, e->n,
                                &out->validation, err);
    onp_free(e->ctx, memory);
    return st;
}

static onp_status last_validation(onp_store *s, int64_t platform, onp_trust *out, onp_error *err)
{
    evidence e = {.ctx = onp_store_context(s)};
    ONP_TRY(onp_store_validations(s, platform, count_validation, &e, err));
    if (e.capacity == 0)
        return ONP_OK;
    out->validated_unix_ns = e.started_unix_ns;
    if (e.n_repeated > 0)
        out->noise = e.noise / (double)e.n_repeated;
    return agree(s, platform, &e, out, err);
}

/* ---- sentinels: a quiet level for each run ---- */

/* More of either is not looked at: the newest count. */
enum { MAX_RUNS = 64, MAX_OF_A_RUN = 64 };

typedef struct history {
    double run_level[MAX_RUNS];
    bool has_clock[MAX_RUNS];
    size_t n_runs;
    double value[MAX_OF_A_RUN]; /* of the run that is being read */
    size_t n;
    int64_t since; /* the first run that counts: that of the oldest fresh row */
    int64_t run;
    bool clock;
    char key[ONP_BLOCK_KEY]; /* of the newest sentinel: only its own history tells something */
} history;

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
    qsort(v, n, sizeof *v, compare);
    return (v[(n - 1) / 2] + v[n / 2]) / 2;
}

static void end_run(history *h)
{
    if (h->n == 0)
        return;
    if (h->n_runs == MAX_RUNS) {
        memmove(h->run_level, h->run_level + 1, (MAX_RUNS - 1) * sizeof *h->run_level);
        memmove(h->has_clock, h->has_clock + 1, (MAX_RUNS - 1) * sizeof *h->has_clock);
        h->n_runs--;
    }
    h->run_level[h->n_runs] = onp_quiet_level(h->value, (int32_t)h->n);
    h->has_clock[h->n_runs++] = h->clock;
    h->n = 0;
}

static onp_status note_key(void *user, int64_t run, const onp_sentinel *v, onp_error *err)
{
    history *h = user;
    (void)err;
    if (run >= h->since && v->done)
        (void)snprintf(h->key, sizeof h->key, "%s", v->key);
    return ONP_OK;
}

static onp_status note_sentinel(void *user, int64_t run, const onp_sentinel *v, onp_error *err)
{
    history *h = user;
    const bool clock = v->clock_khz > 0;
    (void)err;
    if (run < h->since || !v->done)
        return ONP_OK;
    if (run != h->run) {
        end_run(h);
        h->run = run;
        h->clock = clock;
    }
    if (clock != h->clock || h->n == MAX_OF_A_RUN)
        return ONP_OK;
    h->value[h->n++] = onp_quiet_value(v->median_ns, v->clock_khz);
    return ONP_OK;
}

static onp_status take_sentinels(onp_store *s, int64_t platform, int64_t since,
                                 onp_stale_facts *facts, onp_error *err)
{
    history h = {.since = since};
    size_t n = 0;
    if (since == 0) /* there is nothing that could become stale */
        return ONP_OK;
    ONP_TRY(onp_store_sentinels(s, platform, NULL, note_key, &h, err));
    if (h.key[0] == '\0')
        return ONP_OK;
    ONP_TRY(onp_store_sentinels(s, platform, h.key, note_sentinel, &h, err));
    end_run(&h);
    if (h.n_runs < 2)
        return ONP_OK;
    const size_t last = h.n_runs - 1;
    facts->sentinel_now = h.run_level[last];
    for (size_t i = 0; i < last; i++)
        if (h.has_clock[i] == h.has_clock[last])
            h.run_level[n++] = h.run_level[i];
    facts->sentinel_then = n > 0 ? median(h.run_level, n) : 0;
    return ONP_OK;
}

/* ---- rows ---- */

typedef struct origin {
    int64_t platform;
    bool found, imported;
    int64_t oldest_unix_ns;
} origin;

static onp_status note_platform(void *user, const onp_platform_row *row, onp_error *err)
{
    origin *o = user;
    (void)err;
    if (row->id != o->platform)
        return ONP_OK;
    o->found = true;
    o->imported = strncmp(row->platform.backend, "import:", 7) == 0;
    o->oldest_unix_ns = row->oldest_unix_ns;
    return ONP_OK;
}

/* What was looked at last: the newest check, and the sessions since whose rows stand. */
typedef struct look {
    const char *os_now;
    char os[ONP_ESTIMATE_TEXT]; /* one that is not today's, where there is one */
    int64_t checked_unix_ns;    /* 0: never */
} look;

static onp_status note_look(void *user, sqlite3_stmt *q, onp_error *err)
{
    look *l = user;
    const char *os = (const char *)sqlite3_column_text(q, 0);
    (void)err;
    if (l->os[0] == '\0' || strcmp(l->os, l->os_now) == 0)
        (void)snprintf(l->os, sizeof l->os, "%s", os != NULL ? os : "");
    if (sqlite3_column_type(q, 1) != SQLITE_NULL)
        l->checked_unix_ns = sqlite3_column_int64(q, 1);
    return ONP_OK;
}

/* A check is of all rows that were there; each row since then tells its own session's system. Runs
 * that only measured networks say nothing of rows. */
static onp_status last_look(onp_store *s, int64_t platform, look *out, onp_error *err)
{
    static const char sql[] =
        "WITH checked AS (SELECT id FROM run WHERE platform_id = ?1 AND status = 'done' AND CASE"
        "  WHEN json_valid(settings) THEN json_extract(settings, '$.check') END > 0"
        "  ORDER BY id DESC LIMIT 1)"
        " SELECT os, CASE WHEN id = (SELECT id FROM checked) THEN started_unix_ns END FROM run"
        " WHERE platform_id = ?1 AND (id = (SELECT id FROM checked)"
        "  OR id > ifnull((SELECT id FROM checked), 0) AND id IN (SELECT run_id FROM estimate"
        "   WHERE platform_id = ?1 AND stale_reason IS NULL)) ORDER BY id";
    const onp_sql_value value = onp_sql_int(platform);
    return onp_sql_each(s->db, sql, &value, 1, note_look, out, err);
}

onp_status onp_trust_take(onp_store *s, int64_t platform, const char *os_now, onp_trust *out,
                          onp_error *err)
{
    onp_trust trust = {.noise = (double)NAN};
    origin o = {.platform = platform};
    char now[ONP_ESTIMATE_TEXT];
    look last = {.os_now = now};
    int64_t since = 0;
    onp_stale_facts facts = {.now_unix_ns = onp_unix_ns()};
    ONP_TRY(onp_store_platforms(s, note_platform, &o, err));
    if (!o.found)
        return onp_fail(err, ONP_E_MISSING, "%s: there is no platform %lld", onp_store_path(s),
                        (long long)platform);
    ONP_TRY(onp_store_calibration_get(s, platform, &trust.calibration, err));
    ONP_TRY(last_validation(s, platform, &trust, err));
    (void)snprintf(now, sizeof now, "%s", os_now != NULL ? os_now : ""); /* cut as last.os is */
    ONP_TRY(last_look(s, platform, &last, err));
    ONP_TRY(onp_store_fresh_since(s, platform, &since, err));
    ONP_TRY(take_sentinels(s, platform, since, &facts, err));
    facts.imported = o.imported;
    facts.n_calibrated = trust.calibration.n;
    facts.os_then = last.os[0] != '\0' ? last.os : NULL;
    facts.os_now = now[0] != '\0' ? now : NULL;
    facts.oldest_unix_ns =
        last.checked_unix_ns > o.oldest_unix_ns ? last.checked_unix_ns : o.oldest_unix_ns;
    facts.n_validated = (int64_t)trust.validation.n;
    facts.validated_mape = trust.validation.mape;
    facts.validated_bias = trust.validation.bias;
    onp_stale_judge(&facts, &trust.verdict);
    *out = trust;
    return ONP_OK;
}

/* ---- platforms of the past ---- */

#define SUPERSEDED "kernels or runner have changed since"

onp_status onp_trust_supersede(onp_store *s, int64_t platform, int64_t *n, onp_error *err)
{
    static const char revive[] = "UPDATE estimate SET stale_reason = NULL"
                                 " WHERE platform_id = ? AND stale_reason = '" SUPERSEDED "'";
    static const char supersede[] =
        "UPDATE estimate SET stale_reason = '" SUPERSEDED "' WHERE stale_reason IS NULL"
        " AND platform_id IN (SELECT o.id FROM platform o JOIN platform p ON p.id = ?"
        "  WHERE o.id <> p.id AND o.device_id = p.device_id AND o.backend = p.backend"
        "  AND o.kernel_set IS p.kernel_set AND o.blas_core IS p.blas_core"
        "  AND o.threads IS p.threads AND o.cluster IS p.cluster AND o.precision IS p.precision"
        "  AND o.batch IS p.batch AND o.cache_mode IS p.cache_mode)";
    const onp_sql_value value = onp_sql_int(platform);
    onp_sql_tx tx;
    ONP_TRY(onp_store_begin(s, &tx, err));
    onp_status st = onp_sql_each(s->db, revive, &value, 1, NULL, NULL, err);
    if (st == ONP_OK)
        st = onp_sql_each(s->db, supersede, &value, 1, NULL, NULL, err);
    if (n != NULL)
        *n = st == ONP_OK ? sqlite3_changes(s->db) : 0;
    return onp_store_end(s, &tx, st, err);
}
