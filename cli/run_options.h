/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs that make or read runs share: loading a configuration, the run folder's name, and
 * the threads that a run's latencies are for. */
#ifndef ONP_CLI_RUN_OPTIONS_H
#define ONP_CLI_RUN_OPTIONS_H

#include "cli/app.h"
#include "search/config.h"

/* Loads a configuration with the --set overrides of the command line; its problems go to standard
 * error. Errors: those of onp_config_load. */
onp_status onp_run_load_config(onp_app *app, const char *path, onp_config *out,
                               onp_error *err) ONP_MUST_USE;

/* Gives the space of cfg the channels and classes of its images, as a search does; a warning where
 * the images cannot be read: blocks are measured where images are not, too. Errors: ONP_E_NOMEM. */
onp_status onp_run_fit_space(const onp_app *app, const onp_config *cfg,
                             onp_error *err) ONP_MUST_USE;

/* `given`, else runs/NAME for a config NAME.yaml, in the working folder. Errors: ONP_E_RANGE. */
onp_status onp_run_dir(const char *given, const char *config, char *out, size_t out_size,
                       onp_error *err) ONP_MUST_USE;

/* target.threads in the config.yaml of the folder `run`; 0 when there is none. Only that key is
 * read: the run may stand where its data and space are not. Errors: ONP_E_FORMAT, ONP_E_NOMEM,
 * ONP_E_RANGE. */
onp_status onp_run_target_threads(const onp_app *app, const char *run, int64_t *out,
                                  onp_error *err) ONP_MUST_USE;

#endif
