/* SPDX-License-Identifier: Apache-2.0 */
/* onepath table estimate: the latency of a network by the rows of a table. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/predict.h"
#include "cli/source.h"
#include "cli/table.h"
#include "latency/table/estimate_sum.h"

typedef struct estimate_args {
    onp_args all;
    const char *device, *space, *path, *arch;
} estimate_args;

static const onp_option options[] = {
    ONP_OPTION_DB,
    ONP_OPTION_DEVICE(estimate_args, device),
    {"space", ONP_OPTION_TEXT, "SPACE", "the space that --path is of",
     offsetof(estimate_args, space), 0, 0},
    {"path", ONP_OPTION_TEXT, "P",
     "uniform (the mean over all paths), min, max, a candidate or its index, or a comma list",
     offsetof(estimate_args, path), 0, 0},
    {"arch", ONP_OPTION_TEXT, "ARCH", "a network, instead of --space and --path",
     offsetof(estimate_args, arch), 0, 0},
    ONP_OPTION_SET,
    ONP_OPTION_END,
};

/* Blocks with their weights: what a latency is the sum of. */
typedef struct terms {
    const onp_context *ctx;
    onp_weighted_key *term;
    char (*key)[ONP_BLOCK_KEY];
    size_t n;
} terms;

static onp_status terms_init(terms *t, const onp_context *ctx, size_t capacity, onp_error *err)
{
    *t = (terms){.ctx = ctx,
                 .term = onp_alloc(ctx, capacity, sizeof *t->term),
                 .key = onp_alloc(ctx, capacity, sizeof *t->key)};
    return t->term != NULL && t->key != NULL ? ONP_OK : onp_fail(err, ONP_E_NOMEM, "out of memory");
}

static void terms_reset(terms *t)
{
    onp_free(t->ctx, t->term);
    onp_free(t->ctx, t->key);
}

static void terms_add(terms *t, const onp_block *b, double weight)
{
    onp_block_key(b, t->key[t->n]);
    t->term[t->n] = (onp_weighted_key){.key = t->key[t->n], .weight = weight};
    t->n++;
}

/* ---- paths ---- */

/* Sets the weights of a position to 1 for its cheapest (or dearest) candidate and 0 for the rest.
 */
static onp_status weigh_extreme(onp_store *store, int64_t platform, onp_weighted_key *term,
                                int32_t n, bool dearest, onp_error *err)
{
    int32_t best = 0;
    int64_t best_ns = 0;
    for (int32_t j = 0; j < n; j++) {
        onp_estimate e;
        ONP_TRY(onp_store_estimate_get(store, platform, term[j].key, &e, err));
        if (j == 0 || (dearest ? e.median_ns > best_ns : e.median_ns < best_ns)) {
            best = j;
            best_ns = e.median_ns;
        }
        term[j].weight = 0;
    }
    term[best].weight = 1;
    return ONP_OK;
}

static void weigh_uniform(const onp_space *space, terms *t)
{
    for (int32_t i = 0; i < space->n_positions; i++)
        for (int32_t j = 0; j < space->positions[i].n; j++)
            terms_add(t, &space->positions[i].candidate[j], 1.0 / space->positions[i].n);
}

/* t: every candidate of the space, in order. */
static onp_status weigh_extremes(onp_store *store, int64_t platform, const onp_space *space,
                                 bool dearest, terms *t, onp_error *err)
{
    onp_weighted_key *term = t->term;
    for (int32_t i = 0; i < space->n_positions; i++) {
        ONP_TRY(weigh_extreme(store, platform, term, space->positions[i].n, dearest, err));
        term += space->positions[i].n;
    }
    return ONP_OK;
}

static onp_status weigh_path(const onp_space *space, const char *text, terms *t, onp_error *err)
{
    int32_t path[ONP_MAX_POSITIONS];
    ONP_TRY(onp_space_path_parse(space, text, path, err));
    for (int32_t i = 0; i < space->n_positions; i++)
        terms_add(t, &space->positions[i].candidate[path[i]], 1);
    return ONP_OK;
}

static size_t count_candidates(const onp_space *space)
{
    size_t n = 0;
    for (int32_t i = 0; i < space->n_positions; i++)
        n += (size_t)space->positions[i].n;
    return n;
}

/* ---- the estimate ---- */

typedef struct estimate {
    onp_app *app;
    onp_store *store;
    int64_t platform;
    onp_estimate_total total;
    json_t *missing;
} estimate;

static void add_missing(void *user, const char *key)
{
    estimate *e = user;
    (void)json_array_append_new(e->missing, json_string(key));
    (void)fprintf(stderr, "missing: %s\n", key);
}

static onp_status sum(estimate *e, const terms *t, onp_error *err)
{
    return onp_estimate_sum(e->store, e->platform, t->term, t->n, add_missing, e, &e->total, err);
}

