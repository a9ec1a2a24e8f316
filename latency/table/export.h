/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of one platform as text, to keep, to compare, or to import elsewhere (import_onepath.c
 * reads both forms back; rows are "imported" then, whatever they were).
 *
 *     onp_strbuf text;
 *     onp_strbuf_init(&text, ctx);
 *     ONP_TRY_GOTO(onp_table_export(store, platform, ONP_EXPORT_JSONL, &text, err));
 *
 * JSON lines, the platform first:
 *
 *     {"onepath_table": {"version": 1, "unit": "ns", "device": "pixel1", "backend": "import:csv"}}
 *     {"block": "mix in=7x7x320 out=7x7x1280", "median_ns": 1290390, "n": 1, "cv": 0.0,
 *      "source": "imported", "quality": "ok"}
 *
 * YAML, a map of maps with the same members: "onepath_table", then each block's key.
 */
#ifndef ONP_LATENCY_TABLE_EXPORT_H
#define ONP_LATENCY_TABLE_EXPORT_H

#include "latency/table/store.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_TABLE_EXPORT_VERSION 1

typedef enum onp_export_form { ONP_EXPORT_JSONL, ONP_EXPORT_YAML } onp_export_form;

/* Appends all rows, by key; *n_rows (may be NULL): how many. lo_ns and hi_ns are left out where
 * they are unknown. Errors: ONP_E_MISSING (no rows), ONP_E_NOMEM, those of the store. */
onp_status onp_table_export(onp_store *s, int64_t platform, onp_export_form form, onp_strbuf *out,
                            size_t *n_rows, onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
