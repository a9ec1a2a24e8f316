/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child process that is spoken to in lines, or waited for: an argument vector (never a shell), a
 * process group of its own, deadlines, bounded lines, and the end of what it wrote to standard
 * error. It gets this process's environment without what would set its number of threads.
 *
 *     onp_process p;
 *     ONP_TRY(onp_process_start(ctx, argv, max_line, &p, err));
 *     ONP_TRY_GOTO(onp_process_ask(&p, "question\n", 9, onp_now_ns() + second, &line, &n, err));
 *   done:
 *     onp_process_end(&p, 0);
 */
#ifndef ONP_LATENCY_MEASURE_PROCESS_H
#define ONP_LATENCY_MEASURE_PROCESS_H

#include <sys/types.h>

#include "latency/measure/line.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_PROCESS_SAID 2048 /* bytes of standard error that are kept, its last */

typedef struct onp_process {
    pid_t pid; /* and process group; 0: none */
    int in_fd, out_fd, err_fd;
    onp_line_reader out;
    char said[ONP_PROCESS_SAID]; /* a ring */
    size_t n_said;               /* bytes in all */
} onp_process;

/* Starts argv (NULL at its end; argv[0] is searched in PATH when it has no slash). Errors:
 * ONP_E_DEVICE when it cannot be started; *p is then all zero. */
onp_status onp_process_start(const onp_context *ctx, const char *const *argv, size_t max_line,
                             onp_process *p, onp_error *err) ONP_MUST_USE;
/* The same for one that is not spoken to: it reads the file `input` (NULL: nothing). Errors:
 * ONP_E_IO when that cannot be opened. */
onp_status onp_process_start_with(const onp_context *ctx, const char *const *argv,
                                  const char *input, size_t max_output, onp_process *p,
                                  onp_error *err) ONP_MUST_USE;

/*
 * Sends text and waits for one line, which is borrowed until the next ask. deadline_ns: of
 * onp_now_ns(). Errors: ONP_E_DEVICE (it ended, was silent until the deadline, had spoken
 * unasked, sent too long a line), ONP_E_NOMEM. The process is of no use then.
 */
onp_status onp_process_ask(onp_process *p, const char *text, size_t length, int64_t deadline_ns,
                           const char **line, size_t *line_length, onp_error *err) ONP_MUST_USE;

/* Waits for another line after that one. */
onp_status onp_process_next(onp_process *p, int64_t deadline_ns, const char **line,
                            size_t *line_length, onp_error *err) ONP_MUST_USE;

/*
 * Waits until it ends. *output: all that it wrote to standard output, borrowed until
 * onp_process_end; *exit_code: 128 and the signal when one ended it. Errors: ONP_E_DEVICE (not in
 * time, more output than was allowed), ONP_E_NOMEM.
 */
onp_status onp_process_wait(onp_process *p, int64_t deadline_ns, const char **output,
                            size_t *length, int *exit_code, onp_error *err) ONP_MUST_USE;

/* Closes its input, gives it patience_ns to end, kills what is left of its group, and releases all
 * but what it said. A p that was never started or has ended is fine. */
void onp_process_end(onp_process *p, int64_t patience_ns);

/* The end of its standard error on one line, at most out_size - 1 bytes; after onp_process_end too.
 */
void onp_process_said(const onp_process *p, char *out, size_t out_size);

/* Puts what err says into a sentence: who it was, its last words, what to do about it. Returns
 * ONP_E_DEVICE, or ONP_E_NOMEM when st is that. err may be NULL. */
onp_status onp_process_failed(const onp_process *p, const char *name, onp_status st,
                              onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
