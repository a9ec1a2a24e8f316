/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One network as a list of blocks, and its file arch.json: the ProxylessNAS net.config. The whole
 * JSON is kept, so that what is read and written again keeps its key order and the keys we do not
 * know. What would change the network and that we cannot build is refused, not passed over.
 *
 *     onp_arch *arch;
 *     ONP_TRY(onp_arch_load(ctx, "proxyless_mobile.config", &arch, err));
 *     printf("%" PRId64 " MACs\n", onp_arch_n_macs(arch));
 *     onp_arch_free(arch);
 *
 * Read as well: the Once-for-All dialect (ResidualBlock with `conv`, null where a block is skipped,
 * act_func, use_se, final_expand_layer). A PoolingLayer of stride above 1 says its padding, and a
 * DepthConvLayer by "depth_bn_act" what is between its convolutions: without these keys they are
 * the authors' layers, which compute something else and are refused.
 *
 * `resolution` is the height and width of the input, or a list of both; a file without it means
 * 224. Shortcuts are taken from the file. A ZeroLayer beside its IdentityLayer is a zero block.
 *
 * Source of the format: https://github.com/mit-han-lab/proxylessnas (Apache-2.0).
 */
#ifndef ONP_SUPERNET_ARCH_H
#define ONP_SUPERNET_ARCH_H

#include "base/file.h"
#include "base/json.h"
#include "graph/block.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_ARCH_NAME        "ProxylessNASNets"
#define ONP_ARCH_NAME_V3     "MobileNetV3" /* of Once-for-All: a head of two layers */
#define ONP_ARCH_BN_EPS      1e-3
#define ONP_ARCH_BN_MOMENTUM 0.1

typedef struct onp_arch {
    const onp_context *ctx; /* borrowed */
    json_t *json;           /* the whole file */
    const char *name;       /* of the kind of network; points into json */
    double bn_eps, bn_momentum;
    int32_t in_h, in_w, in_c;
    onp_block *blocks; /* complete: stem, blocks (zeros too), mix where there is one, head */
    int32_t n_blocks;
} onp_arch;

/*
 * Reads a file of at most 16 MiB. *out: onp_arch_free; ctx must outlive it. Errors: ONP_E_IO;
 * ONP_E_FORMAT naming file, layer, value seen and value wanted (also for another kind of network
 * and for layers that do not fit each other); ONP_E_NOMEM.
 */
onp_status onp_arch_load(const onp_context *ctx, const char *path, onp_arch **out,
                         onp_error *err) ONP_MUST_USE;
/* The same from memory; `name` stands in errors. */
onp_status onp_arch_parse(const onp_context *ctx, const char *text, size_t size, const char *name,
                          onp_arch **out, onp_error *err) ONP_MUST_USE;
/*
 * The architecture of a searched network. blocks: copied; complete; a stem, any number of blocks
 * of stages, then maybe a mix, then a head, each fitting the next; a zero has its true sizes.
 * Errors: ONP_E_FORMAT, ONP_E_NOMEM.
 */
onp_status onp_arch_from_blocks(const onp_context *ctx, const onp_block *blocks, int32_t n,
                                double bn_eps, double bn_momentum, onp_arch **out,
                                onp_error *err) ONP_MUST_USE;
void onp_arch_free(onp_arch *arch);

/* Writes the JSON atomically, indented by 4. Errors: ONP_E_IO, ONP_E_NOMEM. */
onp_status onp_arch_save(const onp_arch *arch, const char *path, onp_error *err) ONP_MUST_USE;

/* Sums over the blocks, as DESIGN part 5 counts them. */
int64_t onp_arch_n_params(const onp_arch *arch);
int64_t onp_arch_n_macs(const onp_arch *arch);

/* SHA-256 of the block keys in order, a newline after each: the same for the same list of blocks,
 * whatever else the file holds. Errors: ONP_E_NOMEM. */
onp_status onp_arch_hash(const onp_arch *arch, char hex[ONP_SHA256_HEX],
                         onp_error *err) ONP_MUST_USE;

/* Reads json (taken, on failure too); for the ways into this module. */
onp_status onp_arch_from_json(const onp_context *ctx, json_t *json, const char *name,
                              onp_arch **out, onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
