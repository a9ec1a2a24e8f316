/* SPDX-License-Identifier: Apache-2.0 */
/* onepath export ARCH|RUN --to json --out DIR: a network in the forms others read. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/suggest.h"
#include "cli/source.h"
#include "cli/verb.h"

typedef struct export_args {
    onp_args all;
    const char *to, *out;
} export_args;

static const onp_option options[] = {
    {"to", ONP_OPTION_TEXT, "FORMAT", "json: the network as arch.json (ProxylessNAS net.config)",
     offsetof(export_args, to), 0, 0},
    {"out", ONP_OPTION_TEXT, "DIR", "folder for the files; made when missing",
     offsetof(export_args, out), 0, 0},
    ONP_OPTION_END,
};

/* A format: what it is called, the file it makes, and how. */
typedef struct exporter {
    const char *name, *file;
    onp_status (*save)(const onp_arch *arch, const char *path, onp_error *err);
} exporter;

static const exporter exporters[] = {
    {"json", "arch.json", onp_arch_save},
};

static onp_status find_exporter(const char *name, const exporter **out, onp_error *err)
{
    onp_suggestion near = {.seen = name};
    char hint[96];
    for (size_t i = 0; i < ONP_COUNT(exporters); i++) {
        if (strcmp(name, exporters[i].name) == 0) {
            *out = &exporters[i];
            return ONP_OK;
        }
        onp_suggest_consider(&near, exporters[i].name);
    }
    onp_suggest_write(&near, "", hint, sizeof hint);
    return onp_fail(err, ONP_E_USAGE, "--to: unknown format \"%.80s\"%s, wanted json", name, hint);
}

static onp_status save(onp_app *app, const exporter *e, const onp_arch *arch, const char *folder,
                       onp_error *err)
{
    char path[ONP_APP_PATH];
    ONP_TRY(onp_dir_make(folder, err));
    ONP_TRY(onp_path_join(path, sizeof path, folder, e->file, err));
    ONP_TRY(e->save(arch, path, err));
    if (app->args->json)
        return onp_app_print(app, json_pack("{s:s, s:s}", "format", e->name, "file", path), err);
    (void)printf("%s\n", path);
    return ONP_OK;
}

static onp_status run(onp_app *app, const void *args, onp_error *err)
{
    const export_args *a = args;
    const exporter *e = NULL;
    onp_source source;
    if (a->to == NULL || a->out == NULL)
        return onp_fail(err, ONP_E_USAGE, "export: --%s is missing", a->to == NULL ? "to" : "out");
    ONP_TRY(find_exporter(a->to, &e, err));
    ONP_TRY(onp_source_open(app, a->all.operands[0], ONP_SOURCE_ARCH, &source, err));
    onp_status st = save(app, e, source.arch, a->out, err);
    onp_source_close(&source);
    return st;
}

const onp_verb onp_verb_export = {
    .name = "export",
    .operands = "ARCH|RUN",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "write a network in another form",
    .options = options,
    .args_size = sizeof(export_args),
    .run = run,
};
