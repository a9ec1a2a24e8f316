/* SPDX-License-Identifier: Apache-2.0 */
#include "search/rundb.h"

#include <inttypes.h>
#include <math.h>

#include "base/file.h"
#include "base/strbuf.h"

/* Latencies are integer nanoseconds; 0 is a block that costs nothing by definition. */
#define DDL_1                                                                                      \
    "CREATE TABLE metric ("                                                                        \
    "  id INTEGER PRIMARY KEY,"                                                                    \
    "  tick INTEGER NOT NULL CHECK (tick >= 0),"                                                   \
    "  phase TEXT NOT NULL,"                                                                       \
    "  epoch INTEGER NOT NULL,"                                                                    \
    "  name TEXT NOT NULL,"                                                                        \
    "  value REAL NOT NULL"                                                                        \
    ") STRICT;"                                                                                    \
    "CREATE INDEX metric_name ON metric (name, tick);"                                             \
    "CREATE TABLE alpha ("                                                                         \
    "  id INTEGER PRIMARY KEY,"                                                                    \
    "  tick INTEGER NOT NULL CHECK (tick >= 0),"                                                   \
    "  epoch INTEGER NOT NULL,"                                                                    \
    "  position INTEGER NOT NULL CHECK (position >= 0),"                                           \
    "  candidate INTEGER NOT NULL CHECK (candidate >= 0),"                                         \
    "  name TEXT NOT NULL,"                                                                        \
    "  alpha REAL NOT NULL,"                                                                       \
    "  p REAL NOT NULL CHECK (p BETWEEN 0 AND 1),"                                                 \
    "  alive INTEGER NOT NULL CHECK (alive IN (0, 1))"                                             \
    ") STRICT;"                                                                                    \
    "CREATE INDEX alpha_tick ON alpha (tick);"                                                     \
    "CREATE TABLE event ("                                                                         \
    "  id INTEGER PRIMARY KEY,"                                                                    \
    "  tick INTEGER NOT NULL CHECK (tick >= 0),"                                                   \
    "  phase TEXT NOT NULL,"                                                                       \
    "  epoch INTEGER NOT NULL,"                                                                    \
    "  kind TEXT NOT NULL,"                                                                        \
    "  text TEXT NOT NULL"                                                                         \
    ") STRICT;"                                                                                    \
    "CREATE TABLE latency ("                                                                       \
    "  key TEXT PRIMARY KEY NOT NULL CHECK (length(key) > 0),"                                     \
    "  ns INTEGER NOT NULL CHECK (ns >= 0),"                                                       \
    "  source TEXT NOT NULL,"                                                                      \
    "  quality TEXT NOT NULL"                                                                      \
    ") STRICT, WITHOUT ROWID;"
/* What came with version 2. */
#define DDL_2                                                                                      \
    "CREATE TABLE class ("                                                                         \
    "  number INTEGER PRIMARY KEY NOT NULL CHECK (number >= 0),"                                   \
    "  tick INTEGER NOT NULL,"                                                                     \
    "  name TEXT NOT NULL"                                                                         \
    ") STRICT;"                                                                                    \
    "CREATE TABLE confusion ("                                                                     \
    "  truth INTEGER NOT NULL,"                                                                    \
    "  answer INTEGER NOT NULL,"                                                                   \
    "  tick INTEGER NOT NULL,"                                                                     \
    "  n INTEGER NOT NULL CHECK (n > 0),"                                                          \
    "  PRIMARY KEY (truth, answer)"                                                                \
    ") STRICT, WITHOUT ROWID;"                                                                     \
    "CREATE TABLE worst_image ("                                                                   \
    "  rank INTEGER PRIMARY KEY NOT NULL CHECK (rank >= 1),"                                       \
    "  tick INTEGER NOT NULL,"                                                                     \
    "  image INTEGER NOT NULL,"                                                                    \
    "  truth INTEGER NOT NULL,"                                                                    \
    "  answer INTEGER NOT NULL,"                                                                   \
    "  p REAL NOT NULL CHECK (p BETWEEN 0 AND 1),"                                                 \
    "  loss REAL NOT NULL,"                                                                        \
    "  png BLOB NOT NULL"                                                                          \
    ") STRICT;"

