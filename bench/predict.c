/* SPDX-License-Identifier: Apache-2.0 */
/* How well latencies are predicted, by cross-validation on published data; see usage() below. */
#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/predict.h"

static const struct {
    const char *name, *what;
    bench_predict_task run;
} tasks[] = {
    {"missing-rows", "rows of a block table from 80 % and from a third of it",
     bench_predict_missing_rows},
    {"resolution", "a table from those of its neighbouring resolutions", bench_predict_resolution},
    {"widths", "a block at hidden widths between known ones", bench_predict_widths},
    {"calibrate", "whole networks from the sums of their operators", bench_predict_calibrate},
    {"few-shot", "a device from ten networks measured on it and from other devices",
     bench_predict_few_shot},
};

static void usage(FILE *out)
{
    (void)fputs("usage: predict TASK FOLDER... [--seed N]\n", out);
    for (size_t i = 0; i < ONP_COUNT(tasks); i++)
        (void)fprintf(out, "  %-13s %s\n", tasks[i].name, tasks[i].what);
    (void)fputs(
        "Folders hold files of the forms of onepath table import; what a file is, its "
        "content says.\n"
        "One JSON line a set: task, set, n, mape, within5, within10, spearman, coverage95.\n",
        out);
}

/* ---- files ---- */

static onp_status add_file(bench_files *files, const char *path, onp_error *err)
{
    void *paths = files->paths;
    ONP_TRY(
        onp_grow(files->ctx, &paths, &files->capacity, files->n + 1, sizeof *files->paths, err));
    files->paths = paths;
    files->paths[files->n] = onp_strdup(files->ctx, path);
    if (files->paths[files->n] == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory", path);
    files->n++;
    return ONP_OK;
}

static onp_status add_folder(bench_files *files, const char *folder, onp_error *err)
{
    DIR *d = opendir(folder);
    if (d == NULL)
        return onp_fail(err, ONP_E_IO, "%s: no such folder", folder);
    onp_status st = ONP_OK;
    for (const struct dirent *e; st == ONP_OK && (e = readdir(d)) != NULL;) {
        char path[4096];
        struct stat info;
        const int n = snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (n < (int)sizeof path && stat(path, &info) == 0 && S_ISREG(info.st_mode))
            st = add_file(files, path, err);
    }
    (void)closedir(d);
    return st;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void drop_repeats(bench_files *files)
{
    size_t kept = 0;
    for (size_t i = 0; i < files->n; i++) {
        if (kept > 0 && strcmp(files->paths[kept - 1], files->paths[i]) == 0)
            onp_free(files->ctx, files->paths[i]);
        else
            files->paths[kept++] = files->paths[i];
    }
    files->n = kept;
}

onp_status bench_predict_files(const onp_context *ctx, const bench_folders *folders,
                               bench_files *out, onp_error *err)
{
    *out = (bench_files){.ctx = ctx};
    onp_status st = ONP_OK;
    for (int i = 0; st == ONP_OK && i < folders->n; i++) {
        struct stat info;
        const bool is_file = stat(folders->paths[i], &info) == 0 && S_ISREG(info.st_mode);
        st = is_file ? add_file(out, folders->paths[i], err)
                     : add_folder(out, folders->paths[i], err);
    }
    if (st != ONP_OK) {
        bench_predict_files_free(out);
        return st;
    }
    if (out->n > 0)
        qsort(out->paths, out->n, sizeof *out->paths, by_name);
    drop_repeats(out);
    return ONP_OK;
}

void bench_predict_files_free(bench_files *files)
{
    for (size_t i = 0; i < files->n; i++)
        onp_free(files->ctx, files->paths[i]);
    onp_free(files->ctx, files->paths);
    *files = (bench_files){.ctx = files->ctx};
}

/* ---- output ---- */

static double rounded(double v)
{
    return round(v * 1e6) / 1e6;
}

onp_status bench_predict_print(const onp_context *ctx, const char *task, const char *set,
                               const onp_agreement *a, json_t *more, onp_error *err)
{
    onp_strbuf line;
    onp_strbuf_init(&line, ctx);
    json_t *o =
        json_pack("{s:s, s:s, s:I, s:f, s:f, s:f, s:f, s:o}", "task", task, "set", set, "n",
                  (json_int_t)a->n, "mape", rounded(a->mape), "within5", rounded(a->within5),
                  "within10", rounded(a->within10), "spearman", rounded(a->spearman), "coverage95",
                  isnan(a->coverage) ? json_null() : json_real(rounded(a->coverage)));
    onp_status st = ONP_OK;
    if (o == NULL || (more != NULL && json_object_update(o, more) != 0))
        st = onp_fail(err, ONP_E_NOMEM, "%s: out of memory", set);
    else
        st = onp_json_dump(o, 0, &line, err);
    if (st == ONP_OK) {
        (void)puts(line.text);
        (void)fflush(stdout);
    }
    json_decref(o);
    json_decref(more);
    onp_strbuf_reset(&line);
    return st;
}

/* ---- the program ---- */

/* Operands to the front; false when an option is wrong. */
static bool parse(int argc, char **argv, int *n_operands, uint64_t *seed)
{
    *n_operands = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            char *end = NULL;
            *seed = strtoull(argv[++i], &end, 10);
            if (end == argv[i] || *end != '\0' || argv[i][0] == '-')
                return false;
        } else if (argv[i][0] == '-') {
            return false;
        } else {
            argv[1 + (*n_operands)++] = argv[i];
        }
    }
    return *n_operands >= 2;
}

static void log_line(void *user, onp_log_level level, const char *line)
{
    (void)user, (void)level;
    (void)fprintf(stderr, "predict: %s\n", line);
}

int main(int argc, char **argv)
{
    onp_context ctx;
    onp_error err = {0};
    bench_folders folders = {.seed = 1};
    int n = 0;
    onp_context_init(&ctx);
    ctx.log = log_line;
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        usage(stdout);
        return 0;
    }
    if (!parse(argc, argv, &n, &folders.seed)) {
        usage(stderr);
        return 2;
    }
    folders.paths = (const char *const *)argv + 2;
    folders.n = n - 1;
    for (size_t i = 0; i < ONP_COUNT(tasks); i++) {
        if (strcmp(argv[1], tasks[i].name) != 0)
            continue;
        if (tasks[i].run(&ctx, &folders, &err) == ONP_OK)
            return 0;
        onp_log(&ctx, ONP_LOG_ERROR, "%s: %s", tasks[i].name, err.msg);
        return err.status == ONP_E_USAGE ? 2 : err.status == ONP_E_FORMAT ? 3 : 1;
    }
    usage(stderr);
    return 2;
}
