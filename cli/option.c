/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/option.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"

const onp_option onp_options_common[] = {
    {"json", ONP_OPTION_FLAG, NULL, "one JSON object on standard output", offsetof(onp_args, json),
     0, 0},
    {"quiet", ONP_OPTION_FLAG, NULL, "no progress and no notes", offsetof(onp_args, quiet), 0, 0},
    {"help", ONP_OPTION_FLAG, NULL, "this text", offsetof(onp_args, help), 0, 0},
    ONP_OPTION_END,
};

enum { MAX_OPTIONS = 64, MAX_NAME = 80, MAX_CHOICES = 16 };

typedef struct parser {
    const onp_option *table[2];
    void *args;
    bool seen[2][MAX_OPTIONS];
} parser;

static onp_status fail_unknown(const parser *p, const char *name, onp_error *err)
{
    onp_suggestion near = {.seen = name};
    char hint[96];
    for (int t = 0; t < 2; t++)
        for (const onp_option *o = p->table[t]; o->name != NULL; o++)
            onp_suggest_consider(&near, o->name);
    onp_suggest_write(&near, "--", hint, sizeof hint);
    return onp_fail(err, ONP_E_USAGE, "unknown option --%.80s%s", name, hint);
}

/* ---- parsing ---- */

/* A finite number without rest. */
static bool read_real(const char *text, double *out)
{
    char *end = NULL;
    errno = 0;
    *out = strtod(text, &end);
    return errno == 0 && end != text && *end == '\0' && isfinite(*out);
}

static bool read_int(const char *text, int64_t *out)
{
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    *out = value;
    return errno == 0 && end != text && *end == '\0';
}

static onp_status fail_number(const onp_option *o, const char *value, onp_error *err)
{
    return onp_fail(err, ONP_E_USAGE, "--%s is \"%.80s\", wanted %s from %g to %g", o->name, value,
                    o->type == ONP_OPTION_INT ? "an integer" : "a number", o->min, o->max);
}

bool onp_option_word(const char **at, char word[32])
{
    static const char between[] = "|,[]. ";
    const char *begin = *at + strspn(*at, between);
    const size_t n = strcspn(begin, between);
    *at = begin + n;
    (void)snprintf(word, 32, "%.*s", (int)(n < 32 ? n : 31), begin);
    return n > 0;
}

