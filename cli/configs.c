/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/configs.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"

/* Whether FOLDER/spaces/NAME.yaml is there. */
static bool find(const char *folder, const char *name, char *out, size_t out_size)
{
    char found[PATH_MAX], whole[PATH_MAX];
    const int n = snprintf(found, sizeof found, "%s/spaces/%s.yaml", folder, name);
    if (n < 0 || (size_t)n >= sizeof found || realpath(found, whole) == NULL)
        return false;
    return onp_path_join(out, out_size, "", whole, NULL) == ONP_OK;
}

onp_status onp_configs_space(const char *name, char *out, size_t out_size, onp_error *err)
{
    const char *given = getenv("ONEPATH_CONFIGS");
    char folder[PATH_MAX], installed[PATH_MAX], built[PATH_MAX];
    if (given != NULL && given[0] != '\0') {
        if (find(given, name, out, out_size))
            return ONP_OK;
        return onp_fail(err, ONP_E_USAGE,
                        "space %s: $ONEPATH_CONFIGS is %s and has no spaces/%s.yaml", name, given,
                        name);
    }
    ONP_TRY(onp_program_dir(folder, sizeof folder, err));
    ONP_TRY(onp_path_join(installed, sizeof installed, folder, "../share/onepath", err));
    ONP_TRY(onp_path_join(built, sizeof built, folder, "configs", err));
    if (find(installed, name, out, out_size) || find(built, name, out, out_size))
        return ONP_OK;
    return onp_fail(
        err, ONP_E_USAGE,
        "space %s: neither %s nor %s has spaces/%s.yaml: wanted the path of a space, or "
        "the name of one there or in $ONEPATH_CONFIGS",
        name, installed, built, name);
}
