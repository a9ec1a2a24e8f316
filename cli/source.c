/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/source.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static bool is_folder(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

/* A file is YAML or JSON by its name; else YAML when it does not begin as a JSON object does. */
static bool is_yaml(const char *path)
{
    if (ends_with(path, ".yaml") || ends_with(path, ".yml"))
        return true;
    if (ends_with(path, ".json"))
        return false;
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return false;
    int c = ' ';
    while (isspace(c))
        c = fgetc(f);
    (void)fclose(f);
    return c != '{' && c != EOF;
}

static onp_status open_arch(onp_app *app, const char *path, onp_source *out, onp_error *err)
{
    char file[ONP_APP_PATH];
    ONP_TRY(is_folder(path) ? onp_path_join(file, sizeof file, path, "arch.json", err)
                            : onp_path_join(file, sizeof file, "", path, err));
    onp_status st = onp_arch_load(&app->ctx, file, &out->arch, err);
    /* a network that is not there is as unreadable as a damaged one */
    if (st == ONP_E_IO)
        st = onp_fail_prefix(err, ONP_E_FORMAT, "network: ");
    return st;
}

static onp_status set_all(onp_yaml_doc *doc, const onp_option_list *sets, onp_error *err)
{
    for (size_t i = 0; i < sets->n; i++)
        ONP_TRY(onp_yaml_set(doc, sets->item[i], err));
    return ONP_OK;
}

static onp_status load_space(onp_app *app, onp_yaml_doc *doc, const char *path,
                             onp_strbuf *problems, onp_source *out, onp_error *err)
{
    ONP_TRY(set_all(doc, &app->args->sets, err));
    return onp_space_from_doc(&app->ctx, doc, path, problems, &out->space, err);
}

static onp_status load_config(onp_app *app, const char *path, onp_strbuf *problems, onp_source *out,
                              onp_error *err)
{
    const onp_option_list *sets = &app->args->sets;
    ONP_TRY(onp_config_load(&app->ctx, path, sets->item, sets->n, problems, &out->config, err));
    out->is_config = true;
    out->space = out->config.space;
    return ONP_OK;
}

/* A file with mistakes is still of one kind: whose keys it has tells whose mistakes to list. */
static bool is_space(const onp_yaml_doc *doc)
{
    return onp_yaml_has(doc, "stages") || onp_yaml_has(doc, "candidates") ||
           onp_yaml_has(doc, "stem");
}

static onp_status load_yaml(onp_app *app, onp_yaml_doc *doc, const char *path, int wanted,
                            onp_strbuf *problems, onp_source *out, onp_error *err)
{
    const bool space =
        is_space(doc) || ((wanted & ONP_SOURCE_CONFIG) == 0 && !onp_yaml_has(doc, "space"));
    if ((wanted & (space ? ONP_SOURCE_SPACE : ONP_SOURCE_CONFIG)) == 0)
        return onp_fail(err, ONP_E_CONFIG, "%s:1:1: error: this is a %s, wanted a %s", path,
                        space ? "space" : "config", space ? "config" : "space");
    return space ? load_space(app, doc, path, problems, out, err)
                 : load_config(app, path, problems, out, err);
}

static onp_status open_yaml(onp_app *app, const char *path, int wanted, onp_source *out,
                            onp_error *err)
{
    onp_yaml_doc *doc = NULL;
    onp_strbuf problems;
    ONP_TRY(onp_yaml_load(&app->ctx, path, &doc, err));
    onp_strbuf_init(&problems, &app->ctx);
    onp_status st = load_yaml(app, doc, path, wanted, &problems, out, err);
    if (st != ONP_OK)
        onp_app_report(app, &problems);
    onp_strbuf_reset(&problems);
    onp_yaml_free(doc);
    return st;
}

onp_status onp_source_open(onp_app *app, const char *path, int wanted, onp_source *out,
                           onp_error *err)
{
    const bool yaml = (wanted & (ONP_SOURCE_SPACE | ONP_SOURCE_CONFIG)) != 0;
    const bool arch = (wanted & ONP_SOURCE_ARCH) != 0;
    *out = (onp_source){.arch = NULL};
    if (yaml && (!arch || (!is_folder(path) && is_yaml(path))))
        return open_yaml(app, path, wanted, out, err);
    if (is_folder(path) || !is_yaml(path))
        return open_arch(app, path, out, err);
    return onp_fail(err, ONP_E_USAGE, "%s: a YAML file, wanted an architecture or a run", path);
}

void onp_source_close(onp_source *source)
{
    onp_arch_free(source->arch);
    if (source->is_config)
        onp_config_free(&source->config);
    else
        onp_space_free(source->space);
    *source = (onp_source){.arch = NULL};
}

int32_t onp_source_path_blocks(const onp_space *space, const int32_t *path, onp_block *blocks)
{
    for (int32_t i = 0; i < space->n_positions; i++)
        blocks[i] = space->positions[i].candidate[path[i]];
    return space->n_positions;
}
