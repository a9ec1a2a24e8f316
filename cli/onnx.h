/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an ONNX file says of itself.
 *
 *     ONP_TRY(onp_onnx_show(app, "runs/quickstart/model.onnx", err));
 */
#ifndef ONP_CLI_ONNX_H
#define ONP_CLI_ONNX_H

#include "cli/app.h"

/* The summary of a file on standard output. Errors: those of onp_onnx_describe (a file that is not
 * there is ONP_E_FORMAT too); ONP_E_FORMAT when metadata in the form that onepath writes is wrong.
 */
onp_status onp_onnx_show(onp_app *app, const char *path, onp_error *err) ONP_MUST_USE;

#endif