/* And with version 3. */
#define DDL_3                                                                                      \
    "ALTER TABLE latency ADD COLUMN sd_ns REAL CHECK (sd_ns >= 0);" /* NULL: unknown */            \
    "CREATE TABLE calibration ("                                                                   \
    "  id INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),"                                            \
    "  a REAL NOT NULL CHECK (a > 0),"                                                             \
    "  b_ns REAL NOT NULL,"                                                                        \
    "  c_ns REAL NOT NULL,"                                                                        \
    "  residual_sd REAL NOT NULL CHECK (residual_sd >= 0),"                                        \
    "  half95 REAL NOT NULL CHECK (half95 >= 0),"                                                  \
    "  n INTEGER NOT NULL CHECK (n > 0)"                                                           \
    ") STRICT;"

static const onp_sql_script scripts[] = {{1, DDL_1}, {2, DDL_2}, {3, DDL_3}};

const onp_sql_schema onp_rundb_schema = {
    .what = "run database",
    .application_id = 0x6f6e7052, /* "onpR" */
    .version = 3,
    .scripts = scripts,
    .n_scripts = ONP_COUNT(scripts),
};

enum {
    ADD_METRIC,
    ADD_ALPHA,
    ADD_EVENT,
    ADD_LATENCY,
    ADD_CALIBRATION,
    ADD_CLASS,
    ADD_CONFUSION,
    ADD_WORST_IMAGE,
    GET_LATENCY,
    GET_CALIBRATION,
    ALL_LATENCIES,
    IMPORTED_LATENCIES,
    METRICS_AFTER,
    ALPHA_AFTER,
    FORGET_METRICS,
    FORGET_ALPHA,
    FORGET_EVENTS,
    FORGET_CLASSES,
    FORGET_CONFUSION,
    FORGET_WORST_IMAGES,
    N_STATEMENTS
};

static const char *const texts[N_STATEMENTS] = {
    [ADD_METRIC] = "INSERT INTO metric (tick, phase, epoch, name, value) VALUES (?, ?, ?, ?, ?)",
    [ADD_ALPHA] = "INSERT INTO alpha (tick, epoch, position, candidate, name, alpha, p, alive)"
                  " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [ADD_EVENT] = "INSERT INTO event (tick, phase, epoch, kind, text) VALUES (?, ?, ?, ?, ?)",
    [ADD_LATENCY] = "INSERT INTO latency (key, ns, sd_ns, source, quality)"
                    " VALUES (?, ?, nullif(?, 0), ?, ?) ON CONFLICT (key) DO NOTHING",
    [ADD_CALIBRATION] = "INSERT INTO calibration (id, a, b_ns, c_ns, residual_sd, half95, n)"
                        " VALUES (1, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
    [ADD_CLASS] = "INSERT INTO class (tick, number, name) VALUES (?, ?, ?)",
    [ADD_CONFUSION] = "INSERT INTO confusion (tick, truth, answer, n) VALUES (?, ?, ?, ?)",
    [ADD_WORST_IMAGE] = "INSERT INTO worst_image (tick, rank, image, truth, answer, p, loss, png)"
                        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [GET_LATENCY] = "SELECT ns, coalesce(sd_ns, 0) FROM latency WHERE key = ?",
    [GET_CALIBRATION] = "SELECT a, b_ns, c_ns, residual_sd, half95, n FROM calibration",
    [ALL_LATENCIES] = "SELECT key, ns, coalesce(sd_ns, 0) FROM latency ORDER BY key",
    [IMPORTED_LATENCIES] = "SELECT count(*) FROM latency WHERE source = 'imported'",
    [METRICS_AFTER] = "SELECT id, tick, phase || '/' || name, value FROM metric WHERE id > ?"
                      " ORDER BY id",
    [ALPHA_AFTER] = "SELECT id, tick, printf('p/%02d/%s', position, name), p FROM alpha"
                    " WHERE id > ? ORDER BY id",
    [FORGET_METRICS] = "DELETE FROM metric WHERE tick > ?",
    [FORGET_ALPHA] = "DELETE FROM alpha WHERE tick > ?",
    [FORGET_EVENTS] = "DELETE FROM event WHERE tick > ?",
    [FORGET_CLASSES] = "DELETE FROM class WHERE tick > ?",
    [FORGET_CONFUSION] = "DELETE FROM confusion WHERE tick > ?",
    [FORGET_WORST_IMAGES] = "DELETE FROM worst_image WHERE tick > ?",
};

