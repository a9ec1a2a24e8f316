/* SPDX-License-Identifier: Apache-2.0 */
#include "report/chart.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/html.h"

/* Of the picture, in its own units: small, so that text stays readable on a phone. */
enum { WIDTH = 400, HEIGHT = 225, LEFT = 52, RIGHT = 390, TOP = 24, BOTTOM = 192 };
enum { MAX_TICKS = 12, MAX_DOTS = 120, X_LABELS = 8, LETTER = 8 };

typedef struct axes {
    double lo, hi, step; /* of y, scaled for the eye */
    size_t first, last;  /* epochs */
} axes;

static double x_of(const axes *a, size_t i)
{
    if (a->first == a->last)
        return (LEFT + RIGHT) / 2.0;
    return LEFT + (RIGHT - LEFT) * (double)(i - a->first) / (double)(a->last - a->first);
}

static double y_of(const axes *a, double value)
{
    return BOTTOM - (BOTTOM - TOP) * (value - a->lo) / (a->hi - a->lo);
}

/* ---- ranges ---- */

static void widen(axes *a, double value)
{
    a->lo = fmin(a->lo, value);
    a->hi = fmax(a->hi, value);
}

/* False when there is no point. */
static bool find_range(const onp_chart *c, size_t n, axes *a)
{
    bool any = false;
    *a = (axes){.lo = (double)INFINITY, .hi = -(double)INFINITY};
    for (size_t l = 0; l < c->n_lines; l++)
        for (size_t i = 0; i < n; i++) {
            if (isnan(c->lines[l].values[i]))
                continue;
            widen(a, c->lines[l].values[i] * c->scale);
            a->first = any && a->first < i ? a->first : i;
            a->last = any && a->last > i ? a->last : i;
            any = true;
        }
    for (size_t l = 0; l < c->n_levels; l++)
        if (!isnan(c->levels[l].value))
            widen(a, c->levels[l].value * c->scale);
    return any;
}

/* Rounds the range to multiples of 1, 2 or 5 times a power of ten. False when it cannot be drawn:
 * values so far apart that their difference is no number. */
static bool round_range(axes *a)
{
    if (!isfinite(a->hi - a->lo) || fmax(fabs(a->lo), fabs(a->hi)) > 1e300)
        return false;
    const double size = fmax(fabs(a->lo), fabs(a->hi));
    if (a->hi - a->lo <= 1e-9 * size || a->hi - a->lo < 1e-300) { /* flat */
        const double room = size > 1e-290 ? 0.1 * size : 1;
        a->lo -= room;
        a->hi += room;
    }
    const double raw = (a->hi - a->lo) / 4, power = pow(10, floor(log10(raw))), f = raw / power;
    a->step = power * (f < 1.5 ? 1 : f < 3 ? 2 : f < 7 ? 5 : 10);
    a->lo = floor(a->lo / a->step) * a->step;
    a->hi = ceil(a->hi / a->step) * a->step;
    return true;
}

/* ---- lines ---- */

static void draw_y_axis(onp_strbuf *s, const axes *a)
{
    for (int i = 0; i <= MAX_TICKS; i++) {
        double value = a->lo + i * a->step;
        if (value > a->hi + a->step / 2)
            break;
        if (fabs(value) < a->step / 1e6)
            value = 0; /* not 1e-17 */
        const double y = y_of(a, value);
        onp_strbuf_addf(s,
                        "<line class=\"rule\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
                        "<text class=\"tick\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.5g</text>",
                        LEFT, RIGHT, y, y, LEFT - 6, y + 4, value);
    }
}

static bool phase_begins(const onp_run_view *v, const axes *a, size_t i)
{
    return i == a->first || strcmp(v->epochs[i].phase, v->epochs[i - 1].phase) != 0;
}

/* Where a phase begins: an edge, and its name, which moves aside for the one before it. */
static void draw_phase(onp_strbuf *s, const onp_run_view *v, const axes *a, size_t i,
                       double *free_x)
{
    const double edge = i == a->first ? LEFT : (x_of(a, i - 1) + x_of(a, i)) / 2;
    const double x = fmax(edge + 4, *free_x);
    if (i > a->first)
        onp_strbuf_addf(s, "<line class=\"phase\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>",
                        edge, edge, TOP - 14, BOTTOM);
    onp_strbuf_addf(s, "<text class=\"tick\" x=\"%.1f\" y=\"%d\">", x, TOP - 10);
    onp_html_text(s, v->epochs[i].phase);
    onp_strbuf_adds(s, "</text>");
    *free_x = x + LETTER * (double)(strlen(v->epochs[i].phase) + 1);
}

