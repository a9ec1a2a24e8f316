/* SPDX-License-Identifier: Apache-2.0 */
/* What all that is measured needs: the platform, the run's row, the stop rule. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "latency/measure/protocol.h"
#include "latency/table/profile_internal.h"

#define SECOND_NS ((int64_t)1000000000)

const char *const onp_profile_mode_names[ONP_PROFILE_MODE_COUNT + 1] = {
    [ONP_PROFILE_AUTO] = "auto",
    [ONP_PROFILE_CHAIN] = "chain",
    [ONP_PROFILE_DIFFERENCE] = "difference",
    [ONP_PROFILE_ISOLATED] = "isolated",
};

static const char *known(const char *fact)
{
    return fact[0] != '\0' ? fact : NULL;
}

/* ---- the platform ---- */

onp_profile_mode onp_profile_choose_mode(const onp_runner *r, onp_profile_mode mode,
                                         bool with_paths)
{
    if (mode != ONP_PROFILE_AUTO)
        return mode;
    if (!with_paths)
        return ONP_PROFILE_ISOLATED;
    return onp_runner_get_facts(r)->stamps ? ONP_PROFILE_CHAIN : ONP_PROFILE_DIFFERENCE;
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

onp_status onp_profile_platform(onp_store *s, const onp_runner *r, int64_t batch,
                                onp_profile_mode mode, int64_t *platform, onp_error *err)
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
                      .cache_mode = onp_profile_mode_names[onp_profile_choose_mode(r, mode, true)],
                      .threads = f->threads};
    ONP_TRY(choose_batch(r, batch, &p.batch, err));
    return onp_store_platform_add(s, &p, platform, err);
}

/* ---- options ---- */

static onp_status check_time(const char *name, int64_t ns, int64_t max_ns, onp_error *err)
{
    if (ns < 0 || ns > max_ns)
        return onp_fail(err, ONP_E_RANGE,
                        "profile: %s is %" PRId64 ", wanted 0 (default)..%" PRId64, name, ns,
                        max_ns);
    return ONP_OK;
}

static onp_status check_options(const onp_profile_session *s, onp_error *err)
{
    const onp_profile_options *o = &s->options;
    ONP_TRY(check_time("budget_ns", o->budget_ns, 7 * 24 * 3600 * SECOND_NS, err));
    ONP_TRY(check_time("max_block_ns", o->max_block_ns, 3600 * SECOND_NS, err));
    ONP_TRY(check_time("pause_ns", o->pause_ns, 3600 * SECOND_NS, err));
    if (o->passes < 1 || o->passes > ONP_PROFILE_MAX_PASSES)
        return onp_fail(err, ONP_E_RANGE, "profile: %" PRId32 " passes, wanted 1..%d", o->passes,
                        ONP_PROFILE_MAX_PASSES);
    if (s->mode == ONP_PROFILE_CHAIN && !onp_runner_get_facts(s->runner)->stamps)
        return onp_fail(err, ONP_E_USAGE,
                        "mode chain: this runner cannot stamp the boundaries of blocks; take "
                        "difference or isolated");
    return ONP_OK;
}

onp_status onp_profile_open(onp_store *store, onp_runner *r, const onp_profile_options *options,
                            bool with_paths, onp_profile_session *out, onp_error *err)
{
    *out = (onp_profile_session){.store = store, .runner = r, .ctx = onp_runner_context(r)};
    if (options != NULL)
        out->options = *options;
    out->mode = onp_profile_choose_mode(r, out->options.mode, with_paths);
    if (out->options.passes == 0)
        out->options.passes = out->mode == ONP_PROFILE_CHAIN      ? 4
                              : out->mode == ONP_PROFILE_ISOLATED ? 1
                                                                  : 2;
    out->start_ns = onp_now_ns();
    ONP_TRY(check_options(out, err));
    return choose_batch(r, out->options.batch, &out->batch, err);
}

static int64_t at_most(int64_t value, int64_t max)
{
    if (value <= max)
        return value;
    return max > 0 ? max : 1; /* 0 would be the default again */
}