struct onp_rundb {
    const onp_context *ctx;
    sqlite3 *db;
    sqlite3_stmt *q[N_STATEMENTS];
    onp_sql_tx tx;
    bool in_tx;
};

onp_status onp_rundb_open(const onp_context *ctx, const char *path, onp_rundb **out, onp_error *err)
{
    *out = NULL;
    onp_rundb *r = onp_alloc(ctx, 1, sizeof *r);
    if (r == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory for the run's database", path);
    r->ctx = ctx;
    onp_status st = onp_sql_open(path, &onp_rundb_schema, ONP_SQL_CREATE, &r->db, err);
    for (int i = 0; st == ONP_OK && i < N_STATEMENTS; i++)
        st = onp_sql_prepare(r->db, texts[i], &r->q[i], err);
    if (st != ONP_OK) {
        onp_rundb_close(r);
        return st;
    }
    *out = r;
    return ONP_OK;
}

void onp_rundb_close(onp_rundb *r)
{
    if (r == NULL)
        return;
    onp_rundb_rollback(r);
    for (int i = 0; i < N_STATEMENTS; i++)
        (void)sqlite3_finalize(r->q[i]);
    if (r->db != NULL) /* a reader may hinder it; then WAL files stay, and nothing is lost */
        (void)sqlite3_exec(r->db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
    onp_sql_close(r->db);
    onp_free(r->ctx, r);
}

onp_status onp_rundb_begin(onp_rundb *r, onp_error *err)
{
    if (r->in_tx)
        return onp_fail(err, ONP_E_FAIL, "run database: begin inside a transaction");
    ONP_TRY(onp_sql_begin(r->db, &r->tx, err));
    r->in_tx = true;
    return ONP_OK;
}

onp_status onp_rundb_commit(onp_rundb *r, onp_error *err)
{
    if (!r->in_tx)
        return onp_fail(err, ONP_E_FAIL, "run database: commit without a transaction");
    r->in_tx = false;
    return onp_sql_end(&r->tx, ONP_OK, err);
}

void onp_rundb_rollback(onp_rundb *r)
{
    if (!r->in_tx)
        return;
    r->in_tx = false;
    onp_status undone = onp_sql_end(&r->tx, ONP_E_FAIL, NULL);
    (void)undone;
}

/* SQLite would store NaN as NULL. */
static onp_status check_finite(const char *what, const char *name, double value, onp_error *err)
{
    if (!isfinite(value))
        return onp_fail(err, ONP_E_RANGE, "%s of %s is %g, wanted a finite number", what, name,
                        value);
    return ONP_OK;
}

onp_status onp_rundb_metric(onp_rundb *r, int64_t tick, const char *phase, int64_t epoch,
                            const char *name, double value, onp_error *err)
{
    const onp_sql_value v[] = {onp_sql_int(tick), onp_sql_text(phase), onp_sql_int(epoch),
                               onp_sql_text(name), onp_sql_real(value)};
    ONP_TRY(check_finite("value", name, value, err));
    return onp_sql_run(r->q[ADD_METRIC], v, ONP_COUNT(v), err);
}

onp_status onp_rundb_alpha(onp_rundb *r, int64_t tick, int64_t epoch, int position, int candidate,
                           const char *name, double alpha, double p, bool alive, onp_error *err)
{
    const onp_sql_value v[] = {onp_sql_int(tick),      onp_sql_int(epoch), onp_sql_int(position),
                               onp_sql_int(candidate), onp_sql_text(name), onp_sql_real(alpha),
                               onp_sql_real(p),        onp_sql_int(alive)};
    ONP_TRY(check_finite("alpha", name, alpha, err));
    ONP_TRY(check_finite("p", name, p, err));
    return onp_sql_run(r->q[ADD_ALPHA], v, ONP_COUNT(v), err);
}

onp_status onp_rundb_event(onp_rundb *r, int64_t tick, const char *phase, int64_t epoch,
                           const char *kind, const char *text, onp_error *err)
{
    const onp_sql_value v[] = {onp_sql_int(tick), onp_sql_text(phase), onp_sql_int(epoch),
                               onp_sql_text(kind), onp_sql_text(text)};
    return onp_sql_run(r->q[ADD_EVENT], v, ONP_COUNT(v), err);
}

onp_status onp_rundb_class(onp_rundb *r, int64_t tick, int32_t number, const char *name,
                           onp_error *err)
{
    const onp_sql_value v[] = {onp_sql_int(tick), onp_sql_int(number), onp_sql_text(name)};
    return onp_sql_run(r->q[ADD_CLASS], v, ONP_COUNT(v), err);
}

onp_status onp_rundb_confusion(onp_rundb *r, int64_t tick, int32_t truth, int32_t answer, int64_t n,
                               onp_error *err)
{
    const onp_sql_value v[] = {onp_sql_int(tick), onp_sql_int(truth), onp_sql_int(answer),
                               onp_sql_int(n)};
    return onp_sql_run(r->q[ADD_CONFUSION], v, ONP_COUNT(v), err);
}

onp_status onp_rundb_worst_image(onp_rundb *r, int64_t tick, int rank, const onp_answer *a,
                                 const void *png, size_t size, onp_error *err)
{
    const onp_sql_value v[] = {onp_sql_int(tick),      onp_sql_int(rank),
                               onp_sql_int(a->image),  onp_sql_int(a->truth),
                               onp_sql_int(a->answer), onp_sql_real(a->p),
                               onp_sql_real(a->loss),  onp_sql_blob(size > 0 ? png : "", size)};
    ONP_TRY(check_finite("p", "a worst image", a->p, err));
    ONP_TRY(check_finite("loss", "a worst image", a->loss, err));
    return onp_sql_run(r->q[ADD_WORST_IMAGE], v, ONP_COUNT(v), err);
}

onp_status onp_rundb_latency_set(onp_rundb *r, const char *key, int64_t ns, double sd_ns,
                                 const char *source, const char *quality, onp_error *err)
{
    const onp_sql_value v[] = {onp_sql_text(key), onp_sql_int(ns), onp_sql_real(sd_ns),
                               onp_sql_text(source), onp_sql_text(quality)};
    ONP_TRY(check_finite("deviation", key, sd_ns, err));
    return onp_sql_run(r->q[ADD_LATENCY], v, ONP_COUNT(v), err);
}

/* Binds q and takes its one row; the caller resets q after reading the columns. */
static onp_status query_row(sqlite3_stmt *q, const onp_sql_value *v, size_t n, const char *name,
                            onp_error *err)
{
    bool row = false;
    ONP_TRY(onp_sql_bind(q, v, n, err));
    ONP_TRY(onp_sql_step(q, &row, err));
    if (!row)
        return onp_fail(err, ONP_E_MISSING, "%s: not in the run's database", name);
    return ONP_OK;
}

onp_status onp_rundb_latency_get(onp_rundb *r, const char *key, int64_t *ns, double *sd_ns,
                                 onp_error *err)
{
    const onp_sql_value v[] = {onp_sql_text(key)};
    sqlite3_stmt *q = r->q[GET_LATENCY];
    ONP_TRY(query_row(q, v, ONP_COUNT(v), key, err));
    *ns = sqlite3_column_int64(q, 0);
    if (sd_ns != NULL)
        *sd_ns = sqlite3_column_double(q, 1);
    (void)sqlite3_reset(q);
    return ONP_OK;
}

onp_status onp_rundb_calibration_set(onp_rundb *r, const onp_calibration *cal, onp_error *err)
{
    const double values[] = {cal->a, cal->b_ns, cal->c_ns, cal->residual_sd, cal->half95};
    onp_sql_value v[ONP_COUNT(values) + 1];
    for (size_t i = 0; i < ONP_COUNT(values); i++) {
        ONP_TRY(check_finite("value", "calibration", values[i], err));
        v[i] = onp_sql_real(values[i]);
    }
    v[ONP_COUNT(values)] = onp_sql_int(cal->n);
    return onp_sql_run(r->q[ADD_CALIBRATION], v, ONP_COUNT(v), err);
}

onp_status onp_rundb_calibration_get(onp_rundb *r, onp_calibration *out, onp_error *err)
{
    sqlite3_stmt *q = r->q[GET_CALIBRATION];
    bool row = false;
    ONP_TRY(onp_sql_bind(q, NULL, 0, err));
    ONP_TRY(onp_sql_step(q, &row, err));
    *out = onp_calibration_none();
    if (!row)
        return ONP_OK;
    out->a = sqlite3_column_double(q, 0);
    out->b_ns = sqlite3_column_double(q, 1);
    out->c_ns = sqlite3_column_double(q, 2);
    out->residual_sd = sqlite3_column_double(q, 3);
    out->half95 = sqlite3_column_double(q, 4);
    out->n = sqlite3_column_int64(q, 5);
    (void)sqlite3_reset(q);
    return ONP_OK;
}

onp_status onp_rundb_latency_imported(onp_rundb *r, int32_t *n, onp_error *err)
{
    sqlite3_stmt *q = r->q[IMPORTED_LATENCIES];
    ONP_TRY(query_row(q, NULL, 0, "latency", err));
    *n = sqlite3_column_int(q, 0);
    (void)sqlite3_reset(q);
    return ONP_OK;
}

static onp_status add_calibration(onp_rundb *r, onp_strbuf *s, onp_error *err)
{
    onp_calibration cal;
    ONP_TRY(onp_rundb_calibration_get(r, &cal, err));
    if (cal.n > 0)
        onp_strbuf_addf(s, "%.17g\t%.17g\t%.17g\t%.17g\t%.17g\t%" PRId64 "\n", cal.a, cal.b_ns,
                        cal.c_ns, cal.residual_sd, cal.half95, cal.n);
    return ONP_OK;
}

onp_status onp_rundb_latency_hash(onp_rundb *r, char hex[65], int64_t *n, onp_error *err)
{
    sqlite3_stmt *q = r->q[ALL_LATENCIES];
    onp_strbuf s;
    int64_t count = 0;
    onp_strbuf_init(&s, r->ctx);
    bool row = false;
    onp_status st = onp_sql_bind(q, NULL, 0, err);
    while (st == ONP_OK && (st = onp_sql_step(q, &row, err)) == ONP_OK && row) {
        onp_strbuf_addf(&s, "%s\t%" PRId64, (const char *)sqlite3_column_text(q, 0),
                        (int64_t)sqlite3_column_int64(q, 1));
        if (sqlite3_column_double(q, 2) > 0)
            onp_strbuf_addf(&s, "\t%.17g", sqlite3_column_double(q, 2));
        onp_strbuf_adds(&s, "\n");
        count++;
    }
    if (st == ONP_OK)
        st = add_calibration(r, &s, err);
    if (st == ONP_OK)
        st = onp_strbuf_status(&s, err);
    if (st == ONP_OK) {
        onp_sha256(s.text, s.length, hex);
        if (n != NULL)
            *n = count;
    }
    onp_strbuf_reset(&s);
    return st;
}

onp_status onp_rundb_forget_after(onp_rundb *r, int64_t tick, onp_error *err)
{
    const onp_sql_value v[] = {onp_sql_int(tick)};
    onp_sql_tx tx;
    ONP_TRY(onp_sql_begin(r->db, &tx, err));
    onp_status st = ONP_OK;
    for (int i = FORGET_METRICS; st == ONP_OK && i <= FORGET_WORST_IMAGES; i++)
        st = onp_sql_run(r->q[i], v, ONP_COUNT(v), err);
    return onp_sql_end(&tx, st, err);
}

onp_status onp_rundb_scalars_after(onp_rundb *r, onp_rundb_series series, int64_t *last,
                                   onp_rundb_scalar_visit visit, void *user, onp_error *err)
{
    sqlite3_stmt *q = r->q[series == ONP_RUNDB_METRICS ? METRICS_AFTER : ALPHA_AFTER];
    const onp_sql_value v[] = {onp_sql_int(*last)};
    bool row = false;
    onp_status st = onp_sql_bind(q, v, ONP_COUNT(v), err);
    while (st == ONP_OK && (st = onp_sql_step(q, &row, err)) == ONP_OK && row) {
        st = visit(user, sqlite3_column_int64(q, 1), (const char *)sqlite3_column_text(q, 2),
                   sqlite3_column_double(q, 3), err);
        *last = sqlite3_column_int64(q, 0);
    }
    (void)sqlite3_reset(q);
    return st;
}