/* Epochs count from 1 in each phase, as the log counts them. */
static void draw_x_axis(onp_strbuf *s, const onp_run_view *v, const axes *a)
{
    const size_t n = a->last - a->first + 1, every = (n + X_LABELS - 1) / X_LABELS;
    double free_x = 0;
    for (size_t i = a->first; i <= a->last; i++) {
        if ((i - a->first) % every == 0)
            onp_strbuf_addf(s,
                            "<text class=\"tick\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">"
                            "%" PRId64 "</text>",
                            x_of(a, i), BOTTOM + 15, v->epochs[i].epoch + 1);
        if (phase_begins(v, a, i))
            draw_phase(s, v, a, i, &free_x);
    }
    onp_strbuf_addf(s, "<text class=\"tick\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">epoch</text>",
                    (LEFT + RIGHT) / 2, HEIGHT - 4);
}

static void draw_dot(onp_strbuf *s, const onp_run_view *v, const onp_chart *c, size_t l, double x,
                     double y, size_t i)
{
    onp_strbuf_addf(s, "<circle class=\"s%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>",
                    (int)(l % ONP_CHART_COLOURS), x, y);
    onp_html_text(s, c->lines[l].label);
    onp_strbuf_adds(s, ", ");
    onp_html_text(s, v->epochs[i].phase);
    onp_strbuf_addf(s, " epoch %" PRId64 ": %.5g ", v->epochs[i].epoch + 1,
                    c->lines[l].values[i] * c->scale);
    onp_html_text(s, c->unit);
    onp_strbuf_adds(s, "</title></circle>");
}

static void draw_line(onp_strbuf *s, const onp_run_view *v, const onp_chart *c, const axes *a,
                      size_t l)
{
    const double *values = c->lines[l].values;
    const int colour = (int)(l % ONP_CHART_COLOURS);
    onp_strbuf_addf(s, "<polyline class=\"s%d\" points=\"", colour);
    for (size_t i = a->first; i <= a->last; i++) {
        if (i > a->first && phase_begins(v, a, i) && strcmp(v->epochs[i].phase, "train") == 0)
            onp_strbuf_addf(s, "\"/><polyline class=\"s%d\" points=\"", colour); /* a new network */
        if (!isnan(values[i]))
            onp_strbuf_addf(s, "%.1f,%.1f ", x_of(a, i), y_of(a, values[i] * c->scale));
    }
    onp_strbuf_adds(s, "\"/>");
    for (size_t i = a->first; i <= a->last && a->last - a->first < MAX_DOTS; i++)
        if (!isnan(values[i]))
            draw_dot(s, v, c, l, x_of(a, i), y_of(a, values[i] * c->scale), i);
}

/* Its label stands at the end that the first line keeps farther away from. */
static void draw_level(onp_strbuf *s, const onp_chart *c, const onp_chart_level *level,
                       const axes *a)
{
    const double y = y_of(a, level->value * c->scale), *line = c->lines[0].values;
    const bool left = fabs(line[a->first] - level->value) > fabs(line[a->last] - level->value);
    onp_strbuf_addf(s,
                    "<line class=\"level\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
                    "<text class=\"tick\" x=\"%d\" y=\"%.1f\" text-anchor=\"%s\">",
                    LEFT, RIGHT, y, y, left ? LEFT + 4 : RIGHT, y - 4, left ? "start" : "end");
    onp_html_text(s, level->label);
    onp_strbuf_addf(s, " %.5g</text>", level->value * c->scale);
}

