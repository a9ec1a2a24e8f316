/* SPDX-License-Identifier: Apache-2.0 */
/* The derived network, block by block, with the latency rows that predicted it. */
#include <stdio.h>

#include "report/html.h"
#include "report/sections.h"

typedef struct latency_row {
    bool known;
    int64_t ns;
    char source[32], quality[32];
} latency_row;

static onp_status read_row(void *user, sqlite3_stmt *q, onp_error *err)
{
    (void)err;
    latency_row *row = user;
    row->known = true;
    row->ns = sqlite3_column_int64(q, 0);
    (void)snprintf(row->source, sizeof row->source, "%s", onp_run_text(q, 1));
    (void)snprintf(row->quality, sizeof row->quality, "%s", onp_run_text(q, 2));
    return ONP_OK;
}

/* Zero and identity cost 0 by definition and have no row. */
static onp_status find_row(const onp_run_view *v, const onp_block *b, const char *key,
                           latency_row *row, onp_error *err)
{
    *row = (latency_row){0};
    if (onp_block_is_free(b)) {
        *row = (latency_row){.known = true, .source = "definition"};
        return ONP_OK;
    }
    return onp_run_view_rows(v, "SELECT ns, source, quality FROM latency WHERE key = ?", &key, 1,
                             read_row, row, err);
}

static void add_int(onp_strbuf *s, int32_t value, bool has)
{
    if (has)
        onp_strbuf_addf(s, "<td class=\"n\">%d</td>", (int)value);
    else
        onp_strbuf_adds(s, "<td class=\"n\"></td>");
}

static void add_counts(onp_strbuf *s, int64_t n_params, int64_t n_macs)
{
    onp_strbuf_adds(s, "<td class=\"n\">");
    onp_html_count(s, n_params);
    onp_strbuf_adds(s, "</td><td class=\"n\">");
    onp_html_count(s, n_macs);
    onp_strbuf_adds(s, "</td></tr>\n");
}

static void add_block(onp_strbuf *s, int32_t i, const onp_block *b, const char *key,
                      const latency_row *row)
{
    char name[32];
    onp_block_short_name(b, name);
    onp_strbuf_addf(s, "<tr><td class=\"n\">%d</td>", (int)i);
    onp_html_cell_text(s, name);
    onp_strbuf_adds(s, "<td><code>");
    onp_html_text(s, key);
    onp_strbuf_adds(s, "</code></td>");
    add_int(s, b->kernel, onp_block_has_kernel(b));
    add_int(s, b->expand, b->kind == ONP_BLOCK_MBCONV);
    onp_strbuf_adds(s, "<td class=\"n\">");
    if (row->known)
        onp_html_ms(s, (double)row->ns / 1e6);
    else
        onp_html_missing(s, "no row");
    onp_strbuf_adds(s, "</td>");
    onp_html_cell_text(s, row->source);
    onp_html_cell_text(s, row->quality);
    add_counts(s, onp_block_n_params(b), onp_block_n_macs(b));
}

static void add_sum(onp_strbuf *s, const onp_arch *arch, double ms, int n_missing)
{
    onp_strbuf_adds(s, "<tr class=\"sum\"><td></td><td>all</td><td></td><td></td><td></td>"
                       "<td class=\"n\">");
    if (n_missing == 0) {
        onp_html_ms(s, ms);
    } else {
        char why[64];
        (void)snprintf(why, sizeof why, "%d blocks without a row", n_missing);
        onp_html_missing(s, why);
    }
    onp_strbuf_adds(s, "</td><td>sum of the rows</td><td></td>");
    add_counts(s, onp_arch_n_params(arch), onp_arch_n_macs(arch));
}

static onp_status add_blocks(const onp_run_view *v, onp_strbuf *s, onp_error *err)
{
    double ms = 0;
    int n_missing = 0;
    for (int32_t i = 0; i < v->arch->n_blocks; i++) {
        const onp_block *b = &v->arch->blocks[i];
        char key[ONP_BLOCK_KEY];
        latency_row row;
        onp_block_key(b, key);
        ONP_TRY(find_row(v, b, key, &row, err));
        add_block(s, i, b, key, &row);
        ms += (double)row.ns / 1e6;
        n_missing += !row.known;
    }
    add_sum(s, v->arch, ms, n_missing);
    return ONP_OK;
}

onp_status onp_section_network(const onp_run_view *v, onp_strbuf *s, onp_error *err)
{
    static const char *const heads[] = {"#block",      "name",     "key",    "#kernel",
                                        "#expansion",  "#latency", "source", "quality",
                                        "#parameters", "#MACs",    NULL};
    onp_strbuf_adds(s, "<h2>The network</h2>\n");
    if (v->arch == NULL) {
        onp_html_missing(s, "no network has been derived yet: the folder has no arch.json");
        return ONP_OK;
    }
    onp_strbuf_adds(s, "<p class=\"note\">From arch.json; latencies are the rows that the search "
                       "used, batch norm folded, each block by itself.</p>\n");
    onp_html_table_begin(s, heads);
    onp_status st = add_blocks(v, s, err);
    onp_html_table_end(s);
    return st;
}