onp_stop_rule onp_profile_rule(const onp_profile_session *s, int64_t max_ns)
{
    const onp_stop_rule defaults = onp_stop_rule_resolve(NULL);
    onp_stop_rule rule = {0};
    if (max_ns > 0)
        rule = (onp_stop_rule){.warmup_min_ns = at_most(defaults.warmup_min_ns, max_ns / 4),
                               .time_min_ns = at_most(defaults.time_min_ns, max_ns / 2),
                               .time_max_ns = max_ns};
    return onp_runner_stop_rule(s->runner, &rule);
}

bool onp_profile_stopped(const onp_profile_session *s)
{
    return s->options.stop != NULL && *s->options.stop != 0;
}

void onp_profile_sleep(const onp_profile_session *s, int64_t ns)
{
    const int64_t until = onp_now_ns() + ns, slice = SECOND_NS / 20;
    while (!onp_profile_stopped(s)) {
        const int64_t left = until - onp_now_ns();
        if (left <= 0)
            return;
        (void)nanosleep(&(struct timespec){.tv_nsec = (long)(left < slice ? left : slice)}, NULL);
    }
}

/* ---- the run ---- */

static onp_status write_settings(const onp_profile_session *s, const onp_profile_run_info *info,
                                 onp_strbuf *out, onp_error *err)
{
    const onp_runner_facts *f = onp_runner_get_facts(s->runner);
    const onp_stop_rule rule = onp_profile_rule(s, info->graph_ns);
    json_t *settings =
        json_pack("{s:s*, s:s, s:s*, s:i, s:i, s:I, s:f, s:I, s:s*, s:I, s:s*, s:o}", "order",
                  info->order, "mode", onp_profile_mode_names[s->mode], "plan", info->plan,
                  "graphs", (int)info->n_units, "passes", (int)s->options.passes, "budget_ns",
                  (json_int_t)info->budget_ns, "check", info->check, "batch", (json_int_t)s->batch,
                  "governor", known(f->governor), "reference_khz", (json_int_t)f->clock_khz,
                  "allowed_cores", known(f->allowed), "stop_rule", onp_stop_rule_to_json(&rule));
    if (settings == NULL)
        return onp_fail(err, ONP_E_NOMEM, "profile: out of memory for the settings");
    onp_status st = onp_json_dump(settings, 0, out, err);
    json_decref(settings);
    return st != ONP_OK ? st : onp_strbuf_status(out, err);
}

onp_status onp_profile_start_run(onp_profile_session *s, const onp_profile_run_info *info,
                                 onp_error *err)
{
    const onp_runner_facts *f = onp_runner_get_facts(s->runner);
    char build[2 * ONP_FACT + 16];
    onp_strbuf settings;
    (void)snprintf(build, sizeof build, "%s%s%s", f->compiler,
                   f->kernel_hash[0] != '\0' ? " kernels " : "", f->kernel_hash);
    onp_strbuf_init(&settings, s->ctx);
    onp_status st = write_settings(s, info, &settings, err);
    if (st == ONP_OK) {
        const onp_run_info row = {.tool_version = ONEPATH_VERSION,
                                  .build = known(build),
                                  .os = known(f->os),
                                  .target = s->options.target,
                                  .command = s->options.command,
                                  .settings = settings.text,
                                  .seed = (int64_t)s->options.seed};
        st = onp_store_run_start(s->store, s->platform, &row, &s->run, err);
    }
    onp_strbuf_reset(&settings);
    return st;
}

onp_status onp_profile_end_run(const onp_profile_session *s, onp_status st, onp_error *err)
{
    const onp_run_status status = st == ONP_OK              ? ONP_RUN_DONE
                                  : st == ONP_E_INTERRUPTED ? ONP_RUN_INTERRUPTED
                                                            : ONP_RUN_FAILED;
    onp_status ended = onp_store_run_end(s->store, s->run, status, st == ONP_OK ? err : NULL);
    return st == ONP_OK ? ended : st;
}