static void draw_picture(onp_strbuf *s, const onp_run_view *v, const onp_chart *c, const axes *a)
{
    onp_strbuf_addf(s, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", WIDTH, HEIGHT);
    onp_html_text(s, c->title);
    onp_strbuf_adds(s, "\">");
    draw_y_axis(s, a);
    draw_x_axis(s, v, a);
    for (size_t l = 0; l < c->n_levels; l++)
        if (!isnan(c->levels[l].value))
            draw_level(s, c, &c->levels[l], a);
    for (size_t l = 0; l < c->n_lines; l++)
        draw_line(s, v, c, a, l);
    onp_strbuf_adds(s, "</svg>");
}

void onp_chart_lines(onp_strbuf *s, const onp_run_view *v, const onp_chart *c)
{
    axes a;
    onp_strbuf_adds(s, "<figure><figcaption>");
    onp_html_text(s, c->title);
    if (c->unit[0] != '\0') {
        onp_strbuf_adds(s, " <small>");
        onp_html_text(s, c->unit);
        onp_strbuf_adds(s, "</small>");
    }
    for (size_t l = 0; l < c->n_lines && c->n_lines > 1; l++) {
        onp_strbuf_addf(s, " <span class=\"key\"><i class=\"s%d\"></i>",
                        (int)(l % ONP_CHART_COLOURS));
        onp_html_text(s, c->lines[l].label);
        onp_strbuf_adds(s, "</span>");
    }
    onp_strbuf_adds(s, "</figcaption>");
    if (!find_range(c, v->n_epochs, &a))
        onp_html_missing(s, "no epoch has it");
    else if (!round_range(&a))
        onp_html_missing(s, "its values are too far apart to be drawn");
    else
        draw_picture(s, v, c, &a);
    onp_strbuf_adds(s, "</figure>\n");
}

/* ---- stacks ---- */

enum { STACK_WIDTH = 200, STACK_HEIGHT = 100 };

/* A single epoch is drawn as if it had lasted. */
static double stack_x(size_t i, size_t n)
{
    return n > 1 ? (double)STACK_WIDTH * (double)i / (double)(n - 1) : (double)(STACK_WIDTH * i);
}

static double sum_below(const onp_chart_area *areas, size_t n_areas, size_t i)
{
    double sum = 0;
    for (size_t a = 0; a < n_areas; a++)
        sum += areas[a].values[i];
    return fmin(sum, 1);
}

static void add_edge_point(onp_strbuf *s, const onp_chart_area *areas, size_t n_areas, size_t i,
                           size_t n)
{
    onp_strbuf_addf(s, "%.1f,%.1f ", stack_x(i, n),
                    STACK_HEIGHT * (1 - sum_below(areas, n_areas, i < n ? i : n - 1)));
}

static void draw_area(onp_strbuf *s, const onp_chart_area *areas, size_t a, size_t n)
{
    const size_t points = n > 1 ? n : 2;
    if (areas[a].colour < 0)
        onp_strbuf_adds(s, "<polygon class=\"grey\" points=\"");
    else
        onp_strbuf_addf(s, "<polygon class=\"a%d\" points=\"", areas[a].colour % ONP_CHART_COLOURS);
    for (size_t i = 0; i < points; i++)
        add_edge_point(s, areas, a, i, n);
    for (size_t i = points; i-- > 0;)
        add_edge_point(s, areas, a + 1, i, n);
    onp_strbuf_adds(s, "\"><title>");
    onp_html_text(s, areas[a].label);
    onp_strbuf_adds(s, "</title></polygon>");
}

/* A cross where the area was last seen. */
static void mark_end(onp_strbuf *s, const onp_chart_area *areas, size_t a, size_t n)
{
    if (areas[a].ends_at >= n)
        return;
    const size_t i = areas[a].ends_at > 0 ? areas[a].ends_at - 1 : 0;
    const double middle = (sum_below(areas, a, i) + sum_below(areas, a + 1, i)) / 2;
    const double x = fmin(fmax(stack_x(i, n), 4), STACK_WIDTH - 4);
    const double y = fmin(fmax(STACK_HEIGHT * (1 - middle), 4), STACK_HEIGHT - 4);
    onp_strbuf_addf(s, "<path class=\"cross\" d=\"M%.1f %.1fl6 6m0 -6l-6 6\"><title>", x - 3,
                    y - 3);
    onp_html_text(s, areas[a].label);
    onp_strbuf_adds(s, "</title></path>");
}

void onp_chart_stack(onp_strbuf *s, const char *title, const onp_chart_area *areas, size_t n_areas,
                     size_t n)
{
    onp_strbuf_addf(s, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", STACK_WIDTH,
                    STACK_HEIGHT);
    onp_html_text(s, title);
    onp_strbuf_adds(s, "\">");
    for (size_t a = 0; a < n_areas; a++)
        draw_area(s, areas, a, n);
    for (size_t a = 0; a < n_areas; a++)
        mark_end(s, areas, a, n);
    onp_strbuf_adds(s, "</svg>");
}
