/* SPDX-License-Identifier: Apache-2.0 */
/* What came out of the run, each number with how it was found. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "latency/measure/stats.h"
#include "report/html.h"
#include "report/sections.h"

/* The metrics of phase "result". */
#define RESULT_LIST(X)                                                                             \
    X(test_accuracy)                                                                               \
    X(test_images)                                                                                 \
    X(test_loss)                                                                                   \
    X(measured_ms)                                                                                 \
    X(measured_lo_ms)                                                                              \
    X(measured_hi_ms)                                                                              \
    X(measured_samples)                                                                            \
    X(predicted_ms)                                                                                \
    X(predicted_lo_ms)                                                                             \
    X(predicted_hi_ms)                                                                             \
    X(calibration_networks)                                                                        \
    X(target_ms)                                                                                   \
    X(initial_expected_ms)                                                                         \
    X(least_ms)                                                                                    \
    X(n_params)                                                                                    \
    X(n_macs)

typedef struct number {
    double value;
    bool known;
} number;

typedef struct results {
#define ONP_X(name) number name;
    RESULT_LIST(ONP_X)
#undef ONP_X
} results;

static onp_status read_results(const onp_run_view *v, results *r, onp_error *err)
{
#define ONP_X(name) ONP_TRY(onp_run_view_result(v, #name, &r->name.value, &r->name.known, err));
    RESULT_LIST(ONP_X)
#undef ONP_X
    return ONP_OK;
}

/* Counts are stored as doubles: whole numbers far below 2^53. */
static int64_t whole(number n)
{
    return n.value >= 0 && n.value < 9e15 ? (int64_t)n.value : 0;
}

/* ---- tiles ---- */

static void tile_begin(onp_strbuf *s, const char *title)
{
    onp_strbuf_addf(s, "<div class=\"tile\"><h3>%s</h3><b>", title);
}

static void tile_note(onp_strbuf *s)
{
    onp_strbuf_adds(s, "</b><p>");
}

static void tile_end(onp_strbuf *s)
{
    onp_strbuf_adds(s, "</p></div>\n");
}

/* Instead of the number: why there is none. */
static void tile_end_missing(onp_strbuf *s, const char *why)
{
    onp_html_missing(s, why);
    tile_note(s);
    tile_end(s);
}

static void add_device(onp_strbuf *s, const onp_run_view *v)
{
    if (v->device[0] == '\0')
        return;
    onp_strbuf_adds(s, " on ");
    onp_html_text(s, v->device);
    if (v->threads[0] == '\0')
        return;
    onp_strbuf_adds(s, " with ");
    onp_html_text(s, v->threads);
    onp_strbuf_adds(s, strcmp(v->threads, "1") == 0 ? " thread" : " threads");
}

/* The 95 % interval of a share p of n (E. B. Wilson, 1927). */
static void add_wilson(onp_strbuf *s, double p, double n)
{
    const double z = 1.959963984540054, z2 = z * z;
    const double middle = (p + z2 / (2 * n)) / (1 + z2 / n);
    const double half = z / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n));
    onp_strbuf_addf(s, "; 95 %% interval %.2f to %.2f %% (Wilson)", 100 * (middle - half),
                    100 * (middle + half));
}

static void tile_accuracy(const results *r, onp_strbuf *s)
{
    tile_begin(s, "Accuracy on the test set");
    if (!r->test_accuracy.known) {
        tile_end_missing(s, "the derived network has not been tested yet");
        return;
    }
    const double p = r->test_accuracy.value, n = r->test_images.value;
    onp_html_percent(s, p);
    tile_note(s);
    if (r->test_images.known && n >= 1) {
        onp_strbuf_adds(s, "of ");
        onp_html_count(s, whole(r->test_images));
        onp_strbuf_adds(s, " images, read once after retraining");
        if (p >= 0 && p <= 1)
            add_wilson(s, p, n);
    } else {
        onp_strbuf_adds(s, "the number of images is not recorded");
    }
    if (r->test_loss.known) {
        char shown[400];
        (void)snprintf(shown, sizeof shown, "%.4f", r->test_loss.value);
        onp_strbuf_adds(s, "; loss ");
        onp_html_number(s, r->test_loss.value, shown);
    }
    tile_end(s);
}

