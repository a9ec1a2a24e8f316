/* SPDX-License-Identifier: Apache-2.0 */
#include "search/latencies.h"

#include <stdio.h>
#include <string.h>

#include "latency/measure/target.h"
#include "latency/table/fill.h"
#include "latency/table/refresh.h"
#include "latency/table/trust.h"
#include "ops/kernels.h"
#include "supernet/space_sample.h"

#define DEFAULT_BLOCK_NS 800000000
#define NORMAL_975       1.959964

/* What collecting needs at hand. */
typedef struct collector {
    const onp_context *ctx;
    const onp_search_options *options;
    onp_store *store;
    onp_block *blocks;
    int32_t n_blocks;
    int64_t platform;
    onp_latency_origin *origin;
    bool imported;   /* the platform is a table from elsewhere, and not calibrated here */
    char about[256]; /* what tells the platform from others of its device */
} collector;

/* Whether the target can be measured from here; else it is a device of the table. */
static bool is_reachable(const onp_search_options *options)
{
    const char *device = options->cfg->target.device;
    return strcmp(device, ONP_THIS_MACHINE) == 0 || onp_target_is_one(device);
}

static const char *target_text(const onp_search_options *options)
{
    const char *device = options->cfg->target.device;
    return strcmp(device, ONP_THIS_MACHINE) == 0 ? "local" : device;
}

static onp_profile_options profile_options(const onp_search_options *options)
{
    return (onp_profile_options){.mode = (onp_profile_mode)options->cfg->target.mode,
                                 .max_block_ns = options->max_block_ns > 0 ? options->max_block_ns
                                                                           : DEFAULT_BLOCK_NS,
                                 .seed = (uint64_t)options->cfg->seed,
                                 .target = target_text(options),
                                 .command = "search",
                                 .stop = options->stop,
                                 .progress = options->progress,
                                 .watch = options->watch};
}

static onp_status open_runner(const onp_context *ctx, const onp_search_options *options,
                              onp_runner **runner, onp_error *err)
{
    onp_target target;
    ONP_TRY(onp_target_parse(target_text(options), &target, err));
    if (target.kind == ONP_TARGET_EXEC && !options->allow_command)
        return onp_fail(err, ONP_E_USAGE,
                        "target.device: \"%.80s\" runs a command that the config names: add "
                        "--allow-command when you trust it",
                        target.text);
    const bool here = target.kind == ONP_TARGET_LOCAL;
    const onp_target_options wanted = {
        .agent = here ? options->agent : NULL, /* on another machine another one runs */
        .threads = options->cfg->target.threads,
        .kernels = here && ctx->kernels != NULL ? ctx->kernels->name : NULL,
        .cluster = options->cfg->target.cluster,
        .ssh_config = options->cfg->target.ssh_config};
    ONP_TRY(onp_runner_open_target(ctx, &target, &wanted, runner, err));
    onp_runner_set_encoder(*runner, options->encode, options->encode_user);
    return ONP_OK;
}

/* Rows that turn out to be stale are missing from then on. */
static onp_status refresh(const collector *c, onp_runner *runner,
                          const onp_profile_options *options, onp_error *err)
{
    onp_stale_verdict v;
    ONP_TRY(onp_refresh(c->store, runner, c->blocks, c->n_blocks, options, &v, err));
    if (v.action != ONP_STALE_ROWS || !v.stop)
        return ONP_OK;
    return onp_fail(err, ONP_E_FAIL,
                    "%s: the rows of this device are stale: %s; look at what is different, then "
                    "search again to measure them anew",
                    onp_store_path(c->store), v.reason);
}

static onp_status profile(collector *c, onp_runner *runner, onp_error *err)
{
    onp_profile_options options = profile_options(c->options);
    onp_block_paths paths = {0};
    onp_profile_result result = {0};
    ONP_TRY(onp_space_cover(c->ctx, c->options->cfg->space, options.seed, ONP_PROFILE_ROUNDS,
                            &paths, err));
    options.paths = &paths;
    options.space = c->options->cfg->space->spec.name;
    onp_status st = refresh(c, runner, &options, err);
    if (st == ONP_OK)
        st = onp_profile(c->store, runner, c->blocks, c->n_blocks, &options, &result, err);
    if (st == ONP_OK)
        onp_log(c->ctx, ONP_LOG_INFO,
                "latencies: %d blocks were in the table, %d measured now, %d of them noisy",
                (int)result.n_known, (int)result.n_measured, (int)result.n_noisy);
    onp_block_paths_reset(c->ctx, &paths);
    return st;
}

