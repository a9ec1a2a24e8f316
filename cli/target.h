/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets: where latencies are measured. Each is a name, or a name, a colon and what it needs.
 *
 *     onp_runner *runner = NULL;
 *     ONP_TRY(onp_target_open(app, "local", 1, &runner, err));
 *     onp_runner_close(runner);
 */
#ifndef ONP_CLI_TARGET_H
#define ONP_CLI_TARGET_H

#include "cli/app.h"
#include "latency/measure/driver.h"

/* Starts the runner of a target on so many threads of it, with the kernels of the options. Errors:
 * ONP_E_USAGE (unknown target), those of onp_runner_open. */
onp_status onp_target_open(const onp_app *app, const char *target, int64_t threads,
                           onp_runner **out, onp_error *err) ONP_MUST_USE;

/* "AMD EPYC, avx512 kernels, BLAS core Cooperlake, threads 1, batch 1, isolated" */
void onp_target_label(const onp_runner *runner, char *out, size_t out_size);

#define ONP_OPTION_TARGET(type_, member)                                                           \
    {                                                                                              \
        "target", ONP_OPTION_TEXT, "T", "where to measure: local (the default)",                   \
            offsetof(type_, member), 0, 0                                                          \
    }
#define ONP_OPTION_TARGET_THREADS(type_, member)                                                   \
    {                                                                                              \
        "target-threads", ONP_OPTION_INT, "N",                                                     \
            "threads that measured networks run on (default: the config's, else 1)",               \
            offsetof(type_, member), 1, ONP_MAX_THREADS                                            \
    }

#endif
