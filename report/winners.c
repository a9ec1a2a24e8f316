/* SPDX-License-Identifier: Apache-2.0 */
/* Which candidates won where, and what they cost: tables, and sentences made from them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/html.h"
#include "report/sections.h"
#include "supernet/supernet.h"

enum { MAX_NAMES = 64, MAX_MAPS = 16, NAME = 32 };

/* One candidate, over all places. */
typedef struct contender {
    char name[NAME], kind[NAME]; /* kind: "" when nothing tells */
    int n_offered, n_won, won_at[MAX_MAPS];
    int64_t ns;          /* of the blocks that it won */
    int64_t median_cost; /* in thousandths of the cheapest at its place; 0: not known */
} contender;

typedef struct winners {
    const onp_run_view *view;
    contender list[MAX_NAMES];
    int n;
    bool is_choice[ONP_MAX_POSITIONS];
    int n_choices, n_cheapest, n_dearest, n_free;
    int32_t maps[MAX_MAPS][2]; /* input maps of the places, in order */
    int n_maps;
    int64_t ns, dearest_ns; /* of the blocks with a choice; with the dearest candidates there */
    double mean_p, least_p; /* of their most probable candidates at the end */
} winners;

/* ---- counting ---- */

static void kind_of(const onp_block *b, char kind[NAME])
{
    char key[ONP_BLOCK_KEY];
    onp_block_key(b, key);
    (void)snprintf(kind, NAME, "%.*s", (int)strcspn(key, " "), key);
}

/* Names beyond the last place share it. */
static contender *contender_of(winners *w, const char *name)
{
    for (int i = 0; i < w->n; i++)
        if (strcmp(w->list[i].name, name) == 0)
            return &w->list[i];
    if (w->n == MAX_NAMES)
        return &w->list[MAX_NAMES - 1];
    (void)snprintf(w->list[w->n].name, NAME, "%s", name);
    return &w->list[w->n++];
}

static onp_status read_offer(void *user, sqlite3_stmt *q, onp_error *err)
{
    (void)err;
    winners *w = user;
    contender_of(w, onp_run_text(q, 0))->n_offered = sqlite3_column_int(q, 1);
    return ONP_OK;
}

static onp_status read_choice(void *user, sqlite3_stmt *q, onp_error *err)
{
    (void)err;
    winners *w = user;
    const int64_t position = sqlite3_column_int64(q, 0);
    if (position >= 0 && position < ONP_MAX_POSITIONS && position < w->view->arch->n_blocks) {
        w->is_choice[position] = true;
        w->n_choices++;
    }
    return ONP_OK;
}

static int map_of(winners *w, const onp_block *b)
{
    for (int i = 0; i < w->n_maps; i++)
        if (w->maps[i][0] == b->in_h && w->maps[i][1] == b->in_w)
            return i;
    if (w->n_maps == MAX_MAPS)
        return MAX_MAPS - 1;
    w->maps[w->n_maps][0] = b->in_h;
    w->maps[w->n_maps][1] = b->in_w;
    return w->n_maps++;
}

static void count_block(winners *w, const onp_block *b)
{
    char name[NAME];
    int64_t low, high;
    onp_block_short_name(b, name);
    contender *c = contender_of(w, name);
    const onp_run_cost *row = onp_block_is_free(b) ? NULL : onp_run_view_cost(w->view, b);
    kind_of(b, c->kind);
    c->n_won++;
    c->won_at[map_of(w, b)]++;
    w->n_free += onp_block_is_free(b);
    const bool has_range = onp_run_view_range(w->view, b, &low, &high) > 0;
    w->dearest_ns += has_range ? high : 0;
    if (row == NULL)
        return;
    c->ns += row->ns;
    w->ns += row->ns;
    if (has_range && low < high) {
        w->n_cheapest += row->ns == low;
        w->n_dearest += row->ns == high;
    }
}

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The median over the places with a choice of what it costs there against the cheapest. */
static void find_cost(winners *w, contender *c)
{
    const onp_run_view *v = w->view;
    int64_t ratio[ONP_MAX_POSITIONS], low, high;
    size_t n = 0;
    for (int32_t p = 0; p < v->arch->n_blocks && p < ONP_MAX_POSITIONS; p++) {
        const onp_block *b = &v->arch->blocks[p];
        if (!w->is_choice[p] || onp_run_view_range(v, b, &low, &high) == 0 || low < 1)
            continue;
        for (size_t i = 0; i < v->n_costs; i++)
            if (strcmp(v->costs[i].name, c->name) == 0 && onp_run_same_place(&v->costs[i], b)) {
                kind_of(&v->costs[i].block, c->kind);
                ratio[n++] = v->costs[i].ns * 1000 / low;
                break;
            }
    }
    if (c->kind[0] == '\0') /* zero, identity: no rows, no wins */
        (void)snprintf(c->kind, NAME, "%s", c->name);
    if (n == 0)
        return;
    qsort(ratio, n, sizeof *ratio, compare);
    c->median_cost = (ratio[(n - 1) / 2] + ratio[n / 2]) / 2;
}

