/* SPDX-License-Identifier: Apache-2.0 */
#include "report/report.h"

#include <stdlib.h>

#include "report/html.h"
#include "report/sections.h"

/* In the order of the page. */
static const struct {
    const char *id, *title;
    onp_section write;
} sections[] = {
    {"result", "Result", onp_section_headline},
    {"epochs", "Over the epochs", onp_section_curves},
    {"paths", "Paths", onp_section_paths},
    {"winners", "What won, and at what cost", onp_section_winners},
    {"network", "The network", onp_section_network},
    {"graph", "Graph and memory", onp_section_graph},
    {"answers", "Answers on the test set", onp_section_answers},
    {"latencies", "Latency rows", onp_section_latencies},
    {"events", "Events", onp_section_events},
    {"platform", "Platform and origin", onp_section_origin},
    {"configuration", "Configuration", onp_section_config},
};

/* ---- scripts ---- */

/* As it stands between its tags: what an XML parser would take for markup is set apart. */
static void add_script(onp_strbuf *s, const unsigned char *text, size_t size)
{
    onp_strbuf_adds(s, "//<![CDATA[\n");
    onp_strbuf_add(s, (const char *)text, size);
    onp_strbuf_adds(s, "\n//]]>\n");
}

static void add_digest(onp_strbuf *s, const char *hex)
{
    unsigned char bytes[(ONP_SHA256_HEX - 1) / 2];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)strtoul((char[]){hex[2 * i], hex[2 * i + 1], '\0'}, NULL, 16);
    onp_strbuf_add_base64(s, bytes, sizeof bytes);
}

/* For the policy: only a script with this digest runs. */
static void allow_script(onp_strbuf *s, const unsigned char *text, size_t size)
{
    char hex[ONP_SHA256_HEX];
    onp_strbuf script;
    onp_strbuf_init(&script, s->ctx);
    add_script(&script, text, size);
    onp_sha256(script.text, script.length, hex);
    s->failed = s->failed || script.failed;
    onp_strbuf_reset(&script);
    onp_strbuf_adds(s, " &#39;sha256-");
    add_digest(s, hex);
    onp_strbuf_adds(s, "&#39;");
}

/* ---- the page ---- */

/* The policy holds the page to its promise: nothing is fetched, only our own two scripts run. */
static void begin_page(onp_strbuf *s, const onp_run_view *v)
{
    onp_strbuf_adds(s,
                    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\n"
                    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
                    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
                    "&#39;none&#39;; img-src data:; style-src &#39;unsafe-inline&#39;; script-src");
    allow_script(s, onp_report_chart_js, onp_report_chart_js_size);
    allow_script(s, onp_report_page_js, onp_report_page_js_size);
    onp_strbuf_adds(s, "\"/>\n<title>");
    onp_html_text(s, v->folder);
    onp_strbuf_adds(s, " - onepath</title>\n<style>\n");
    onp_strbuf_add(s, (const char *)onp_report_page_css, onp_report_page_css_size);
    onp_strbuf_adds(s, "</style></head><body>\n<header><h1>");
    onp_html_text(s, v->folder);
    onp_strbuf_adds(s, "</h1><button type=\"button\" id=\"theme\" hidden=\"hidden\">Dark colours"
                       "</button></header>\n<nav aria-label=\"Sections\">");
    for (size_t i = 0; i < ONP_COUNT(sections); i++)
        onp_strbuf_addf(s, "<a href=\"#%s\">%s</a>", sections[i].id, sections[i].title);
    onp_strbuf_adds(s, "</nav>\n<main>\n");
}

static void end_page(onp_strbuf *s)
{
    onp_strbuf_adds(s, "</main>\n<footer><p class=\"note\">Written by onepath " ONEPATH_VERSION
                       " from the files of the run folder. Charts by Chart.js, which is in this "
                       "page (MIT licence).</p></footer>\n<script>");
    add_script(s, onp_report_chart_js, onp_report_chart_js_size);
    onp_strbuf_adds(s, "</script>\n<script>");
    add_script(s, onp_report_page_js, onp_report_page_js_size);
    onp_strbuf_adds(s, "</script>\n</body></html>\n");
}

static onp_status build_page(const onp_run_view *v, onp_strbuf *s, onp_error *err)
{
    begin_page(s, v);
    for (size_t i = 0; i < ONP_COUNT(sections); i++) {
        onp_strbuf_addf(s, "<section id=\"%s\"><h2>%s</h2>\n", sections[i].id, sections[i].title);
        ONP_TRY(sections[i].write(v, s, err));
        onp_strbuf_adds(s, "</section>\n");
    }
    end_page(s);
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
