/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/target.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/onnx.h"
#include "ops/kernels.h"

onp_status onp_target_open(onp_app *app, const onp_target_args *args, onp_runner **out,
                           onp_error *err)
{
    onp_target target;
    ONP_TRY(onp_target_parse(onp_target_text(args), &target, err));
    onp_context here = app->ctx; /* a name that this processor has not is a mistake of the user */
    if (target.kind == ONP_TARGET_LOCAL)
        ONP_TRY(onp_kernels_choose(&here, app->args->kernels, err));
    const onp_target_options options = {.threads = args->threads,
                                        .kernels = app->args->kernels,
                                        .cluster = args->cluster,
                                        .agent = args->agent,
                                        .ssh_config = args->ssh_config};
    ONP_TRY(onp_runner_open_target(&app->ctx, &target, &options, out, err));
    onp_runner_set_encoder(*out, onp_onnx_encode, &app->ctx);
    return ONP_OK;
}

const char *onp_target_text(const onp_target_args *args)
{
    return args->target != NULL ? args->target : "local";
}

onp_status onp_target_from_config(const onp_config *cfg, onp_target_args *args, onp_error *err)
{
    const char *device = cfg->target.device;
    if (args->threads == 0)
        args->threads = cfg->target.threads;
    if (args->cluster == NULL)
        args->cluster = cfg->target.cluster;
    if (args->ssh_config == NULL)
        args->ssh_config = cfg->target.ssh_config;
    if (args->target != NULL || !onp_target_is_one(device))
        return ONP_OK;
    if (strncmp(device, "exec:", 5) == 0)
        return onp_fail(
            err, ONP_E_USAGE,
            "target.device: \"%.80s\" is a command: name it with --target when you trust "
            "it",
            device);
    args->target = device;
    return ONP_OK;
}

/* Appends ", BEFORE TEXT AFTER" where there is a text. */
static void add_fact(char *out, size_t size, const char *before, const char *text,
                     const char *after)
{
    const size_t used = strlen(out);
    if (text[0] != '\0')
        (void)snprintf(out + used, size - used, ", %s%s%s", before, text, after);
}

void onp_target_label(const onp_runner *runner, char *out, size_t out_size)
{
    const onp_runner_facts *f = onp_runner_get_facts(runner);
    const bool own = strcmp(f->backend, "onepath") == 0;
    char numbers[80];
    (void)snprintf(out, out_size, "%s", f->device);
    (void)snprintf(numbers, sizeof numbers, "threads %" PRId64 ", batch %" PRId64, f->threads,
                   f->batch);
    if (!own) {
        add_fact(out, out_size, "", f->backend, "");
        add_fact(out, out_size, "version ", f->backend_version, "");
    }
    add_fact(out, out_size, "", f->kernel_set, own ? " kernels" : "");
    add_fact(out, out_size, "BLAS core ", f->blas_core, "");
    add_fact(out, out_size, "", numbers, "");
}

onp_profile_mode onp_target_mode(const char *name, onp_profile_mode fallback)
{
    for (int i = 0; name != NULL && i < ONP_PROFILE_MODE_COUNT; i++)
        if (strcmp(name, onp_profile_mode_names[i]) == 0)
            return (onp_profile_mode)i;
    return fallback;
}
