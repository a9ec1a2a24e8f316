/* SPDX-License-Identifier: Apache-2.0 */
/* onepath-docs DIR: writes manual pages and completions below DIR (cli/docs.h). */
#include "cli/docs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

onp_docs_kind onp_docs_value_kind(const char *value)
{
    static const char *const files[] = {"ARCH",  "CONFIG", "FILE", "IMAGE", "IMAGES",
                                        "MODEL", "ONNX",   "PATH", "SPACE", "TABLE"};
    static const char *const folders[] = {"DIR", "RUN"};
    onp_docs_kind kind = ONP_DOCS_FREE;
    char word[32];
    if (value == NULL)
        return ONP_DOCS_FREE;
    if (onp_option_is_choice(value))
        return ONP_DOCS_CHOICE;
    if (strchr(value, ',') != NULL)
        return ONP_DOCS_LIST;
    while (onp_option_word(&value, word)) {
        for (size_t i = 0; i < ONP_COUNT(files); i++)
            if (strcmp(word, files[i]) == 0)
                return ONP_DOCS_FILE;
        for (size_t i = 0; i < ONP_COUNT(folders); i++)
            if (strcmp(word, folders[i]) == 0)
                kind = ONP_DOCS_FOLDER;
    }
    return kind;
}

void onp_docs_verbs(const onp_verb *const *verbs, const char *parent, onp_docs_visit visit,
                    onp_strbuf *out)
{
    for (; *verbs != NULL; verbs++) {
        char path[64];
        (void)snprintf(path, sizeof path, "%.30s%s%.30s", parent, parent[0] != '\0' ? " " : "",
                       (*verbs)->name);
        if ((*verbs)->verbs != NULL)
            onp_docs_verbs((*verbs)->verbs, path, visit, out);
        else
            visit(out, path, *verbs);
    }
}

const onp_option *onp_docs_option(const onp_verb *v, size_t i)
{
    size_t n = 0;
    while (v->options[n].name != NULL)
        n++;
    const onp_option *o = i < n ? &v->options[i] : &onp_options_common[i - n];
    return o->name != NULL ? o : NULL;
}

void onp_docs_escaped(onp_strbuf *out, const char *text, const char *special)
{
    for (; *text != '\0'; text++)
        onp_strbuf_addf(out, "%s%c", strchr(special, *text) != NULL ? "\\" : "", *text);
}

void onp_docs_words(onp_strbuf *out, const char *value, const char *separator)
{
    char word[32];
    for (const char *before = ""; onp_option_word(&value, word); before = separator)
        onp_strbuf_addf(out, "%s%s", before, word);
}

void onp_docs_names(onp_strbuf *out, const onp_verb *const *verbs, const char *separator)
{
    for (const char *before = ""; *verbs != NULL; verbs++, before = separator)
        onp_strbuf_addf(out, "%s%s", before, (*verbs)->name);
}

/* ---- files ---- */

/* text is written to dir/folder/name and emptied. */
static onp_status save(const char *dir, const char *folder, const char *name, onp_strbuf *text,
                       onp_error *err)
{
    char place[ONP_APP_PATH], path[ONP_APP_PATH];
    ONP_TRY(onp_strbuf_status(text, err));
    ONP_TRY(onp_path_join(place, sizeof place, dir, folder, err));
    ONP_TRY(onp_dir_make(place, err));
    ONP_TRY(onp_path_join(path, sizeof path, place, name, err));
    ONP_TRY(onp_file_write_atomic(path, text->text, text->length, err));
    onp_strbuf_reset(text);
    return ONP_OK;
}

static onp_status save_pages(const char *dir, onp_strbuf *text, onp_error *err)
{
    onp_docs_man(text);
    ONP_TRY(save(dir, "man/man1", "onepath.1", text, err));
    for (const onp_verb *const *v = onp_all_verbs; *v != NULL; v++) {
        char name[64];
        (void)snprintf(name, sizeof name, "onepath-%s.1", (*v)->name);
        onp_docs_man_verb(text, *v);
        ONP_TRY(save(dir, "man/man1", name, text, err));
    }
    return ONP_OK;
}

static onp_status save_all(const char *dir, onp_strbuf *text, onp_error *err)
{
    ONP_TRY(save_pages(dir, text, err));
    onp_docs_bash(text);
    ONP_TRY(save(dir, "completions/bash", "onepath", text, err));
    onp_docs_zsh(text);
    ONP_TRY(save(dir, "completions/zsh", "_onepath", text, err));
    onp_docs_fish(text);
    return save(dir, "completions/fish", "onepath.fish", text, err);
}

int main(int argc, char **argv)
{
    onp_context ctx;
    onp_strbuf text;
    onp_error err = {0};
    if (argc != 2) {
        (void)fputs("usage: onepath-docs DIR\n", stderr);
        return 2;
    }
    onp_context_init(&ctx);
    onp_strbuf_init(&text, &ctx);
    onp_status st = save_all(argv[1], &text, &err);
    onp_strbuf_reset(&text);
    if (st != ONP_OK)
        (void)fprintf(stderr, "error: %s\n", err.msg);
    return onp_status_exit_code(st);
}
