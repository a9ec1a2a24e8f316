/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/profile.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "latency/measure/block_graph.h"
#include "latency/measure/protocol.h"

typedef struct session {
    onp_store *store;
    onp_runner *runner;
    const onp_context *ctx;
    onp_profile_options options;
    onp_stop_rule rule; /* as the runner is sent it */
    int64_t batch;
    int64_t platform, run;
} session;

/* ---- the platform ---- */

static const char *known(const char *fact)
{
    return fact[0] != '\0' ? fact : NULL;
}

static onp_status choose_batch(const onp_runner *r, int64_t wanted, int64_t *batch, onp_error *err)
{
    const int64_t has = onp_runner_get_facts(r)->batch;
    if (wanted < 0 || (wanted > 0 && has > 0 && wanted != has))
        return onp_fail(err, ONP_E_USAGE,
                        "runner: measures a batch of %" PRId64 ", asked for one of %" PRId64, has,
                        wanted);
    *batch = wanted > 0 ? wanted : has > 0 ? has : 1;
    return ONP_OK;
}

onp_status onp_profile_platform(onp_store *s, const onp_runner *r, int64_t batch, int64_t *platform,
                                onp_error *err)
{
    const onp_runner_facts *f = onp_runner_get_facts(r);
    onp_platform p = {.device = f->device,
                      .backend = f->backend,
                      .backend_version = known(f->backend_version),
                      .kernel_set = known(f->kernel_set),
                      .kernel_hash = known(f->kernel_hash),
                      .blas_core = known(f->blas_core),
                      .cluster = known(f->cluster),
                      .precision = known(f->precision),
                      .cache_mode = "isolated",
                      .threads = f->threads};
    ONP_TRY(choose_batch(r, batch, &p.batch, err));
    return onp_store_platform_add(s, &p, platform, err);
}

/* ---- session and run ---- */

static int64_t at_most(int64_t value, int64_t max)
{
    if (value <= max)
        return value;
    return max > 0 ? max : 1; /* 0 would be the default again */
}

/* The stop rule that fits into max_ns: a quarter of it for the warm-up, at least half for samples,
 * each no longer than it is by default. */
static onp_stop_rule rule_within(int64_t max_ns)
{
    const onp_stop_rule defaults = onp_stop_rule_resolve(NULL);
    if (max_ns == 0)
        return (onp_stop_rule){0};
    return (onp_stop_rule){.warmup_min_ns = at_most(defaults.warmup_min_ns, max_ns / 4),
                           .time_min_ns = at_most(defaults.time_min_ns, max_ns / 2),
                           .time_max_ns = max_ns};
}

static onp_status open_session(onp_store *store, onp_runner *r, const onp_profile_options *options,
                               session *out, onp_error *err)
{
    *out = (session){.store = store, .runner = r, .ctx = onp_runner_context(r)};
    if (options != NULL)
        out->options = *options;
    const onp_stop_rule rule = rule_within(out->options.max_block_ns);
    out->rule = onp_runner_stop_rule(r, &rule);
    ONP_TRY(onp_stop_rule_check(&out->rule, err));
    return choose_batch(r, out->options.batch, &out->batch, err);
}

static bool stopped(const session *s)
{
    return s->options.stop != NULL && *s->options.stop != 0;
}

static onp_status write_settings(const session *s, const char *order, onp_strbuf *out,
                                 onp_error *err)
{
    const onp_runner_facts *f = onp_runner_get_facts(s->runner);
    json_t *settings =
        json_pack("{s:s*,s:I,s:s*,s:I,s:o}", "order", order, "batch", (json_int_t)s->batch,
                  "governor", known(f->governor), "reference_khz", (json_int_t)f->clock_khz,
                  "stop_rule", onp_stop_rule_to_json(&s->rule));
    if (settings == NULL)
        return onp_fail(err, ONP_E_NOMEM, "profile: out of memory for the settings");
    onp_status st = onp_json_dump(settings, 0, out, err);
    json_decref(settings);
    return st != ONP_OK ? st : onp_strbuf_status(out, err);
}