static onp_status read_certainty(void *user, sqlite3_stmt *q, onp_error *err)
{
    (void)err;
    winners *w = user;
    w->mean_p = sqlite3_column_double(q, 0);
    w->least_p = sqlite3_column_double(q, 1);
    return ONP_OK;
}

static onp_status count_all(winners *w, onp_error *err)
{
    const onp_run_view *v = w->view;
    ONP_TRY(onp_run_view_rows(v,
                              "SELECT name, count(DISTINCT position) FROM alpha WHERE position IN"
                              " (SELECT position FROM alpha WHERE candidate > 0)"
                              " GROUP BY name ORDER BY min(candidate), name",
                              NULL, 0, read_offer, w, err));
    ONP_TRY(onp_run_view_rows(v,
                              "SELECT DISTINCT position FROM alpha WHERE candidate > 0"
                              " ORDER BY position",
                              NULL, 0, read_choice, w, err));
    ONP_TRY(onp_run_view_rows(v,
                              "SELECT avg(p), min(p) FROM (SELECT max(p) AS p FROM alpha WHERE"
                              " tick = (SELECT max(tick) FROM alpha)"
                              " GROUP BY position HAVING count(*) > 1)",
                              NULL, 0, read_certainty, w, err));
    for (int32_t p = 0; p < v->arch->n_blocks && p < ONP_MAX_POSITIONS; p++)
        if (w->is_choice[p])
            count_block(w, &v->arch->blocks[p]);
    for (int i = 0; i < w->n; i++)
        find_cost(w, &w->list[i]);
    return ONP_OK;
}

/* ---- sentences ---- */

static double share(int64_t part, int64_t all)
{
    return all > 0 ? (double)part / (double)all : 0;
}

static const char *blocks(int n)
{
    return n == 1 ? "block" : "blocks";
}

/* Every kind with what it won, in the order of the candidates. */
static void tell_kinds(const winners *w, onp_strbuf *s)
{
    bool told[MAX_NAMES] = {false};
    const char *before = "";
    onp_strbuf_addf(s, "<p>Of %d blocks with a choice, ", w->n_choices);
    for (int i = 0; i < w->n; i++) {
        int n_won = 0;
        int64_t ns = 0;
        if (told[i])
            continue;
        for (int j = i; j < w->n; j++)
            if (strcmp(w->list[j].kind, w->list[i].kind) == 0) {
                told[j] = true;
                n_won += w->list[j].n_won;
                ns += w->list[j].ns;
            }
        onp_strbuf_addf(s, "%s%d became <b>", before, n_won);
        onp_html_text(s, w->list[i].kind);
        onp_strbuf_adds(s, "</b>");
        if (n_won > 0)
            onp_strbuf_addf(s, " (%.0f %% of them, %.0f %% of their latency)",
                            100 * share(n_won, w->n_choices), 100 * share(ns, w->ns));
        before = ", ";
    }
    onp_strbuf_adds(s, ".");
}

static void tell_costs(const winners *w, onp_strbuf *s)
{
    const contender *least = NULL, *most = NULL;
    for (int i = 0; i < w->n; i++) {
        const contender *c = &w->list[i];
        if (c->median_cost > 0 && (least == NULL || c->median_cost < least->median_cost))
            least = c;
        if (c->median_cost > 0 && (most == NULL || c->median_cost > most->median_cost))
            most = c;
    }
    if (least == NULL || most->median_cost <= least->median_cost)
        return;
    onp_strbuf_adds(s, " At the same place ");
    onp_html_text(s, most->name);
    onp_strbuf_addf(s, " takes %.1f times as long as ",
                    (double)most->median_cost / (double)least->median_cost);
    onp_html_text(s, least->name);
    onp_strbuf_addf(s, " (medians); the one won %d %s, the other %d.", most->n_won,
                    blocks(most->n_won), least->n_won);
}

