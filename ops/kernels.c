/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/kernels/sets.h"

static bool always(void)
{
    return true;
}

#if defined(__x86_64__)
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
}
#endif

/* Best first. */
static const struct {
    const onp_kernels *table;
    bool (*runs_here)(void);
} sets[] = {
#if defined(__x86_64__)
    {&onp_kernels_avx512, has_avx512},
    {&onp_kernels_avx2, has_avx2},
#elif defined(__aarch64__)
    {&onp_kernels_neon, always},
#endif
    {&onp_kernels_generic, always},
};

const onp_kernels *onp_kernels_at(int i)
{
    for (size_t k = 0; k < ONP_COUNT(sets); k++)
        if (sets[k].runs_here() && i-- == 0)
            return sets[k].table;
    return NULL;
}

onp_status onp_kernels_choose(onp_context *ctx, const char *name, onp_error *err)
{
    if (name == NULL)
        name = getenv("ONEPATH_KERNELS");
    if (name == NULL || name[0] == '\0') {
        ctx->kernels = onp_kernels_at(0);
        return ONP_OK;
    }
    char names[128] = "";
    for (int i = 0; onp_kernels_at(i) != NULL; i++) {
        const onp_kernels *k = onp_kernels_at(i);
        if (strcmp(k->name, name) == 0) {
            ctx->kernels = k;
            return ONP_OK;
        }
        size_t used = strlen(names);
        (void)snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "", k->name);
    }
    return onp_fail(err, ONP_E_USAGE, "kernel set \"%s\" is not one this processor runs: %s", name,
                    names);
}
