/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another machine that is reached by ssh or adb: finding out what it is, bringing the agent over,
 * starting it. Both hand one line to a shell of the device, whose user may have made it any shell:
 * each line is `sh -c SCRIPT sh WORD...`, every word quoted (latency/measure/words.h).
 *
 *     onp_remote_init(&remote, ctx, &target, NULL);
 *     ONP_TRY_GOTO(onp_remote_look(&remote, err));            // what it is, what lies there
 *     ONP_TRY_GOTO(onp_remote_bring(&remote, NULL, err));     // the agent, unless it is there
 *     onp_remote_agent_line(&remote, words, n_words, &line);
 *     onp_remote_argv(&remote, line.text, argv);              // for onp_runner_open
 *   done:
 *     onp_remote_reset(&remote);
 *
 * The agent stays in a folder of its own, for the next time; its name holds the SHA-256 of its
 * content, which the device computes again before each use. Where the device has no sha256sum the
 * agent is copied each time.
 */
#ifndef ONP_LATENCY_MEASURE_REMOTE_H
#define ONP_LATENCY_MEASURE_REMOTE_H

#include "base/strbuf.h"
#include "latency/measure/target.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_REMOTE_PATH 512
#define ONP_REMOTE_ARGV 20

typedef struct onp_remote {
    const onp_context *ctx;
    const onp_target *target; /* ssh or adb */
    const char *ssh_config;   /* may be NULL */
    char arch[32];            /* "aarch64" */
    char device[128];         /* Android: "Google Pixel 4"; else "" */
    char folder[ONP_REMOTE_PATH];
    char agent[ONP_REMOTE_PATH + 96]; /* the agent's path there */
    onp_strbuf said;                  /* what the last line answered */
} onp_remote;

/* ctx, target and ssh_config (NULL: the user's) are borrowed. */
void onp_remote_init(onp_remote *r, const onp_context *ctx, const onp_target *target,
                     const char *ssh_config);
void onp_remote_reset(onp_remote *r);

/*
 * Fills arch, device and folder, and keeps what agents lie there. Errors: ONP_E_DEVICE: it cannot
 * be reached, is no Linux, has no folder that programs can be started from (each that was tried is
 * named); ONP_E_NOMEM.
 */
onp_status onp_remote_look(onp_remote *r, onp_error *err) ONP_MUST_USE;

/* The part of it that reads what the device answered, r->said. */
onp_status onp_remote_take_look(onp_remote *r, onp_error *err) ONP_MUST_USE;

/* Copies the agent (NULL: the one for its architecture) unless the very same lies there already:
 * under another name first, its size compared, then renamed; other agents there are removed.
 * Errors: ONP_E_DEVICE, ONP_E_IO, ONP_E_NOMEM. */
onp_status onp_remote_bring(onp_remote *r, const char *agent, onp_error *err) ONP_MUST_USE;

/* Appends the line that starts the agent with these arguments, and with no variable of the
 * environment but PATH: none may set the number of threads or the kernels. */
void onp_remote_agent_line(const onp_remote *r, const char *const *words, size_t n_words,
                           onp_strbuf *line);

/* The program here that hands `line` to a shell of the device; all borrowed. */
void onp_remote_argv(const onp_remote *r, const char *line, const char *argv[ONP_REMOTE_ARGV]);

#ifdef __cplusplus
}
#endif
#endif
