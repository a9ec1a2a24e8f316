/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a file of a network carries beside its weights, as texts by key: what its input must look
 * like (onp_model_input), batch-norm eps and the architecture's hash. The same texts stand in
 * model.safetensors and in an ONNX file.
 *
 *     json_t *meta = NULL;
 *     ONP_TRY(onp_model_meta_write(m, path, &meta, err));     // {"format": ..., "mean": "0.5,0.4"}
 *
 *     const onp_meta_source source = {.path = path, .from = file, .get = get_text};
 *     ONP_TRY(onp_model_meta_read(m, &source, err));
 */
#ifndef ONP_SUPERNET_MODEL_META_H
#define ONP_SUPERNET_MODEL_META_H

#include "base/json.h"
#include "supernet/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The texts of a file. */
typedef struct onp_meta_source {
    const char *path; /* stands in errors */
    const void *from;
    const char *(*get)(const void *from, const char *key); /* NULL: there is no such key */
} onp_meta_source;

/* An object of texts; *out is the caller's (json_decref). path stands in errors: ONP_E_FORMAT (a
 * class name that is not UTF-8, more than ONP_MODEL_MAX_CHANNELS channels), ONP_E_NOMEM. */
onp_status onp_model_meta_write(const onp_model *m, const char *path, json_t **out,
                                onp_error *err) ONP_MUST_USE;

/* Fills m->input; what follows from m's architecture must be as the source has it. Errors:
 * ONP_E_FORMAT naming the key, the text seen and what is wanted; ONP_E_NOMEM. */
onp_status onp_model_meta_read(onp_model *m, const onp_meta_source *source,
                               onp_error *err) ONP_MUST_USE;

/* The part of it that needs no architecture: fills *in, of which n_classes is set, for a network
 * input of hwc pixels and channels. names: [n_classes], the caller's, on failure too
 * (onp_model_names_free). Same errors. */
onp_status onp_model_meta_read_input(const onp_context *ctx, const onp_meta_source *source,
                                     const int32_t hwc[3], onp_model_input *in, char ***names,
                                     onp_error *err) ONP_MUST_USE;
void onp_model_names_free(const onp_context *ctx, char **names, int32_t n); /* names may be NULL */

#ifdef __cplusplus
}
#endif
#endif