bool onp_option_is_choice(const char *value)
{
    return value != NULL && strchr(value, '|') != NULL &&
           value[strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789-|")] == '\0';
}

/* ONP_OK when value is one of the words of o->value. */
static onp_status check_choice(const onp_option *o, const char *value, onp_error *err)
{
    onp_suggestion near = {.seen = value};
    char words[MAX_CHOICES][32], hint[96];
    const char *at = o->value;
    for (int i = 0; i < MAX_CHOICES && onp_option_word(&at, words[i]); i++) {
        if (strcmp(words[i], value) == 0)
            return ONP_OK;
        onp_suggest_consider(&near, words[i]);
    }
    onp_suggest_write(&near, "", hint, sizeof hint);
    return onp_fail(err, ONP_E_USAGE, "--%s is \"%.80s\", wanted %s%s", o->name, value, o->value,
                    hint);
}

static onp_status add_item(const onp_option *o, const char *value, onp_option_list *list,
                           onp_error *err)
{
    if (list->n == ONP_OPTION_LIST_MAX)
        return onp_fail(err, ONP_E_USAGE, "--%s is given more than %d times", o->name,
                        ONP_OPTION_LIST_MAX);
    list->item[list->n++] = value;
    return ONP_OK;
}

static onp_status store_value(const onp_option *o, const char *value, void *args, onp_error *err)
{
    void *member = (char *)args + o->offset;
    if (o->type != ONP_OPTION_FLAG && value[0] == '\0')
        return onp_fail(err, ONP_E_USAGE, "--%s: its value is empty, wanted %s", o->name, o->value);
    switch (o->type) {
    case ONP_OPTION_FLAG:
        *(bool *)member = true;
        return ONP_OK;
    case ONP_OPTION_TEXT:
        if (onp_option_is_choice(o->value))
            ONP_TRY(check_choice(o, value, err));
        *(const char **)member = value;
        return ONP_OK;
    case ONP_OPTION_INT: {
        int64_t number;
        if (!read_int(value, &number) || (double)number < o->min || (double)number > o->max)
            return fail_number(o, value, err);
        *(int64_t *)member = number;
        return ONP_OK;
    }
    case ONP_OPTION_REAL: {
        double number;
        if (!read_real(value, &number) || number < o->min || number > o->max)
            return fail_number(o, value, err);
        *(double *)member = number;
        return ONP_OK;
    }
    case ONP_OPTION_LIST:
        return add_item(o, value, member, err);
    }
    return ONP_OK;
}

/* The option of this name, *seen its mark; NULL when there is none. */
static const onp_option *find(parser *p, const char *name, bool **seen)
{
    for (int t = 0; t < 2; t++)
        for (size_t i = 0; p->table[t][i].name != NULL; i++)
            if (strcmp(p->table[t][i].name, name) == 0) {
                *seen = &p->seen[t][i];
                return &p->table[t][i];
            }
    return NULL;
}

/* *used: how many of argv the option at argv[0] takes. value: after its '=', or NULL. */
static onp_status parse_value(const parser *p, const onp_option *o, const char *value, int argc,
                              char **argv, int *used, onp_error *err)
{
    *used = 1;
    if (o->type == ONP_OPTION_FLAG)
        return value == NULL ? store_value(o, "", p->args, err)
                             : onp_fail(err, ONP_E_USAGE, "--%s takes no value", o->name);
    if (value != NULL)
        return store_value(o, value, p->args, err);
    if (argc < 2 || strncmp(argv[1], "--", 2) == 0)
        return onp_fail(err, ONP_E_USAGE, "--%s: its value is missing, wanted %s", o->name,
                        o->value);
    *used = 2;
    return store_value(o, argv[1], p->args, err);
}

static onp_status parse_option(parser *p, int argc, char **argv, int *used, onp_error *err)
{
    char name[MAX_NAME];
    bool *seen = NULL;
    const char *text = argv[0] + 2, *equals = strchr(text, '=');
    (void)snprintf(name, sizeof name, "%.*s",
                   (int)(equals != NULL ? equals - text : (ptrdiff_t)sizeof name), text);
    const onp_option *o = find(p, name, &seen);
    if (o == NULL)
        return fail_unknown(p, name, err);
    if (*seen && o->type != ONP_OPTION_LIST)
        return onp_fail(err, ONP_E_USAGE, "--%s is given twice", o->name);
    *seen = true;
    return parse_value(p, o, equals != NULL ? equals + 1 : NULL, argc, argv, used, err);
}

onp_status onp_options_parse(const onp_option *options, int argc, char **argv, void *args,
                             onp_error *err)
{
    parser p = {.table = {options, onp_options_common}, .args = args};
    onp_args *all = args;
    int n_operands = 0;
    for (int i = 0, used = 1; i < argc; i += used) {
        used = 1;
        if (strcmp(argv[i], "--") == 0) {
            while (++i < argc)
                argv[n_operands++] = argv[i];
            break;
        }
        if (strncmp(argv[i], "--", 2) == 0)
            ONP_TRY(parse_option(&p, argc - i, argv + i, &used, err));
        else if (strcmp(argv[i], "-h") == 0)
            all->help = true;
        else if (argv[i][0] == '-' && argv[i][1] != '\0')
            return onp_fail(err, ONP_E_USAGE, "unknown option %.80s", argv[i]);
        else
            argv[n_operands++] = argv[i];
    }
    all->operands = argv;
    all->n_operands = n_operands;
    static const onp_option set = ONP_OPTION_SET;
    return all->skip_bad ? add_item(&set, "data.skip_bad=true", &all->sets, err) : ONP_OK;
}

/* ---- help ---- */

void onp_options_help(const onp_option *options, FILE *out)
{
    const onp_option *table[2] = {options, onp_options_common};
    for (int t = 0; t < 2; t++)
        for (const onp_option *o = table[t]; o->name != NULL; o++) {
            int width = fprintf(out, "  --%s%s%s", o->name, o->value != NULL ? " " : "",
                                o->value != NULL ? o->value : "");
            (void)fprintf(out, "%*s  %s\n", width < 30 ? 30 - width : 0, "", o->help);
        }
}
