/* SPDX-License-Identifier: Apache-2.0 */
/* What profile says of the rows that it measured, and of how far they can be trusted. */
#ifndef ONP_CLI_PROFILE_PRINT_H
#define ONP_CLI_PROFILE_PRINT_H

#include "cli/app.h"
#include "latency/table/profile_check.h"

/* What it was; all borrowed. */
typedef struct onp_profile_report {
    onp_app *app;
    const onp_runner *runner;
    const char *db;
    int32_t n_blocks;
} onp_profile_report;

/* On standard output, with --json as one object. Errors: ONP_E_NOMEM. */
onp_status onp_profile_print(const onp_profile_report *report, const onp_profile_result *r,
                             onp_error *err) ONP_MUST_USE;
onp_status onp_profile_print_drift(const onp_profile_report *report, const onp_profile_drift *d,
                                   onp_error *err) ONP_MUST_USE;

#endif
