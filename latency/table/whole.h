/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The networks that were measured whole on a platform, each once.
 *
 *     onp_whole_networks nets;
 *     ONP_TRY(onp_whole_networks_read(store, platform, &nets, err));
 *     for (size_t i = 0; i < nets.n; i++)
 *         ... nets.list[i].ns ...
 *     onp_whole_networks_free(&nets);
 */
#ifndef ONP_LATENCY_TABLE_WHOLE_H
#define ONP_LATENCY_TABLE_WHOLE_H

#include "latency/table/store_evidence.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_whole_network {
    char hash[ONP_SHA256_HEX];
    char *space;       /* NULL: unknown */
    char *text;        /* of one whose blocks are not ours; else NULL */
    onp_block *blocks; /* NULL, 0: unknown */
    int32_t n_blocks;
    int64_t run; /* the newest that measured it */
    double ns;   /* mean of its n medians in that run, at the clock that was usual in it */
    double cv;   /* their standard deviation / ns */
    int64_t n;
    onp_quality quality; /* the worst of them */
} onp_whole_network;

typedef struct onp_whole_networks {
    const onp_context *ctx;
    onp_whole_network *list; /* as they were first measured */
    size_t n;
} onp_whole_networks;

/* Those whose stamps made rows are not among them. Errors: ONP_E_NOMEM, those of the store; *out
 * is then empty. */
onp_status onp_whole_networks_read(onp_store *s, int64_t platform, onp_whole_networks *out,
                                   onp_error *err) ONP_MUST_USE;
void onp_whole_networks_free(onp_whole_networks *nets);

#ifdef __cplusplus
}
#endif
#endif
