/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The latency table: platforms, runs, measurements and the estimates that a search reads, in one
 * SQLite database. A row belongs to a block (its canonical key, graph/block.h) on a platform.
 *
 *     onp_store *s = NULL;
 *     ONP_TRY(onp_store_open(ctx, "latency.db", ONP_SQL_CREATE, &s, err));
 *     ONP_TRY_GOTO(onp_store_platform_add(s, &platform, &id, err));
 *     ONP_TRY_GOTO(onp_store_run_start(s, id, &info, &run, err));
 *     ONP_TRY_GOTO(onp_store_measure_block(s, run, key, &measurement, NULL, err));
 *     ONP_TRY_GOTO(onp_store_estimate_set(s, run, key, &estimate, err));
 *     ONP_TRY_GOTO(onp_store_run_end(s, run, ONP_RUN_DONE, err));
 *   done:
 *     onp_store_close(s);
 *
 * Each function that writes is one transaction of its own, or a part of the caller's (begin, end).
 * Several processes may have the file open; one thread at a time uses a store. Texts go in borrowed
 * for the call. Every function may also return what latency/table/sql.h lists: ONP_E_FORMAT for a
 * damaged file, ONP_E_RANGE for a row that a constraint refuses, ONP_E_FAIL for a locked one.
 */
#ifndef ONP_LATENCY_TABLE_STORE_H
#define ONP_LATENCY_TABLE_STORE_H

#include "latency/table/platform.h"
#include "latency/table/sql.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_store onp_store;

/* Opens path; see onp_sql_open for what it refuses. */
onp_status onp_store_open(const onp_context *ctx, const char *path, onp_sql_mode mode,
                          onp_store **out, onp_error *err) ONP_MUST_USE;
void onp_store_close(onp_store *s); /* NULL allowed */
const onp_context *onp_store_context(const onp_store *s);

/* A batch: `st = ...; return onp_store_end(s, &tx, st, err);` commits when st is ONP_OK, else rolls
 * back all since begin. Batches nest. */
onp_status onp_store_begin(onp_store *s, onp_sql_tx *tx, onp_error *err) ONP_MUST_USE;
onp_status onp_store_end(onp_store *s, onp_sql_tx *tx, onp_status st, onp_error *err) ONP_MUST_USE;

/* ---- platforms ---- */

/* The id of the platform with this signature; added when it is new. Errors: ONP_E_RANGE
 * (onp_platform_json). */
onp_status onp_store_platform_add(onp_store *s, const onp_platform *p, int64_t *id,
                                  onp_error *err) ONP_MUST_USE;

/*
 * The id of the one platform whose device is `name`, or whose signature begins with `name` (8 or
 * more hex digits). Errors: ONP_E_MISSING when there is none (the message lists the devices),
 * ONP_E_USAGE when there are several (it lists their signatures).
 */
onp_status onp_store_platform_find(onp_store *s, const char *name, int64_t *id,
                                   onp_error *err) ONP_MUST_USE;

/*
 * The same among those that agree with `wanted` (onp_platform_agrees; its device is not looked at).
 * Errors: ONP_E_MISSING when there is none of that name, ONP_E_FAIL when none of them agrees: the
 * message has what was wanted and what there is. ONP_E_USAGE when several do.
 */
onp_status onp_store_platform_choose(onp_store *s, const char *name, const onp_platform *wanted,
                                     int64_t *id, onp_error *err) ONP_MUST_USE;

typedef struct onp_platform_row {
    int64_t id;
    const char *signature;
    onp_platform platform;
    int64_t n_estimates;
    int64_t n_noisy, n_stale;               /* of these: any quality but ok; with a stale_reason */
    int64_t oldest_unix_ns, newest_unix_ns; /* estimates; 0: there are none */
    const char *stale_reason;               /* of one of the stale; NULL: none is */
    const char *sources;                    /* "72 measured, 3 modelled"; "" when there are none */
    const char *os, *tool_version;          /* of the newest run that made some; NULL: unknown */
} onp_platform_row;
/* Calls visit for each platform by id; its texts live during the call. Stops at, and returns, the
 * first failure. */
