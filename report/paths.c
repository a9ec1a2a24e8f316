/* SPDX-License-Identifier: Apache-2.0 */
/* The probabilities of each block's candidates over the epochs, from the run's alpha rows. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/chart.h"
#include "report/html.h"
#include "report/sections.h"
#include "supernet/supernet.h"

enum { NAME = 32 };

/* One position: p[candidate][epoch of its history], the epochs being those that alpha rows have. */
typedef struct history {
    const onp_run_view *view;
    size_t first, n; /* epochs of the run that have alpha rows: first .. first + n - 1 */
    int64_t position;
    int64_t n_candidates;
    char name[ONP_MAX_CANDIDATES][NAME];
    size_t pruned_at[ONP_MAX_CANDIDATES]; /* index below n, or n: never */
    double *p;                            /* [ONP_MAX_CANDIDATES][n] */
} history;

typedef struct positions {
    int64_t *list;
    size_t n, capacity;
    const onp_context *ctx;
} positions;

/* ---- reading ---- */

static onp_status add_position(void *user, sqlite3_stmt *q, onp_error *err)
{
    positions *all = user;
    ONP_TRY(onp_grow(all->ctx, (void **)&all->list, &all->capacity, all->n + 1, sizeof *all->list,
                     err));
    all->list[all->n++] = sqlite3_column_int64(q, 0);
    return ONP_OK;
}

static onp_status read_bounds(void *user, sqlite3_stmt *q, onp_error *err)
{
    history *h = user;
    if (sqlite3_column_type(q, 0) == SQLITE_NULL)
        return ONP_OK;
    h->first = onp_run_view_epoch(h->view, sqlite3_column_int64(q, 0));
    const size_t last = onp_run_view_epoch(h->view, sqlite3_column_int64(q, 1));
    if (last >= h->view->n_epochs)
        return onp_fail(err, ONP_E_FORMAT,
                        "run.db: alpha rows of step %" PRId64 " belong to no epoch",
                        (int64_t)sqlite3_column_int64(q, 1));
    h->n = last - h->first + 1;
    return ONP_OK;
}

static onp_status read_alpha(void *user, sqlite3_stmt *q, onp_error *err)
{
    history *h = user;
    const int64_t tick = sqlite3_column_int64(q, 0), c = sqlite3_column_int64(q, 1);
    const size_t i = onp_run_view_epoch(h->view, tick) - h->first;
    const double p = sqlite3_column_double(q, 3);
    if (c < 0 || c >= ONP_MAX_CANDIDATES || i >= h->n || !(p >= 0 && p <= 1))
        return onp_fail(err, ONP_E_FORMAT,
                        "run.db: alpha row of step %" PRId64 ", position %" PRId64
                        ": candidate %" PRId64 " with p %g, wanted 0..%d with p 0..1",
                        tick, h->position, c, p, ONP_MAX_CANDIDATES - 1);
    if (c >= h->n_candidates)
        h->n_candidates = c + 1;
    (void)snprintf(h->name[c], NAME, "%s", onp_run_text(q, 2));
    h->p[(size_t)c * h->n + i] = p;
    if (sqlite3_column_int64(q, 4) == 0 && h->pruned_at[c] > i)
        h->pruned_at[c] = i;
    return ONP_OK;
}

static onp_status read_history(history *h, onp_error *err)
{
    char position[32];
    const char *const names[] = {position};
    (void)snprintf(position, sizeof position, "%" PRId64, h->position);
    h->n_candidates = 0;
    memset(h->p, 0, ONP_MAX_CANDIDATES * h->n * sizeof *h->p);
    for (int c = 0; c < ONP_MAX_CANDIDATES; c++) {
        h->pruned_at[c] = h->n;
        h->name[c][0] = '\0';
    }
    return onp_run_view_rows(h->view,
                             "SELECT tick, candidate, name, p, alive FROM alpha"
                             " WHERE position = CAST(? AS INTEGER) ORDER BY tick, id",
                             names, 1, read_alpha, h, err);
}