static void tile_measured(const onp_run_view *v, const results *r, onp_strbuf *s)
{
    tile_begin(s, "Latency, measured");
    if (!r->measured_ms.known) {
        tile_end_missing(s, r->test_accuracy.known ? "this run has not measured its network"
                                                   : "the run has not come to it yet");
        return;
    }
    onp_html_ms(s, r->measured_ms.value);
    tile_note(s);
    onp_strbuf_adds(s, "median of ");
    if (r->measured_samples.known)
        onp_html_count(s, whole(r->measured_samples));
    else
        onp_strbuf_adds(s, "an unrecorded number of");
    onp_strbuf_adds(s, " samples of the whole network");
    add_device(s, v);
    if (r->measured_lo_ms.known && r->measured_hi_ms.known) {
        onp_strbuf_adds(s, r->measured_samples.value < ONP_STATS_MIN_INTERVAL
                               ? "; smallest to largest "
                               : "; 95 % interval of the median ");
        onp_html_ms(s, r->measured_lo_ms.value);
        onp_strbuf_adds(s, " to ");
        onp_html_ms(s, r->measured_hi_ms.value);
    } else {
        onp_strbuf_adds(s, "; its interval is not recorded");
    }
    tile_end(s);
}

/* How many of the rows that the prediction sums are not what a quiet machine would have given. */
static void add_noise(const onp_run_view *v, onp_strbuf *s)
{
    int n = 0, n_noisy = 0;
    for (int32_t i = 0; v->arch != NULL && i < v->arch->n_blocks; i++) {
        const onp_run_cost *row = onp_run_view_cost(v, &v->arch->blocks[i]);
        n += row != NULL;
        n_noisy += row != NULL && strcmp(row->quality, "ok") != 0;
    }
    if (n > 0)
        onp_strbuf_addf(s, "; %d of its %d rows %s noisy", n_noisy, n, n_noisy == 1 ? "is" : "are");
}

static void tile_predicted(const onp_run_view *v, const results *r, onp_strbuf *s)
{
    tile_begin(s, "Latency, predicted");
    if (!r->predicted_ms.known) {
        tile_end_missing(s, "written once the run is over");
        return;
    }
    onp_html_ms(s, r->predicted_ms.value);
    tile_note(s);
    if (r->predicted_lo_ms.known && r->predicted_hi_ms.known) {
        onp_strbuf_adds(s, "95 % interval ");
        onp_html_ms(s, r->predicted_lo_ms.value);
        onp_strbuf_adds(s, " to ");
        onp_html_ms(s, r->predicted_hi_ms.value);
        onp_strbuf_adds(s, "; ");
    }
    onp_strbuf_adds(s, "sum of the latency rows of the network&#39;s blocks");
    if (r->calibration_networks.known)
        onp_strbuf_addf(s, ", calibrated by %.0f networks measured whole",
                        r->calibration_networks.value);
    if (r->measured_ms.known && r->measured_ms.value > 0)
        onp_strbuf_addf(s, "; error against the measured median %+.1f %%",
                        100 * (r->predicted_ms.value / r->measured_ms.value - 1));
    else
        onp_strbuf_adds(s, "; its error is not known: nothing was measured");
    add_noise(v, s);
    tile_end(s);
}

static void tile_budget(const onp_run_view *v, const results *r, onp_strbuf *s)
{
    tile_begin(s, "Latency budget");
    if (!r->target_ms.known) {
        tile_end_missing(s, "this run has none");
        return;
    }
    onp_html_ms(s, r->target_ms.value);
    tile_note(s);
    onp_strbuf_adds(s, "target.latency");
    if (v->budget[0] != '\0') {
        onp_strbuf_adds(s, ": ");
        onp_html_text(s, v->budget);
    }
    if (r->initial_expected_ms.known) {
        onp_strbuf_adds(s, "; the search began at an expected ");
        onp_html_ms(s, r->initial_expected_ms.value);
    }
    if (r->least_ms.known) {
        onp_strbuf_adds(s, "; the cheapest network of the space takes ");
        onp_html_ms(s, r->least_ms.value);
        onp_strbuf_adds(s, " by its rows");
    }
    tile_end(s);
}

static void tile_count(onp_strbuf *s, const char *title, number n, bool from_arch, int64_t arch,
                       const char *how)
{
    tile_begin(s, title);
    if (n.known || from_arch)
        onp_html_count(s, n.known ? whole(n) : arch);
    else
        onp_html_missing(s, "no network has been derived yet");
    tile_note(s);
    onp_html_text(s, how);
    tile_end(s);
}

