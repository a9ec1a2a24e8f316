/* SPDX-License-Identifier: Apache-2.0 */
/* onepath table fill SPACE: predicts the rows of a space that a platform lacks. */
#include <stdio.h>

#include "cli/source.h"
#include "cli/table.h"
#include "latency/table/fill.h"

typedef struct fill_args {
    onp_args all;
    const char *device;
    bool dry_run;
} fill_args;

static const onp_option options[] = {
    ONP_OPTION_DB,
    ONP_OPTION_DEVICE(fill_args, device),
    {"dry-run", ONP_OPTION_FLAG, NULL, "show what would be filled in, store nothing",
     offsetof(fill_args, dry_run), 0, 0},
    ONP_OPTION_SET,
    ONP_OPTION_END,
};

typedef struct printer {
    bool json;
    json_t *rows;
} printer;

static void print_row(void *user, const char *key, const onp_estimate *e)
{
    printer *p = user;
    const double ms = (double)e->median_ns / 1e6, lo = (double)e->lo_ns / 1e6,
                 hi = (double)e->hi_ns / 1e6;
    if (p->json)
        (void)json_array_append_new(
            p->rows, json_pack("{s:s, s:f, s:f, s:f, s:s, s:s}", "block", key, "latency_ms", ms,
                               "lo_ms", lo, "hi_ms", hi, "source",
                               onp_estimate_source_name(e->source), "method", e->method));
    else
        onp_app_line("%s: %.4g ms (%.4g .. %.4g), %s, %s", key, ms, lo, hi,
                     onp_estimate_source_name(e->source), e->method);
}

static onp_status print_result(onp_app *app, const char *label, const onp_fill_result *r,
                               json_t *rows, onp_error *err)
{
    if (app->args->json)
        return onp_app_print(app,
                             json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:O}", "platform", label,
                                       "known", (int)r->n_known, "interpolated",
                                       (int)r->n_interpolated, "modelled", (int)r->n_modelled,
                                       "transferred", (int)r->n_transferred, "extrapolated",
                                       (int)r->n_extrapolated, "rows", rows),
                             err);
    onp_app_line("%s: %d rows were there, %d interpolated, %d modelled, %d transferred; "
                 "%d beyond the sizes of known rows",
                 label, (int)r->n_known, (int)r->n_interpolated, (int)r->n_modelled,
                 (int)r->n_transferred, (int)r->n_extrapolated);
    return ONP_OK;
}

static onp_status fill(onp_app *app, const fill_args *a, onp_store *store, const onp_space *space,
                       onp_error *err)
{
    printer p = {.json = app->args->json, .rows = json_array()};
    const onp_fill_options o = {
        .command = app->command, .try_only = a->dry_run, .visit = print_row, .user = &p};
    onp_block *blocks = NULL;
    onp_fill_result r;
    int32_t n = 0;
    int64_t platform = 0;
    char label[128];
    onp_status st = ONP_OK;
    ONP_TRY_GOTO(onp_store_platform_find(store, a->device, &platform, err));
    ONP_TRY_GOTO(onp_space_blocks(&app->ctx, space, &blocks, &n, err));
    ONP_TRY_GOTO(onp_fill(store, platform, blocks, n, &o, &r, err));
    onp_store_platform_label(store, platform, label, sizeof label);
    st = print_result(app, label, &r, p.rows, err);
done:
    onp_free(&app->ctx, blocks);
    json_decref(p.rows);
    return st;
}

static onp_status run(onp_app *app, const void *args, onp_error *err)
{
    const fill_args *a = args;
    onp_source source = {.arch = NULL};
    onp_store *store = NULL;
    onp_status st = ONP_OK;
    if (a->device == NULL)
        return onp_fail(err, ONP_E_USAGE, "table fill: --device is missing");
    ONP_TRY_GOTO(onp_source_open(app, a->all.operands[0], ONP_SOURCE_SPACE, &source, err));
    ONP_TRY_GOTO(onp_table_open(app, NULL, ONP_SQL_EXISTING, &store, err));
    st = fill(app, a, store, source.space, err);
done:
    onp_store_close(store);
    onp_source_close(&source);
    return st;
}

const onp_verb onp_verb_table_fill = {
    .name = "fill",
    .operands = "SPACE",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "predict the rows of a space that a platform lacks, each with its interval",
    .about =
        "From the platform's own rows: the same op at other sizes, else a model of its work; "
        "with few of them, from other platforms' rows of the block. A block that none of these "
        "can tell is an error, and nothing is stored. A search that uses predicted rows says "
        "so.",
    .options = options,
    .args_size = sizeof(fill_args),
    .run = run,
};