/* ---- writing ---- */

static bool is_zero(const char *name)
{
    return strcmp(name, "zero") == 0;
}

static double p_at_end(const history *h, int64_t c)
{
    return h->p[(size_t)c * h->n + h->n - 1];
}

static int64_t most_probable(const history *h)
{
    int64_t best = 0;
    for (int64_t c = 1; c < h->n_candidates; c++)
        if (p_at_end(h, c) > p_at_end(h, best))
            best = c;
    return best;
}

/* The epoch at which a candidate was pruned, as "search 7". */
static void epoch_text(const history *h, size_t i, char *out, size_t size)
{
    const onp_run_epoch *e = &h->view->epochs[h->first + i];
    (void)snprintf(out, size, "%s %" PRId64, e->phase, e->epoch + 1);
}

static void area_label(const history *h, int64_t c, char *out, size_t size)
{
    char epoch[48] = "";
    if (h->pruned_at[c] >= h->n) {
        (void)snprintf(out, size, "%s: p %.3f at the end", h->name[c], p_at_end(h, c));
        return;
    }
    epoch_text(h, h->pruned_at[c], epoch, sizeof epoch);
    (void)snprintf(out, size, "%s: pruned at %s", h->name[c], epoch);
}

static void draw_stack(const history *h, onp_strbuf *s)
{
    onp_chart_area areas[ONP_MAX_CANDIDATES];
    char labels[ONP_MAX_CANDIDATES][128], title[64];
    for (int64_t c = 0; c < h->n_candidates; c++) {
        area_label(h, c, labels[c], sizeof labels[c]);
        areas[c] = (onp_chart_area){.label = labels[c],
                                    .values = &h->p[(size_t)c * h->n],
                                    .ends_at = h->pruned_at[c],
                                    .colour = is_zero(h->name[c]) ? -1 : (int)c};
    }
    (void)snprintf(title, sizeof title, "probabilities of block %" PRId64, h->position);
    onp_chart_stack(s, title, areas, (size_t)h->n_candidates, h->n);
}

/* What the derived network has there; "" when there is none yet. */
static void derived_name(const history *h, char name[NAME])
{
    const onp_arch *arch = h->view->arch;
    name[0] = '\0';
    if (arch != NULL && h->position >= 0 && h->position < arch->n_blocks)
        onp_block_short_name(&arch->blocks[h->position], name);
}

static void add_figure(const history *h, onp_strbuf *s)
{
    char derived[NAME];
    const char *best = h->name[most_probable(h)];
    derived_name(h, derived);
    onp_strbuf_addf(s, "<figure><figcaption>block %" PRId64 ": <b>", h->position);
    onp_html_text(s, best);
    onp_strbuf_addf(s, "</b> <small>p %.2f</small>", p_at_end(h, most_probable(h)));
    if (derived[0] != '\0' && strcmp(derived, best) != 0) {
        onp_strbuf_adds(s, "<br/>derived: <b>");
        onp_html_text(s, derived);
        onp_strbuf_adds(s, "</b>");
    }
    onp_strbuf_adds(s, "</figcaption>");
    draw_stack(h, s);
    onp_strbuf_adds(s, "</figure>\n");
}

static void add_rows(const history *h, onp_strbuf *s)
{
    for (int64_t c = 0; c < h->n_candidates; c++) {
        char epoch[48] = "", shown[32];
        if (h->pruned_at[c] < h->n)
            epoch_text(h, h->pruned_at[c], epoch, sizeof epoch);
        (void)snprintf(shown, sizeof shown, "%.4f", p_at_end(h, c));
        onp_strbuf_addf(s, "<tr><td class=\"n\">%" PRId64 "</td>", h->position);
        onp_html_cell_text(s, h->name[c]);
        onp_strbuf_adds(s, "<td class=\"n\">");
        onp_html_number(s, p_at_end(h, c), shown);
        onp_strbuf_adds(s, "</td>");
        onp_html_cell_text(s, epoch);
        onp_strbuf_adds(s, "</tr>\n");
    }
}

