/* SPDX-License-Identifier: Apache-2.0 */
/* What the run wrote down: events, latency rows, manifest, configuration. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "report/html.h"
#include "report/sections.h"

/* What a row needs to be appended. */
typedef struct writer {
    const onp_run_view *view;
    onp_strbuf *s;
    int64_t n;
} writer;

/* ---- events ---- */

static onp_status add_event(void *user, sqlite3_stmt *q, onp_error *err)
{
    static const char *const heads[] = {"#step", "phase", "kind", "what", NULL};
    (void)err;
    writer *w = user;
    if (w->n++ == 0)
        onp_html_table_begin(w->s, heads);
    onp_strbuf_adds(w->s, "<tr><td class=\"n\">");
    onp_html_count(w->s, sqlite3_column_int64(q, 0));
    onp_strbuf_adds(w->s, "</td>");
    onp_html_cell_text(w->s, onp_run_text(q, 1));
    onp_html_cell_text(w->s, onp_run_text(q, 2));
    onp_strbuf_adds(w->s, "<td class=\"wrap\">");
    onp_html_text(w->s, onp_run_text(q, 3));
    onp_strbuf_adds(w->s, "</td></tr>\n");
    return ONP_OK;
}

onp_status onp_section_events(const onp_run_view *v, onp_strbuf *s, onp_error *err)
{
    writer w = {.view = v, .s = s};
    ONP_TRY(onp_run_view_rows(v, "SELECT tick, phase, kind, text FROM event ORDER BY id", NULL, 0,
                              add_event, &w, err));
    if (w.n > 0)
        onp_html_table_end(s);
    else
        onp_html_missing(s, "nothing was pruned, resumed or warned of");
    return ONP_OK;
}

/* ---- latency rows ---- */

static onp_status add_quality(void *user, sqlite3_stmt *q, onp_error *err)
{
    (void)err;
    writer *w = user;
    onp_strbuf_adds(w->s, w->n++ == 0 ? "" : ", ");
    onp_html_count(w->s, sqlite3_column_int64(q, 2));
    onp_strbuf_adds(w->s, " ");
    onp_html_text(w->s, onp_run_text(q, 0));
    onp_strbuf_adds(w->s, " and ");
    onp_html_text(w->s, onp_run_text(q, 1));
    return ONP_OK;
}

static onp_status add_latency(void *user, sqlite3_stmt *q, onp_error *err)
{
    (void)err;
    writer *w = user;
    onp_strbuf_adds(w->s, "<tr><td><code>");
    onp_html_text(w->s, onp_run_text(q, 0));
    onp_strbuf_adds(w->s, "</code></td><td class=\"n\">");
    onp_html_ms(w->s, (double)sqlite3_column_int64(q, 1) / 1e6);
    onp_strbuf_adds(w->s, "</td>");
    onp_html_cell_text(w->s, onp_run_text(q, 2));
    onp_html_cell_text(w->s, onp_run_text(q, 3));
    onp_strbuf_adds(w->s, "</tr>\n");
    return ONP_OK;
}

static onp_status read_count(void *user, sqlite3_stmt *q, onp_error *err)
{
    (void)err;
    int64_t *n = user;
    n[0] = sqlite3_column_int64(q, 0);
    n[1] = sqlite3_column_int64(q, 1);
    return ONP_OK;
}

/* Rows that are not ok are used all the same; how many there are stands in the open. */
static onp_status add_summary(const onp_run_view *v, onp_strbuf *s, const int64_t n[2],
                              onp_error *err)
{
    writer w = {.view = v, .s = s};
    onp_strbuf_adds(s, "<p>");
    onp_html_count(s, n[0]);
    onp_strbuf_adds(s, " rows");
    if (v->device[0] != '\0') {
        onp_strbuf_adds(s, " of ");
        onp_html_text(s, v->device);
    }
    onp_strbuf_adds(s, ": ");
    ONP_TRY(onp_run_view_rows(v,
                              "SELECT source, quality, count(*) FROM latency"
                              " GROUP BY source, quality ORDER BY count(*) DESC, source, quality",
                              NULL, 0, add_quality, &w, err));
    onp_strbuf_adds(s, ". ");
    if (n[1] > 0) {
        onp_strbuf_adds(s, "<span class=\"bad\">");
        onp_html_count(s, n[1]);
        onp_strbuf_adds(s, " of them not ok</span> (noisy, throttled or bimodal), used as they "
                           "are. ");
    }
    onp_strbuf_adds(s, "A row is the median time of one block, batch norm folded, copied into the "
                       "run when it began; the table it came from keeps the samples.</p>\n");
    return ONP_OK;
}

