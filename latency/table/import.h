/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Latency tables from elsewhere into the store. All of a file or nothing: every bad row is listed
 * with its line, and a store is needed only once there is none.
 *
 *     onp_import *import = NULL;
 *     onp_import_result r;
 *     ONP_TRY(onp_import_read(ctx, "proxylessnas", path, ONP_DUPLICATES_REFUSE, &problems, &import,
 *                             err));
 *     ONP_TRY_GOTO(onp_import_store(import, store, "pixel1", NULL, &r, err));
 *   done:
 *     onp_import_free(import);
 *
 * A new format is one file with a parse function (import_internal.h) and one line in import.c.
 */
#ifndef ONP_LATENCY_TABLE_IMPORT_H
#define ONP_LATENCY_TABLE_IMPORT_H

#include "latency/predict/block_predictor.h"
#include "latency/table/store.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_IMPORT_MAX_BYTES (16 * ONP_MIB)

typedef struct onp_import onp_import; /* rows that were read and are good */

/* What becomes of a block that several rows are of. */
typedef enum onp_import_duplicates {
    ONP_DUPLICATES_REFUSE, /* an error with the first, its values, and how many there are */
    ONP_DUPLICATES_MEAN    /* their mean, each row weighted by its count; the counts are added up */
} onp_import_duplicates;

/*
 * Reads path, which is borrowed until onp_import_free. problems: one line
 * "FILE:LINE:COLUMN: error: ..." for each bad row is appended; NULL allowed.
 * Errors: ONP_E_USAGE (unknown format: the message lists them), ONP_E_FORMAT (missing or unreadable
 * file, not of this format, no row or a bad row: the message has the first and the count; a
 * block of several rows, where that is refused), ONP_E_NOMEM. *out is then NULL.
 */
onp_status onp_import_read(const onp_context *ctx, const char *format, const char *path,
                           onp_import_duplicates duplicates, onp_strbuf *problems, onp_import **out,
                           onp_error *err) ONP_MUST_USE;
void onp_import_free(onp_import *import); /* NULL allowed */

/* The blocks and their means, as a predictor takes them; *out is the caller's (onp_free). Errors:
 * ONP_E_NOMEM. */
onp_status onp_import_rows(const onp_import *import, onp_block_row **out, size_t *n,
                           onp_error *err) ONP_MUST_USE;

/* What the file's numbers mean; all of it stands in the run's settings too. */
typedef struct onp_import_meaning {
    const char *format, *unit;
    const char *spread, *expand; /* NULL: it has none */
    size_t n_left_out;           /* rows that the file's authors filled in and did not measure */
} onp_import_meaning;
void onp_import_describe(const onp_import *import, onp_import_meaning *out);

typedef struct onp_import_result {
    int64_t platform, run;
    size_t n_rows;      /* stored */
    size_t n_networks;  /* measured whole, stored */
    size_t n_file_rows; /* in the file; more when some were averaged */
    size_t n_averaged;  /* of n_rows, means of several rows of the file */
    size_t n_replaced;  /* of n_rows, in place of rows with another latency */
} onp_import_result;

/*
 * Stores the rows as the table of `device`, on the platform {device, backend "import:FORMAT"}, as
 * one run with its measurements (count, mean, spread), estimates (the mean, and its 95 % interval
 * where the file has a spread), networks that were measured whole, and source. The run's settings
 * tell what was averaged and, for a table that onepath exported, the platform it was of. Rows the
 * platform has already are replaced. command: the command line for the run, NULL allowed. Errors:
 * ONP_E_USAGE (empty device), those of the store. The store and *out are then unchanged.
 */
onp_status onp_import_store(const onp_import *import, onp_store *s, const char *device,
                            const char *command, onp_import_result *out,
                            onp_error *err) ONP_MUST_USE;

/* Name of the i-th format, NULL after the last. */
const char *onp_import_format(size_t i);

#ifdef __cplusplus
}
#endif
#endif
