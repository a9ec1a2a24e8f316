/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between export.c, which collects the rows of a platform, and the writers of forms.
 *
 *     static onp_status write(onp_export *x, onp_error *err)
 *     {
 *         for (size_t i = 0; i < x->n_rows; i++)
 *             if (!has_key(&x->rows[i]))
 *                 onp_export_leave_out(x, &x->rows[i], "the form has no key for it");
 *             ...
 *     }
 */
#ifndef ONP_LATENCY_TABLE_EXPORT_INTERNAL_H
#define ONP_LATENCY_TABLE_EXPORT_INTERNAL_H

#include "base/json.h"
#include "base/strbuf.h"
#include "graph/block.h"
#include "latency/table/export.h"
#include "latency/table/whole.h"

typedef struct onp_export_row {
    char key[ONP_BLOCK_KEY];
    onp_block block;
    onp_estimate e;
    bool left_out; /* set by onp_export_leave_out */
} onp_export_row;

typedef struct onp_export {
    onp_store *store;
    int64_t platform;
    onp_export_row *rows; /* fresh ones, by key */
    size_t n_rows, capacity;
    onp_whole_networks networks;
    onp_strbuf *out, *left_out; /* left_out may be NULL */
    onp_export_result result;
} onp_export;

/* Notes a row, or a network, that the form has no key for. */
void onp_export_leave_out(onp_export *x, onp_export_row *row, const char *why);
void onp_export_leave_out_network(onp_export *x, const onp_whole_network *net, const char *why);
/* What a file said of where its rows came from, kept by its import; NULL: nothing. The caller's. */
json_t *onp_export_origin(const onp_import_source *source);
/* Milliseconds, exactly. */
void onp_export_add_ms(onp_strbuf *out, int64_t ns);

typedef struct onp_exporter {
    const char *form;
    bool no_rows, no_networks; /* the form has none */
    bool plain;                /* cannot say what source and quality a row has */
    onp_status (*write)(onp_export *x, onp_error *err);
} onp_exporter;

extern const onp_exporter onp_export_jsonl, onp_export_yaml, onp_export_proxylessnas,
    onp_export_ofa, onp_export_csv, onp_export_tfnas, onp_export_networks;

#endif