/* order: of the blocks; NULL: there is one graph only. */
static onp_status start_run(session *s, const char *order, onp_error *err)
{
    const onp_runner_facts *f = onp_runner_get_facts(s->runner);
    char build[2 * ONP_FACT + 16];
    onp_strbuf settings;
    (void)snprintf(build, sizeof build, "%s%s%s", f->compiler,
                   f->kernel_hash[0] != '\0' ? " kernels " : "", f->kernel_hash);
    onp_strbuf_init(&settings, s->ctx);
    onp_status st = write_settings(s, order, &settings, err);
    if (st == ONP_OK) {
        const onp_run_info info = {.tool_version = ONEPATH_VERSION,
                                   .build = known(build),
                                   .os = known(f->os),
                                   .target = s->options.target,
                                   .command = s->options.command,
                                   .settings = settings.text,
                                   .seed = (int64_t)s->options.seed};
        st = onp_store_run_start(s->store, s->platform, &info, &s->run, err);
    }
    onp_strbuf_reset(&settings);
    return st;
}

/* Returns st, or why the end of a good run could not be stored. */
static onp_status end_run(const session *s, onp_status st, onp_error *err)
{
    const onp_run_status status = st == ONP_OK              ? ONP_RUN_DONE
                                  : st == ONP_E_INTERRUPTED ? ONP_RUN_INTERRUPTED
                                                            : ONP_RUN_FAILED;
    onp_status ended = onp_store_run_end(s->store, s->run, status, st == ONP_OK ? err : NULL);
    return st == ONP_OK ? ended : st;
}

/* ---- one graph ---- */

/* m points into the others. */
typedef struct reading {
    onp_timing timing;
    onp_error failure; /* why m.quality is failed */
    onp_measurement m;
} reading;

static void reset_reading(const session *s, reading *r)
{
    onp_timing_reset(s->ctx, &r->timing);
}

static onp_status summarise(const session *s, reading *r, onp_error *err)
{
    static const onp_quality qualities[ONP_TIMING_QUALITY_COUNT] = {
        [ONP_TIMING_OK] = ONP_QUALITY_OK,
        [ONP_TIMING_NOISY] = ONP_QUALITY_NOISY,
        [ONP_TIMING_THROTTLED] = ONP_QUALITY_THROTTLED,
        [ONP_TIMING_BIMODAL] = ONP_QUALITY_BIMODAL,
    };
    const onp_timing *t = &r->timing;
    const onp_stats *v = &t->stats;
    int64_t *scratch = onp_alloc(s->ctx, t->n, sizeof *scratch);
    if (scratch == NULL)
        return onp_fail(err, ONP_E_NOMEM, "profile: no memory for %zu samples", t->n);
    const int64_t normalised =
        onp_timing_normalised_median(t, onp_runner_get_facts(s->runner)->clock_khz, scratch);
    memcpy(scratch, t->clock_khz, t->n * sizeof *scratch);
    r->m = (onp_measurement){
        .n = v->n,
        .n_rejected = t->n_rejected,
        .inner_reps = t->inner_reps,
        .min_ns = v->min_ns,
        .p05_ns = v->p05_ns,
        .median_ns = v->median_ns,
        .mean_ns = v->mean_ns,
        .trimmed_mean_ns = v->trimmed_mean_ns,
        .p90_ns = v->p90_ns,
        .p99_ns = v->p99_ns,
        .mad_ns = v->mad_ns,
        .cv = v->cv,
        .ci95_lo_ns = v->ci95_lo_ns,
        .ci95_hi_ns = v->ci95_hi_ns,
        .normalized_median_ns = normalised > 0 ? normalised : 0, /* clocks come from outside */
        .clock_khz = onp_stats_median(scratch, t->n),
        .quality = qualities[t->quality],
        .reason = known(t->reason),
        .samples_ns = t->samples_ns,
        .n_samples = t->n,
    };
    onp_free(s->ctx, scratch);
    return ONP_OK;
}

/* What the runner cannot measure is a reading too, of quality failed. *out is the caller's
 * (reset_reading). */
static onp_status read_graph(const session *s, const onp_graph *g, reading *out, onp_error *err)
{
    *out = (reading){0};
    const onp_measure_options options = {.rule = &s->rule};
    onp_status st = onp_runner_measure(s->runner, g, &options, &out->timing, &out->failure);
    if (st == ONP_OK)
        return summarise(s, out, err);
    if (st != ONP_E_DEVICE)
        return onp_fail(err, st, "%s", out->failure.msg);
    out->m = (onp_measurement){.quality = ONP_QUALITY_FAILED, .reason = out->failure.msg};
    return ONP_OK;
}

/* ---- blocks ---- */

typedef struct entry {
    const onp_block *block;
    char key[ONP_BLOCK_KEY];
} entry;

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const entry *)a)->key, ((const entry *)b)->key);
}

