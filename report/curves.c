/* SPDX-License-Identifier: Apache-2.0 */
/* Charts over the epochs: each is a table of the metrics that it is drawn from. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "report/html.h"
#include "report/sections.h"

enum { MAX_LINES = 2 };

typedef struct curve {
    const char *title, *unit; /* markup */
    int scale;                /* of the values, for the eye: 100 for shares in % */
    struct {
        const char *label, *metric;
    } lines[MAX_LINES];
    bool levels; /* budget and start stand beside it */
} curve;

static const curve curves[] = {
    {"Accuracy",
     "%",
     100,
     {{"training", "train_accuracy"}, {"validation", "validation_accuracy"}},
     false},
    {"Loss",
     "cross entropy",
     1,
     {{"training", "train_loss"}, {"validation", "validation_loss"}},
     false},
    {"Expected latency", "ms", 1, {{"expected latency", "expected_latency_ms"}}, true},
    {"Mean entropy of the paths", "nats", 1, {{"entropy", "entropy"}}, false},
    {"Loss of the architecture steps", "", 1, {{"architecture loss", "architecture_loss"}}, false},
};

static void add_value(onp_strbuf *s, double value)
{
    char shown[64];
    (void)snprintf(shown, sizeof shown, "%.5g", value);
    onp_strbuf_adds(s, "<td class=\"n\">");
    if (isnan(value))
        onp_strbuf_adds(s, "<span class=\"missing\">\xe2\x80\x93</span>");
    else
        onp_html_number(s, value, shown);
    onp_strbuf_adds(s, "</td>");
}

/* Epochs count from 1 in each phase, as the log counts them. */
static void add_epoch(const onp_run_view *v, size_t i, double *const *series, size_t n_lines,
                      onp_strbuf *s)
{
    const onp_run_epoch *e = &v->epochs[i];
    onp_strbuf_adds(s, "<tr data-phase=\"");
    onp_html_text(s, e->phase);
    onp_strbuf_adds(s, "\"><th scope=\"row\">");
    onp_html_text(s, e->phase);
    onp_strbuf_addf(s, " %" PRId64 "</th>", e->epoch + 1);
    for (size_t l = 0; l < n_lines; l++)
        add_value(s, series[l][i]);
    onp_strbuf_adds(s, "</tr>\n");
}

static onp_status add_level(const onp_run_view *v, const char *metric, const char *label,
                            onp_strbuf *s, onp_error *err)
{
    bool known = false;
    double value = 0;
    ONP_TRY(onp_run_view_result(v, metric, &value, &known, err));
    if (!known)
        return ONP_OK;
    onp_strbuf_addf(s, "<tr><th scope=\"row\">%s</th>", label);
    add_value(s, value);
    onp_strbuf_adds(s, "</tr>\n");
    return ONP_OK;
}

static onp_status add_levels(const onp_run_view *v, onp_strbuf *s, onp_error *err)
{
    onp_strbuf_adds(s, "<tfoot>");
    ONP_TRY(add_level(v, "target_ms", "budget", s, err));
    ONP_TRY(add_level(v, "initial_expected_ms", "at the start", s, err));
    onp_strbuf_adds(s, "</tfoot>");
    return ONP_OK;
}

/* An epoch has a row where it has one of the values. */
static bool has_value(double *const *series, size_t n_lines, size_t i)
{
    bool any = false;
    for (size_t l = 0; l < n_lines; l++)
        any = any || !isnan(series[l][i]);
    return any;
}

static onp_status add_figure(const onp_run_view *v, const curve *c, double *const *series,
                             size_t n_lines, onp_strbuf *s, onp_error *err)
{
    const char *heads[MAX_LINES + 2] = {"epoch"};
    char labels[MAX_LINES][64], attributes[96];
    for (size_t l = 0; l < n_lines; l++) {
        (void)snprintf(labels[l], sizeof labels[l], "#%s", c->lines[l].label);
        heads[l + 1] = labels[l];
    }
    (void)snprintf(attributes, sizeof attributes,
                   "data-chart=\"line\" data-unit=\"%s\" data-scale=\"%d\"", c->unit, c->scale);
    onp_html_figure_begin(s, attributes);
    onp_strbuf_adds(s, c->title);
    onp_html_figure_table(s, heads, true);
    for (size_t i = 0; i < v->n_epochs; i++)
        if (has_value(series, n_lines, i))
            add_epoch(v, i, series, n_lines, s);
    onp_strbuf_adds(s, "</tbody>");
    if (c->levels)
        ONP_TRY(add_levels(v, s, err));
    onp_html_figure_end(s);
    return ONP_OK;
}

static onp_status add_curve(const onp_run_view *v, const curve *c, onp_strbuf *s, onp_error *err)
{
    double *series[MAX_LINES] = {NULL};
    size_t n_lines = 0;
    bool any = false;
    onp_status st = ONP_OK;
    for (; st == ONP_OK && n_lines < MAX_LINES && c->lines[n_lines].label != NULL; n_lines++)
        st = onp_run_view_series(v, c->lines[n_lines].metric, &series[n_lines], err);
    for (size_t i = 0; st == ONP_OK && i < v->n_epochs; i++)
        any = any || has_value(series, n_lines, i);
    if (st == ONP_OK && any)
        st = add_figure(v, c, series, n_lines, s, err);
    for (size_t l = 0; l < MAX_LINES; l++)
        onp_free(v->ctx, series[l]);
    return st;
}

onp_status onp_section_curves(const onp_run_view *v, onp_strbuf *s, onp_error *err)
{
    if (v->n_epochs == 0) {
        onp_html_missing(s, "no epoch is over yet");
        return ONP_OK;
    }
    onp_strbuf_adds(s,
                    "<p class=\"note\">Training: images of the epoch as they were trained on, "
                    "each batch with its own path, label smoothing in the loss. Validation: "
                    "held-out images, the most probable "
                    "path, batch norm recalibrated. Expected latency: the rows of the table, "
                    "weighted with the probabilities of the paths. A dash: the phase does not "
                    "have this number (retraining does not validate).</p>\n<div class=\"grid\">\n");
    for (size_t i = 0; i < ONP_COUNT(curves); i++)
        ONP_TRY(add_curve(v, &curves[i], s, err));
    onp_strbuf_adds(s, "</div>\n");
    return ONP_OK;
}