static void tell_time(const winners *w, onp_strbuf *s)
{
    onp_strbuf_adds(s, "<p>Together these blocks take ");
    onp_html_ms(s, (double)w->ns / 1e6);
    onp_strbuf_adds(s, "; with the dearest candidate everywhere they would take ");
    onp_html_ms(s, (double)w->dearest_ns / 1e6);
    onp_strbuf_addf(s, ". The most probable candidates have p %.2f on average, %.2f at least",
                    w->mean_p, w->least_p);
    onp_strbuf_adds(s, w->mean_p < 0.5 ? ": the search was still undecided when it ended.</p>\n"
                                       : ".</p>\n");
}

/* Why: the loss weighs error against time, and this is how it came out. */
static void tell_reasons(const winners *w, onp_strbuf *s)
{
    onp_strbuf_addf(s, " In %d %s the cheapest candidate that has a cost won", w->n_cheapest,
                    blocks(w->n_cheapest));
    onp_strbuf_adds(s, w->n_cheapest > 0 ? ": nothing slower was worth its time there" : "");
    if (w->n_free > 0)
        onp_strbuf_addf(s, "; in %d the block was left out, which costs nothing", w->n_free);
    onp_strbuf_addf(s, "; in %d the dearest won", w->n_dearest);
    onp_strbuf_adds(s, w->n_dearest > 0 ? ", which lowered the loss by more than its latency "
                                          "raised it"
                                        : "");
    onp_strbuf_adds(s, ".</p>\n");
}

/* ---- tables ---- */

static void add_contender(const winners *w, const contender *c, onp_strbuf *s)
{
    onp_strbuf_adds(s, "<tr><th scope=\"row\">");
    onp_html_text(s, c->name);
    onp_strbuf_adds(s, "</th>");
    onp_html_cell_text(s, c->kind);
    onp_strbuf_addf(s, "<td class=\"n\">%d</td><td class=\"n\">%d</td><td class=\"n\">",
                    c->n_offered, c->n_won);
    if (c->n_won > 0)
        onp_html_percent(s, share(c->n_won, w->n_choices));
    onp_strbuf_adds(s, "</td><td class=\"n\">");
    if (c->n_won > 0)
        onp_html_ms(s, (double)c->ns / 1e6);
    onp_strbuf_adds(s, "</td><td class=\"n\">");
    if (c->n_won > 0)
        onp_html_percent(s, share(c->ns, w->ns));
    onp_strbuf_adds(s, "</td><td class=\"n\">");
    if (c->median_cost > 0)
        onp_strbuf_addf(s, "%.2f", (double)c->median_cost / 1000);
    onp_strbuf_adds(s, "</td>");
    for (int m = 0; m < w->n_maps; m++)
        if (c->won_at[m] > 0)
            onp_strbuf_addf(s, "<td class=\"n\">%d</td>", c->won_at[m]);
        else
            onp_strbuf_adds(s, "<td></td>");
    onp_strbuf_adds(s, "</tr>\n");
}

static void add_table(const winners *w, onp_strbuf *s)
{
    const char *heads[9 + MAX_MAPS] = {
        "candidate",      "kind",     "#offered in",       "#won",
        "#of the blocks", "#latency", "#of their latency", "#times the cheapest there"};
    char maps[MAX_MAPS][32];
    for (int m = 0; m < w->n_maps; m++) {
        (void)snprintf(maps[m], sizeof maps[m], "#won at %dx%d", (int)w->maps[m][0],
                       (int)w->maps[m][1]);
        heads[8 + m] = maps[m];
    }
    onp_html_figure_begin(s, "data-chart=\"bars\" data-paths=\"yes\" data-label=\"0\" "
                             "data-value=\"3\" "
                             "data-unit=\"blocks\" data-name=\"blocks won\"");
    onp_strbuf_adds(s, "Blocks that each candidate won");
    onp_html_figure_table(s, heads, false);
    for (int i = 0; i < w->n; i++)
        add_contender(w, &w->list[i], s);
    onp_strbuf_adds(s, "</tbody>");
    onp_html_figure_end(s);
}

onp_status onp_section_winners(const onp_run_view *v, onp_strbuf *s, onp_error *err)
{
    if (v->arch == NULL) {
        onp_html_missing(s, "no network has been derived yet");
        return ONP_OK;
    }
    winners *w = onp_alloc(v->ctx, 1, sizeof *w);
    if (w == NULL)
        return onp_fail(err, ONP_E_NOMEM, "report: out of memory to count what won");
    w->view = v;
    onp_status st = count_all(w, err);
    if (st == ONP_OK && w->n_choices == 0) {
        onp_html_missing(s, "this run had nothing to choose from");
    } else if (st == ONP_OK) {
        tell_kinds(w, s);
        tell_costs(w, s);
        tell_reasons(w, s);
        tell_time(w, s);
        add_table(w, s);
    }
    onp_free(v->ctx, w);
    return st;
}
