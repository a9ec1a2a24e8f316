/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of a profile share. A plan is what there is to measure: units (a path; in the
 * modes without paths a block), each measured once in every pass. Its slots are the blocks of all
 * units in a row, its entries the distinct blocks that rows are wanted of. Readings are what came
 * out of it.
 */
#ifndef ONP_LATENCY_TABLE_PROFILE_INTERNAL_H
#define ONP_LATENCY_TABLE_PROFILE_INTERNAL_H

#include "base/philox.h"
#include "latency/table/profile.h"

#define ONP_PROFILE_MAX_PASSES 100

/* ---- a session: one call of a profile's functions ---- */

typedef struct onp_profile_session {
    onp_store *store;
    onp_runner *runner;
    const onp_context *ctx;
    onp_profile_options options; /* defaults filled in, but for the times */
    onp_profile_mode mode;
    bool check; /* rows are measured again: never taken for an unfinished profile */
    int64_t batch, platform, run;
    int64_t start_ns, seq; /* seq: of the last measurement of the run */
} onp_profile_session;

/* Checks options and runner. with_paths: what AUTO becomes. */
onp_status onp_profile_open(onp_store *store, onp_runner *r, const onp_profile_options *options,
                            bool with_paths, onp_profile_session *out, onp_error *err) ONP_MUST_USE;
/* The stop rule that fits into max_ns (0: the default one): a quarter of it for the warm-up, at
 * least half for samples, each no longer than it is by default. */
onp_stop_rule onp_profile_rule(const onp_profile_session *s, int64_t max_ns);
bool onp_profile_stopped(const onp_profile_session *s);
/* Sleeps, but not past a stop. */
void onp_profile_sleep(const onp_profile_session *s, int64_t ns);

/* The run's row. plan: its hash; NULL: of no plan. order: "random"; NULL: there is one graph. */
typedef struct onp_profile_run_info {
    const char *order, *plan;
    int32_t n_units;
    int64_t budget_ns; /* 0: none */
    double check;      /* share of the rows that are measured again; 0: they are measured */
    int64_t graph_ns;  /* for one graph: the stop rule that is noted */
} onp_profile_run_info;
onp_status onp_profile_start_run(onp_profile_session *s, const onp_profile_run_info *info,
                                 onp_error *err) ONP_MUST_USE;
/* Returns st, or why the end of a good run could not be stored. */
onp_status onp_profile_end_run(const onp_profile_session *s, onp_status st,
                               onp_error *err) ONP_MUST_USE;

/* ---- one graph ---- */

/* m points into the others. */
typedef struct onp_profile_sample {
    onp_timing timing;
    onp_error failure; /* why m.quality is failed */
    onp_measurement m;
} onp_profile_sample;

/* The statistics, and nothing else. */
onp_measurement onp_profile_of_stats(const onp_stats *v);

/* Measures g for about max_ns. What the runner cannot measure is a sample too, of quality failed.
 * *out is the caller's (onp_profile_sample_reset) in any case. */
onp_status onp_profile_read(const onp_profile_session *s, const onp_graph *g, int64_t max_ns,
                            bool stamps, onp_profile_sample *out, onp_error *err) ONP_MUST_USE;
void onp_profile_sample_reset(const onp_profile_session *s, onp_profile_sample *sample);
/* Measures blocks[0..n-1] as one network. */
onp_status onp_profile_read_blocks(const onp_profile_session *s, const onp_block *blocks, int32_t n,
                                   int64_t max_ns, bool stamps, onp_profile_sample *out,
                                   onp_error *err) ONP_MUST_USE;

/* ---- the plan ---- */

typedef struct onp_profile_entry {
    const onp_block *block;
    char key[ONP_BLOCK_KEY];
    bool wanted;     /* its row is to be set */
    bool failed;     /* a graph with it could not be measured now */
    int32_t n_slots; /* of units that are used */
} onp_profile_entry;

typedef struct onp_profile_unit {
    char key[ONP_BLOCK_KEY]; /* a block's key, a path's hash */
    int32_t start, n;        /* its slots */
    const onp_block *feed;   /* difference: the block before; NULL: none feeds it */
    bool used;
    bool whole; /* a network to compare rows with; no row is made of it */
} onp_profile_unit;

typedef struct onp_profile_plan {
    onp_profile_entry *entries; /* by key */
    int32_t n_entries;
    onp_profile_unit *units; /* paths in their order, blocks by key */
    int32_t n_units;
    onp_block *blocks; /* of the slots */
    int32_t *entry_of; /* of the slots; -1: no row is wanted of it */
    int32_t n_slots, passes;
    char hash[ONP_SHA256_HEX]; /* of all that is measured, and the seed: with it a profile that was
                                  stopped is known again */
} onp_profile_plan;

