/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ONNX files of models: written from a MODEL folder, and told about.
 *
 *     ONP_TRY(onp_onnx_export_run(app, "runs/quickstart", err));
 *     ONP_TRY(onp_onnx_show(app, "runs/quickstart/model.onnx", err));
 */
#ifndef ONP_CLI_ONNX_H
#define ONP_CLI_ONNX_H

#include "cli/app.h"
#include "supernet/model.h"

/* Folds a model, writes it to path with the metadata of model.safetensors, and reads it back: what
 * the file says of itself must be what went in. Errors: those of onp_model_fold, onp_onnx_save and
 * onp_onnx_describe; ONP_E_FAIL when it does not come back. */
onp_status onp_onnx_export(onp_app *app, const onp_model *m, const char *path,
                           onp_error *err) ONP_MUST_USE;
/* The model of a run folder as its model.onnx. Also the errors of onp_model_load. */
onp_status onp_onnx_export_run(onp_app *app, const char *run, onp_error *err) ONP_MUST_USE;

/* The summary of a file on standard output. Errors: those of onp_onnx_describe (a file that is not
 * there is ONP_E_FORMAT too); ONP_E_FORMAT when metadata in the form that onepath writes is wrong.
 */
onp_status onp_onnx_show(onp_app *app, const char *path, onp_error *err) ONP_MUST_USE;

#endif