/* ---- the verdict ---- */

static void add_verdict(const results *r, onp_strbuf *s)
{
    if (!r->target_ms.known)
        return;
    const bool measured = r->measured_ms.known;
    if (!measured && !r->predicted_ms.known) {
        onp_strbuf_adds(s, "<p>Whether the budget is met is not known yet: there is neither a "
                           "measured nor a predicted latency.</p>\n");
        return;
    }
    const double ms = measured ? r->measured_ms.value : r->predicted_ms.value;
    const double budget = r->target_ms.value;
    const bool met = ms <= budget;
    onp_strbuf_addf(s, "<p><span class=\"%s\">%s the budget is %s</span>", met ? "good" : "bad",
                    met ? "\xe2\x9c\x93" : "\xe2\x9c\x97", met ? "met" : "missed");
    onp_strbuf_adds(s, measured ? " as measured: " : " as predicted, not measured: ");
    onp_html_ms(s, ms);
    onp_strbuf_adds(s, " against ");
    onp_html_ms(s, budget);
    if (budget > 0)
        onp_strbuf_addf(s, " (%.1f %% of it)", 100 * ms / budget);
    if (measured && r->measured_lo_ms.known && r->measured_hi_ms.known &&
        r->measured_lo_ms.value <= budget && r->measured_hi_ms.value > budget)
        onp_strbuf_adds(s, "; the interval of the median contains the budget");
    onp_strbuf_adds(s, ".</p>\n");
}

/* ---- latencies side by side ---- */

static void add_bar(onp_strbuf *s, const char *label, number ms, number low, number high)
{
    const number all[] = {ms, low, high};
    if (!ms.known)
        return;
    onp_strbuf_addf(s, "<tr><th scope=\"row\">%s</th>", label);
    for (size_t i = 0; i < ONP_COUNT(all); i++) {
        onp_strbuf_adds(s, "<td class=\"n\">");
        if (all[i].known)
            onp_html_ms(s, all[i].value);
        onp_strbuf_adds(s, "</td>");
    }
    onp_strbuf_adds(s, "</tr>\n");
}

static void add_latencies(const results *r, onp_strbuf *s)
{
    static const char *const heads[] = {"network", "#latency", "#from", "#to", NULL};
    const number none = {0};
    if (!r->predicted_ms.known && !r->target_ms.known)
        return;
    onp_html_figure_begin(
        s, "class=\"after\" data-chart=\"bars\" data-label=\"0\" data-value=\"1\" data-low=\"2\" "
           "data-high=\"3\" data-unit=\"ms\" data-name=\"latency\" "
           "data-span=\"interval of the median\"");
    onp_strbuf_adds(s, "Latency, predicted against measured");
    onp_html_figure_table(s, heads, true);
    add_bar(s, "measured", r->measured_ms, r->measured_lo_ms, r->measured_hi_ms);
    add_bar(s, "predicted", r->predicted_ms, r->predicted_lo_ms, r->predicted_hi_ms);
    add_bar(s, "budget", r->target_ms, none, none);
    add_bar(s, "expected at the start", r->initial_expected_ms, none, none);
    add_bar(s, "cheapest of the space", r->least_ms, none, none);
    onp_strbuf_adds(s, "</tbody>");
    onp_html_figure_end(s);
}

onp_status onp_section_headline(const onp_run_view *v, onp_strbuf *s, onp_error *err)
{
    results r;
    ONP_TRY(read_results(v, &r, err));
    add_verdict(&r, s);
    onp_strbuf_adds(s, "<div class=\"grid tiles\">\n");
    tile_accuracy(&r, s);
    tile_measured(v, &r, s);
    tile_predicted(v, &r, s);
    tile_budget(v, &r, s);
    const bool derived = v->arch != NULL;
    tile_count(s, "Parameters", r.n_params, derived, derived ? onp_arch_n_params(v->arch) : 0,
               "convolution and linear weights and biases, batch-norm gamma and beta");
    tile_count(s, "Multiply-accumulates", r.n_macs, derived, derived ? onp_arch_n_macs(v->arch) : 0,
               "convolutions and linear, one image, true output sizes");
    onp_strbuf_adds(s, "</div>\n");
    add_latencies(&r, s);
    return ONP_OK;
}
