/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/measure/agent_binary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/context.h"
#include "base/file.h"

#define AGENT "onepath-agent"

static const char *const archs[] = {"x86_64", "aarch64"};

const char *onp_agent_binary_arch(size_t i)
{
    return i < ONP_COUNT(archs) ? archs[i] : NULL;
}

/* Whether folder + middle + "-" + arch + end can be read; it need not run here. */
static bool take(const char *folder, const char *middle, const char *arch, const char *end,
                 char *path, size_t size)
{
    const int n = snprintf(path, size, "%s/%s-%s%s", folder, middle, arch, end);
    return n > 0 && (size_t)n < size && access(path, R_OK) == 0;
}

onp_status onp_agent_binary_find(const char *arch, char *path, size_t size, onp_error *err)
{
    char program[2048];
    size_t i = 0;
    while (i < ONP_COUNT(archs) && strcmp(arch, archs[i]) != 0)
        i++;
    if (i == ONP_COUNT(archs))
        return onp_fail(err, ONP_E_DEVICE, "device: is a \"%.32s\"; agents exist for %s and %s",
                        arch, archs[0], archs[1]);
    const char *set = getenv("ONEPATH_AGENTS");
    if (set != NULL && set[0] != '\0') {
        if (take(set, AGENT, arch, "", path, size))
            return ONP_OK;
        return onp_fail(err, ONP_E_DEVICE,
                        "%.512s/" AGENT "-%s: not there; $ONEPATH_AGENTS names "
                        "this folder",
                        set, arch);
    }
    if (onp_program_dir(program, sizeof program, err) != ONP_OK)
        return onp_fail_prefix(err, ONP_E_DEVICE, AGENT "-%s: ", arch);
    if (take(program, "../libexec/onepath/" AGENT, arch, "", path, size) ||
        take(program, "../build-agent", arch, "/" AGENT, path, size))
        return ONP_OK;
    return onp_fail(err, ONP_E_DEVICE,
                    AGENT
                    "-%s: not in $ONEPATH_AGENTS, %.256s/../libexec/onepath or "
                    "../build-agent-%s; make it in the source tree: cmake --preset agent-%s && "
                    "cmake --build --preset agent-%s",
                    arch, program, arch, arch, arch);
}
