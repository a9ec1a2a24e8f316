/* SPDX-License-Identifier: Apache-2.0 */
/* onepath export ARCH|MODEL --to FORMAT,... --out DIR: a network in the forms others read. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/suggest.h"
#include "api/onnx.h"
#include "cli/source.h"
#include "cli/verb.h"

typedef struct export_args {
    onp_args all;
    const char *to, *out;
} export_args;

static const onp_option options[] = {
    {"to", ONP_OPTION_TEXT, "json,onnx,safetensors",
     "one or some, joined by commas; json is arch.json, a ProxylessNAS net.config (required)",
     offsetof(export_args, to), 0, 0},
    {"out", ONP_OPTION_TEXT, "DIR", "folder for the files; made when missing (required)",
     offsetof(export_args, out), 0, 0},
    ONP_OPTION_THREADS,
    ONP_OPTION_KERNELS,
    ONP_OPTION_END,
};

/* ---- formats ---- */

/* What is exported: the model is there when a format wants weights. */
typedef struct subject {
    onp_source source;
    onp_model *model;
} subject;

static onp_status save_json(onp_app *app, const subject *s, const char *path, onp_error *err)
{
    (void)app;
    return onp_arch_save(s->source.arch, path, err);
}

static onp_status save_onnx(onp_app *app, const subject *s, const char *path, onp_error *err)
{
    return onp_onnx_export(&app->ctx, s->model, path, err);
}

static onp_status save_safetensors(onp_app *app, const subject *s, const char *path, onp_error *err)
{
    char folder[ONP_APP_PATH];
    (void)app;
    ONP_TRY(onp_path_dir(folder, sizeof folder, path, err));
    return onp_model_save(s->model, folder, err);
}

/* A format: what it is called, the file it makes, whether it wants weights, and how. */
typedef struct exporter {
    const char *name, *file;
    bool weights;
    onp_status (*save)(onp_app *app, const subject *s, const char *path, onp_error *err);
} exporter;

static const exporter exporters[] = {
    {"json", "arch.json", false, save_json},
    {"onnx", "model.onnx", true, save_onnx},
    {"safetensors", "model.safetensors", true, save_safetensors},
};

/* The formats of --to, in the order of the table. */
typedef struct choice {
    bool wanted[ONP_COUNT(exporters)];
    const char *weights; /* the first that wants weights, or NULL */
} choice;

static onp_status choose(const char *name, choice *c, onp_error *err)
{
    onp_suggestion near = {.seen = name};
    char hint[96];
    for (size_t i = 0; i < ONP_COUNT(exporters); i++) {
        if (strcmp(name, exporters[i].name) == 0) {
            c->wanted[i] = true;
            if (exporters[i].weights && c->weights == NULL)
                c->weights = exporters[i].name;
            return ONP_OK;
        }
        onp_suggest_consider(&near, exporters[i].name);
    }
    onp_suggest_write(&near, "", hint, sizeof hint);
    return onp_fail(err, ONP_E_USAGE,
                    "--to: unknown format \"%.80s\"%s, wanted json, onnx or safetensors", name,
                    hint);
}

static onp_status choose_all(const char *to, choice *c, onp_error *err)
{
    char name[96];
    *c = (choice){.weights = NULL};
    for (size_t length; *to != '\0'; to += length + (to[length] == ',' ? 1 : 0)) {
        length = strcspn(to, ",");
        (void)snprintf(name, sizeof name, "%.*s", (int)length, to);
        ONP_TRY(choose(name, c, err));
    }
    return ONP_OK;
}

/* ---- exporting ---- */

static onp_status save(onp_app *app, const exporter *e, const subject *s, const char *folder,
                       onp_error *err)
{
    char path[ONP_APP_PATH];
    ONP_TRY(onp_path_join(path, sizeof path, folder, e->file, err));
    ONP_TRY(e->save(app, s, path, err));
    if (app->args->json)
        return onp_app_print(app, json_pack("{s:s, s:s}", "format", e->name, "file", path), err);
    (void)printf("%s\n", path);
    return ONP_OK;
}

static onp_status load_model(onp_app *app, const char *folder, const char *format, subject *s,
                             onp_error *err)
{
    char arch[ONP_APP_PATH];
    ONP_TRY(onp_path_join(arch, sizeof arch, folder, "arch.json", err));
    if (!onp_file_exists(arch))
        return onp_fail(err, ONP_E_USAGE,
                        "%s: an architecture has no weights, --to %s wants a MODEL folder", folder,
                        format);
    ONP_TRY(onp_app_compute(app, err));
    return onp_model_load(&app->ctx, folder, &s->model, err);
}

static onp_status run(onp_app *app, const void *args, onp_error *err)
{
    const export_args *a = args;
    const char *from = a->all.operands[0];
    choice c;
    subject s = {.model = NULL};
    if (a->to == NULL || a->out == NULL)
        return onp_fail(err, ONP_E_USAGE, "export: --%s is missing", a->to == NULL ? "to" : "out");
    ONP_TRY(choose_all(a->to, &c, err));
    ONP_TRY(onp_source_open(app, from, ONP_SOURCE_ARCH, &s.source, err));
    onp_status st = c.weights != NULL ? load_model(app, from, c.weights, &s, err) : ONP_OK;
    if (st == ONP_OK)
        st = onp_dir_make(a->out, err);
    for (size_t i = 0; i < ONP_COUNT(exporters) && st == ONP_OK; i++)
        if (c.wanted[i])
            st = save(app, &exporters[i], &s, a->out, err);
    onp_model_free(s.model);
    onp_source_close(&s.source);
    return st;
}

const onp_verb onp_verb_export = {
    .name = "export",
    .operands = "ARCH|MODEL",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "write a network in the forms others read: json, onnx, safetensors",
    .options = options,
    .args_size = sizeof(export_args),
    .run = run,
};
