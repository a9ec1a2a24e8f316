/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Published latencies of whole networks, with what the networks are: all good, or none.
 *
 *     onp_networks *nets = NULL;
 *     ONP_TRY(onp_import_networks(ctx, "help-fbnet", &problems, &nets, err));
 *     ... nets->ns[d * nets->n + i] of network nets->encodings[i] on nets->devices[d] ...
 *     onp_networks_free(nets);
 *
 * Forms, told by their content; times are milliseconds:
 *
 *     a CSV with the heading "index,ops,DEVICE,...": networks of the FBNet space, a digit a layer
 *     a CSV with the heading "index,r,d,ks,e,DEVICE,...": sub-networks of Once-for-All
 *     a folder with a .pt file of the networks (a list of lists of digits; or a dict whose "arch"
 * is a list of dicts r, d, ks, e) and latency/DEVICE.pt, each a list of times: the same two
 *
 * FBNet's blocks are not ours (1x1 convolutions in groups with a channel shuffle; with expand 1 a
 * first 1x1 convolution; a skip that changes shape is a convolution), and what Once-for-All's
 * digits mean in channels is not in the files: such networks stay texts, "7818488874147327324245"
 * and "r=204 d=22223 ks=7555... e=6446...". NAS-Bench-201's cells are of no space of blocks:
 * refused.
 */
#ifndef ONP_LATENCY_TABLE_NETWORKS_H
#define ONP_LATENCY_TABLE_NETWORKS_H

#include "base/strbuf.h"
#include "graph/block.h"
#include "latency/table/store.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_NETWORKS_MAX         100000
#define ONP_NETWORKS_MAX_DEVICES 64
#define ONP_NETWORK_TEXT         2000

typedef struct onp_networks {
    const onp_context *ctx;
    const char *space; /* "fbnet", "once-for-all" */
    size_t n, n_devices;
    char **encodings;             /* [n]; NULL where blocks are known */
    onp_block **blocks;           /* [n], of n_blocks[i]; NULL: of no network */
    int32_t *n_blocks;            /* [n] */
    int32_t n_positions, n_codes; /* choices of a network, and the values of one */
    int32_t *codes;               /* [n][n_positions] */
    char **devices;               /* [n_devices]: a batch size stands in the name, "titanx_32" */
    double *ns; /* [n_devices][n]; 0: the network does not run there (-1 in files) */
} onp_networks;

/*
 * path: a file or a folder. problems: a line "FILE:LINE: error: ..." for each bad row is appended;
 * NULL allowed. Errors: ONP_E_FORMAT (missing, unreadable, of none of these forms, a bad row: the
 * message has the first and the count), ONP_E_NOMEM. *out is then NULL.
 */
onp_status onp_import_networks(const onp_context *ctx, const char *path, onp_strbuf *problems,
                               onp_networks **out, onp_error *err) ONP_MUST_USE;
void onp_networks_free(onp_networks *nets); /* NULL allowed */

/* What the network is known by that is this text in its space, "fbnet 78184...". Errors:
 * ONP_E_RANGE: they have more than ONP_NETWORK_TEXT bytes together. */
onp_status onp_network_text_hash(const char *space, const char *text, char hash[ONP_SHA256_HEX],
                                 onp_error *err) ONP_MUST_USE;

/* Whether text is that of a network of one of the spaces above, "fbnet" or "once-for-all". */
bool onp_network_text_is_of(const char *space, const char *text);

typedef struct onp_networks_result {
    size_t n_devices, n_networks; /* stored */
    size_t n_times, n_missing;    /* times stored, and those that are not in the file */
} onp_networks_result;

/* Whether the networks have times of this device; NULL: any. Errors: ONP_E_USAGE (the message lists
 * the devices). */
onp_status onp_networks_check_device(const onp_networks *nets, const char *device,
                                     onp_error *err) ONP_MUST_USE;

/*
 * Stores the times as measurements of networks, each device as a platform {device, backend
 * "import:networks"} with a run of its own, all or nothing. file: named as their source; device:
 * only this one, NULL for all; command: NULL allowed. Errors: ONP_E_USAGE (no such device: the
 * message lists them), those of the store.
 */
onp_status onp_networks_store(const onp_networks *nets, onp_store *s, const char *file,
                              const char *device, const char *command, onp_networks_result *out,
                              onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