/* Within reach: its platform is what the runner says, and what is missing is measured now. */
static onp_status collect_here(collector *c, onp_error *err)
{
    const onp_profile_mode mode = (onp_profile_mode)c->options->cfg->target.mode;
    onp_runner *runner = NULL;
    ONP_TRY(open_runner(c->ctx, c->options, &runner, err));
    onp_status st = onp_profile_platform(c->store, runner, 1, mode, &c->platform, err);
    if (st == ONP_OK)
        st = profile(c, runner, err);
    onp_runner_close(runner);
    return st;
}

static onp_status describe(const collector *c, const onp_platform *platform, onp_error *err)
{
    onp_strbuf text;
    onp_strbuf_init(&text, c->ctx);
    onp_status st = onp_platform_json(platform, &text, err);
    if (st == ONP_OK && text.length < sizeof c->origin->platform)
        memcpy(c->origin->platform, text.text, text.length + 1);
    onp_strbuf_reset(&text);
    return st;
}

static onp_status note_platform(void *user, const onp_platform_row *row, onp_error *err)
{
    collector *c = user;
    if (row->id != c->platform)
        return ONP_OK;
    memcpy(c->origin->signature, row->signature, 65);
    onp_platform_describe(&row->platform, c->about, sizeof c->about);
    return describe(c, &row->platform, err);
}

/* ---- rows that were not measured ---- */

static void log_predicted(void *user, const char *key, const onp_estimate *e)
{
    const collector *c = user;
    onp_log(c->ctx, ONP_LOG_INFO, "%s on %s: %s %.4g ms, 95 %% %.4g .. %.4g ms (%s)",
            onp_estimate_source_name(e->source), c->options->cfg->target.device, key,
            (double)e->median_ns / 1e6, (double)e->lo_ns / 1e6, (double)e->hi_ns / 1e6, e->method);
}

/* Out of reach: what is missing is predicted from the rows that are there, and said to be. What
 * cannot be predicted stays missing. */
static onp_status predict_missing(collector *c, onp_error *err)
{
    const onp_fill_options options = {.command = "search", .visit = log_predicted, .user = c};
    onp_fill_result r;
    onp_error why = {0};
    onp_status st = onp_fill(c->store, c->platform, c->blocks, c->n_blocks, &options, &r, &why);
    if (st == ONP_E_MISSING)
        return ONP_OK; /* list_missing names them all */
    return st == ONP_OK ? ONP_OK : onp_fail(err, st, "%s", why.msg);
}

/* How many of the rows are predicted, and their share of the mean latency over all paths. */
static onp_status weigh_predicted(collector *c, onp_error *err)
{
    const onp_space *space = c->options->cfg->space;
    double all = 0, predicted = 0;
    for (int32_t i = 0; i < space->n_positions; i++)
        for (int32_t j = 0; j < space->positions[i].n; j++) {
            char key[ONP_BLOCK_KEY];
            onp_estimate e;
            onp_block_key(&space->positions[i].candidate[j], key);
            ONP_TRY(onp_store_estimate_get(c->store, c->platform, key, &e, err));
            const double ns = (double)e.median_ns / space->positions[i].n;
            all += ns;
            predicted += onp_estimate_is_predicted(&e) ? ns : 0;
        }
    c->origin->predicted_share = all > 0 ? predicted / all : 0;
    for (int32_t i = 0; i < c->n_blocks; i++) {
        char key[ONP_BLOCK_KEY];
        onp_estimate e;
        onp_block_key(&c->blocks[i], key);
        ONP_TRY(onp_store_estimate_get(c->store, c->platform, key, &e, err));
        c->origin->n_predicted += onp_estimate_is_predicted(&e);
    }
    if (c->origin->n_predicted > 0 && c->options->no_predicted)
        return onp_fail(err, ONP_E_MISSING,
                        "%d latencies of %s are predicted, not measured, and --no-predicted was "
                        "given",
                        (int)c->origin->n_predicted, c->origin->label);
    return ONP_OK;
}

