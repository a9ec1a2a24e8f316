/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verb.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"

const onp_verb *const onp_all_verbs[] = {
#define ONP_X(name) &onp_verb_##name,
    ONP_VERB_LIST(ONP_X)
#undef ONP_X
        NULL,
};

enum { MAX_PATH_OF_VERBS = 64, EXIT_USAGE = 2 };

/* ---- help ---- */

/* path: "onepath", "onepath table" */
static void help_verbs(const char *path, const onp_verb *const *verbs, FILE *out)
{
    (void)fprintf(out, "usage: %s VERB [OPTIONS]\n\n", path);
    for (; *verbs != NULL; verbs++) {
        const onp_verb *v = *verbs;
        int width =
            fprintf(out, "  %s%s%s", v->name, v->operands[0] != '\0' ? " " : "", v->operands);
        (void)fprintf(out, "%*s  %s\n", width < 34 ? 34 - width : 0, "", v->summary);
    }
    (void)fprintf(out, "\n`%s VERB --help` tells the options of a verb.\n", path);
}

static void help_verb(const char *path, const onp_verb *v, FILE *out)
{
    (void)fprintf(out, "usage: %s%s%s [OPTIONS]\n\n%s\n\n", path, v->operands[0] != '\0' ? " " : "",
                  v->operands, v->summary);
    onp_options_help(v->options, out);
}

/* ---- reports ---- */

static int report_usage(const char *path, const onp_error *err)
{
    (void)fprintf(stderr, "error: %s\nSee `%s --help`.\n", err->msg, path);
    return EXIT_USAGE;
}

/* A full disk or a closed pipe shows when the rest is written. */
static onp_status finish_output(onp_status st, onp_error *err)
{
    errno = 0;
    if ((fflush(stdout) != 0 || ferror(stdout)) && st == ONP_OK)
        return onp_fail(err, ONP_E_IO, "standard output: %s",
                        errno != 0 ? strerror(errno) : "write failed");
    return st;
}

/* ---- running ---- */

static int run_parsed(const onp_verb *v, const char *command, const void *args)
{
    onp_app app;
    onp_error err = {0};
    onp_status st = onp_app_open(&app, args, command, &err);
    if (st == ONP_OK)
        st = v->run(&app, args, &err);
    st = finish_output(st, &err);
    if (st != ONP_OK && !app.reported)
        /* what a configuration's errors say of their place stands first, for editors */
        (void)fprintf(
            stderr, "%s%s\n",
            st == ONP_E_CONFIG && strstr(err.msg, ": error: ") != NULL ? "" : "error: ", err.msg);
    onp_app_close(&app);
    return onp_status_exit_code(st);
}

static onp_status check_operands(const onp_verb *v, const onp_args *args, onp_error *err)
{
    if (args->n_operands < v->min_operands)
        return onp_fail(err, ONP_E_USAGE, "wanted: %s", v->operands);
    if (args->n_operands > v->max_operands)
        return onp_fail(err, ONP_E_USAGE, "\"%.80s\" is one too many, wanted: %s",
                        args->operands[v->max_operands],
                        v->operands[0] != '\0' ? v->operands : "options only");
    return ONP_OK;
}

static int run_verb(const char *path, const onp_verb *v, const char *command, int argc, char **argv)
{
    onp_error err = {0};
    onp_args *args = calloc(1, v->args_size);
    int code = EXIT_FAILURE;
    if (args == NULL) {
        (void)fputs("error: out of memory\n", stderr);
        return code;
    }
    onp_status st = onp_options_parse(v->options, argc, argv, args, &err);
    if (st == ONP_OK && args->help) {
        help_verb(path, v, stdout);
        code = onp_status_exit_code(finish_output(ONP_OK, &err));
    } else {
        if (st == ONP_OK)
            st = check_operands(v, args, &err);
        code = st == ONP_OK ? run_parsed(v, command, args) : report_usage(path, &err);
    }
    free(args);
    return code;
}

static int unknown_verb(const char *path, const onp_verb *const *verbs, const char *seen)
{
    onp_suggestion near = {.seen = seen};
    char hint[96];
    onp_error err;
    for (; *verbs != NULL; verbs++)
        onp_suggest_consider(&near, (*verbs)->name);
    onp_suggest_write(&near, "", hint, sizeof hint);
    (void)onp_fail(&err, ONP_E_USAGE, "unknown %s %.80s%s", seen[0] == '-' ? "option" : "verb",
                   seen, hint);
    return report_usage(path, &err);
}

static const onp_verb *find_verb(const onp_verb *const *verbs, const char *name)
{
    while (*verbs != NULL && strcmp((*verbs)->name, name) != 0)
        verbs++;
    return *verbs;
}

static int run_one_of(const char *parent, const onp_verb *const *verbs, const char *command,
                      int argc, char **argv)
{
    char path[MAX_PATH_OF_VERBS];
    if (argc == 0) {
        help_verbs(parent, verbs, stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0) {
        help_verbs(parent, verbs, stdout);
        return finish_output(ONP_OK, NULL) == ONP_OK ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    const onp_verb *v = find_verb(verbs, argv[0]);
    if (v == NULL)
        return unknown_verb(parent, verbs, argv[0]);
    (void)snprintf(path, sizeof path, "%s %s", parent, v->name);
    if (v->verbs != NULL)
        return run_one_of(path, v->verbs, command, argc - 1, argv + 1);
    return run_verb(path, v, command, argc - 1, argv + 1);
}

int onp_verbs_run(const char *command, int argc, char **argv)
{
    return run_one_of("onepath", onp_all_verbs, command, argc, argv);
}
