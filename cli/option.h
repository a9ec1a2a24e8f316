/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of a verb as a constant table, from which the parser and the help text come. A verb's
 * arguments are a plain struct that begins with onp_args; each option is one of its members.
 *
 *     typedef struct bench_args {
 *         onp_args all;
 *         const char *vs;
 *     } bench_args;
 *     static const onp_option options[] = {
 *         ONP_OPTION_DB,
 *         {"vs", ONP_OPTION_TEXT, "ARCH", "a network to compare with", offsetof(bench_args, vs)},
 *         {NULL}};
 *     ONP_TRY(onp_options_parse(options, argc, argv, &args, err));
 *
 * Written `--name value` or `--name=value`; `--` ends them. An option that is given twice is an
 * error, unless it is a list.
 */
#ifndef ONP_CLI_OPTION_H
#define ONP_CLI_OPTION_H

#include <stdint.h>
#include <stdio.h>

#include "base/parallel.h"
#include "base/strbuf.h"

typedef enum onp_option_type {
    ONP_OPTION_FLAG, /* bool */
    ONP_OPTION_TEXT, /* const char *, one of argv; not empty */
    ONP_OPTION_INT,  /* int64_t in min..max */
    ONP_OPTION_REAL, /* double in min..max */
    ONP_OPTION_LIST  /* onp_option_list: may be given again */
} onp_option_type;

#define ONP_OPTION_LIST_MAX 64
typedef struct onp_option_list {
    const char *item[ONP_OPTION_LIST_MAX];
    size_t n;
} onp_option_list;

typedef struct onp_option {
    const char *name; /* without the dashes; NULL ends a table */
    onp_option_type type;
    const char *value; /* what stands for the value in the help text; NULL for a flag. Words in
                          capitals are placeholders; "refuse|mean" are the only values there are,
                          of "json,onnx" one or several may be given, joined by commas */
    const char *help;
    size_t offset;
    double min, max; /* numbers */
} onp_option;

/* What the arguments of every verb begin with. An option that a verb does not take stays zero. */
typedef struct onp_args {
    bool help, json, quiet;
    bool skip_bad;        /* stands for --set data.skip_bad=true, which it is in `sets` too */
    int64_t threads;      /* of this process; 0: all processors */
    const char *kernels;  /* NULL: $ONEPATH_KERNELS, else the best */
    const char *db;       /* NULL: see onp_app_db_path() */
    onp_option_list sets; /* key=value */
    char **operands;      /* what is not an option, in order; of argv */
    int n_operands;
} onp_args;

/* The options that several verbs share. help, json and quiet belong to all verbs. */
#define ONP_OPTION_THREADS                                                                         \
    {                                                                                              \
        "threads", ONP_OPTION_INT, "N", "threads of this process (default: all processors)",       \
            offsetof(onp_args, threads), 1, ONP_MAX_THREADS                                        \
    }
#define ONP_OPTION_KERNELS                                                                         \
    {                                                                                              \
        "kernels", ONP_OPTION_TEXT, "NAME",                                                        \
            "kernel set (default: $ONEPATH_KERNELS, else the best of this processor)",             \
            offsetof(onp_args, kernels), 0, 0                                                      \
    }
#define ONP_OPTION_DB                                                                              \
    {                                                                                              \
        "db", ONP_OPTION_TEXT, "PATH",                                                             \
            "latency table (default: $ONEPATH_DB, else latency.db beside the config)",             \
            offsetof(onp_args, db), 0, 0                                                           \
    }
#define ONP_OPTION_SET                                                                             \
    {                                                                                              \
        "set", ONP_OPTION_LIST, "KEY=VALUE", "override a key of the file; may be repeated",        \
            offsetof(onp_args, sets), 0, 0                                                         \
    }
#define ONP_OPTION_SKIP_BAD                                                                        \
    {                                                                                              \
        "skip-bad", ONP_OPTION_FLAG, NULL, "leave out files that are no readable image",           \
            offsetof(onp_args, skip_bad), 0, 0                                                     \
    }
#define ONP_OPTION_END                                                                             \
    {                                                                                              \
        NULL, ONP_OPTION_FLAG, NULL, NULL, 0, 0, 0                                                 \
    }

/*
 * Fills args, a zeroed struct that begins with onp_args, from argv[0..argc-1] by `options` and
 * those of all verbs. argv is reordered: operands come first. Errors: ONP_E_USAGE naming the
 * option, what was seen and what is wanted, with the nearest name for an unknown one.
 */
onp_status onp_options_parse(const onp_option *options, int argc, char **argv, void *args,
                             onp_error *err) ONP_MUST_USE;

/* The options of all verbs; ONP_OPTION_END ends them. */
extern const onp_option onp_options_common[];

/*
 * The next of the words of "RUN|DIR" or "SPACE|CONFIG [IMAGE...]", from *at, which is moved behind
 * it; false after the last. Brackets and dots are left out.
 */
bool onp_option_word(const char **at, char word[32]);
/* Whether a value is one of a set: all its words are in small letters. */
bool onp_option_is_choice(const char *value);

/* The options as aligned lines. */
void onp_options_help(const onp_option *options, FILE *out);

#endif
