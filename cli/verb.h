/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verbs: one file each, which defines onp_verb_NAME, and one line in ONP_VERB_LIST.
 *
 *     static onp_status run(onp_app *app, const void *args, onp_error *err);
 *     const onp_verb onp_verb_doctor = {.name = "doctor", .summary = "what this machine is ...",
 *                                       .args_size = sizeof(onp_args), .options = options,
 *                                       .run = run};
 */
#ifndef ONP_CLI_VERB_H
#define ONP_CLI_VERB_H

#include "cli/app.h"
#include "cli/option.h"

/* In the order of the help text. */
#define ONP_VERB_LIST(X)                                                                           \
    X(doctor)                                                                                      \
    X(init)                                                                                        \
    X(check)                                                                                       \
    X(profile)                                                                                     \
    X(table)                                                                                       \
    X(search)                                                                                      \
    X(train)                                                                                       \
    X(eval)                                                                                        \
    X(export)                                                                                      \
    X(bench)                                                                                       \
    X(graph)                                                                                       \
    X(report)

typedef struct onp_verb {
    const char *name;
    const char *operands; /* "SPACE|CONFIG"; "" when there are none */
    int min_operands, max_operands;
    const char *summary;       /* one line, no full stop */
    const char *about;         /* sentences for the manual page; NULL: the summary is enough */
    const onp_option *options; /* beside those of all verbs; ONP_OPTION_END ends them */
    size_t args_size;          /* of the struct that options fill; it begins with onp_args */
    const struct onp_verb *const *verbs; /* a verb of verbs: NULL ends them; the rest is unused */
    /* args is of args_size. What fails is reported by the caller. */
    onp_status (*run)(onp_app *app, const void *args, onp_error *err);
} onp_verb;

#define ONP_X(name) extern const onp_verb onp_verb_##name;
ONP_VERB_LIST(ONP_X)
#undef ONP_X
extern const onp_verb *const onp_all_verbs[]; /* NULL ends them */

/*
 * Finds the verb of argv[0], parses the rest, calls it and reports what failed on standard error.
 * command: the whole command line. Returns the exit code of the process.
 */
int onp_verbs_run(const char *command, int argc, char **argv);

#endif
