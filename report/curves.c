/* SPDX-License-Identifier: Apache-2.0 */
/* Charts over the epochs, and the numbers that they are drawn from. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "report/chart.h"
#include "report/html.h"
#include "report/sections.h"

enum {
    TRAIN_ACCURACY,
    VALIDATION_ACCURACY,
    TRAIN_LOSS,
    VALIDATION_LOSS,
    EXPECTED_LATENCY,
    ENTROPY,
    ARCHITECTURE_LOSS,
    N_SERIES
};

static const char *const names[N_SERIES] = {
    "train_accuracy", "validation_accuracy", "train_loss", "validation_loss", "expected_latency_ms",
    "entropy",        "architecture_loss",
};

typedef struct curves {
    double *series[N_SERIES];
    onp_chart_level levels[2];
} curves;

static onp_status read_level(const onp_run_view *v, const char *metric, const char *label,
                             onp_chart_level *out, onp_error *err)
{
    bool known = false;
    ONP_TRY(onp_run_view_result(v, metric, &out->value, &known, err));
    out->label = label;
    if (!known)
        out->value = (double)NAN;
    return ONP_OK;
}

static onp_status read_curves(const onp_run_view *v, curves *c, onp_error *err)
{
    for (int i = 0; i < N_SERIES; i++)
        ONP_TRY(onp_run_view_series(v, names[i], &c->series[i], err));
    ONP_TRY(read_level(v, "target_ms", "budget", &c->levels[0], err));
    return read_level(v, "initial_expected_ms", "at the start", &c->levels[1], err);
}

static void draw(const onp_run_view *v, const curves *c, onp_strbuf *s)
{
    const onp_chart_line accuracy[] = {{"training", c->series[TRAIN_ACCURACY]},
                                       {"validation", c->series[VALIDATION_ACCURACY]}};
    const onp_chart_line loss[] = {{"training", c->series[TRAIN_LOSS]},
                                   {"validation", c->series[VALIDATION_LOSS]}};
    const onp_chart_line latency = {"expected latency", c->series[EXPECTED_LATENCY]};
    const onp_chart_line entropy = {"entropy", c->series[ENTROPY]};
    const onp_chart_line objective = {"architecture loss", c->series[ARCHITECTURE_LOSS]};
    const onp_chart charts[] = {
        {.title = "Accuracy", .unit = "%", .scale = 100, .lines = accuracy, .n_lines = 2},
        {.title = "Loss", .unit = "cross entropy", .scale = 1, .lines = loss, .n_lines = 2},
        {.title = "Expected latency",
         .unit = "ms",
         .scale = 1,
         .lines = &latency,
         .n_lines = 1,
         .levels = c->levels,
         .n_levels = 2},
        {.title = "Mean entropy of the paths",
         .unit = "",
         .scale = 1,
         .lines = &entropy,
         .n_lines = 1},
        {.title = "Loss of the architecture steps",
         .unit = "",
         .scale = 1,
         .lines = &objective,
         .n_lines = 1},
    };
    onp_strbuf_adds(s, "<div class=\"grid\">\n");
    for (size_t i = 0; i < ONP_COUNT(charts); i++)
        onp_chart_lines(s, v, &charts[i]);
    onp_strbuf_adds(s, "</div>\n");
}

static void add_row(const onp_run_view *v, const curves *c, size_t i, onp_strbuf *s)
{
    onp_strbuf_adds(s, "<tr>");
    onp_html_cell_text(s, v->epochs[i].phase);
    onp_strbuf_addf(s, "<td class=\"n\">%" PRId64 "</td><td class=\"n\">%" PRId64 "</td>",
                    v->epochs[i].epoch + 1, v->epochs[i].tick);
    for (int k = 0; k < N_SERIES; k++) {
        char shown[64];
        const double value = c->series[k][i];
        onp_strbuf_adds(s, "<td class=\"n\">");
        (void)snprintf(shown, sizeof shown, "%.5g", value);
        if (isnan(value))
            onp_strbuf_adds(s, "<span class=\"missing\">\xe2\x80\x93</span>");
        else
            onp_html_number(s, value, shown);
        onp_strbuf_adds(s, "</td>");
    }
    onp_strbuf_adds(s, "</tr>\n");
}

static void add_numbers(const onp_run_view *v, const curves *c, onp_strbuf *s)
{
    static const char *const heads[] = {"phase",
                                        "#epoch",
                                        "#steps",
                                        "#training accuracy",
                                        "#validation accuracy",
                                        "#training loss",
                                        "#validation loss",
                                        "#expected latency, ms",
                                        "#entropy",
                                        "#architecture loss",
                                        NULL};
    onp_strbuf_adds(s, "<details><summary>The numbers of each epoch</summary>"
                       "<p class=\"note\">A dash: the phase does not have this number "
                       "(retraining does not validate, only the search moves probabilities)."
                       "</p>\n");
    onp_html_table_begin(s, heads);
    for (size_t i = 0; i < v->n_epochs; i++)
        add_row(v, c, i, s);
    onp_html_table_end(s);
    onp_strbuf_adds(s, "</details>\n");
}

onp_status onp_section_curves(const onp_run_view *v, onp_strbuf *s, onp_error *err)
{
    curves c = {0};
    onp_strbuf_adds(s, "<h2>Over the epochs</h2>\n");
    if (v->n_epochs == 0) {
        onp_html_missing(s, "no epoch is over yet");
        return ONP_OK;
    }
    onp_strbuf_adds(s, "<p class=\"note\">Training: images of the epoch as they were trained on, "
                       "each batch with its own path, label smoothing in the loss. Validation: "
                       "held-out images, the most probable "
                       "path, batch norm recalibrated. Expected latency: the rows of the table, "
                       "weighted with the probabilities of the paths.</p>\n");
    onp_status st = read_curves(v, &c, err);
    if (st == ONP_OK) {
        draw(v, &c, s);
        add_numbers(v, &c, s);
    }
    for (int i = 0; i < N_SERIES; i++)
        onp_free(v->ctx, c.series[i]);
    return st;
}