/* The candidates of all positions, each once: colours go by index, as in the pictures. */
static onp_status add_key(void *user, sqlite3_stmt *q, onp_error *err)
{
    (void)err;
    onp_strbuf *s = user;
    const char *name = onp_run_text(q, 0);
    if (is_zero(name))
        onp_strbuf_adds(s, "<span class=\"key\"><i class=\"grey\"></i>");
    else
        onp_strbuf_addf(s, "<span class=\"key\"><i class=\"a%d\"></i>",
                        (int)(sqlite3_column_int64(q, 1) % ONP_CHART_COLOURS));
    onp_html_text(s, name);
    onp_strbuf_adds(s, "</span> ");
    return ONP_OK;
}

static onp_status each_position(history *h, const positions *all,
                                void (*add)(const history *h, onp_strbuf *s), onp_strbuf *s,
                                onp_error *err)
{
    for (size_t i = 0; i < all->n; i++) {
        h->position = all->list[i];
        ONP_TRY(read_history(h, err));
        add(h, s);
    }
    return ONP_OK;
}

static onp_status write_paths(history *h, const positions *all, onp_strbuf *s, onp_error *err)
{
    static const char *const heads[] = {"#block", "candidate", "#p at the end", "pruned at", NULL};
    onp_strbuf_adds(s, "<p>");
    ONP_TRY(onp_run_view_rows(h->view,
                              "SELECT DISTINCT name, candidate FROM alpha"
                              " ORDER BY candidate, name LIMIT 64",
                              NULL, 0, add_key, s, err));
    onp_strbuf_adds(s, "</p><div class=\"grid small\">\n");
    ONP_TRY(each_position(h, all, add_figure, s, err));
    onp_strbuf_adds(s, "</div>\n<details><summary>Every path</summary>\n");
    onp_html_table_begin(s, heads);
    ONP_TRY(each_position(h, all, add_rows, s, err));
    onp_html_table_end(s);
    onp_strbuf_adds(s, "</details>\n");
    return ONP_OK;
}

static onp_status read_positions(history *h, positions *all, onp_error *err)
{
    ONP_TRY(onp_run_view_rows(h->view, "SELECT min(tick), max(tick) FROM alpha", NULL, 0,
                              read_bounds, h, err));
    ONP_TRY(onp_run_view_rows(h->view, "SELECT DISTINCT position FROM alpha ORDER BY position",
                              NULL, 0, add_position, all, err));
    if (all->n == 0)
        return ONP_OK;
    h->p = onp_alloc(h->view->ctx, h->n, ONP_MAX_CANDIDATES * sizeof *h->p);
    if (h->p == NULL)
        return onp_fail(err, ONP_E_NOMEM, "report: out of memory for the history of paths");
    return ONP_OK;
}

onp_status onp_section_paths(const onp_run_view *v, onp_strbuf *s, onp_error *err)
{
    history h = {.view = v};
    positions all = {.ctx = v->ctx};
    onp_strbuf_adds(s, "<h2>Paths</h2>\n");
    onp_status st = read_positions(&h, &all, err);
    if (st == ONP_OK && all.n == 0) {
        onp_html_missing(s, "no probabilities are recorded: no epoch of a search is over, or this "
                            "run trained a given network");
    } else if (st == ONP_OK) {
        onp_strbuf_adds(s, "<p class=\"note\">The probability of each candidate of each block at "
                           "the end of each epoch; a cross marks where one was pruned.</p>\n");
        st = write_paths(&h, &all, s, err);
    }
    onp_free(v->ctx, h.p);
    onp_free(v->ctx, all.list);
    return st;
}
