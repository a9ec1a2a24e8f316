/* SPDX-License-Identifier: Apache-2.0 */
/* onepath check CONFIG|SPACE: every mistake of a file at once. */
#include <stdio.h>

#include "cli/source.h"
#include "cli/verb.h"

static const onp_option options[] = {ONP_OPTION_SET, ONP_OPTION_END};

static onp_status run(onp_app *app, const void *args, onp_error *err)
{
    const onp_args *a = args;
    const char *path = a->operands[0];
    onp_source source;
    ONP_TRY(onp_source_open(app, path, ONP_SOURCE_SPACE | ONP_SOURCE_CONFIG, &source, err));
    const onp_space *space = source.space;
    const char *kind = source.is_config ? "config" : "space";
    onp_status st = ONP_OK;
    if (a->json)
        st = onp_app_print(app,
                           json_pack("{s:b, s:s, s:s, s:s, s:i, s:i, s:f}", "ok", 1, "file", path,
                                     "kind", kind, "space", space->spec.name, "positions",
                                     space->n_positions, "choices", space->n_choices, "vectors",
                                     onp_space_n_vectors(space, NULL)),
                           err);
    else
        (void)printf(
            "ok: %s: a %s; space %s: %d positions, %d with a choice, %.6g choice vectors\n", path,
            kind, space->spec.name, space->n_positions, space->n_choices,
            onp_space_n_vectors(space, NULL));
    onp_source_close(&source);
    return st;
}

const onp_verb onp_verb_check = {
    .name = "check",
    .operands = "CONFIG|SPACE",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "every mistake of a config or a space at once, with line and column",
    .options = options,
    .args_size = sizeof(onp_args),
    .run = run,
};
