/* SPDX-License-Identifier: Apache-2.0 */
/* What the derived network answered on the test set. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/html.h"
#include "report/sections.h"

/* In a larger matrix nobody would find anything. */
enum { MAX_MATRIX = 40, MAX_CLASSES = 65536 };

typedef struct answers {
    const onp_run_view *view;
    char **names; /* [n], owned */
    size_t n, capacity;
    int64_t *cells;         /* [n][n] truth, answer; NULL when there are too many classes */
    int64_t *images, *hits; /* [n] of a truth; answered right */
    int64_t most_missed;
    onp_strbuf *s;
    int64_t n_rows;
} answers;

/* ---- reading ---- */

static onp_status add_class(void *user, sqlite3_stmt *q, onp_error *err)
{
    answers *a = user;
    const char *name = onp_run_text(q, 1);
    if (sqlite3_column_int64(q, 0) != (int64_t)a->n || a->n >= MAX_CLASSES)
        return onp_fail(err, ONP_E_FORMAT, "run.db: class %" PRId64 ", wanted %zu",
                        (int64_t)sqlite3_column_int64(q, 0), a->n);
    ONP_TRY(
        onp_grow(a->view->ctx, (void **)&a->names, &a->capacity, a->n + 1, sizeof *a->names, err));
    a->names[a->n] = onp_strdup(a->view->ctx, name);
    if (a->names[a->n] == NULL)
        return onp_fail(err, ONP_E_NOMEM, "report: out of memory for the classes");
    a->n++;
    return ONP_OK;
}

static onp_status check_class(const answers *a, sqlite3_stmt *q, int column, onp_error *err)
{
    const int64_t k = sqlite3_column_int64(q, column);
    if (k < 0 || k >= (int64_t)a->n)
        return onp_fail(err, ONP_E_FORMAT, "run.db: an answer of class %" PRId64 ", there are %zu",
                        k, a->n);
    return ONP_OK;
}

static onp_status add_cell(void *user, sqlite3_stmt *q, onp_error *err)
{
    answers *a = user;
    ONP_TRY(check_class(a, q, 0, err));
    ONP_TRY(check_class(a, q, 1, err));
    const int64_t truth = sqlite3_column_int64(q, 0), answer = sqlite3_column_int64(q, 1);
    const int64_t n = sqlite3_column_int64(q, 2);
    if (n < 1 || n > (int64_t)1 << 40)
        return onp_fail(err, ONP_E_FORMAT, "run.db: %" PRId64 " images of one class taken for one",
                        n);
    a->images[truth] += n;
    if (truth == answer)
        a->hits[truth] += n;
    else if (n > a->most_missed)
        a->most_missed = n;
    if (a->cells != NULL)
        a->cells[truth * (int64_t)a->n + answer] = n;
    return ONP_OK;
}

static onp_status read_answers(answers *a, onp_error *err)
{
    const onp_context *ctx = a->view->ctx;
    ONP_TRY(onp_run_view_rows(a->view, "SELECT number, name FROM class ORDER BY number", NULL, 0,
                              add_class, a, err));
    a->images = onp_alloc(ctx, a->n, sizeof *a->images);
    a->hits = onp_alloc(ctx, a->n, sizeof *a->hits);
    if (a->n <= MAX_MATRIX)
        a->cells = onp_alloc(ctx, a->n, a->n * sizeof *a->cells);
    if (a->images == NULL || a->hits == NULL || (a->cells == NULL && a->n <= MAX_MATRIX))
        return onp_fail(err, ONP_E_NOMEM, "report: out of memory for the answers");
    return onp_run_view_rows(a->view, "SELECT truth, answer, n FROM confusion", NULL, 0, add_cell,
                             a, err);
}

static void free_answers(answers *a)
{
    for (size_t i = 0; i < a->n; i++)
        onp_free(a->view->ctx, a->names[i]);
    onp_free(a->view->ctx, a->names);
    onp_free(a->view->ctx, a->cells);
    onp_free(a->view->ctx, a->images);
    onp_free(a->view->ctx, a->hits);
}

/* ---- the matrix ---- */

