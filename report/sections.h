/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sections of the page, each a function that appends what stands below its title to s; a new
 * section is one function and one line in report.c. Errors of all: those of reading the run
 * (report/run_view.h).
 */
#ifndef ONP_REPORT_SECTIONS_H
#define ONP_REPORT_SECTIONS_H

#include "report/run_view.h"

typedef onp_status (*onp_section)(const onp_run_view *v, onp_strbuf *s, onp_error *err);

/* What came out: accuracy, latency measured and predicted, budget, size. */
onp_status onp_section_headline(const onp_run_view *v, onp_strbuf *s, onp_error *err) ONP_MUST_USE;
/* Accuracy, loss, expected latency, entropy over the epochs. */
onp_status onp_section_curves(const onp_run_view *v, onp_strbuf *s, onp_error *err) ONP_MUST_USE;
/* How the probabilities of each block's candidates went. */
onp_status onp_section_paths(const onp_run_view *v, onp_strbuf *s, onp_error *err) ONP_MUST_USE;
/* Which kinds of candidates won where, and what they cost. */
onp_status onp_section_winners(const onp_run_view *v, onp_strbuf *s, onp_error *err) ONP_MUST_USE;
/* The derived network, block by block. */
onp_status onp_section_network(const onp_run_view *v, onp_strbuf *s, onp_error *err) ONP_MUST_USE;
/* The graph and the memory of the derived network, as pictures. */
onp_status onp_section_graph(const onp_run_view *v, onp_strbuf *s, onp_error *err) ONP_MUST_USE;
/* What it answered on the test set: confusion matrix, the images it got most wrong. */
onp_status onp_section_answers(const onp_run_view *v, onp_strbuf *s, onp_error *err) ONP_MUST_USE;
/* Prunes, resumes, warnings. */
onp_status onp_section_events(const onp_run_view *v, onp_strbuf *s, onp_error *err) ONP_MUST_USE;
/* The latencies that the search used. */
onp_status onp_section_latencies(const onp_run_view *v, onp_strbuf *s, onp_error *err) ONP_MUST_USE;
/* The manifest. */
onp_status onp_section_origin(const onp_run_view *v, onp_strbuf *s, onp_error *err) ONP_MUST_USE;
/* The effective configuration. */
onp_status onp_section_config(const onp_run_view *v, onp_strbuf *s, onp_error *err) ONP_MUST_USE;

/* Files compiled in (cmake/Embed.cmake). */
extern const unsigned char onp_report_chart_js[], onp_report_page_js[], onp_report_page_css[];
extern const size_t onp_report_chart_js_size, onp_report_page_js_size, onp_report_page_css_size;

#endif
