/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/measure/environment.h"

#include <string.h>

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static bool steers_threads(const char *variable)
{
    static const char *const prefixes[] = {
        "OMP_", "GOMP_", "KMP_", "LIBOMP_", "OPENBLAS_", "GOTO_", "MKL_NUM_THREADS="};
    if (begins(variable, "OPENBLAS_CORETYPE=") || begins(variable, "OMP_TOOL"))
        return false;
    for (size_t i = 0; i < ONP_COUNT(prefixes); i++)
        if (begins(variable, prefixes[i]))
            return true;
    return false;
}

const char *onp_environment_find(char *const *environment)
{
    for (; *environment != NULL; environment++)
        if (steers_threads(*environment))
            return *environment;
    return NULL;
}

onp_status onp_environment_clean(const onp_context *ctx, char *const *environment, char ***out,
                                 onp_error *err)
{
    size_t n = 0, n_kept = 0;
    while (environment[n] != NULL)
        n++;
    char **kept = onp_alloc(ctx, n + 1, sizeof *kept);
    if (kept == NULL)
        return onp_fail(err, ONP_E_NOMEM, "environment: no memory for %zu variables", n);
    for (size_t i = 0; i < n; i++)
        if (!steers_threads(environment[i]))
            kept[n_kept++] = environment[i];
    kept[n_kept] = NULL;
    *out = kept;
    return ONP_OK;
}