typedef onp_status (*onp_platform_visit)(void *user, const onp_platform_row *row, onp_error *err);
onp_status onp_store_platforms(onp_store *s, onp_platform_visit visit, void *user,
                               onp_error *err) ONP_MUST_USE;

/* ---- runs ---- */

/* One session of measuring or importing; NULL is unknown. */
typedef struct onp_run_info {
    const char *tool_version;
    const char *build;    /* compiler, flags, hash */
    const char *os;       /* system and kernel release */
    const char *target;   /* "local", "ssh:HOST", ... */
    const char *command;  /* the command line */
    const char *settings; /* JSON: stop rule, order, governor, temperatures, ... */
    int64_t seed;
} onp_run_info;

typedef enum onp_run_status { ONP_RUN_DONE, ONP_RUN_FAILED, ONP_RUN_INTERRUPTED } onp_run_status;

onp_status onp_store_run_start(onp_store *s, int64_t platform, const onp_run_info *info,
                               int64_t *run, onp_error *err) ONP_MUST_USE;
/* Errors: ONP_E_RANGE when there is no such run or it has ended. */
onp_status onp_store_run_end(onp_store *s, int64_t run, onp_run_status status,
                             onp_error *err) ONP_MUST_USE;

/* The file that a run imported. */
typedef struct onp_import_source {
    const char *file, *sha256, *format, *unit;
    int64_t n_rows;
    const char *settings; /* set by visits: those of its run; NULL: none */
} onp_import_source;
onp_status onp_store_import_source_add(onp_store *s, int64_t run, const onp_import_source *source,
                                       onp_error *err) ONP_MUST_USE;
/* Calls visit for each file that rows of this platform were imported from, oldest first; its texts
 * live during the call. Stops at, and returns, the first failure. */
typedef onp_status (*onp_import_source_visit)(void *user, const onp_import_source *source,
                                              onp_error *err);
onp_status onp_store_import_sources(onp_store *s, int64_t platform, onp_import_source_visit visit,
                                    void *user, onp_error *err) ONP_MUST_USE;

/* ---- measurements ---- */

typedef enum onp_quality {
    ONP_QUALITY_OK,
    ONP_QUALITY_NOISY,
    ONP_QUALITY_THROTTLED,
    ONP_QUALITY_BIMODAL,
    ONP_QUALITY_FAILED
} onp_quality;
const char *onp_quality_name(onp_quality q); /* "ok", "noisy", ... */

/* Statistics of the samples of one call, nanoseconds; 0 is unknown, except for n, n_rejected,
 * mad_ns and cv. */
typedef struct onp_measurement {
    int64_t n, n_rejected, inner_reps;
    int64_t min_ns, p05_ns, median_ns, mean_ns, trimmed_mean_ns, p90_ns, p99_ns;
    int64_t mad_ns;
    double cv; /* standard deviation / mean */
    int64_t ci95_lo_ns, ci95_hi_ns;
    int64_t normalized_median_ns; /* median_ns scaled to the clock of reference */
    int64_t clock_khz;            /* median of those around the samples */
    int64_t clock_min_khz;        /* the least of them */
    onp_quality quality;
    const char *reason;             /* why not ok; NULL allowed */
    const int64_t *samples_ns;      /* raw samples; NULL: not kept */
    const int64_t *clocks_khz;      /* of each sample; NULL: not kept */
    const int64_t *temperatures_mc; /* of each sample, 1/1000 degree C; NULL: not known */
    size_t n_samples;
    const int64_t *stamps_ns; /* [n_groups][n_samples]: each block's share of them; NULL: none */
    size_t n_groups;
    const char *mode;   /* of a block: "isolated", "chain", "difference"; NULL: a network */
    int64_t pass, seq;  /* counted from 1 within the run */
    int64_t n_paths;    /* chain, difference: how many paths the samples are of */
    double overhead_ns; /* already subtracted; 0: none */
    int64_t temperature_before_mc, temperature_after_mc;
    const char *cores; /* that it ran on: "4-7"; NULL: unknown */
} onp_measurement;

