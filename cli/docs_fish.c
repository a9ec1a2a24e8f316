/* SPDX-License-Identifier: Apache-2.0 */
/* Completion for fish. */
#include "cli/docs.h"

static const char head[] =
    "# fish completion for onepath, written by onepath-docs from the tables of the verbs\n"
    "\n"
    "function __onepath_verb_is\n"
    "    set -l verb ''\n"
    "    for word in (commandline -opc)[2..-1]\n"
    "        switch \"$verb:$word\"\n"
    "            case ";

static const char after_names[] = "\n"
                                  "                set verb $word\n";

static const char end_of_function[] = "        end\n"
                                      "    end\n"
                                      "    test \"$verb\" = \"$argv\"\n"
                                      "end\n"
                                      "\n"
                                      "complete -c onepath -f\n"
                                      "complete -c onepath -n '__onepath_verb_is' -l help\n"
                                      "complete -c onepath -n '__onepath_verb_is' -l version\n";

/* " -d 'text'" */
static void add_description(onp_strbuf *out, const char *text)
{
    onp_strbuf_adds(out, " -d '");
    onp_docs_escaped(out, text, "'\\");
    onp_strbuf_adds(out, "'\n");
}

/* What completes a value or an operand. */
static void add_value(onp_strbuf *out, const char *value)
{
    switch (onp_docs_value_kind(value)) {
    case ONP_DOCS_FREE:
        return;
    case ONP_DOCS_FILE:
        onp_strbuf_adds(out, " -F");
        return;
    case ONP_DOCS_FOLDER:
        onp_strbuf_adds(out, " -a '(__fish_complete_directories)'");
        return;
    case ONP_DOCS_CHOICE:
        onp_strbuf_adds(out, " -a '");
        onp_docs_words(out, value, " ");
        onp_strbuf_adds(out, "'");
        return;
    case ONP_DOCS_LIST:
        onp_strbuf_adds(out, " -x -a '(__fish_complete_list , \"string split , ");
        onp_docs_words(out, value, ",");
        onp_strbuf_adds(out, "\")'");
        return;
    }
}

static void add_verb(onp_strbuf *out, const char *path, const onp_verb *v)
{
    const onp_option *o;
    if (onp_docs_value_kind(v->operands) != ONP_DOCS_FREE) {
        onp_strbuf_addf(out, "complete -c onepath -n '__onepath_verb_is %s'", path);
        add_value(out, v->operands);
        onp_strbuf_adds(out, "\n");
    }
    for (size_t i = 0; (o = onp_docs_option(v, i)) != NULL; i++) {
        onp_strbuf_addf(out, "complete -c onepath -n '__onepath_verb_is %s' -l %s", path, o->name);
        if (o->type != ONP_OPTION_FLAG) {
            onp_strbuf_adds(out, " -r");
            add_value(out, o->value);
        }
        add_description(out, o->help);
    }
}

/* parent: "", or "table" for its verbs. */
static void add_names(onp_strbuf *out, const char *parent, const onp_verb *const *verbs)
{
    for (; *verbs != NULL; verbs++) {
        onp_strbuf_addf(out, "complete -c onepath -n '__onepath_verb_is%s%s' -a %s",
                        parent[0] != '\0' ? " " : "", parent, (*verbs)->name);
        add_description(out, (*verbs)->summary);
    }
}

/* The patterns "table:list" "table:show" of a switch. */
static void add_patterns(onp_strbuf *out, const char *parent, const onp_verb *const *verbs)
{
    for (const char *before = ""; *verbs != NULL; verbs++, before = " ")
        onp_strbuf_addf(out, "%s'%s:%s'", before, parent, (*verbs)->name);
}

void onp_docs_fish(onp_strbuf *out)
{
    onp_strbuf_adds(out, head);
    add_patterns(out, "", onp_all_verbs);
    onp_strbuf_adds(out, after_names);
    for (const onp_verb *const *v = onp_all_verbs; *v != NULL; v++) {
        if ((*v)->verbs == NULL)
            continue;
        onp_strbuf_adds(out, "            case ");
        add_patterns(out, (*v)->name, (*v)->verbs);
        onp_strbuf_addf(out, "\n                set verb \"%s $word\"\n", (*v)->name);
    }
    onp_strbuf_adds(out, end_of_function);
    add_names(out, "", onp_all_verbs);
    for (const onp_verb *const *v = onp_all_verbs; *v != NULL; v++)
        if ((*v)->verbs != NULL)
            add_names(out, (*v)->name, (*v)->verbs);
    onp_docs_verbs(onp_all_verbs, "", add_verb, out);
}
