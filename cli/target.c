/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/target.h"

#include <inttypes.h>
#include <stdio.h>

#include "ops/kernels.h"

onp_status onp_target_open(const onp_app *app, const onp_target_args *args, int64_t threads,
                           onp_runner **out, onp_error *err)
{
    onp_target target;
    ONP_TRY(onp_target_parse(onp_target_text(args), &target, err));
    onp_context here = app->ctx; /* a name that this processor has not is a mistake of the user */
    if (target.kind == ONP_TARGET_LOCAL)
        ONP_TRY(onp_kernels_choose(&here, app->args->kernels, err));
    const onp_target_options options = {.threads = threads,
                                        .kernels = app->args->kernels,
                                        .cluster = args->cluster,
                                        .agent = args->agent,
                                        .ssh_config = args->ssh_config};
    return onp_runner_open_target(&app->ctx, &target, &options, out, err);
}

const char *onp_target_text(const onp_target_args *args)
{
    return args->target != NULL ? args->target : "local";
}

void onp_target_label(const onp_runner *runner, char *out, size_t out_size)
{
    const onp_runner_facts *f = onp_runner_get_facts(runner);
    (void)snprintf(out, out_size,
                   "%s, %s kernels, BLAS core %s, threads %" PRId64 ", batch %" PRId64, f->device,
                   f->kernel_set, f->blas_core, f->threads, f->batch);
}
