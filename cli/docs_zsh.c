/* SPDX-License-Identifier: Apache-2.0 */
/* Completion for zsh. */
#include "cli/docs.h"

static const char head[] =
    "#compdef onepath\n"
    "# zsh completion for onepath, written by onepath-docs from the tables of the verbs\n"
    "\n";

/* Texts stand in single quotes: one in them closes the quotes, stands alone, opens them again. */
static void add_quoted(onp_strbuf *out, const char *text, const char *special)
{
    for (; *text != '\0'; text++) {
        const char one[] = {*text, '\0'};
        if (*text == '\'')
            onp_strbuf_adds(out, "'\\''");
        else
            onp_docs_escaped(out, one, special);
    }
}

/* ":FILE:_files" */
static void add_value(onp_strbuf *out, const char *value)
{
    const onp_docs_kind kind = onp_docs_value_kind(value);
    onp_strbuf_adds(out, ":");
    add_quoted(out, value, ":\\");
    onp_strbuf_adds(out, ":");
    if (kind == ONP_DOCS_CHOICE || kind == ONP_DOCS_LIST) {
        onp_strbuf_adds(out, kind == ONP_DOCS_CHOICE ? "(" : "_values -s , value ");
        onp_docs_words(out, value, " ");
        onp_strbuf_adds(out, kind == ONP_DOCS_CHOICE ? ")" : "");
    } else if (kind != ONP_DOCS_FREE) {
        onp_strbuf_adds(out, kind == ONP_DOCS_FILE ? "_files" : "_files -/");
    }
}

static void add_option(onp_strbuf *out, const onp_option *o)
{
    onp_strbuf_addf(out, " \\\n        '%s--%s%s[", o->type == ONP_OPTION_LIST ? "*" : "", o->name,
                    o->type == ONP_OPTION_FLAG ? "" : "=");
    add_quoted(out, o->help, "[]:\\");
    onp_strbuf_adds(out, "]");
    if (o->type != ONP_OPTION_FLAG)
        add_value(out, o->value);
    onp_strbuf_adds(out, "'");
}

/* A function for each verb: `_onepath table import` is called for its words. */
static void add_verb(onp_strbuf *out, const char *path, const onp_verb *v)
{
    const onp_option *o;
    onp_strbuf_addf(out, "'_onepath %s'() {\n    _arguments", path);
    for (size_t i = 0; (o = onp_docs_option(v, i)) != NULL; i++)
        add_option(out, o);
    if (v->operands[0] != '\0') {
        onp_strbuf_addf(out, " \\\n        '%s", v->max_operands > 1 ? "*" : "1");
        add_value(out, v->operands);
        onp_strbuf_adds(out, "'");
    }
    onp_strbuf_adds(out, "\n}\n\n");
}

/* `path` chooses between verbs: those of the second word on. path: "", " table". */
static void add_choice(onp_strbuf *out, const char *path, const onp_verb *const *verbs)
{
    onp_strbuf_addf(out,
                    "'_onepath%s'() {\n"
                    "    if (( CURRENT > 2 )); then\n"
                    "        local name=\"_onepath%s $words[2]\"\n"
                    "        shift words\n"
                    "        (( CURRENT-- ))\n"
                    "        (( $+functions[$name] )) && \"$name\"\n"
                    "        return\n"
                    "    fi\n"
                    "    local -a verbs=(\n",
                    path, path);
    for (; *verbs != NULL; verbs++) {
        onp_strbuf_addf(out, "        '%s:", (*verbs)->name);
        add_quoted(out, (*verbs)->summary, "");
        onp_strbuf_adds(out, "'\n");
    }
    onp_strbuf_adds(out, "    )\n");
    if (path[0] == '\0')
        onp_strbuf_adds(out, "    if [[ $PREFIX == -* ]]; then\n"
                             "        compadd -- --help --version\n"
                             "        return\n"
                             "    fi\n");
    onp_strbuf_adds(out, "    _describe 'verb' verbs\n}\n\n");
}

void onp_docs_zsh(onp_strbuf *out)
{
    onp_strbuf_adds(out, head);
    onp_docs_verbs(onp_all_verbs, "", add_verb, out);
    for (const onp_verb *const *v = onp_all_verbs; *v != NULL; v++) {
        char path[64];
        (void)snprintf(path, sizeof path, " %s", (*v)->name);
        if ((*v)->verbs != NULL)
            add_choice(out, path, (*v)->verbs);
    }
    add_choice(out, "", onp_all_verbs);
    onp_strbuf_adds(out, "_onepath \"$@\"\n");
}
