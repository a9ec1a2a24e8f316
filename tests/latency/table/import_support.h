/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a table from elsewhere and stores it, in one call. */
#ifndef ONP_TESTS_LATENCY_TABLE_IMPORT_SUPPORT_H
#define ONP_TESTS_LATENCY_TABLE_IMPORT_SUPPORT_H

#include "latency/table/import.h"

static inline onp_status onp_test_import(onp_store *s, const char *format, const char *path,
                                         const char *device, const char *command,
                                         onp_strbuf *problems, onp_import_result *out,
                                         onp_error *err)
{
    onp_import *import = NULL;
    onp_status st = onp_import_read(onp_store_context(s), format, path, ONP_DUPLICATES_REFUSE,
                                    problems, &import, err);
    if (st == ONP_OK)
        st = onp_import_store(import, s, device, command, out, err);
    onp_import_free(import);
    return st;
}

#endif
