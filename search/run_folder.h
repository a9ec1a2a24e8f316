/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder of a run: locked, with the effective configuration and a manifest that says what made
 * it, so that the same command resumes it and another one does not.
 *
 *     onp_run_folder *run;
 *     ONP_TRY(onp_run_folder_open(ctx, "runs/quickstart", &options, &run, err));
 *     ONP_TRY_GOTO(onp_run_folder_path(run, "run.db", path, sizeof path, err));
 *     ONP_TRY_GOTO(onp_run_folder_done(run, "search", err)); // a stage is over: into the manifest
 *   done:
 *     onp_run_folder_close(run);
 */
#ifndef ONP_SEARCH_RUN_FOLDER_H
#define ONP_SEARCH_RUN_FOLDER_H

#include "base/file.h"
#include "search/config.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_run_folder onp_run_folder;

typedef struct onp_run_options {
    const onp_config *cfg;
    bool fresh; /* an old folder of that name is renamed to DIR.1, .2, ..., never deleted */
    bool allow_other_bits;              /* resume under another binary, kernel set or BLAS core */
    const char *data_hash, *space_hash; /* what the run is about; compared on resume */
    const char *build; /* identifies the binary: version and compiler, see onp_run_build() */
} onp_run_options;

/*
 * Makes the folder, or opens one that is there to resume it. Errors: ONP_E_FAIL (another process
 * holds it), ONP_E_USAGE (a result-affecting key, the data, the space, or without allow_other_bits
 * the build, kernel set or BLAS core differ: the message names it, the value stored and the value
 * now), ONP_E_FORMAT (a damaged manifest), ONP_E_IO, ONP_E_NOMEM.
 */
onp_status onp_run_folder_open(const onp_context *ctx, const char *dir,
                               const onp_run_options *options, onp_run_folder **out,
                               onp_error *err) ONP_MUST_USE;
void onp_run_folder_close(onp_run_folder *run); /* NULL allowed */

/* True when the folder was there. */
bool onp_run_folder_resumed(const onp_run_folder *run);
/* A file of the folder. Errors: ONP_E_RANGE when it does not fit. */
onp_status onp_run_folder_path(const onp_run_folder *run, const char *name, char *out,
                               size_t out_size, onp_error *err) ONP_MUST_USE;
/* SHA-256 over the result-affecting configuration, data and space: what a checkpoint belongs to. */
const char *onp_run_folder_hash(const onp_run_folder *run);

/* Stages that are over, kept in the manifest. */
onp_status onp_run_folder_done(onp_run_folder *run, const char *stage, onp_error *err) ONP_MUST_USE;
bool onp_run_folder_is_done(const onp_run_folder *run, const char *stage);
/* A fact for the manifest, such as "platform" (text) or "latency_hash". Replaces an older one. */
onp_status onp_run_folder_fact(onp_run_folder *run, const char *key, const char *value,
                               onp_error *err) ONP_MUST_USE;
/* A fact of the manifest, or NULL; borrowed until the next call. */
const char *onp_run_folder_get(const onp_run_folder *run, const char *key);

/* Version, compiler and flags of this build. */
const char *onp_run_build(void);

#ifdef __cplusplus
}
#endif
#endif