static onp_status estimate_path(estimate *e, const onp_space *space, const char *path,
                                onp_error *err)
{
    terms t;
    const bool max = strcmp(path, "max") == 0;
    onp_status st = ONP_OK;
    ONP_TRY_GOTO(terms_init(&t, &e->app->ctx, count_candidates(space), err));
    if (!max && strcmp(path, "min") != 0 && strcmp(path, "uniform") != 0) {
        ONP_TRY_GOTO(weigh_path(space, path, &t, err));
        ONP_TRY_GOTO(sum(e, &t, err));
        goto done;
    }
    weigh_uniform(space, &t);
    ONP_TRY_GOTO(sum(e, &t, err)); /* lists all that is missing, for min and max too */
    if (strcmp(path, "uniform") != 0) {
        ONP_TRY_GOTO(weigh_extremes(e->store, e->platform, space, max, &t, err));
        ONP_TRY_GOTO(sum(e, &t, err));
    }
done:
    terms_reset(&t);
    return st;
}

static onp_status estimate_arch(estimate *e, const onp_arch *arch, onp_error *err)
{
    return onp_estimate_blocks(e->store, e->platform, arch->blocks, arch->n_blocks, add_missing, e,
                               &e->total, err);
}

/* ---- what is said of it ---- */

static onp_status print_estimate(estimate *e, const char *what, onp_error *err)
{
    char label[128], how[256];
    onp_prediction p;
    onp_store_platform_label(e->store, e->platform, label, sizeof label);
    ONP_TRY(onp_predict_by_total(e->store, e->platform, &e->total, &p, err));
    onp_prediction_text(&p, how, sizeof how);
    if (!e->app->args->json) {
        onp_app_line("%.3f ms: %s on %s, %s", p.ms, what, label, how);
        return ONP_OK;
    }
    json_t *root =
        json_pack("{s:s, s:s, s:f, s:s, s:O}", "network", what, "platform", label, "latency_ms",
                  p.ms, "statistic", p.calibrated ? "calibrated sum of rows" : "sum of rows",
                  "missing", e->missing);
    json_t *more = onp_prediction_to_json(&p);
    if (root == NULL || more == NULL || json_object_update(root, more) != 0) {
        json_decref(root);
        root = NULL;
    }
    json_decref(more);
    return onp_app_print(e->app, root, err);
}

/* The keys have been listed on standard error, one a line. */
static onp_status print_missing(estimate *e, const char *what, onp_error *err)
{
    char label[128];
    onp_store_platform_label(e->store, e->platform, label, sizeof label);
    if (e->app->args->json)
        ONP_TRY(onp_app_print(e->app,
                              json_pack("{s:s, s:s, s:n, s:O}", "network", what, "platform", label,
                                        "latency_ms", "missing", e->missing),
                              err));
    return onp_fail(err, ONP_E_MISSING, "%s: no latency of %s: %zu rows of %s are missing",
                    onp_store_path(e->store), what, json_array_size(e->missing), label);
}

static onp_status estimate_source(estimate *e, const estimate_args *a, const onp_source *source,
                                  onp_error *err)
{
    onp_status st = a->path == NULL ? estimate_arch(e, source->arch, err)
                                    : estimate_path(e, source->space, a->path, err);
    char what[ONP_APP_PATH];
    (void)snprintf(what, sizeof what, "%s%s%s", a->arch != NULL ? a->arch : a->space,
                   a->path != NULL ? ", path " : "", a->path != NULL ? a->path : "");
    if (st == ONP_E_MISSING)
        return print_missing(e, what, err);
    return st == ONP_OK ? print_estimate(e, what, err) : st;
}

static onp_status run(onp_app *app, const void *args, onp_error *err)
{
    const estimate_args *a = args;
    const char *file = a->arch != NULL ? a->arch : a->space;
    estimate e = {.app = app, .missing = NULL};
    onp_source source = {.arch = NULL};
    onp_status st = ONP_OK;
    if (a->device == NULL)
        return onp_fail(err, ONP_E_USAGE, "table estimate: --device is missing");
    if ((a->arch != NULL) == (a->space != NULL) || (a->space != NULL) != (a->path != NULL))
        return onp_fail(err, ONP_E_USAGE, "table estimate: wanted --arch, or --space and --path");
    ONP_TRY_GOTO(onp_source_open(app, file, a->arch != NULL ? ONP_SOURCE_ARCH : ONP_SOURCE_SPACE,
                                 &source, err));
    ONP_TRY_GOTO(onp_table_open(app, NULL, ONP_SQL_EXISTING, &e.store, err));
    ONP_TRY_GOTO(onp_store_platform_find(e.store, a->device, &e.platform, err));
    e.missing = json_array();
    st = e.missing != NULL ? estimate_source(&e, a, &source, err)
                           : onp_fail(err, ONP_E_NOMEM, "out of memory");
done:
    json_decref(e.missing);
    onp_store_close(e.store);
    onp_source_close(&source);
    return st;
}

const onp_verb onp_verb_table_estimate = {
    .name = "estimate",
    .operands = "",
    .summary = "the latency of a network, or of the paths of a space, by the rows of a table",
    .options = options,
    .args_size = sizeof(estimate_args),
    .run = run,
};
