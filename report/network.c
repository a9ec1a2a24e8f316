/* SPDX-License-Identifier: Apache-2.0 */
/* The derived network, block by block, with the latency rows that predicted it. */
#include <stdio.h>

#include "report/html.h"
#include "report/sections.h"

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

static void add_ms_cell(onp_strbuf *s, bool known, int64_t ns)
{
    onp_strbuf_adds(s, "<td class=\"n\">");
    if (known)
        onp_html_ms(s, (double)ns / 1e6);
    onp_strbuf_adds(s, "</td>");
}

/* The latencies of what could have stood there, where there was a choice. */
static void add_range(const onp_run_view *v, const onp_block *b, onp_strbuf *s)
{
    int64_t low, high;
    const int n = onp_run_view_range(v, b, &low, &high);
    add_ms_cell(s, n > 1, low);
    add_ms_cell(s, n > 1, high);
}

static void add_latency(const onp_run_view *v, const onp_block *b, const onp_run_cost *row,
                        onp_strbuf *s)
{
    const bool is_free = onp_block_is_free(b);
    if (row == NULL && !is_free) {
        onp_strbuf_adds(s, "<td class=\"n\">");
        onp_html_missing(s, "no row");
        onp_strbuf_adds(s, "</td>");
    } else {
        add_ms_cell(s, true, is_free ? 0 : row->ns);
    }
    add_range(v, b, s);
    onp_html_cell_text(s, is_free ? "definition" : row != NULL ? row->source : "");
    onp_html_cell_text(s, row != NULL ? row->quality : "");
}

static void add_block(const onp_run_view *v, int32_t i, const onp_run_cost *row, onp_strbuf *s)
{
    const onp_block *b = &v->arch->blocks[i];
    char name[32], key[ONP_BLOCK_KEY];
    onp_block_short_name(b, name);
    onp_block_key(b, key);
    onp_strbuf_addf(s, "<tr><th scope=\"row\" class=\"n\">%d</th>", (int)i);
    onp_html_cell_text(s, name);
    add_latency(v, b, row, s);
    add_int(s, b->kernel, onp_block_has_kernel(b));
    add_int(s, b->expand, b->expand > 0);
    onp_strbuf_adds(s, "<td><code>");
    onp_html_text(s, key);
    onp_strbuf_adds(s, "</code></td>");
    add_counts(s, onp_block_n_params(b), onp_block_n_macs(b));
}

static void add_sum(onp_strbuf *s, const onp_arch *arch, int64_t ns, int n_missing)
{
    onp_strbuf_adds(s, "</tbody><tfoot><tr class=\"sum\"><td></td><td>all</td>");
    if (n_missing == 0) {
        add_ms_cell(s, true, ns);
    } else {
        char why[64];
        (void)snprintf(why, sizeof why, "%d blocks without a row", n_missing);
        onp_strbuf_adds(s, "<td class=\"n\">");
        onp_html_missing(s, why);
        onp_strbuf_adds(s, "</td>");
    }
    onp_strbuf_adds(s, "<td></td><td></td><td>sum of the rows</td><td></td><td></td><td></td>"
                       "<td></td>");
    add_counts(s, onp_arch_n_params(arch), onp_arch_n_macs(arch));
    onp_strbuf_adds(s, "</tfoot>");
}

static void add_blocks(const onp_run_view *v, onp_strbuf *s)
{
    int64_t ns = 0;
    int n_missing = 0;
    for (int32_t i = 0; i < v->arch->n_blocks; i++) {
        const onp_block *b = &v->arch->blocks[i];
        const onp_run_cost *row = onp_block_is_free(b) ? NULL : onp_run_view_cost(v, b);
        add_block(v, i, row, s);
        ns += row != NULL ? row->ns : 0;
        n_missing += row == NULL && !onp_block_is_free(b);
    }
    add_sum(s, v->arch, ns, n_missing);
}

onp_status onp_section_network(const onp_run_view *v, onp_strbuf *s, onp_error *err)
{
    static const char *const heads[] = {
        "#block",      "name",    "#latency", "#cheapest there", "#dearest there",
        "source",      "quality", "#kernel",  "#expansion",      "key",
        "#parameters", "#MACs",   NULL};
    (void)err;
    if (v->arch == NULL) {
        onp_html_missing(s, "no network has been derived yet: the folder has no arch.json");
        return ONP_OK;
    }
    onp_strbuf_adds(s, "<p class=\"note\">From arch.json; latencies are the rows that the search "
                       "used, batch norm folded, each block by itself. Cheapest and dearest: of "
                       "all rows with that input and output.</p>\n");
    onp_html_figure_begin(s,
                          "data-chart=\"bars\" data-label=\"0 1\" data-value=\"2\" data-low=\"3\" "
                          "data-high=\"4\" data-unit=\"ms\" data-name=\"the block\" "
                          "data-span=\"cheapest to dearest candidate there\"");
    onp_strbuf_adds(s, "Latency of each block");
    onp_html_figure_table(s, heads, false);
    add_blocks(v, s);
    onp_html_figure_end(s);
    return ONP_OK;
}
