/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets: where latencies are measured. One driver, four ways to start the other side.
 *
 *     local            the agent on this machine
 *     ssh:HOST         the agent on another, by the program ssh: a name of ~/.ssh/config, pi@board,
 *                      //pi@board:2222
 *     adb[:SERIAL]     the agent on an Android phone, by the program adb
 *     exec:COMMAND     any program that speaks the protocol (latency/measure/words.h: no shell)
 *
 *     onp_target target;
 *     ONP_TRY(onp_target_parse("ssh:pi@board", &target, err));
 *     ONP_TRY(onp_runner_open_target(ctx, &target, &(onp_target_options){.threads = 4}, &r, err));
 *     onp_runner_close(r);
 */
#ifndef ONP_LATENCY_MEASURE_TARGET_H
#define ONP_LATENCY_MEASURE_TARGET_H

#include "latency/measure/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum onp_target_kind {
    ONP_TARGET_LOCAL,
    ONP_TARGET_SSH,
    ONP_TARGET_ADB,
    ONP_TARGET_EXEC
} onp_target_kind;

#define ONP_TARGET_TEXT    1024
#define ONP_TARGET_WORDS   64  /* of a command */
#define ONP_TARGET_ADDRESS 256 /* bytes of a host or serial, its NUL too */

typedef struct onp_target {
    onp_target_kind kind;
    char text[ONP_TARGET_TEXT]; /* as it was written, for messages and runs */
    /* ssh: the host; adb: the serial, "" for the only device; exec: the words of the command, one
     * behind the other; local: "" */
    char words[ONP_TARGET_TEXT];
    size_t n_words; /* exec */
} onp_target;

/* Whether text is meant as a target: "local", "adb", or begins with "ssh:", "adb:", "exec:". */
bool onp_target_is_one(const char *text);

/* Errors: ONP_E_USAGE naming what is wrong: an unknown kind, a missing host, serial or command, one
 * that begins with "-", is too long or has blanks or control characters; onp_words_split. */
onp_status onp_target_parse(const char *text, onp_target *out, onp_error *err) ONP_MUST_USE;

/* Zero fields mean the defaults; all is borrowed for the call. */
typedef struct onp_target_options {
    int64_t threads;        /* of the measured networks; 0: 1, or what a command chooses */
    const char *kernels;    /* NULL: the best of the device; an agent's only */
    int64_t batch;          /* 0: 1 */
    const char *cluster;    /* of an agent: a name or a list of cores; NULL: the fastest */
    const char *device;     /* the name of the device; NULL: found out; an agent's only */
    const char *agent;      /* the agent to start here, or to copy to the device; NULL: found */
    const char *ssh_config; /* of ssh -F; NULL: the user's */
    onp_runner_options runner;
} onp_target_options;

/*
 * Starts the runner of a target. *out is released by onp_runner_close. Errors: those of
 * onp_runner_open; ONP_E_DEVICE when the device cannot be reached or used, which says what to do
 * about it, and when the runner says of itself other threads or another batch than wanted.
 */
onp_status onp_runner_open_target(const onp_context *ctx, const onp_target *target,
                                  const onp_target_options *options, onp_runner **out,
                                  onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
