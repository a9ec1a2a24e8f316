/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options that say where latencies are measured (latency/measure/target.h). A verb that
 * measures has an onp_target_args among its arguments.
 *
 *     typedef struct profile_args { onp_args all; onp_target_args target; } profile_args;
 *     static const onp_option options[] = {ONP_OPTIONS_TARGET(profile_args, target), ...};
 *     ONP_TRY(onp_target_open(app, &args->target, &runner, err));
 *     onp_runner_close(runner);
 */
#ifndef ONP_CLI_TARGET_H
#define ONP_CLI_TARGET_H

#include "cli/app.h"
#include "latency/measure/target.h"
#include "search/config.h"
#include "latency/table/profile.h"

typedef struct onp_target_args {
    const char *target;     /* NULL: local */
    const char *cluster;    /* NULL: the fastest */
    const char *agent;      /* NULL: found */
    const char *ssh_config; /* NULL: the user's */
    int64_t threads;        /* 0: not said */
} onp_target_args;

/* What the options name: "local", "ssh:pi@board". */
const char *onp_target_text(const onp_target_args *args);

/* Starts the runner of a target, with the kernels of the options (threads 0: 1, or what a command
 * chooses). Errors: those of onp_target_parse, onp_runner_open_target;
 * ONP_E_USAGE for kernels that this machine has not. */
onp_status onp_target_open(onp_app *app, const onp_target_args *args, onp_runner **out,
                           onp_error *err) ONP_MUST_USE;

/* Fills what the options leave open from the config of a search: its target and how it is reached,
 * where that is within reach; and its threads. Errors: ONP_E_USAGE when it names a command, which
 * is run from the command line only. */
onp_status onp_target_from_config(const onp_config *cfg, onp_target_args *args,
                                  onp_error *err) ONP_MUST_USE;

/* "AMD EPYC, avx512 kernels, BLAS core Cooperlake, threads 1, batch 1"; of another runtime "AMD
 * EPYC, onnxruntime, version 1.30.0, level=all, threads 1, batch 1" */
void onp_target_label(const onp_runner *runner, char *out, size_t out_size);

#define ONP_OPTIONS_TARGET(type_, member)                                                          \
    {"target",                                                                                     \
     ONP_OPTION_TEXT,                                                                              \
     "T",                                                                                          \
     "where to measure: local (the default), ssh:HOST, adb[:SERIAL], exec:COMMAND",                \
     offsetof(type_, member) + offsetof(onp_target_args, target),                                  \
     0,                                                                                            \
     0},                                                                                           \
        {"target-threads",                                                                         \
         ONP_OPTION_INT,                                                                           \
         "N",                                                                                      \
         "threads that measured networks run on (default: the config's, else 1)",                  \
         offsetof(type_, member) + offsetof(onp_target_args, threads),                             \
         1,                                                                                        \
         ONP_MAX_THREADS},                                                                         \
        {"cluster",                                                                                \
         ONP_OPTION_TEXT,                                                                          \
         "NAME|LIST",                                                                              \
         "cores of the target to measure on (default: the fastest)",                               \
         offsetof(type_, member) + offsetof(onp_target_args, cluster),                             \
         0,                                                                                        \
         0},                                                                                       \
        {"agent",                                                                                  \
         ONP_OPTION_TEXT,                                                                          \
         "FILE",                                                                                   \
         "agent to start, or to copy to the target (default: the one that came with onepath)",     \
         offsetof(type_, member) + offsetof(onp_target_args, agent),                               \
         0,                                                                                        \
         0},                                                                                       \
    {                                                                                              \
        "ssh-config", ONP_OPTION_TEXT, "FILE", "for ssh -F (default: ~/.ssh/config)",              \
            offsetof(type_, member) + offsetof(onp_target_args, ssh_config), 0, 0                  \
    }

/* How blocks are measured; rows of different modes belong to different platforms. */
#define ONP_OPTION_MODE(type_, member)                                                             \
    {                                                                                              \
        "mode", ONP_OPTION_TEXT, "auto|chain|difference|isolated",                                 \
            "blocks in whole networks, by difference, or alone (default: the config's, else "      \
            "auto)",                                                                               \
            offsetof(type_, member), 0, 0                                                          \
    }

/* The mode of this name; NULL: `fallback`. The parser of options lets no other name through. */
onp_profile_mode onp_target_mode(const char *name, onp_profile_mode fallback);

#endif
