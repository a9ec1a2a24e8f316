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

/* A file is YAML by its name, or when what it holds does not begin as a JSON object does. */
static bool is_yaml(const char *path)
{
    if (ends_with(path, ".yaml") || ends_with(path, ".yml"))
        return true;
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

static onp_status open_space(onp_app *app, const char *path, onp_source *out, onp_error *err)
{
    onp_yaml_doc *doc = NULL;
    onp_strbuf problems;
    onp_status st = ONP_OK;
    onp_strbuf_init(&problems, &app->ctx);
    ONP_TRY_GOTO(onp_yaml_load(&app->ctx, path, &doc, err));
    ONP_TRY_GOTO(set_all(doc, &app->args->sets, err));
    if (!onp_yaml_has(doc, "stages")) {
        st = onp_fail(err, ONP_E_CONFIG, "%s:1:1: error: wanted a space, with the key \"stages\"",
                      path);
        goto done;
    }
    ONP_TRY_GOTO(onp_space_from_doc(&app->ctx, doc, path, &problems, &out->space, err));
done:
    if (st != ONP_OK)
        onp_app_report(app, &problems);
    onp_strbuf_reset(&problems);
    onp_yaml_free(doc);
    return st;
}

onp_status onp_source_open(onp_app *app, const char *path, int wanted, onp_source *out,
                           onp_error *err)
{
    *out = (onp_source){NULL, NULL};
    if (!is_folder(path) && is_yaml(path))
        return (wanted & ONP_SOURCE_SPACE) != 0
                   ? open_space(app, path, out, err)
                   : onp_fail(err, ONP_E_USAGE, "%s: a YAML file, wanted an architecture or a run",
                              path);
    return (wanted & ONP_SOURCE_ARCH) != 0
               ? open_arch(app, path, out, err)
               : onp_fail(err, ONP_E_USAGE, "%s: wanted the YAML file of a space", path);
}

void onp_source_close(onp_source *source)
{
    onp_arch_free(source->arch);
    onp_space_free(source->space);
    *source = (onp_source){NULL, NULL};
}

int32_t onp_source_path_blocks(const onp_space *space, const int32_t *path, onp_block *blocks)
{
    for (int32_t i = 0; i < space->n_positions; i++)
        blocks[i] = space->positions[i].candidate[path[i]];
    return space->n_positions;
}
