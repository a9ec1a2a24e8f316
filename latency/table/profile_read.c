/* SPDX-License-Identifier: Apache-2.0 */
/* One graph measured, and what came back as a row of the table. */
#include <inttypes.h>
#include <string.h>

#include "latency/measure/block_graph.h"
#include "latency/table/profile_internal.h"

static const char *known(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static int64_t least(const int64_t *values, size_t n)
{
    int64_t min = values[0];
    for (size_t i = 1; i < n; i++)
        min = values[i] < min ? values[i] : min;
    return min > 0 ? min : 0; /* clocks come from outside */
}

static int64_t temperature(const onp_timing *t, size_t i)
{
    const bool there = t->temperature_mc != NULL && t->temperature_mc[i] != ONP_UNKNOWN_MC;
    return there ? t->temperature_mc[i] : 0;
}

onp_measurement onp_profile_of_stats(const onp_stats *v)
{
    return (onp_measurement){.n = v->n,
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
                             .ci95_hi_ns = v->ci95_hi_ns};
}

static onp_status summarise(const onp_profile_session *s, onp_profile_sample *out, onp_error *err)
{
    static const onp_quality qualities[ONP_TIMING_QUALITY_COUNT] = {
        [ONP_TIMING_OK] = ONP_QUALITY_OK,
        [ONP_TIMING_NOISY] = ONP_QUALITY_NOISY,
        [ONP_TIMING_THROTTLED] = ONP_QUALITY_THROTTLED,
        [ONP_TIMING_BIMODAL] = ONP_QUALITY_BIMODAL,
    };
    const onp_timing *t = &out->timing;
    int64_t *scratch = onp_alloc(s->ctx, t->n, sizeof *scratch);
    if (scratch == NULL)
        return onp_fail(err, ONP_E_NOMEM, "profile: no memory for %zu samples", t->n);
    const int64_t normalised =
        onp_timing_normalised_median(t, onp_runner_get_facts(s->runner)->clock_khz, scratch);
    memcpy(scratch, t->clock_khz, t->n * sizeof *scratch);
    out->m = onp_profile_of_stats(&t->stats);
    out->m.n_rejected = t->n_rejected;
    out->m.inner_reps = t->inner_reps;
    out->m.normalized_median_ns = normalised > 0 ? normalised : 0;
    out->m.clock_khz = onp_stats_median(scratch, t->n);
    out->m.clock_min_khz = least(t->clock_khz, t->n);
    out->m.quality = qualities[t->quality];
    out->m.reason = known(t->reason);
    out->m.samples_ns = t->samples_ns;
    out->m.clocks_khz = t->clock_khz;
    out->m.temperatures_mc = t->temperature_mc;
    out->m.n_samples = t->n;
    out->m.stamps_ns = t->stamps_ns;
    out->m.n_groups = t->n_groups;
    out->m.overhead_ns = t->overhead_ns;
    out->m.temperature_before_mc = temperature(t, 0);
    out->m.temperature_after_mc = temperature(t, t->n - 1);
    out->m.cores = known(t->cores);
    onp_free(s->ctx, scratch);
    return ONP_OK;
}

onp_status onp_profile_read(const onp_profile_session *s, const onp_graph *g, int64_t max_ns,
                            bool stamps, onp_profile_sample *out, onp_error *err)
{
    const onp_stop_rule rule = onp_profile_rule(s, max_ns);
    const onp_measure_options options = {.rule = &rule, .stamps = stamps};
    *out = (onp_profile_sample){0};
    onp_status st = onp_runner_measure(s->runner, g, &options, &out->timing, &out->failure);
    if (st == ONP_OK)
        return summarise(s, out, err);
    if (st != ONP_E_DEVICE)
        return onp_fail(err, st, "%s", out->failure.msg);
    out->m = (onp_measurement){.quality = ONP_QUALITY_FAILED, .reason = out->failure.msg};
    return ONP_OK;
}

void onp_profile_sample_reset(const onp_profile_session *s, onp_profile_sample *sample)
{
    onp_timing_reset(s->ctx, &sample->timing);
}

onp_status onp_profile_read_blocks(const onp_profile_session *s, const onp_block *blocks, int32_t n,
                                   int64_t max_ns, bool stamps, onp_profile_sample *out,
                                   onp_error *err)
{
    *out = (onp_profile_sample){0};
    onp_graph *g = onp_graph_new(s->ctx, err);
    if (g == NULL)
        return ONP_E_NOMEM;
    (void)onp_network_graph(g, blocks, (size_t)n, s->batch, ONP_MODE_FOLDED, 0.0);
    onp_status st = onp_graph_status(g, err);
    if (st == ONP_OK)
        st = onp_profile_read(s, g, max_ns, stamps, out, err);
    onp_graph_free(g);
    return st;
}
