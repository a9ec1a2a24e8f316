/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spaces and search configurations that come with the program: in $ONEPATH_CONFIGS, else in
 * ../share/onepath as seen from the program (installed), else in configs/ beside it (built).
 *
 *     char path[ONP_APP_PATH];
 *     ONP_TRY(onp_configs_space("mbconv-cifar", path, sizeof path, err));
 */
#ifndef ONP_CLI_CONFIGS_H
#define ONP_CLI_CONFIGS_H

#include "base/status.h"

/* The absolute path of a space by its name. Errors: ONP_E_USAGE naming the places that were looked
 * at, ONP_E_RANGE. */
onp_status onp_configs_space(const char *name, char *out, size_t out_size,
                             onp_error *err) ONP_MUST_USE;

#endif
