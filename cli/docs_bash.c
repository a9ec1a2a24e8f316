/* SPDX-License-Identifier: Apache-2.0 */
/* Completion for bash; needs nothing of the bash-completion package. */
#include "cli/docs.h"

/* The words so far -> the verb. '=' stands for itself among them. */
static const char head[] =
    "# bash completion for onepath, written by onepath-docs from the tables of the verbs\n"
    "\n"
    "_onepath_words() {\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\")\n"
    "}\n"
    "\n"
    "_onepath_list() {\n"
    "    local last=${cur##*,}\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$1\" -P \"${cur%\"$last\"}\" -- \"$last\")\n"
    "}\n"
    "\n"
    "_onepath_files() {\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    mapfile -t COMPREPLY < <(compgen \"$1\" -- \"$cur\")\n"
    "}\n"
    "\n"
    "_onepath() {\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb= i\n"
    "    COMPREPLY=()\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        case $verb:${COMP_WORDS[i]} in\n";

static const char values_head[] = "        esac\n"
                                  "    done\n"
                                  "    if [[ $cur == = ]]; then\n"
                                  "        cur=\n"
                                  "    elif [[ $prev == = ]]; then\n"
                                  "        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
                                  "    fi\n"
                                  "    case $verb:$prev in\n";

static const char words_head[] = "    esac\n"
                                 "    case $verb:$cur in\n"
                                 "    :-*) _onepath_words '--help --version' ;;\n";

static const char tail[] = "    esac\n"
                           "}\n"
                           "\n"
                           "complete -F _onepath onepath\n";

/* "_onepath_words 'a b'", "_onepath_files -f", ":", ... */
static void add_reply(onp_strbuf *out, const char *value)
{
    static const char *const replies[] = {[ONP_DOCS_FREE] = ":",
                                          [ONP_DOCS_FILE] = "_onepath_files -f",
                                          [ONP_DOCS_FOLDER] = "_onepath_files -d",
                                          [ONP_DOCS_CHOICE] = "_onepath_words '",
                                          [ONP_DOCS_LIST] = "_onepath_list '"};
    const onp_docs_kind kind = onp_docs_value_kind(value);
    onp_strbuf_adds(out, replies[kind]);
    if (kind == ONP_DOCS_CHOICE || kind == ONP_DOCS_LIST) {
        onp_docs_words(out, value, " ");
        onp_strbuf_adds(out, "'");
    }
}

static void add_verb_words(onp_strbuf *out)
{
    onp_strbuf_adds(out, "        :");
    onp_docs_names(out, onp_all_verbs, " | :");
    onp_strbuf_adds(out, ") verb=${COMP_WORDS[i]} ;;\n");
    for (const onp_verb *const *v = onp_all_verbs; *v != NULL; v++) {
        if ((*v)->verbs == NULL)
            continue;
        char separator[64];
        (void)snprintf(separator, sizeof separator, " | %s:", (*v)->name);
        onp_strbuf_addf(out, "        %s:", (*v)->name);
        onp_docs_names(out, (*v)->verbs, separator);
        onp_strbuf_addf(out, ") verb=\"%s ${COMP_WORDS[i]}\" ;;\n", (*v)->name);
    }
}

static void add_values(onp_strbuf *out, const char *path, const onp_verb *v)
{
    const onp_option *o;
    for (size_t i = 0; (o = onp_docs_option(v, i)) != NULL; i++) {
        if (o->type == ONP_OPTION_FLAG)
            continue;
        onp_strbuf_addf(out, "    '%s:--%s')\n        ", path, o->name);
        add_reply(out, o->value);
        onp_strbuf_adds(out, "\n        return\n        ;;\n");
    }
}

static void add_words(onp_strbuf *out, const char *path, const onp_verb *v)
{
    const onp_option *o;
    onp_strbuf_addf(out, "    '%s:-'*) _onepath_words '", path);
    for (size_t i = 0; (o = onp_docs_option(v, i)) != NULL; i++)
        onp_strbuf_addf(out, "%s--%s", i > 0 ? " " : "", o->name);
    onp_strbuf_addf(out, "' ;;\n    '%s:'*) ", path);
    add_reply(out, v->operands);
    onp_strbuf_adds(out, " ;;\n");
}

static void add_names(onp_strbuf *out, const char *path, const onp_verb *const *verbs)
{
    onp_strbuf_addf(out, "    %s:*) _onepath_words '", path);
    onp_docs_names(out, verbs, " ");
    onp_strbuf_adds(out, "' ;;\n");
}

void onp_docs_bash(onp_strbuf *out)
{
    onp_strbuf_adds(out, head);
    add_verb_words(out);
    onp_strbuf_adds(out, values_head);
    onp_docs_verbs(onp_all_verbs, "", add_values, out);
    onp_strbuf_adds(out, words_head);
    onp_docs_verbs(onp_all_verbs, "", add_words, out);
    for (const onp_verb *const *v = onp_all_verbs; *v != NULL; v++)
        if ((*v)->verbs != NULL)
            add_names(out, (*v)->name, (*v)->verbs);
    add_names(out, "", onp_all_verbs);
    onp_strbuf_adds(out, tail);
}
