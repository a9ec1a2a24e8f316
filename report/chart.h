/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small charts as inline SVG: lines over the epochs of a run, and areas that stack to one. Colours
 * are classes of the page's style sheet. A legend, where there are several series, is HTML above
 * the picture, so that its text does not shrink with it.
 *
 *     const onp_chart_line lines[] = {{"training", train}, {"validation", validation}};
 *     const onp_chart_level levels[] = {{"budget", 0.8}};
 *     const onp_chart chart = {.title = "Expected latency", .unit = "ms", .scale = 1, ...};
 *     onp_chart_lines(page, view, &chart);
 */
#ifndef ONP_REPORT_CHART_H
#define ONP_REPORT_CHART_H

#include "report/run_view.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_CHART_COLOURS 8

typedef struct onp_chart_line {
    const char *label;
    const double *values; /* one for each epoch of the run, NAN where there is none */
} onp_chart_line;

typedef struct onp_chart_level {
    const char *label;
    double value; /* NAN: not drawn */
} onp_chart_level;

typedef struct onp_chart {
    const char *title, *unit;
    double scale; /* of values, for the eye: 100 for shares in % */
    const onp_chart_line *lines;
    size_t n_lines;
    const onp_chart_level *levels; /* horizontal, dashed */
    size_t n_levels;
} onp_chart;

/* A <figure>, which says so when there is nothing to draw. */
void onp_chart_lines(onp_strbuf *s, const onp_run_view *v, const onp_chart *chart);

/* One area of a stack. */
typedef struct onp_chart_area {
    const char *label;
    const double *values; /* n of 0..1 */
    size_t ends_at;       /* the first of n that it is no longer part of (marked), n: it stays */
    int colour;           /* 0..ONP_CHART_COLOURS-1; -1: grey */
} onp_chart_area;

/* Areas from the bottom up; title: for those who cannot see it. n >= 1. */
void onp_chart_stack(onp_strbuf *s, const char *title, const onp_chart_area *areas, size_t n_areas,
                     size_t n);

#ifdef __cplusplus
}
#endif
#endif