static double share(int64_t part, int64_t all)
{
    return all > 0 ? (double)part / (double)all : 0;
}

/* Right answers are shaded by their share of the class, wrong ones against the most frequent. */
static void add_count(const answers *a, size_t truth, size_t answer, onp_strbuf *s)
{
    const int64_t n = a->cells[truth * a->n + answer];
    const double v = truth == answer ? share(n, a->images[truth]) : share(n, a->most_missed);
    if (n == 0)
        onp_strbuf_adds(s, "<td></td>");
    else
        onp_strbuf_addf(s, "<td class=\"n %s\" style=\"--v:%.3f\">%" PRId64 "</td>",
                        truth == answer ? "hit" : "miss", v, n);
}

static void add_class_row(const answers *a, size_t k, onp_strbuf *s)
{
    onp_strbuf_adds(s, "<tr><th scope=\"row\">");
    onp_html_text(s, a->names[k]);
    onp_strbuf_adds(s, "</th>");
    for (size_t j = 0; a->cells != NULL && j < a->n; j++)
        add_count(a, k, j, s);
    onp_strbuf_adds(s, "<td class=\"n\">");
    onp_html_count(s, a->images[k]);
    onp_strbuf_adds(s, "</td><td class=\"n\">");
    onp_html_percent(s, share(a->hits[k], a->images[k]));
    onp_strbuf_adds(s, "</td></tr>\n");
}

static void add_matrix(const answers *a, onp_strbuf *s)
{
    size_t longest = 0;
    for (size_t j = 0; j < a->n; j++)
        longest = strlen(a->names[j]) > longest ? strlen(a->names[j]) : longest;
    onp_strbuf_adds(s, "<h3>Confusion matrix</h3>\n<div class=\"scroll "
                       "matrix\" tabindex=\"0\" role=\"region\" aria-label=\"confusion matrix\">"
                       "<table id=\"confusion\"");
    onp_strbuf_adds(s, longest > 4 ? " class=\"tall\"" : "");
    onp_strbuf_adds(s, "><thead><tr><th scope=\"col\">class</th>");
    for (size_t j = 0; a->cells != NULL && j < a->n; j++) {
        onp_strbuf_adds(s, "<th scope=\"col\" class=\"n\"><span>");
        onp_html_text(s, a->names[j]);
        onp_strbuf_adds(s, "</span></th>");
    }
    onp_strbuf_adds(s,
                    "<th scope=\"col\" class=\"n\">images</th><th scope=\"col\" class=\"n\">right"
                    "</th></tr></thead><tbody>\n");
    for (size_t k = 0; k < a->n; k++)
        add_class_row(a, k, s);
    onp_html_table_end(s);
}

static onp_status add_pair(void *user, sqlite3_stmt *q, onp_error *err)
{
    static const char *const heads[] = {"class", "taken for", "#images", "#of the class", NULL};
    answers *a = user;
    onp_strbuf *s = a->s;
    ONP_TRY(check_class(a, q, 0, err));
    ONP_TRY(check_class(a, q, 1, err));
    const int64_t truth = sqlite3_column_int64(q, 0), n = sqlite3_column_int64(q, 2);
    if (a->n_rows++ == 0) {
        onp_strbuf_adds(s, "<h3>Most frequent confusions</h3>\n");
        onp_html_table_begin(s, heads);
    }
    onp_strbuf_adds(s, "<tr>");
    onp_html_cell_text(s, a->names[truth]);
    onp_html_cell_text(s, a->names[sqlite3_column_int64(q, 1)]);
    onp_strbuf_adds(s, "<td class=\"n\">");
    onp_html_count(s, n);
    onp_strbuf_adds(s, "</td><td class=\"n\">");
    onp_html_percent(s, share(n, a->images[truth]));
    onp_strbuf_adds(s, "</td></tr>\n");
    return ONP_OK;
}

/* ---- images ---- */

static void add_picture(onp_strbuf *s, sqlite3_stmt *q, const char *truth)
{
    const void *png = sqlite3_column_blob(q, 5);
    const int size = sqlite3_column_bytes(q, 5);
    if (size == 0 || size > 1 << 24) {
        onp_html_missing(s, "no picture is kept");
        return;
    }
    onp_strbuf_adds(s, "<img alt=\"an image of class ");
    onp_html_text(s, truth);
    onp_strbuf_adds(s, "\" src=\"data:image/png;base64,");
    onp_strbuf_add_base64(s, png, (size_t)size);
    onp_strbuf_adds(s, "\"/>");
}

