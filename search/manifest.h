/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manifest of a run as JSON: what made it, and how far it is. For search/run_folder.c.
 *
 *     json_t *now = NULL, *stored = NULL;
 *     ONP_TRY_GOTO(onp_manifest_make(ctx, options, &now, err));
 *     ONP_TRY_GOTO(onp_manifest_load(ctx, path, &stored, err));
 *     ONP_TRY_GOTO(onp_manifest_resume(now, stored, dir, allow_other_bits, err));
 */
#ifndef ONP_SEARCH_MANIFEST_H
#define ONP_SEARCH_MANIFEST_H

#include "base/json.h"
#include "search/run_folder.h"

/* A new manifest: version, seed, build, hashes, result-affecting keys; nothing done. *out is the
 * caller's (json_decref). Errors: ONP_E_NOMEM. */
onp_status onp_manifest_make(const onp_context *ctx, const onp_run_options *options, json_t **out,
                             onp_error *err) ONP_MUST_USE;
/* Reads and checks one. Errors: ONP_E_FORMAT, ONP_E_IO. */
onp_status onp_manifest_load(const onp_context *ctx, const char *path, json_t **out,
                             onp_error *err) ONP_MUST_USE;

/* Compares and takes over what `stored` has done. other_bits: the build, the kernels or the BLAS
 * core may differ; that they did is kept. Errors: ONP_E_USAGE naming dir, what differs, the value
 * stored and the value now. */
onp_status onp_manifest_resume(json_t *now, const json_t *stored, const char *dir, bool other_bits,
                               onp_error *err) ONP_MUST_USE;

/* A text of the manifest itself; one that load or make gave has them all. */
const char *onp_manifest_text(const json_t *manifest, const char *key);
bool onp_manifest_is_done(const json_t *manifest, const char *stage);
/* NULL when there is none. */
const char *onp_manifest_fact(const json_t *manifest, const char *key);
/* Errors: ONP_E_NOMEM, ONP_E_RANGE (text that is not UTF-8). */
onp_status onp_manifest_set_done(json_t *manifest, const char *stage, onp_error *err) ONP_MUST_USE;
onp_status onp_manifest_set_fact(json_t *manifest, const char *key, const char *value,
                                 onp_error *err) ONP_MUST_USE;
/* Sets the time of the last change to now. */
onp_status onp_manifest_touch(json_t *manifest, onp_error *err) ONP_MUST_USE;

#endif
