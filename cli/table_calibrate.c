/* SPDX-License-Identifier: Apache-2.0 */
/* onepath table calibrate: from the sum of rows to the latency of a network, by networks that were
 * measured whole. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/table.h"
#include "latency/table/calibrate.h"

typedef struct calibrate_args {
    onp_args all;
    const char *device;
} calibrate_args;

static const onp_option options[] = {
    ONP_OPTION_DB,
    ONP_OPTION_DEVICE(calibrate_args, device),
    ONP_OPTION_END,
};

static onp_status print_result(onp_app *app, onp_store *store, int64_t platform,
                               const onp_calibrate_result *r, onp_error *err)
{
    const onp_calibration *c = &r->calibration;
    char label[128];
    onp_store_platform_label(store, platform, label, sizeof label);
    if (app->args->json)
        return onp_app_print(
            app,
            json_pack("{s:s, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}",
                      "platform", label, "networks", (json_int_t)r->n, "without_blocks",
                      (json_int_t)r->n_unknown, "without_rows", (json_int_t)r->n_missing,
                      "other_calibrations", (json_int_t)r->n_others, "a", c->a, "b_us",
                      c->b_ns / 1e3, "c_ms", c->c_ns / 1e6, "mape_before_percent",
                      100 * c->mape_before, "mape_percent", 100 * c->mape_after, "within5_percent",
                      100 * c->within5, "within10_percent", 100 * c->within10, "spearman",
                      c->spearman, "half95_percent", 100 * c->half95),
            err);
    onp_app_line("%s: latency = %.4f x sum %+.3f us x blocks %+.4f ms, by %zu networks", label,
                 c->a, c->b_ns / 1e3, c->c_ns / 1e6, r->n);
    (void)printf(
        "each left out in turn: mean error %.2f %% (%.2f %% of the plain sum), within 5 %% "
        "%.0f %%, within 10 %% %.0f %%, Spearman %.4f; 95 %% interval +-%.1f %%\n",
        100 * c->mape_after, 100 * c->mape_before, 100 * c->within5, 100 * c->within10, c->spearman,
        100 * c->half95);
    if (r->n_others > 0)
        (void)printf("and %zu more, each by the networks of another space\n", r->n_others);
    if (r->n_unknown + r->n_missing > 0)
        (void)printf("left out: %zu networks of unknown blocks, %zu that lack rows\n", r->n_unknown,
                     r->n_missing);
    return ONP_OK;
}

static onp_status run(onp_app *app, const void *args, onp_error *err)
{
    const calibrate_args *a = args;
    onp_store *store = NULL;
    onp_calibrate_result r;
    int64_t platform = 0;
    if (a->device == NULL)
        return onp_fail(err, ONP_E_USAGE, "table calibrate: --device is missing");
    ONP_TRY(onp_table_open(app, NULL, ONP_SQL_EXISTING, &store, err));
    onp_status st = onp_store_platform_find(store, a->device, &platform, err);
    if (st == ONP_OK)
        st = onp_calibrate(store, platform, &r, err);
    if (st == ONP_OK)
        st = print_result(app, store, platform, &r, err);
    onp_store_close(store);
    return st;
}

const onp_verb onp_verb_table_calibrate = {
    .name = "calibrate",
    .operands = "",
    .summary = "fit the latency of networks to the sum of their rows, by measured networks",
    .about = "The networks are those of the table that were measured whole on the platform: by "
             "`onepath table validate`, at the end of a search, or imported. Five are needed.",
    .options = options,
    .args_size = sizeof(calibrate_args),
    .run = run,
};