/* The error has room for some keys; the log gets each. */
static onp_status list_missing(const collector *c, onp_error *err)
{
    char text[200] = "";
    size_t used = 0;
    int n = 0;
    for (int32_t i = 0; i < c->n_blocks; i++) {
        char key[ONP_BLOCK_KEY];
        onp_estimate e;
        onp_block_key(&c->blocks[i], key);
        onp_status st = onp_store_estimate_get(c->store, c->platform, key, &e, err);
        if (st == ONP_OK && e.stale_reason[0] == '\0')
            continue;
        if (st != ONP_OK && st != ONP_E_MISSING)
            return st;
        n++;
        onp_log(c->ctx, ONP_LOG_ERROR, "%s latency on %s: %s", st == ONP_OK ? "only a stale" : "no",
                c->options->cfg->target.device, key);
        if (used + strlen(key) + 8 < sizeof text)
            used +=
                (size_t)snprintf(text + used, sizeof text - used, "%s%s", n > 1 ? "; " : "", key);
        else if (used > 0 && text[used - 1] != '.')
            used += (size_t)snprintf(text + used, sizeof text - used, "; ...");
    }
    if (n == 0)
        return ONP_OK;
    return onp_fail(err, ONP_E_MISSING,
                    "%d blocks have no latency on %.40s (%.150s; no others will do): %s", n,
                    c->options->cfg->target.device, c->about, text);
}

static onp_status copy_rows(const collector *c, onp_rundb *db, onp_error *err)
{
    for (int32_t i = 0; i < c->n_blocks; i++) {
        char key[ONP_BLOCK_KEY];
        onp_estimate e;
        onp_block_key(&c->blocks[i], key);
        ONP_TRY(onp_store_estimate_get(c->store, c->platform, key, &e, err));
        const double sd = (double)(e.hi_ns - e.lo_ns) / (2 * NORMAL_975);
        ONP_TRY(onp_rundb_latency_set(db, key, e.median_ns, sd, onp_estimate_source_name(e.source),
                                      onp_quality_name(e.quality), err));
    }
    return ONP_OK;
}

/* Sum and blocks of the space's cheapest network. */
static onp_status take_cheapest(const collector *c, double *sum_ns, double *n_ops, onp_error *err)
{
    const onp_space *space = c->options->cfg->space;
    *sum_ns = *n_ops = 0;
    for (int32_t i = 0; i < space->n_positions; i++) {
        onp_estimate best = {0};
        for (int32_t j = 0; j < space->positions[i].n; j++) {
            char key[ONP_BLOCK_KEY];
            onp_estimate e;
            onp_block_key(&space->positions[i].candidate[j], key);
            ONP_TRY(onp_store_estimate_get(c->store, c->platform, key, &e, err));
            if (j == 0 || e.median_ns < best.median_ns)
                best = e;
        }
        *sum_ns += (double)best.median_ns;
        *n_ops += best.source != ONP_SOURCE_DEFINITION;
    }
    return ONP_OK;
}

/* Where the platform has one of networks of about such a size. */
static onp_status copy_calibration(const collector *c, onp_rundb *db, onp_error *err)
{
    onp_calibration cal;
    double sum_ns, n_ops;
    ONP_TRY(take_cheapest(c, &sum_ns, &n_ops, err));
    ONP_TRY(onp_store_calibration_for(c->store, c->platform, sum_ns, n_ops, &cal, err));
    if (cal.n == 0) {
        ONP_TRY(onp_store_calibration_get(c->store, c->platform, &cal, err));
        if (cal.n > 0)
            onp_log(c->ctx, ONP_LOG_WARN,
                    "latencies: the calibration is of networks of other sizes (this space begins "
                    "at a sum of %.4g ms) and not used: `onepath table validate` makes one",
                    sum_ns / 1e6);
        return ONP_OK;
    }
    onp_log(c->ctx, ONP_LOG_INFO,
            "latencies: calibrated by %d networks, %.4g x sum + %.4g us x blocks + %.4g ms, error "
            "%.2f %%",
            (int)cal.n, cal.a, cal.b_ns / 1e3, cal.c_ns / 1e6, 100 * cal.mape_after);
    return onp_rundb_calibration_set(db, &cal, err);
}

static onp_status fail_imported(const collector *c, onp_error *err)
{
    return onp_fail(err, ONP_E_FAIL,
                    "the rows of %s are imported, not measured from here: add --allow-imported to "
                    "use them as they are",
                    c->origin->label);
}

onp_status onp_latencies_allow_imported(onp_rundb *db, const onp_search_options *options,
                                        bool *allowed, onp_error *err)
{
    onp_calibration cal;
    ONP_TRY(onp_rundb_calibration_get(db, &cal, err));
    *allowed = options->allow_imported || cal.n >= ONP_STALE_NETWORKS;
    return ONP_OK;
}

/* A platform that is measured here may have rows from elsewhere too. */
static onp_status count_imported(const collector *c, onp_rundb *db, onp_error *err)
{
    bool allowed = false;
    ONP_TRY(onp_latencies_allow_imported(db, c->options, &allowed, err));
    ONP_TRY(onp_rundb_latency_imported(db, &c->origin->n_imported, err));
    return c->origin->n_imported == 0 || allowed ? ONP_OK : fail_imported(c, err);
}