/* Each block once, free ones left out, by key. Returns how many. */
static int32_t list_blocks(const onp_block *blocks, int32_t n, entry *out)
{
    int32_t n_out = 0, n_distinct = 0;
    for (int32_t i = 0; i < n; i++)
        if (!onp_block_is_free(&blocks[i])) {
            out[n_out].block = &blocks[i];
            onp_block_key(&blocks[i], out[n_out++].key);
        }
    qsort(out, (size_t)n_out, sizeof *out, compare_entries);
    for (int32_t i = 0; i < n_out; i++)
        if (i == 0 || compare_entries(&out[n_distinct - 1], &out[i]) != 0)
            out[n_distinct++] = out[i];
    return n_distinct;
}

/* Random, so that no drift of the device looks like a property of some kind of block. A function of
 * the seed and the blocks alone: a profile that was stopped goes on in the same order. */
static void shuffle(uint64_t seed, entry *entries, int32_t n)
{
    const onp_rng rng = onp_rng_make(seed, ONP_RNG_ORDER);
    for (int32_t i = n - 1; i > 0; i--) {
        const uint64_t j = onp_rng_below(rng, (uint64_t)i, 0, 0, (uint64_t)i + 1);
        const entry swapped = entries[i];
        entries[i] = entries[j];
        entries[j] = swapped;
    }
}

/* Keeps the blocks without an estimate. */
static onp_status keep_missing(const session *s, entry *entries, int32_t *n, onp_error *err)
{
    int32_t n_kept = 0;
    for (int32_t i = 0; i < *n; i++) {
        const char *key = entries[i].key;
        bool missing = false;
        size_t count = 0;
        ONP_TRY(onp_store_missing(s->store, s->platform, &key, 1, &missing, &count, err));
        if (missing)
            entries[n_kept++] = entries[i];
    }
    *n = n_kept;
    return ONP_OK;
}

static onp_status store_block(const session *s, const char *key, const onp_measurement *m,
                              onp_error *err)
{
    const onp_estimate e = {.median_ns = m->median_ns,
                            .lo_ns = m->ci95_lo_ns,
                            .hi_ns = m->ci95_hi_ns,
                            .source = ONP_SOURCE_MEASURED,
                            .quality = m->quality};
    onp_sql_tx tx;
    ONP_TRY(onp_store_begin(s->store, &tx, err));
    onp_status st = onp_store_measure_block(s->store, s->run, key, m, NULL, err);
    if (st == ONP_OK && m->quality != ONP_QUALITY_FAILED)
        st = onp_store_estimate_set(s->store, s->run, key, &e, err);
    return onp_store_end(s->store, &tx, st, err);
}

/* Counts a block; first: text of the first failure. A dead runner is a failure at once. */
static onp_status count(const session *s, const char *key, const reading *r,
                        onp_profile_result *result, onp_error *first, onp_error *err)
{
    if (r->m.quality != ONP_QUALITY_FAILED) {
        result->n_measured++;
        result->n_noisy += r->m.quality != ONP_QUALITY_OK;
        return ONP_OK;
    }
    if (result->n_failed++ == 0)
        (void)onp_fail(first, ONP_E_DEVICE, "block \"%s\": %.350s", key, r->failure.msg);
    if (onp_runner_is_alive(s->runner))
        return ONP_OK;
    return onp_fail(err, ONP_E_DEVICE, "block \"%s\": %.350s", key, r->failure.msg);
}

static onp_status profile_block(const session *s, const entry *e, onp_profile_result *result,
                                onp_error *first, onp_error *err)
{
    onp_graph *g = NULL;
    reading r;
    ONP_TRY(onp_measure_block_graph(s->ctx, e->block, s->batch, &g, err));
    onp_status st = read_graph(s, g, &r, err);
    if (st == ONP_OK)
        st = store_block(s, e->key, &r.m, err);
    if (st == ONP_OK)
        st = count(s, e->key, &r, result, first, err);
    reset_reading(s, &r);
    onp_graph_free(g);
    return st;
}

static void tell(const onp_watch *watch, int64_t done, int64_t all)
{
    if (watch == NULL)
        return;
    const onp_watch_event event = {.phase = ONP_PHASE_PROFILE,
                                   .step = done,
                                   .steps = all,
                                   .loss = (double)NAN,
                                   .accuracy = (double)NAN,
                                   .validation_accuracy = (double)NAN,
                                   .expected_ns = (double)NAN};
    watch->fn(watch->user, &event);
}

