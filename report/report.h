/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report of a run: one HTML file that needs nothing else, made from what the run folder holds.
 *
 *     ONP_TRY(onp_report_write(ctx, "runs/quickstart", err));    // runs/quickstart/report.html
 *
 * Each number is printed with how it came about; one that the run does not have is a dash with the
 * reason. A run that is still going can be reported too.
 */
#ifndef ONP_REPORT_REPORT_H
#define ONP_REPORT_REPORT_H

#include "base/context.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_REPORT_FILE "report.html"

/*
 * Reads run_folder's manifest.json, config.yaml, run.db (none of them is changed) and, once there
 * is one, arch.json; writes report.html there atomically. Errors: ONP_E_FORMAT naming the file (not
 * a run folder, a file missing or damaged), ONP_E_IO (the page cannot be written), ONP_E_FAIL (the
 * database is locked), ONP_E_RANGE (the path is too long), ONP_E_NOMEM; an older page then stays.
 */
onp_status onp_report_write(const onp_context *ctx, const char *run_folder,
                            onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
