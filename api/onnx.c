/* SPDX-License-Identifier: Apache-2.0 */
#include "api/onnx.h"

#include <string.h>

#include "base/file.h"
#include "export/onnx.h"
#include "supernet/fold.h"
#include "supernet/model_meta.h"

/* ---- reading ---- */

static const char *get_meta(const void *from, const char *key)
{
    return json_string_value(json_object_get(from, key));
}

/* The i-th size of the first of the file's inputs or outputs; 0 when there is none. */
static int32_t size_of(const json_t *summary, const char *ends, size_t i)
{
    const json_t *first = json_array_get(json_object_get(summary, ends), 0);
    const json_int_t size = json_integer_value(json_array_get(json_object_get(first, "shape"), i));
    return size > 0 && size <= INT32_MAX ? (int32_t)size : 0;
}

/* Metadata as onepath writes it must be whole (its last key is "version") and fit the network;
 * other files may hold what they like. */
static onp_status check_metadata(const onp_context *ctx, const json_t *summary, const char *path,
                                 onp_error *err)
{
    const json_t *metadata = json_object_get(summary, "metadata");
    const char *producer = json_string_value(json_object_get(summary, "producer"));
    if (strncmp(producer, "onepath ", 8) != 0)
        return ONP_OK;
    if (json_object_get(metadata, "version") == NULL)
        return onp_fail(err, ONP_E_FORMAT, "%s: truncated: metadata \"version\" is missing", path);
    const onp_meta_source source = {.path = path, .from = metadata, .get = get_meta};
    const int32_t hwc[3] = {size_of(summary, "inputs", 2), size_of(summary, "inputs", 3),
                            size_of(summary, "inputs", 1)};
    onp_model_input in = {.n_classes = size_of(summary, "outputs", 1)};
    char **names = NULL;
    onp_status st = onp_model_meta_read_input(ctx, &source, hwc, &in, &names, err);
    onp_model_names_free(ctx, names, in.n_classes);
    return st;
}

onp_status onp_onnx_describe_model(const onp_context *ctx, const char *path, json_t **out,
                                   onp_error *err)
{
    json_t *summary = NULL;
    ONP_TRY(onp_onnx_describe(ctx, path, &summary, err));
    onp_status st = check_metadata(ctx, summary, path, err);
    if (st == ONP_OK)
        *out = summary;
    else
        json_decref(summary);
    return st;
}

/* ---- writing ---- */

/* What the safetensors file carries, and who made this one. */
static onp_status metadata_of(const onp_model *m, const char *path, json_t **out, onp_error *err)
{
    json_t *metadata = NULL;
    ONP_TRY(onp_model_meta_write(m, path, &metadata, err));
    json_t *more = json_pack("{s:s, s:s, s:s}", "name", m->arch->name, "producer", "onepath",
                             "version", ONEPATH_VERSION);
    const int failed = json_object_update(metadata, more);
    json_decref(more);
    if (failed != 0) {
        json_decref(metadata);
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory", path);
    }
    *out = metadata;
    return ONP_OK;
}

static onp_status save(const onp_model *m, const json_t *metadata, const char *path, onp_error *err)
{
    onp_folded net;
    ONP_TRY(onp_model_fold(m, 1, &net, err));
    const onp_onnx_network network = {.g = net.g,
                                      .input = net.input_tid,
                                      .logits = net.logits_tid,
                                      .name = m->arch->name,
                                      .metadata = metadata};
    onp_status st = onp_onnx_save(m->ctx, &network, path, err);
    onp_folded_free(&net);
    return st;
}

static onp_status read_back(const onp_context *ctx, const json_t *metadata, const char *path,
                            onp_error *err)
{
    json_t *summary = NULL;
    ONP_TRY(onp_onnx_describe_model(ctx, path, &summary, err));
    const bool same = json_equal(json_object_get(summary, "metadata"), metadata);
    json_decref(summary);
    return same ? ONP_OK : onp_fail(err, ONP_E_FAIL, "%s: its metadata did not come back", path);
}

onp_status onp_onnx_export(const onp_context *ctx, const onp_model *m, const char *path,
                           onp_error *err)
{
    json_t *metadata = NULL;
    ONP_TRY(metadata_of(m, path, &metadata, err));
    onp_status st = save(m, metadata, path, err);
    if (st == ONP_OK)
        st = read_back(ctx, metadata, path, err);
    json_decref(metadata);
    return st;
}

onp_status onp_onnx_encode(void *ctx, const onp_graph *g, onp_strbuf *onnx, onp_error *err)
{
    return onp_onnx_encode_synthetic(ctx, g, onnx, err);
}

onp_status onp_onnx_export_run(const onp_context *ctx, const char *run, onp_error *err)
{
    char path[4096];
    onp_model *m = NULL;
    ONP_TRY(onp_path_join(path, sizeof path, run, "model.onnx", err));
    ONP_TRY(onp_model_load(ctx, run, &m, err));
    onp_status st = onp_onnx_export(ctx, m, path, err);
    onp_model_free(m);
    return st;
}