static onp_status profile_each(const session *s, const entry *entries, int32_t n,
                               onp_profile_result *result, onp_error *err)
{
    onp_error first = {0};
    for (int32_t i = 0; i < n; i++) {
        if (stopped(s))
            return onp_fail(err, ONP_E_INTERRUPTED,
                            "profile: interrupted, %" PRId32 " of %" PRId32 " blocks measured",
                            result->n_measured, n);
        ONP_TRY(profile_block(s, &entries[i], result, &first, err));
        onp_progress_step(s->options.progress, i + 1, "%s", entries[i].key);
        tell(s->options.watch, i + 1, n);
    }
    if (result->n_failed == 0)
        return ONP_OK;
    return onp_fail(err, ONP_E_DEVICE,
                    "%" PRId32 " of %" PRId32 " blocks could not be measured, the first: %s",
                    result->n_failed, n, first.msg);
}

static onp_status profile_missing(session *s, const entry *entries, int32_t n,
                                  onp_profile_result *result, onp_error *err)
{
    ONP_TRY(start_run(s, "random", err));
    result->run = s->run;
    onp_progress_begin(s->options.progress, "profile", n);
    onp_status st = profile_each(s, entries, n, result, err);
    onp_progress_end(s->options.progress);
    return end_run(s, st, err);
}

onp_status onp_profile(onp_store *store, onp_runner *r, const onp_block *blocks, int32_t n,
                       const onp_profile_options *options, onp_profile_result *result,
                       onp_error *err)
{
    session s;
    assert(n >= 0);
    *result = (onp_profile_result){0};
    ONP_TRY(open_session(store, r, options, &s, err));
    ONP_TRY(onp_profile_platform(store, r, s.batch, &s.platform, err));
    result->platform = s.platform;
    entry *entries = onp_alloc(s.ctx, (size_t)n, sizeof *entries);
    if (entries == NULL)
        return onp_fail(err, ONP_E_NOMEM, "profile: no memory for %" PRId32 " blocks", n);
    const int32_t n_distinct = list_blocks(blocks, n, entries);
    int32_t n_missing = n_distinct;
    shuffle(s.options.seed, entries, n_distinct);
    onp_status st = keep_missing(&s, entries, &n_missing, err);
    if (st == ONP_OK) {
        result->n_known = n_distinct - n_missing;
        if (n_missing > 0)
            st = profile_missing(&s, entries, n_missing, result, err);
    }
    onp_free(s.ctx, entries);
    return st;
}

/* ---- a network ---- */

static onp_status read_network(const session *s, const onp_block *blocks, int32_t n, reading *out,
                               onp_error *err)
{
    onp_graph *g = onp_graph_new(s->ctx, err);
    if (g == NULL)
        return ONP_E_NOMEM;
    (void)onp_network_graph(g, blocks, (size_t)n, s->batch, ONP_MODE_FOLDED, 0.0);
    onp_status st = onp_graph_status(g, err);
    if (st == ONP_OK)
        st = read_graph(s, g, out, err);
    onp_graph_free(g);
    return st;
}

static onp_status measure_network(const session *s, const onp_block *blocks, int32_t n,
                                  const char *hash, onp_measurement *out, onp_error *err)
{
    reading r = {0};
    onp_status st = read_network(s, blocks, n, &r, err);
    if (st == ONP_OK && hash != NULL)
        st = onp_store_measure_network(s->store, s->run, hash, &r.m, NULL, err);
    if (st == ONP_OK && r.m.quality == ONP_QUALITY_FAILED)
        st = onp_fail(err, ONP_E_DEVICE, "network: %.400s", r.failure.msg);
    if (st == ONP_OK) {
        *out = r.m;
        out->reason = NULL;
        out->samples_ns = NULL;
        out->n_samples = 0;
    }
    reset_reading(s, &r);
    return st;
}

onp_status onp_profile_network(onp_store *store, onp_runner *r, const onp_block *blocks, int32_t n,
                               const char *hash, const onp_profile_options *options,
                               onp_measurement *out, onp_error *err)
{
    session s;
    assert(n >= 0);
    ONP_TRY(open_session(store, r, options, &s, err));
    if (stopped(&s))
        return onp_fail(err, ONP_E_INTERRUPTED, "network: interrupted before its measurement");
    if (hash == NULL)
        return measure_network(&s, blocks, n, NULL, out, err);
    ONP_TRY(onp_profile_platform(store, r, s.batch, &s.platform, err));
    ONP_TRY(start_run(&s, NULL, err));
    return end_run(&s, measure_network(&s, blocks, n, hash, out, err), err);
}
