/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs that train share: loading a configuration and the run folder's name. */
#ifndef ONP_CLI_RUN_OPTIONS_H
#define ONP_CLI_RUN_OPTIONS_H

#include "cli/app.h"
#include "search/config.h"

/* Loads a configuration with the --set overrides of the command line; its problems go to standard
 * error. Errors: those of onp_config_load. */
onp_status onp_run_load_config(onp_app *app, const char *path, onp_config *out,
                               onp_error *err) ONP_MUST_USE;

/* `given`, else runs/NAME for a config NAME.yaml, in the working folder. Errors: ONP_E_RANGE. */
onp_status onp_run_dir(const char *given, const char *config, char *out, size_t out_size,
                       onp_error *err) ONP_MUST_USE;

#endif
