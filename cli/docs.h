/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manual pages and shell completions, made from the tables of the verbs: a verb or option that is
 * there is in all of them. For docs*.c, the program onepath-docs that the build runs.
 *
 *     onp_docs_bash(&text);                                  // the completion as a whole
 *     onp_docs_verbs(onp_all_verbs, "", write_case, &text);  // each verb that can be called
 */
#ifndef ONP_CLI_DOCS_H
#define ONP_CLI_DOCS_H

#include "cli/verb.h"

/* What stands where a value or an operand does, for completions. */
typedef enum onp_docs_kind {
    ONP_DOCS_FREE,   /* anything */
    ONP_DOCS_FILE,   /* a file or a folder */
    ONP_DOCS_FOLDER, /* a folder */
    ONP_DOCS_CHOICE, /* one of the words */
    ONP_DOCS_LIST    /* some of the words, joined by commas */
} onp_docs_kind;
onp_docs_kind onp_docs_value_kind(const char *value); /* NULL or "": anything */

/* Calls visit for each verb that has no verbs of its own, with the words that call it: "search",
 * "table import". parent: the words before, "" at the top. */
typedef void (*onp_docs_visit)(onp_strbuf *out, const char *path, const onp_verb *v);
void onp_docs_verbs(const onp_verb *const *verbs, const char *parent, onp_docs_visit visit,
                    onp_strbuf *out);

/* The options of a verb, its own first: i counts from 0; NULL after the last. */
const onp_option *onp_docs_option(const onp_verb *v, size_t i);

/* text with each of the characters `special` behind a backslash. */
void onp_docs_escaped(onp_strbuf *out, const char *text, const char *special);

/* Words of a value, joined by `separator`. */
void onp_docs_words(onp_strbuf *out, const char *value, const char *separator);
/* Names of verbs, the same way. */
void onp_docs_names(onp_strbuf *out, const onp_verb *const *verbs, const char *separator);

void onp_docs_bash(onp_strbuf *out);
void onp_docs_zsh(onp_strbuf *out);
void onp_docs_fish(onp_strbuf *out);
/* onepath.1; and the page of one verb at the top, with those below it. */
void onp_docs_man(onp_strbuf *out);
void onp_docs_man_verb(onp_strbuf *out, const onp_verb *v);

#endif
