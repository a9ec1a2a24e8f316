/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/profile_print.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "cli/target.h"

enum { LABEL = 560 };

static void describe(const onp_profile_report *report, onp_profile_mode mode, char label[LABEL])
{
    char target[512];
    onp_target_label(report->runner, target, sizeof target);
    (void)snprintf(label, LABEL, "%s, %s", target, onp_profile_mode_names[mode]);
}

/* JSON has no NaN. */
static json_t *known(double v)
{
    return isnan(v) ? json_null() : json_real(v);
}

static json_t *trust_to_json(const onp_profile_trust *t)
{
    return json_pack("{s:i, s:o, s:o, s:i, s:i, s:i, s:o, s:o, s:i, s:o, s:o}", "passes",
                     (int)t->passes, "between_passes", known(t->between_passes),
                     "between_passes_normalised", known(t->between_passes_normalised), "sentinels",
                     (int)t->n_sentinels, "pauses", (int)t->n_pauses, "again", (int)t->n_again,
                     "quiet", known(t->quiet), "drift", known(t->drift), "networks",
                     (int)t->n_networks, "networks_mape", known(t->networks_mape), "networks_bias",
                     known(t->networks_bias));
}

/* A share as percent; "unknown". */
static const char *percent(double v, bool sign, char text[16])
{
    if (isnan(v))
        (void)snprintf(text, 16, "unknown");
    else
        (void)snprintf(text, 16, sign ? "%+.2f %%" : "%.2f %%", 100.0 * v);
    return text;
}

static void print_trust(const onp_profile_trust *t)
{
    char a[16], b[16];
    if (t->passes > 1)
        (void)printf("between the passes: median difference of a row %s, at one clock %s\n",
                     percent(t->between_passes, false, a),
                     percent(t->between_passes_normalised, false, b));
    if (t->n_sentinels > 0)
        (void)printf("sentinel: %" PRId32 " times, the last %s from its quiet level; %s of the "
                     "measurements in quiet; waited %" PRId32 " times, measured %" PRId32
                     " graphs again\n",
                     t->n_sentinels, percent(t->drift, true, a), percent(t->quiet, false, b),
                     t->n_pauses, t->n_again);
    if (t->n_networks > 0)
        (void)printf("whole networks: sum of rows against measured, %" PRId32
                     " of them: mean error %s, bias %s\n",
                     t->n_networks, percent(t->networks_mape, false, a),
                     percent(t->networks_bias, true, b));
}

onp_status onp_profile_print(const onp_profile_report *report, const onp_profile_result *r,
                             onp_error *err)
{
    char label[LABEL];
    describe(report, r->mode, label);
    if (report->app->args->json)
        return onp_app_print(report->app,
                             json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:o}",
                                       "db", report->db, "platform", label, "mode",
                                       onp_profile_mode_names[r->mode], "blocks",
                                       (int)report->n_blocks, "known", (int)r->n_known, "measured",
                                       (int)r->n_measured, "noisy", (int)r->n_noisy, "failed",
                                       (int)r->n_failed, "graphs", (int)r->n_graphs, "resumed",
                                       (int)r->n_resumed, "trust", trust_to_json(&r->trust)),
                             err);
    (void)printf("%" PRId32 " blocks: %" PRId32 " known, %" PRId32 " measured (%" PRId32
                 " of them noisy), %" PRId32 " failed\n",
                 report->n_blocks, r->n_known, r->n_measured, r->n_noisy, r->n_failed);
    if (r->n_graphs + r->n_resumed > 0)
        (void)printf("in %" PRId32 " graphs, %" PRId32 " more from a profile that was stopped\n",
                     r->n_graphs, r->n_resumed);
    print_trust(&r->trust);
    (void)printf("on %s\ninto %s\n", label, report->db);
    return ONP_OK;
}

/* ---- drift ---- */

static json_t *changes_to_json(const onp_profile_changes *c)
{
    return json_pack("{s:i, s:i, s:i, s:i, s:o, s:o, s:s}", "rows", (int)c->n, "within1",
                     (int)c->within1, "within2", (int)c->within2, "within5", (int)c->within5,
                     "median", known(c->median), "worst", known(c->worst), "worst_block",
                     c->worst_key);
}

static void print_changes(const char *what, const onp_profile_changes *c)
{
    char a[16], b[16];
    if (c->n == 0) {
        (void)printf("%s: unknown\n", what);
        return;
    }
    (void)printf("%s: %.1f %% of %" PRId32 " rows within 1 %%, %.1f %% within 2 %%, %.1f %% within "
                 "5 %%; median %s, worst %s (%s)\n",
                 what, 100.0 * c->within1 / c->n, c->n, 100.0 * c->within2 / c->n,
                 100.0 * c->within5 / c->n, percent(c->median, true, a), percent(c->worst, true, b),
                 c->worst_key);
}

onp_status onp_profile_print_drift(const onp_profile_report *report, const onp_profile_drift *d,
                                   onp_error *err)
{
    char label[LABEL];
    describe(report, d->mode, label);
    if (report->app->args->json)
        return onp_app_print(
            report->app,
            json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o}", "db",
                      report->db, "platform", label, "mode", onp_profile_mode_names[d->mode],
                      "rows", (int)d->n_rows, "measured", (int)d->n_measured, "noisy",
                      (int)d->n_noisy, "failed", (int)d->n_failed, "normalised",
                      changes_to_json(&d->normalised), "raw", changes_to_json(&d->raw), "same_load",
                      changes_to_json(&d->same_load), "load", known(d->load), "trust",
                      trust_to_json(&d->trust)),
            err);
    (void)printf("%" PRId32 " of %" PRId32 " rows measured again (%" PRId32
                 " of them noisy), %" PRId32 " failed\n",
                 d->n_measured, d->n_rows, d->n_noisy, d->n_failed);
    print_changes("change at one clock", &d->normalised);
    print_changes("change as time passed", &d->raw);
    if (d->same_load.n > 0) {
        char a[16];
        (void)printf("load: the networks took %s more than before, at one clock\n",
                     percent(d->load, true, a));
        print_changes("change at one clock and load", &d->same_load);
    }
    print_trust(&d->trust);
    (void)printf("on %s\nagainst %s\n", label, report->db);
    return ONP_OK;
}
