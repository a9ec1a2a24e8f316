/* SPDX-License-Identifier: Apache-2.0 */
/* The probabilities of each block's candidates over the epochs, from the run's alpha rows. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

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

/* What the derived network has there; "" when there is none yet. */
static void derived_name(const history *h, char name[NAME])
{
    const onp_arch *arch = h->view->arch;
    name[0] = '\0';
    if (arch != NULL && h->position >= 0 && h->position < arch->n_blocks)
        onp_block_short_name(&arch->blocks[h->position], name);
}

static void add_caption(const history *h, onp_strbuf *s)
{
    char derived[NAME];
    const char *best = h->name[most_probable(h)];
    derived_name(h, derived);
    onp_strbuf_addf(s, "block %" PRId64 ": <b>", h->position);
    onp_html_text(s, best);
    onp_strbuf_addf(s, "</b> <small>p %.2f</small>", p_at_end(h, most_probable(h)));
    if (derived[0] != '\0' && strcmp(derived, best) != 0) {
        onp_strbuf_adds(s, "<br/>derived: <b>");
        onp_html_text(s, derived);
        onp_strbuf_adds(s, "</b>");
    }
}

static void add_row(const history *h, size_t i, onp_strbuf *s)
{
    char epoch[48];
    epoch_text(h, i, epoch, sizeof epoch);
    onp_strbuf_adds(s, "<tr><th scope=\"row\">");
    onp_html_text(s, epoch);
    onp_strbuf_adds(s, "</th>");
    for (int64_t c = 0; c < h->n_candidates; c++) {
        const double p = h->p[(size_t)c * h->n + i];
        if (i >= h->pruned_at[c])
            onp_strbuf_adds(s, "<td></td>");
        else
            onp_strbuf_addf(s, "<td class=\"n\">%.4f</td>", p);
    }
    onp_strbuf_adds(s, "</tr>\n");
}

/* data-row: the first row that the candidate is no longer part of. */
static void add_pruned(const history *h, onp_strbuf *s)
{
    onp_strbuf_adds(s, "<tfoot><tr><th scope=\"row\">pruned</th>");
    for (int64_t c = 0; c < h->n_candidates; c++) {
        char epoch[48];
        if (h->pruned_at[c] >= h->n) {
            onp_strbuf_adds(s, "<td></td>");
            continue;
        }
        epoch_text(h, h->pruned_at[c], epoch, sizeof epoch);
        onp_strbuf_addf(s, "<td class=\"n\" data-row=\"%zu\">", h->pruned_at[c]);
        onp_html_text(s, epoch);
        onp_strbuf_adds(s, "</td>");
    }
    onp_strbuf_adds(s, "</tr></tfoot>");
}

static void add_figure(const history *h, onp_strbuf *s)
{
    const char *heads[ONP_MAX_CANDIDATES + 2] = {"epoch"};
    char names[ONP_MAX_CANDIDATES][NAME + 1];
    for (int64_t c = 0; c < h->n_candidates; c++) {
        (void)snprintf(names[c], sizeof names[c], "#%s", h->name[c]);
        heads[c + 1] = names[c];
    }
    onp_html_figure_begin(s, "data-chart=\"stack\"");
    add_caption(h, s);
    onp_html_figure_table(s, heads, true);
    for (size_t i = 0; i < h->n; i++)
        add_row(h, i, s);
    onp_strbuf_adds(s, "</tbody>");
    add_pruned(h, s);
    onp_html_figure_end(s);
}

static onp_status write_paths(history *h, const positions *all, onp_strbuf *s, onp_error *err)
{
    onp_strbuf_adds(s, "<p class=\"note\">The probability of each candidate of each block at the "
                       "end of each epoch; a cross marks where one was pruned.</p>\n"
                       "<div id=\"path-keys\"></div><div class=\"grid small\">\n");
    for (size_t i = 0; i < all->n; i++) {
        h->position = all->list[i];
        ONP_TRY(read_history(h, err));
        add_figure(h, s);
    }
    onp_strbuf_adds(s, "</div>\n");
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
    onp_status st = read_positions(&h, &all, err);
    if (st == ONP_OK && all.n == 0) {
        onp_html_missing(s, "no probabilities are recorded: no epoch of a search is over, or this "
                            "run trained a given network");
    } else if (st == ONP_OK) {
        st = write_paths(&h, &all, s, err);
    }
    onp_free(v->ctx, h.p);
    onp_free(v->ctx, all.list);
    return st;
}