/*
 * Stores a measurement of a block (key) or of a whole network (architecture hash, 64 digits);
 * exactly one of the two is not NULL. id may be NULL. Errors: ONP_E_FORMAT (not a block key, or
 * "zero", which costs 0 by definition), ONP_E_RANGE.
 */
onp_status onp_store_measure_block(onp_store *s, int64_t run, const char *key,
                                   const onp_measurement *m, int64_t *id,
                                   onp_error *err) ONP_MUST_USE;
onp_status onp_store_measure_network(onp_store *s, int64_t run, const char *hash,
                                     const onp_measurement *m, int64_t *id,
                                     onp_error *err) ONP_MUST_USE;

/* ---- estimates ---- */

typedef enum onp_estimate_source {
    ONP_SOURCE_MEASURED,
    ONP_SOURCE_IMPORTED,
    ONP_SOURCE_INTERPOLATED, /* between other resolutions of the same block */
    ONP_SOURCE_MODELLED,     /* by a model of the platform's own rows */
    ONP_SOURCE_TRANSFERRED,  /* from other platforms' rows */
    ONP_SOURCE_DEFINITION    /* the zero block: exactly 0, never stored */
} onp_estimate_source;
const char *onp_estimate_source_name(onp_estimate_source source); /* "measured", ... */

#define ONP_ESTIMATE_TEXT 120 /* bytes of method and stale_reason; longer ones are cut */

typedef struct onp_estimate {
    int64_t median_ns;
    int64_t lo_ns, hi_ns; /* 95 % interval of median_ns; both 0: unknown */
    onp_estimate_source source;
    onp_quality quality;            /* a failed measurement gives no estimate */
    char method[ONP_ESTIMATE_TEXT]; /* "chain, 9 paths", "linear in area"; "": none said */
    int64_t model;                  /* the row of onp_store_model_add; 0: none */
    /* set by get: why it should not be believed any more ("": it may), its run and when, and count
     * and spread (cv) of its measurement; 0: unknown */
    char stale_reason[ONP_ESTIMATE_TEXT];
    int64_t run, updated_unix_ns, n;
    double cv;
    int64_t normalized_median_ns, reference_khz; /* at that clock; 0: unknown */
} onp_estimate;

/* Sets the estimate of a block on the run's platform; an older one is replaced, and what is set is
 * fresh. Errors: ONP_E_FORMAT as above, ONP_E_RANGE. */
onp_status onp_store_estimate_set(onp_store *s, int64_t run, const char *key, const onp_estimate *e,
                                  onp_error *err) ONP_MUST_USE;

/* The estimate of a block, 0 for "zero". Errors: ONP_E_MISSING when there is none (the message has
 * file, platform and key); *out is then unchanged. There is no default. */
onp_status onp_store_estimate_get(onp_store *s, int64_t platform, const char *key,
                                  onp_estimate *out, onp_error *err) ONP_MUST_USE;

/* Marks the estimates of a platform as stale, or with reason NULL as fresh again; *n (NULL allowed)
 * counts those that changed. A row that is stale keeps its first reason. */
onp_status onp_store_stale_set(onp_store *s, int64_t platform, const char *reason, int64_t *n,
                               onp_error *err) ONP_MUST_USE;

/* missing[i] tells whether keys[i] has no fresh estimate on this platform: none, or a stale one;
 * *n_missing counts them. */
onp_status onp_store_missing(onp_store *s, int64_t platform, const char *const *keys, size_t n,
                             bool *missing, size_t *n_missing, onp_error *err) ONP_MUST_USE;

/* Calls visit for each estimate of a platform by key; the key lives during the call. Stops at, and
 * returns, the first failure. */
typedef onp_status (*onp_estimate_visit)(void *user, const char *key, const onp_estimate *e,
                                         onp_error *err);
onp_status onp_store_estimates(onp_store *s, int64_t platform, onp_estimate_visit visit, void *user,
                               onp_error *err) ONP_MUST_USE;

/* "pixel1 (import:proxylessnas)" into out, for messages; "platform 7" when there is none. */
void onp_store_platform_label(onp_store *s, int64_t platform, char *out, size_t out_size);
/* The file's path, absolute. */
const char *onp_store_path(const onp_store *s);

#ifdef __cplusplus
}
#endif
#endif
