/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ONNX files of models, for the program and the library.
 *
 *     ONP_TRY(onp_onnx_export_run(ctx, "runs/quickstart", err));
 */
#ifndef ONP_API_ONNX_H
#define ONP_API_ONNX_H

#include "base/json.h"
#include "supernet/model.h"

/* Folds a model, writes it to path with the metadata of model.safetensors, and reads it back: what
 * the file says of itself must be what went in. Errors: those of onp_model_fold, onp_onnx_save and
 * onp_onnx_describe; ONP_E_FAIL when it does not come back. */
onp_status onp_onnx_export(const onp_context *ctx, const onp_model *m, const char *path,
                           onp_error *err) ONP_MUST_USE;
/* An onp_encode_fn (latency/measure/driver.h), whose user is an onp_context. */
onp_status onp_onnx_encode(void *ctx, const onp_graph *g, onp_strbuf *onnx,
                           onp_error *err) ONP_MUST_USE;

/* The model of a run folder as its model.onnx. Also the errors of onp_model_load. */
onp_status onp_onnx_export_run(const onp_context *ctx, const char *run,
                               onp_error *err) ONP_MUST_USE;

/* What onp_onnx_describe (export/onnx.h) says of a file. Errors: its own, and ONP_E_FORMAT when
 * metadata in the form that onepath writes is wrong. *out: json_decref. */
onp_status onp_onnx_describe_model(const onp_context *ctx, const char *path, json_t **out,
                                   onp_error *err) ONP_MUST_USE;

#endif