/* The plan of blocks[0..n-1] in the session's mode; all units used, nothing wanted yet. Errors:
 * ONP_E_USAGE for a block that no path has. *out is the caller's (onp_profile_plan_reset). */
onp_status onp_profile_plan_make(const onp_profile_session *s, const onp_block *blocks, int32_t n,
                                 onp_profile_plan *out, onp_error *err) ONP_MUST_USE;
void onp_profile_plan_reset(const onp_profile_session *s, onp_profile_plan *p);
/* Leaves the units that wanted entries need: of the paths the first so many as there is time for,
 * and as many as intervals need. */
void onp_profile_plan_trim(const onp_profile_session *s, onp_profile_plan *p, int64_t budget_ns);
/* Time for all units in all passes, by the options. */
int64_t onp_profile_budget(const onp_profile_session *s, const onp_profile_plan *p);
/* The unit of this key, or -1. */
int32_t onp_profile_find_unit(const onp_profile_plan *p, const char *key);

/* ---- readings ---- */

/* A unit in a pass. */
typedef struct onp_profile_reading {
    bool done, guarded; /* guarded: a sentinel came after it */
    bool quiet;         /* the device was, as far as is known */
    int64_t run, seq;
    double sentinel;           /* the slower one of those before and after it: onp_quiet_value() */
    int64_t ns, normalised_ns; /* the whole unit; normalised: to the runner's clock, 0: unknown */
    int64_t lo_ns, hi_ns;
    onp_quality quality;
    char reason[80];
} onp_profile_reading;

/* What a unit in a pass tells of an entry: once for each time that it stands there. */
typedef struct onp_profile_value {
    const onp_profile_reading *reading;
    int64_t ns, normalised_ns;
    int32_t pass, unit;
} onp_profile_value;

/* A value over its usual one, y, at a load of the rest of its path over the usual one, x. */
typedef struct onp_profile_point {
    double x, y, weight;
} onp_profile_point;

typedef struct onp_profile_readings {
    onp_profile_reading *of;     /* [passes][n_units] */
    int64_t *ns, *normalised_ns; /* [passes][n_slots]: each block's median */
    int32_t n_units, n_slots;
    onp_profile_value *values; /* of one entry, as are the next five */
    onp_profile_point *points;
    int64_t *values_ns, *normalised_values_ns, *scratch;
    double *scratch_real;
    int64_t *usual_ns;                     /* of each entry */
    double slowdown;                       /* median of ns / normalised_ns over the units */
    double quiet_level;                    /* latency/table/quiet.h; 0: unknown */
    double load;                           /* onp_profile_take_load() */
    const struct onp_profile_readings *as; /* rows at its load; NULL: at its own */
} onp_profile_readings;

onp_status onp_profile_readings_init(const onp_context *ctx, const onp_profile_plan *p,
                                     onp_profile_readings *out, onp_error *err) ONP_MUST_USE;
void onp_profile_readings_reset(const onp_context *ctx, onp_profile_readings *r);

static inline onp_profile_reading *onp_profile_reading_of(const onp_profile_readings *r,
                                                          int32_t pass, int32_t unit)
{
    return &r->of[(size_t)pass * (size_t)r->n_units + (size_t)unit];
}

/* Samples of a path, with each block's share of them. */
typedef struct onp_profile_stamps {
    const int64_t *stamps_ns;  /* [blocks][n] */
    const int64_t *clocks_khz; /* [n]; NULL: unknown */
    size_t n;
} onp_profile_stamps;
/* Fills the medians of a unit's slots. */
onp_status onp_profile_take_medians(const onp_profile_session *s, const onp_profile_unit *u,
                                    const onp_profile_stamps *stamps, int32_t pass,
                                    onp_profile_readings *r, onp_error *err) ONP_MUST_USE;

/* Fills readings from what unfinished runs of this plan stored (done 0), or from what the run
 * `done` and those before it were made of. plan_hash: NULL: p's. */
onp_status onp_profile_take_over(const onp_profile_session *s, const onp_profile_plan *p,
                                 const char *plan_hash, int64_t done, onp_profile_readings *r,
                                 onp_error *err) ONP_MUST_USE;

/*
 * Measures a unit and stores it, in one transaction; where rows are of single graphs, the row too.
 * *failure: why the runner could not measure it (the reading is then not done), else empty.
 */
onp_status onp_profile_measure_unit(onp_profile_session *s, onp_profile_plan *p, int32_t pass,
                                    int32_t unit, int64_t max_ns, bool set_rows,
                                    onp_profile_readings *r, onp_error *failure,
                                    onp_error *err) ONP_MUST_USE;

