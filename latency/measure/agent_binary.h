/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the static agents for other machines lie: `onepath-agent-ARCH` in $ONEPATH_AGENTS, else in
 * libexec/onepath of where onepath is installed; in a source tree build-agent-ARCH/onepath-agent.
 *
 *     char path[4096];
 *     ONP_TRY(onp_agent_binary_find("aarch64", path, sizeof path, err));
 */
#ifndef ONP_LATENCY_MEASURE_AGENT_BINARY_H
#define ONP_LATENCY_MEASURE_AGENT_BINARY_H

#include <stddef.h>

#include "base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The i-th architecture that an agent can be built for, as `uname -m` says it; NULL past the last.
 */
const char *onp_agent_binary_arch(size_t i);

/*
 * arch: as `uname -m` on the device says it. Errors: ONP_E_DEVICE when there is no such agent: one
 * that cannot be built, or one that is not there (the places looked at and how to build it).
 */
onp_status onp_agent_binary_find(const char *arch, char *path, size_t size,
                                 onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
