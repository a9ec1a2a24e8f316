/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/validation_print.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* "3x3e6,zero,..."; the blocks of a network in short. */
static void name_network(const onp_validation_page *p, size_t i, char *out, size_t size)
{
    const onp_block *blocks = onp_block_path(p->networks, p->network[i]);
    const int32_t n = onp_block_path_length(p->networks, p->network[i]);
    size_t used = 0;
    out[0] = '\0';
    for (int32_t k = 0; k < n && used + 36 < size; k++) {
        char name[32];
        onp_block_short_name(&blocks[k], name);
        used += (size_t)snprintf(out + used, size - used, "%s%s", k > 0 ? " " : "", name);
    }
}

static double error_of(const onp_validated *v)
{
    return v->predicted_ns / onp_validated_ns(v) - 1;
}

/* ---- as JSON ---- */

static json_t *known(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *agreement_to_json(const onp_agreement *a)
{
    return json_pack("{s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:o}", "networks", (json_int_t)a->n,
                     "rmse_ms", a->rmse_ns / 1e6, "mape_percent", 100 * a->mape, "bias_percent",
                     100 * a->bias, "within5_percent", 100 * a->within5, "within10_percent",
                     100 * a->within10, "spearman", a->spearman, "kendall", a->kendall,
                     "coverage_percent", known(100 * a->coverage));
}

static json_t *calibration_to_json(const onp_calibration *c)
{
    return json_pack("{s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "networks", (json_int_t)c->n,
                     "a", c->a, "b_us", c->b_ns / 1e3, "c_ms", c->c_ns / 1e6, "half95_percent",
                     100 * c->half95, "left_out_mape_percent", 100 * c->mape_after,
                     "left_out_within5_percent", 100 * c->within5, "left_out_within10_percent",
                     100 * c->within10, "left_out_spearman", c->spearman);
}

static json_t *report_to_json(const onp_validation_report *r)
{
    if (r == NULL)
        return json_null();
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "sum_all", agreement_to_json(&r->plain),
                     "sum_test", agreement_to_json(&r->before), "calibrated_test",
                     agreement_to_json(&r->after), "calibration_tested",
                     calibration_to_json(&r->used), "calibration_stored",
                     calibration_to_json(&r->all), "noise_percent", known(100 * r->noise));
}

static json_t *networks_to_json(const onp_validation_page *p)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < p->report->n; i++) {
        const onp_validated *v = &p->v[i];
        char name[1024];
        name_network(p, i, name, sizeof name);
        json_t *one = json_pack(
            "{s:s, s:b, s:f, s:I, s:f, s:f, s:f, s:f, s:f, s:o}", "blocks", name, "test",
            (int)v->test, "sum_ms", v->sum_ns / 1e6, "n_blocks", (json_int_t)llround(v->n_ops),
            "predicted_ms", v->predicted_ns / 1e6, "lo_ms", v->lo_ns / 1e6, "hi_ms", v->hi_ns / 1e6,
            "raw_ms", v->raw_ns / 1e6, "measured_ms", v->measured_ns / 1e6, "repeated_ms",
            v->repeated_ns > 0 ? json_real(v->repeated_ns / 1e6) : json_null());
        if (json_array_append_new(list, one) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static onp_status print_json(onp_app *app, const onp_validation_page *p, onp_error *err)
{
    const onp_profile_result *r = p->profile;
    json_t *session = json_pack(
        "{s:i, s:i, s:i, s:o, s:o, s:i, s:i, s:i, s:o, s:o}", "rows", (int)r->n_measured,
        "noisy_rows", (int)r->n_noisy, "graphs", (int)r->n_graphs, "between_passes_percent",
        known(100 * r->trust.between_passes), "between_passes_at_one_clock_percent",
        known(100 * r->trust.between_passes_normalised), "sentinels", (int)r->trust.n_sentinels,
        "pauses", (int)r->trust.n_pauses, "again", (int)r->trust.n_again, "quiet_percent",
        known(100 * r->trust.quiet), "drift_percent", known(100 * r->trust.drift));
    return onp_app_print(app,
                         json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "db", p->db, "platform",
                                   p->label, "mode", p->mode, "session", session, "validation",
                                   report_to_json(p->report), "with_rows_of_before",
                                   report_to_json(p->then), "measured", networks_to_json(p)),
                         err);
}

/* ---- as text ---- */

static void print_agreement(const char *what, const onp_agreement *a)
{
    char coverage[16] = "-";
    if (isfinite(a->coverage))
        (void)snprintf(coverage, sizeof coverage, "%.0f %%", 100 * a->coverage);
    (void)printf(
        "%-34s %3zu  %8.4f ms  %6.2f %%  %+6.2f %%  %5.1f %%  %5.1f %%  %8.4f  %7.4f  %s\n", what,
        a->n, a->rmse_ns / 1e6, 100 * a->mape, 100 * a->bias, 100 * a->within5, 100 * a->within10,
        a->spearman, a->kendall, coverage);
}

static void print_left_out(const onp_calibration *c)
{
    (void)printf("%-34s %3" PRId64 "  %8s     %6.2f %%  %8s  %5.1f %%  %5.1f %%  %8.4f\n",
                 "calibrated, each left out in turn", c->n, "", 100 * c->mape_after, "",
                 100 * c->within5, 100 * c->within10, c->spearman);
}

static void print_worst(const onp_validation_page *p)
{
    const onp_validation_report *r = p->report;
    (void)printf("the worst of those tested:\n");
    for (size_t i = 0; i < r->n_worst; i++) {
        const onp_validated *v = &p->v[r->worst[i]];
        char name[1024];
        name_network(p, r->worst[i], name, sizeof name);
        onp_app_line("  %+5.2f %%  predicted %.4f ms (%.4f..%.4f), measured %.4f ms: %s",
                     100 * error_of(v), v->predicted_ns / 1e6, v->lo_ns / 1e6, v->hi_ns / 1e6,
                     onp_validated_ns(v) / 1e6, name);
    }
}

onp_status onp_validation_print(onp_app *app, const onp_validation_page *p, onp_error *err)
{
    const onp_validation_report *r = p->report;
    const onp_calibration *c = &r->all;
    if (app->args->json)
        return print_json(app, p, err);
    onp_app_line("%zu networks on %s, %s", r->n, p->label, p->mode);
    (void)printf("%-34s %3s  %11s  %8s  %8s  %7s  %7s  %8s  %7s  %s\n", "", "n", "RMSE", "MAPE",
                 "bias", "in 5 %", "in 10 %", "Spearman", "Kendall", "in the 95 % interval");
    print_agreement("sum of rows, all", &r->plain);
    print_agreement("sum of rows, tested", &r->before);
    print_agreement("calibrated on the others, tested", &r->after);
    print_left_out(c);
    if (p->then != NULL) {
        print_agreement("rows of before: their sum, all", &p->then->plain);
        print_agreement("rows of before: calibrated, tested", &p->then->after);
    }
    if (isfinite(r->noise))
        (void)printf(
            "noise: one half of its measurements against the other, a network differs by %.2f %%\n",
            100 * r->noise);
    print_worst(p);
    (void)printf("calibration by all: %.4f x sum %+.3f us x blocks %+.4f ms, 95 %% interval "
                 "+-%.1f %%\n",
                 c->a, c->b_ns / 1e3, c->c_ns / 1e6, 100 * c->half95);
    onp_app_line("into %s", p->db);
    return ONP_OK;
}