/* ---- the loop ---- */

/* What a loop counts. */
typedef struct onp_profile_progress {
    int32_t n_graphs, n_failed;
    int32_t n_sentinels, n_pauses, n_again;
    double drift;      /* of the last sentinel; NaN: there was none */
    onp_error first;   /* of the failures */
    bool set_rows;     /* in: rows of single graphs are set as they come */
    int64_t budget_ns; /* in */
} onp_profile_progress;

/* Measures the used units of each pass that have no reading, in random order, with sentinels, and
 * then, while there is time, again what rows lack in quiet. */
onp_status onp_profile_loop(onp_profile_session *s, onp_profile_plan *p, onp_profile_readings *r,
                            onp_profile_progress *progress, onp_error *err) ONP_MUST_USE;

/* ---- rows ---- */

typedef struct onp_profile_row {
    int32_t n, n_paths;            /* values, and of how many units; 0: there is no row */
    int64_t ns, lo_ns, hi_ns;      /* the estimate */
    int64_t raw_ns, normalised_ns; /* as time passed, and at the runner's clock (0: unknown) */
    onp_quality quality;
    bool without_load; /* onp_profile_without_load() */
    char reason[80];
    onp_stats stats; /* of the values */
} onp_profile_row;

/* Fills slowdown, which rows of paths take. */
void onp_profile_take_clock(const onp_profile_plan *p, onp_profile_readings *r);
/* Notes which readings are between two quiet sentinels. */
void onp_profile_find_quiet(const onp_profile_plan *p, const onp_profile_readings *r);
/*
 * What else a device does slows all of a path down, more or less: the load, a path's time over what
 * its blocks usually take (their medians), at one clock where that is known. take_load fills
 * usual_ns and load, the median over the paths; NaN in the other modes.
 */
void onp_profile_take_load(const onp_profile_session *s, const onp_profile_plan *p,
                           onp_profile_readings *r);
/* The load of r, by what blocks usually take in `as`; NaN: unknown. */
double onp_profile_load(const onp_profile_plan *p, const onp_profile_readings *r,
                        const onp_profile_readings *as);
/*
 * An entry at the usual load (of r->as, when that is not NULL), from its values r->values[0..n-1]:
 * where the line through them over the load of the rest of their paths has it. Each block has a
 * slope of its own: what reads most memory suffers most. *error: standard error. False: too few
 * values, an unknown load, or some values at one clock and some not.
 */
bool onp_profile_without_load(const onp_profile_plan *p, int32_t entry, int32_t n,
                              const onp_profile_readings *r, double *ns, double *error);
/* The values of an entry in one pass, or in all (-1), of the units that are done in `also` too
 * (NULL: of all); in the modes without paths those that are quiet or, when these are too few for a
 * row, the quietest. They are r->values[0..], by unit; returns how many. *excess: as many as a row
 * needs had sentinels that were no more above their level. */
int32_t onp_profile_choose(const onp_profile_session *s, const onp_profile_plan *p, int32_t entry,
                           int32_t pass, const onp_profile_readings *r,
                           const onp_profile_readings *also, double *excess);
/* For each entry: is there nothing to be gained by measuring again? That is, it is not wanted, or
 * enough of its readings are quiet. */
void onp_profile_count_quiet(const onp_profile_session *s, const onp_profile_plan *p,
                             const onp_profile_readings *r, bool *enough);
/* The row of an entry from the values that onp_profile_choose() takes; r->values_ns holds its n
 * values afterwards. */
onp_profile_row onp_profile_take_row(const onp_profile_session *s, const onp_profile_plan *p,
                                     int32_t entry, int32_t pass, const onp_profile_readings *r,
                                     const onp_profile_readings *also);
/* Stores the row of a chain, just taken, as a measurement. */
onp_status onp_profile_store_row(const onp_profile_session *s, const onp_profile_entry *e,
                                 const onp_profile_row *row, const onp_profile_readings *r,
                                 onp_error *err) ONP_MUST_USE;
onp_status onp_profile_store_estimate(const onp_profile_session *s, const onp_profile_entry *e,
                                      const onp_profile_row *row, onp_error *err) ONP_MUST_USE;

/* Fills all of *out but sentinels and pauses; rows: of each entry; scratch: two for each entry. */
void onp_profile_take_trust(const onp_profile_session *s, const onp_profile_plan *p,
                            const onp_profile_readings *r, const onp_profile_row *rows,
                            double *scratch, onp_profile_trust *out);
/* Nothing is known. */
void onp_profile_no_trust(onp_profile_trust *out);
void onp_profile_sort(double *x, int32_t n);
/* Sorts x; NaN when n is 0. */
double onp_profile_median(double *x, int32_t n);

#endif
