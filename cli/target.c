/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/target.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ops/kernels.h"

static onp_status open_local(const onp_app *app, int64_t threads, onp_runner **out, onp_error *err)
{
    onp_context here = app->ctx; /* a name that this processor has not is a mistake of the user */
    ONP_TRY(onp_kernels_choose(&here, app->args->kernels, err));
    const onp_local_options options = {.threads = (int)threads, .kernels = app->args->kernels};
    return onp_runner_open_local(&app->ctx, &options, out, err);
}

onp_status onp_target_open(const onp_app *app, const char *target, int64_t threads,
                           onp_runner **out, onp_error *err)
{
    if (strcmp(target, "local") == 0)
        return open_local(app, threads, out, err);
    return onp_fail(err, ONP_E_USAGE, "--target: \"%.80s\" is not known, wanted local", target);
}

void onp_target_label(const onp_runner *runner, char *out, size_t out_size)
{
    const onp_runner_facts *f = onp_runner_get_facts(runner);
    (void)snprintf(out, out_size,
                   "%s, %s kernels, BLAS core %s, threads %" PRId64 ", batch %" PRId64 ", %s",
                   f->device, f->kernel_set, f->blas_core, f->threads, f->batch, f->cache_mode);
}
