/* SPDX-License-Identifier: Apache-2.0 */
/* What `onepath table validate` says. */
#ifndef ONP_CLI_VALIDATION_PRINT_H
#define ONP_CLI_VALIDATION_PRINT_H

#include "cli/app.h"
#include "latency/table/profile.h"
#include "latency/table/validation.h"

typedef struct onp_validation_page {
    const char *label, *mode, *db;
    const onp_profile_result *profile;
    const onp_validation_report *report;
    const onp_validation_report *then; /* by the rows of before; NULL: there were none */
    const onp_validated *v;
    const int32_t *network; /* of each of v */
    const onp_block_paths *networks;
} onp_validation_page;

/* As text, or all of it as JSON. Errors: ONP_E_NOMEM. */
onp_status onp_validation_print(onp_app *app, const onp_validation_page *page,
                                onp_error *err) ONP_MUST_USE;

#endif
