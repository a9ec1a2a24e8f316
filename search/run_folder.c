/* SPDX-License-Identifier: Apache-2.0 */
#include "search/run_folder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "search/manifest.h"

enum { MAX_DIR = 900, MAX_OLD = 100000 }; /* a path in the folder fits 1024 bytes */

struct onp_run_folder {
    const onp_context *ctx;
    char dir[MAX_DIR];
    bool resumed, locked;
    int lock;
    json_t *manifest;
};

const char *onp_run_build(void)
{
    return "onepath " ONEPATH_VERSION ", " ONEPATH_BUILD;
}

onp_status onp_run_folder_path(const onp_run_folder *run, const char *name, char *out,
                               size_t out_size, onp_error *err)
{
    return onp_path_join(out, out_size, run->dir, name, err);
}

static onp_status path_of(const onp_run_folder *run, const char *name, char out[1024],
                          onp_error *err)
{
    return onp_run_folder_path(run, name, out, 1024, err);
}

/* Without slashes at the end: DIR.1 is to be its neighbour. */
static onp_status set_dir(onp_run_folder *run, const char *dir, onp_error *err)
{
    size_t length = strlen(dir);
    while (length > 1 && dir[length - 1] == '/')
        length--;
    if (length == 0 || length >= sizeof run->dir)
        return onp_fail(err, ONP_E_USAGE,
                        "\"%.64s\": the run's folder has %zu letters, wanted "
                        "1..%zu",
                        dir, length, sizeof run->dir - 1);
    memcpy(run->dir, dir, length);
    run->dir[length] = '\0';
    return ONP_OK;
}

static onp_status take_lock(onp_run_folder *run, onp_error *err)
{
    char path[1024];
    ONP_TRY(onp_dir_make(run->dir, err));
    ONP_TRY(path_of(run, ".lock", path, err));
    ONP_TRY(onp_file_lock(path, &run->lock, err));
    run->locked = true;
    return ONP_OK;
}

static void drop_lock(onp_run_folder *run)
{
    if (run->locked)
        onp_file_unlock(run->lock);
    run->locked = false;
}

/* DIR to the first of DIR.1, DIR.2, ... that is free. Its lock is held meanwhile, so that no run
 * that is going on loses its folder. */
static onp_status put_away(onp_run_folder *run, onp_error *err)
{
    char old[MAX_DIR + 16];
    if (!onp_file_exists(run->dir))
        return ONP_OK;
    ONP_TRY(take_lock(run, err));
    int i = 1;
    do
        (void)snprintf(old, sizeof old, "%s.%d", run->dir, i++);
    while (onp_file_exists(old) && i <= MAX_OLD);
    if (rename(run->dir, old) != 0)
        return onp_fail(err, ONP_E_IO, "%s: cannot be renamed to %s: %s", run->dir, old,
                        strerror(errno));
    drop_lock(run);
    onp_log(run->ctx, ONP_LOG_INFO, "%s: the old run is now %s", run->dir, old);
    return ONP_OK;
}

static onp_status save_manifest(onp_run_folder *run, onp_error *err)
{
    char path[1024];
    ONP_TRY(path_of(run, "manifest.json", path, err));
    ONP_TRY(onp_manifest_touch(run->manifest, err));
    return onp_json_save_file(run->ctx, run->manifest, 2, path, err);
}

static onp_status save_config(const onp_run_folder *run, const onp_config *cfg, onp_error *err)
{
    char path[1024];
    onp_strbuf text;
    ONP_TRY(path_of(run, "config.yaml", path, err));
    onp_strbuf_init(&text, run->ctx);
    onp_status st = onp_config_emit(cfg, &text, err);
    if (st == ONP_OK)
        st = onp_file_write_atomic(path, text.text, text.length, err);
    onp_strbuf_reset(&text);
    return st;
}

static onp_status resume(onp_run_folder *run, const char *manifest_path,
                         const onp_run_options *options, onp_error *err)
{
    json_t *stored = NULL;
    ONP_TRY(onp_manifest_load(run->ctx, manifest_path, &stored, err));
    onp_status st =
        onp_manifest_resume(run->manifest, stored, run->dir, options->allow_other_bits, err);
    json_decref(stored);
    run->resumed = st == ONP_OK;
    return st;
}

/* A folder of something else may hold a config.yaml that is not ours to replace. The manifest is
 * written first, so a run that was killed here has one. */
static onp_status refuse_foreign(const onp_run_folder *run, onp_error *err)
{
    char path[1024];
    ONP_TRY(path_of(run, "config.yaml", path, err));
    if (onp_file_exists(path))
        return onp_fail(err, ONP_E_USAGE,
                        "%s is there, but no manifest.json: not the folder of a run, take another",
                        path);
    return ONP_OK;
}

static onp_status open_folder(onp_run_folder *run, const char *dir, const onp_run_options *options,
                              onp_error *err)
{
    char path[1024];
    ONP_TRY(set_dir(run, dir, err));
    ONP_TRY(onp_manifest_make(run->ctx, options, &run->manifest, err));
    if (options->fresh)
        ONP_TRY(put_away(run, err));
    ONP_TRY(take_lock(run, err));
    ONP_TRY(path_of(run, "manifest.json", path, err));
    if (onp_file_exists(path))
        ONP_TRY(resume(run, path, options, err));
    else
        ONP_TRY(refuse_foreign(run, err));
    ONP_TRY(save_manifest(run, err));
    return save_config(run, options->cfg, err);
}

onp_status onp_run_folder_open(const onp_context *ctx, const char *dir,
                               const onp_run_options *options, onp_run_folder **out, onp_error *err)
{
    *out = NULL;
    onp_run_folder *run = onp_alloc(ctx, 1, sizeof *run);
    if (run == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory for the run's folder", dir);
    run->ctx = ctx;
    onp_status st = open_folder(run, dir, options, err);
    if (st != ONP_OK) {
        onp_run_folder_close(run);
        return st;
    }
    *out = run;
    return ONP_OK;
}

void onp_run_folder_close(onp_run_folder *run)
{
    if (run == NULL)
        return;
    drop_lock(run);
    json_decref(run->manifest);
    onp_free(run->ctx, run);
}

bool onp_run_folder_resumed(const onp_run_folder *run)
{
    return run->resumed;
}

const char *onp_run_folder_hash(const onp_run_folder *run)
{
    return onp_manifest_text(run->manifest, "hash");
}

onp_status onp_run_folder_done(onp_run_folder *run, const char *stage, onp_error *err)
{
    ONP_TRY(onp_manifest_set_done(run->manifest, stage, err));
    return save_manifest(run, err);
}

bool onp_run_folder_is_done(const onp_run_folder *run, const char *stage)
{
    return onp_manifest_is_done(run->manifest, stage);
}

onp_status onp_run_folder_fact(onp_run_folder *run, const char *key, const char *value,
                               onp_error *err)
{
    ONP_TRY(onp_manifest_set_fact(run->manifest, key, value, err));
    return save_manifest(run, err);
}

const char *onp_run_folder_get(const onp_run_folder *run, const char *key)
{
    return onp_manifest_fact(run->manifest, key);
}