/* Out of reach: what the table knows of a device of this name must be what the config wants. */
static onp_status collect_there(collector *c, onp_error *err)
{
    const onp_search_options *o = c->options;
    const onp_profile_mode mode = (onp_profile_mode)o->cfg->target.mode;
    const onp_platform wanted = {
        .threads = o->cfg->target.threads,
        .cluster = o->cfg->target.cluster,
        .batch = 1,
        .cache_mode = mode != ONP_PROFILE_AUTO ? onp_profile_mode_names[mode] : NULL};
    onp_trust trust;
    ONP_TRY(onp_store_platform_choose(c->store, o->cfg->target.device, &wanted, &c->platform, err));
    ONP_TRY(onp_trust_take(c->store, c->platform, NULL, &trust, err));
    c->imported = trust.verdict.action == ONP_STALE_IMPORTED;
    if (trust.verdict.action == ONP_STALE_ROWS)
        return onp_fail(err, ONP_E_FAIL, "%s: the rows of %.60s are stale: %s; profile it again",
                        onp_store_path(c->store), o->cfg->target.device, trust.verdict.reason);
    if (trust.verdict.action == ONP_STALE_RECHECK || trust.verdict.action == ONP_STALE_RECALIBRATE)
        onp_log(c->ctx, ONP_LOG_WARN, "latencies of %s: %s", o->cfg->target.device,
                trust.verdict.reason);
    return ONP_OK;
}

static onp_status collect(collector *c, onp_rundb *db, onp_error *err)
{
    const onp_search_options *o = c->options;
    ONP_TRY(onp_space_blocks(c->ctx, o->cfg->space, &c->blocks, &c->n_blocks, err));
    ONP_TRY(is_reachable(o) ? collect_here(c, err) : collect_there(c, err));
    ONP_TRY(onp_store_platforms(c->store, note_platform, c, err));
    onp_store_platform_label(c->store, c->platform, c->origin->label, sizeof c->origin->label);
    if (c->imported && !o->allow_imported)
        return fail_imported(c, err);
    if (!is_reachable(o) && !o->no_predicted)
        ONP_TRY(predict_missing(c, err));
    ONP_TRY(list_missing(c, err));
    ONP_TRY(weigh_predicted(c, err));
    ONP_TRY(onp_rundb_begin(db, err));
    onp_status st = copy_rows(c, db, err);
    if (st == ONP_OK)
        st = copy_calibration(c, db, err);
    if (st == ONP_OK)
        st = count_imported(c, db, err);
    if (st == ONP_OK)
        st = onp_rundb_commit(db, err);
    if (st != ONP_OK)
        onp_rundb_rollback(db);
    return st;
}

onp_status onp_latencies_collect(const onp_context *ctx, const onp_search_options *options,
                                 onp_rundb *db, onp_latency_origin *origin, onp_error *err)
{
    collector c = {.ctx = ctx, .options = options, .origin = origin};
    *origin = (onp_latency_origin){.n_imported = 0};
    ONP_TRY(onp_store_open(ctx, options->db_path, ONP_SQL_CREATE, &c.store, err));
    onp_status st = collect(&c, db, err);
    onp_free(ctx, c.blocks);
    onp_store_close(c.store);
    return st;
}

onp_status onp_latencies_measure(const onp_context *ctx, const onp_search_options *options,
                                 const onp_block *blocks, int32_t n, const char *arch_hash,
                                 onp_search_result *result, onp_error *err)
{
    result->measured = false;
    if (!is_reachable(options))
        return ONP_OK;
    onp_store *store = NULL;
    onp_runner *runner = NULL;
    onp_measurement m = {0};
    const onp_profile_options profile = profile_options(options);
    ONP_TRY(onp_store_open(ctx, options->db_path, ONP_SQL_CREATE, &store, err));
    onp_status st = open_runner(ctx, options, &runner, err);
    if (st == ONP_OK)
        st = onp_profile_network(store, runner, blocks, n, arch_hash, &profile, &m, err);
    onp_runner_close(runner);
    onp_store_close(store);
    if (st != ONP_OK)
        return st;
    result->measured = true;
    result->measured_ms = (double)m.median_ns / 1e6;
    result->measured_lo_ms = (double)m.ci95_lo_ns / 1e6;
    result->measured_hi_ms = (double)m.ci95_hi_ns / 1e6;
    result->n_samples = m.n;
    return ONP_OK;
}