static onp_status add_image(void *user, sqlite3_stmt *q, onp_error *err)
{
    char shown[400];
    answers *a = user;
    onp_strbuf *s = a->s;
    ONP_TRY(check_class(a, q, 1, err));
    ONP_TRY(check_class(a, q, 2, err));
    const char *truth = a->names[sqlite3_column_int64(q, 1)];
    const double p = sqlite3_column_double(q, 3), loss = sqlite3_column_double(q, 4);
    if (!isfinite(p) || !isfinite(loss))
        return onp_fail(err, ONP_E_FORMAT, "run.db: p %g and loss %g of an image", p, loss);
    if (a->n_rows++ == 0)
        onp_strbuf_adds(s, "<h3>Worst images</h3>\n<p class=\"note\">The test images with the "
                           "highest loss: what each is, and what it was taken for with which "
                           "probability.</p>\n<div class=\"grid images\">\n");
    onp_strbuf_adds(s, "<figure>");
    add_picture(s, q, truth);
    onp_strbuf_adds(s, "<figcaption><b>");
    onp_html_text(s, truth);
    onp_strbuf_adds(s, "</b><br/>taken for ");
    onp_html_text(s, a->names[sqlite3_column_int64(q, 2)]);
    (void)snprintf(shown, sizeof shown, "%.3f", p);
    onp_strbuf_adds(s, "<br/><small>p ");
    onp_html_number(s, p, shown);
    (void)snprintf(shown, sizeof shown, "%.3f", loss);
    onp_strbuf_adds(s, "<br/>loss ");
    onp_html_number(s, loss, shown);
    onp_strbuf_addf(s, "<br/>image %" PRId64 "</small></figcaption></figure>\n",
                    (int64_t)sqlite3_column_int64(q, 0));
    return ONP_OK;
}

static onp_status write_answers(answers *a, onp_error *err)
{
    ONP_TRY(read_answers(a, err));
    if (a->n == 0) {
        onp_html_missing(a->s, "the derived network has not been tested yet");
        return ONP_OK;
    }
    onp_strbuf_adds(a->s, "<div class=\"side\"><div>");
    add_matrix(a, a->s);
    onp_strbuf_adds(a->s, "</div><div>");
    ONP_TRY(onp_run_view_rows(a->view,
                              "SELECT truth, answer, n FROM confusion WHERE truth != answer"
                              " ORDER BY n DESC, truth, answer LIMIT 12",
                              NULL, 0, add_pair, a, err));
    if (a->n_rows > 0)
        onp_html_table_end(a->s);
    onp_strbuf_adds(a->s, "</div></div>\n");
    a->n_rows = 0;
    ONP_TRY(onp_run_view_rows(a->view,
                              "SELECT image, truth, answer, p, loss, png FROM worst_image"
                              " ORDER BY rank LIMIT 64",
                              NULL, 0, add_image, a, err));
    if (a->n_rows > 0)
        onp_strbuf_adds(a->s, "</div>\n");
    return ONP_OK;
}

static onp_status note_table(void *user, sqlite3_stmt *q, onp_error *err)
{
    (void)q;
    (void)err;
    *(bool *)user = true;
    return ONP_OK;
}

onp_status onp_section_answers(const onp_run_view *v, onp_strbuf *s, onp_error *err)
{
    bool has_tables = false;
    answers a = {.view = v, .s = s};
    ONP_TRY(onp_run_view_rows(v, "SELECT 1 FROM sqlite_master WHERE name = 'confusion'", NULL, 0,
                              note_table, &has_tables, err));
    if (!has_tables) {
        onp_html_missing(s,
                         "this run was made by an older onepath, which did not keep the answers; "
                         "the same search command tests the network again and keeps them");
        return ONP_OK;
    }
    onp_status st = write_answers(&a, err);
    free_answers(&a);
    return st;
}
