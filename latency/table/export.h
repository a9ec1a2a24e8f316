/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a table holds of one platform, as text: to keep, to compare, to import elsewhere, or for
 * programs that read a published form.
 *
 *     onp_strbuf text, left_out;
 *     onp_export_result r;
 *     ...
 *     ONP_TRY_GOTO(onp_table_export(store, platform, "once-for-all", &text, &left_out, &r, err));
 *
 *     jsonl         JSON lines: the platform, its rows, its networks that were measured whole
 *                   {"onepath_table": {"version": 2, "unit": "ns", "device": "pixel1", ...}}
 *                   {"block": "mix in=7x7x320 out=7x7x1280", "median_ns": 1290390, "n": 1, ...}
 *                   {"network": 1, "blocks": ["stem in=...", ...], "median_ns": 30123456, ...}
 *     yaml          a map of maps with the same members: "onepath_table", then each block's key,
 *                   then "network 1", its blocks a text with "; " between them
 *     proxylessnas  YAML: count, mean in ms, var                       (import_proxylessnas.c)
 *     once-for-all  YAML: count, mean in ms, std; hidden widths, SE, h-swish    (import_ofa.c)
 *     csv           block_name,latency(ms); blocks as in proxylessnas            (import_csv.c)
 *     tfnas         key,mid_channels,ms                                        (import_tfnas.c)
 *     networks      index,ops,DEVICE or index,r,d,ks,e,DEVICE: networks of the FBNet space or of
 *                   Once-for-All that were imported, in ms                         (networks.h)
 *
 * A new form is one file with a writer (export_internal.h) and one line in export.c. Importers read
 * all forms back; what was written is then "imported", whatever it was. Only fresh rows go out. A
 * published form has no word for most of a row: the row's median is written as its mean; how sure
 * it is, and whether it was measured or predicted, is lost. A block that the form has no key for is
 * left out: one is in the form if its key, read by the importer, is the same block again.
 */
#ifndef ONP_LATENCY_TABLE_EXPORT_H
#define ONP_LATENCY_TABLE_EXPORT_H

#include "latency/table/store.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_TABLE_EXPORT_VERSION 2

typedef struct onp_export_result {
    size_t n_rows;     /* written */
    size_t n_networks; /* measured whole, written */
    size_t n_left_out; /* rows, or networks, that the form has no key for */
    size_t n_stale;    /* left out because they are stale */
    size_t n_unsaid;   /* of those written: predicted, or of poor quality, and the form cannot
                          say so */
} onp_export_result;

/*
 * Appends all fresh rows to out, by key, and the networks, as they were first measured, as far as
 * the form has any; left_out (may be NULL): a line for each that it has no key for. Errors:
 * ONP_E_USAGE (unknown form: the message lists them), ONP_E_MISSING (nothing to write: the message
 * says why), ONP_E_RANGE (networks, and a device whose name CSV cannot hold), ONP_E_NOMEM, those of
 * the store. *r is then unchanged.
 */
onp_status onp_table_export(onp_store *s, int64_t platform, const char *form, onp_strbuf *out,
                            onp_strbuf *left_out, onp_export_result *r,
                            onp_error *err) ONP_MUST_USE;

/* Name of the i-th form, NULL after the last. */
const char *onp_export_form(size_t i);

#ifdef __cplusplus
}
#endif
#endif
