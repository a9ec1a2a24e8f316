/* SPDX-License-Identifier: Apache-2.0 */
#include "report/report.h"

#include "report/html.h"
#include "report/sections.h"

/* In the order of the page. */
static onp_status (*const sections[])(const onp_run_view *v, onp_strbuf *s, onp_error *err) = {
    onp_section_headline, onp_section_curves, onp_section_paths,     onp_section_network,
    onp_section_graph,    onp_section_events, onp_section_latencies, onp_section_origin,
};

/* The policy in the head holds the page to its promise: nothing is fetched, nothing runs. */
static void begin_page(onp_strbuf *s, const onp_run_view *v)
{
    onp_strbuf_adds(s, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\n"
                       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
                       "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
                       "&#39;none&#39;; style-src &#39;unsafe-inline&#39;\"/>\n<title>");
    onp_html_text(s, v->folder);
    onp_strbuf_adds(s, " - onepath</title>\n<style>\n");
    for (const char *const *part = onp_report_style; *part != NULL; part++)
        onp_strbuf_adds(s, *part);
    onp_strbuf_adds(s, "</style></head><body>\n<h1>");
    onp_html_text(s, v->folder);
    onp_strbuf_adds(s, "</h1>\n");
}

static onp_status build_page(const onp_run_view *v, onp_strbuf *s, onp_error *err)
{
    begin_page(s, v);
    for (size_t i = 0; i < ONP_COUNT(sections); i++)
        ONP_TRY(sections[i](v, s, err));
    onp_strbuf_adds(s, "<p class=\"note\">Written by onepath " ONEPATH_VERSION
                       " from the files of the run folder.</p>\n</body></html>\n");
    return onp_strbuf_status(s, err);
}

static onp_status write_page(const onp_run_view *v, onp_error *err)
{
    char path[4096];
    onp_strbuf page;
    ONP_TRY(onp_path_join(path, sizeof path, v->folder, ONP_REPORT_FILE, err));
    onp_strbuf_init(&page, v->ctx);
    onp_status st = build_page(v, &page, err);
    if (st == ONP_OK)
        st = onp_file_write_atomic(path, page.text, page.length, err);
    onp_strbuf_reset(&page);
    return st;
}

onp_status onp_report_write(const onp_context *ctx, const char *run_folder, onp_error *err)
{
    onp_run_view view;
    onp_status st = onp_run_view_open(ctx, run_folder, &view, err);
    if (st == ONP_OK)
        st = write_page(&view, err);
    onp_run_view_close(&view);
    return st;
}