onp_status onp_section_latencies(const onp_run_view *v, onp_strbuf *s, onp_error *err)
{
    static const char *const heads[] = {"block", "#latency", "source", "quality", NULL};
    writer w = {.view = v, .s = s};
    int64_t n[2] = {0};
    ONP_TRY(onp_run_view_rows(v,
                              "SELECT count(*), count(*) FILTER (WHERE quality != 'ok')"
                              " FROM latency",
                              NULL, 0, read_count, n, err));
    if (n[0] == 0) {
        onp_html_missing(s, "this run has used none");
        return ONP_OK;
    }
    ONP_TRY(add_summary(v, s, n, err));
    onp_strbuf_adds(s, "<details><summary>All rows</summary>\n");
    onp_html_table_begin(s, heads);
    ONP_TRY(onp_run_view_rows(v, "SELECT key, ns, source, quality FROM latency ORDER BY key", NULL,
                              0, add_latency, &w, err));
    onp_html_table_end(s);
    onp_strbuf_adds(s, "</details>\n");
    return ONP_OK;
}

/* ---- manifest and configuration ---- */

static onp_status add_fact(onp_strbuf *s, const char *section, const char *key, const json_t *value,
                           onp_error *err)
{
    onp_strbuf_adds(s, "<tr><td>");
    onp_html_text(s, section);
    onp_strbuf_adds(s, section[0] != '\0' ? "." : "");
    onp_html_text(s, key);
    onp_strbuf_adds(s, "</td><td class=\"wrap\">");
    onp_status st = ONP_OK;
    if (json_is_string(value)) {
        onp_html_text(s, json_string_value(value));
    } else {
        onp_strbuf text;
        onp_strbuf_init(&text, s->ctx);
        st = onp_json_dump(value, 0, &text, err);
        if (st == ONP_OK)
            st = onp_strbuf_status(&text, err);
        if (st == ONP_OK)
            onp_html_text(s, text.text);
        onp_strbuf_reset(&text);
    }
    onp_strbuf_adds(s, "</td></tr>\n");
    return st;
}

static onp_status add_facts(onp_strbuf *s, const char *section, json_t *object, onp_error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) ONP_TRY(add_fact(s, section, key, value, err));
    return ONP_OK;
}

/* The platform's own entries; a run of an older onepath has its signature only. */
static onp_status add_platform(onp_strbuf *s, const json_t *manifest, onp_error *err)
{
    const char *text =
        json_string_value(json_object_get(json_object_get(manifest, "facts"), "platform_is"));
    json_t *platform = NULL;
    if (text == NULL)
        return ONP_OK;
    ONP_TRY(onp_json_parse(text, strlen(text), "manifest.json: platform_is", &platform, err));
    onp_status st = add_facts(s, "platform", platform, err);
    json_decref(platform);
    return st;
}

/* One row for each entry, objects one level deep. The configuration has a section of its own. */
static onp_status add_manifest(onp_strbuf *s, json_t *manifest, onp_error *err)
{
    static const char *const heads[] = {"entry", "value", NULL};
    const char *key;
    json_t *value;
    onp_html_table_begin(s, heads);
    ONP_TRY(add_platform(s, manifest, err));
    json_object_foreach(manifest, key, value)
    {
        if (strcmp(key, "config") == 0)
            continue;
        if (json_is_object(value))
            ONP_TRY(add_facts(s, key, value, err));
        else
            ONP_TRY(add_fact(s, "", key, value, err));
    }
    onp_html_table_end(s);
    return ONP_OK;
}

onp_status onp_section_origin(const onp_run_view *v, onp_strbuf *s, onp_error *err)
{
    onp_strbuf_adds(s, "<p class=\"note\">From manifest.json: what latencies were measured on, "
                       "versions, seed, hashes.</p>\n");
    return add_manifest(s, v->manifest, err);
}

onp_status onp_section_config(const onp_run_view *v, onp_strbuf *s, onp_error *err)
{
    (void)err;
    onp_strbuf_adds(s, "<p class=\"note\">config.yaml: every setting that was in force, defaults "
                       "included.</p>\n<pre tabindex=\"0\">");
    onp_html_text(s, v->config);
    onp_strbuf_adds(s, "</pre>\n");
    return ONP_OK;
}
