/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that read an architecture share. */
#ifndef ONP_SUPERNET_ARCH_INTERNAL_H
#define ONP_SUPERNET_ARCH_INTERNAL_H

#include "supernet/arch.h"

enum { ONP_ARCH_MAX_SIZE = 65536, ONP_ARCH_WHERE = 256 };

typedef struct onp_arch_reader {
    onp_arch *arch;
    const char *name; /* of the file */
    onp_error *err;
    int32_t h, w, c; /* the map behind the last block */
} onp_arch_reader;

/* A layer of the file with its place in it, for errors. */
typedef struct onp_arch_layer {
    const json_t *json;
    char where[ONP_ARCH_WHERE];
} onp_arch_layer;

/* Required values of keys whose other values we cannot build. */
typedef struct onp_arch_value {
    const char *key, *json;
    bool required; /* else a file without it means this value */
} onp_arch_value;

/* Values; all of them fail naming layer, key and what is wanted. */
onp_status onp_arch_check_values(onp_arch_reader *r, const onp_arch_layer *l,
                                 const onp_arch_value *list, size_t n) ONP_MUST_USE;
onp_status onp_arch_check_name(onp_arch_reader *r, const onp_arch_layer *l,
                               const char *wanted) ONP_MUST_USE;
/* A key that must say how many channels the layers before give; a list of one number too. */
onp_status onp_arch_check_channels(onp_arch_reader *r, const onp_arch_layer *l,
                                   const char *key) ONP_MUST_USE;
onp_status onp_arch_get_int(onp_arch_reader *r, const onp_arch_layer *l, const char *key,
                            int64_t max, int32_t *out) ONP_MUST_USE;
/* An integer or a list of two (rows, columns); def when the key is absent. */
onp_status onp_arch_get_pair(onp_arch_reader *r, const onp_arch_layer *l, const char *key,
                             int32_t def, int32_t max, int32_t out[2]) ONP_MUST_USE;
/* Kernel or stride: the same for rows and columns. */
onp_status onp_arch_get_square(onp_arch_reader *r, const onp_arch_layer *l, const char *key,
                               int32_t def, int32_t max, int32_t *out) ONP_MUST_USE;
/* def: the name that a file without the key means; NULL: it must be there. */
onp_status onp_arch_get_activation(onp_arch_reader *r, const onp_arch_layer *l, const char *key,
                                   const char *def, onp_activation *out) ONP_MUST_USE;
/* The member `key` of l as a layer of its own. */
onp_status onp_arch_get_layer(onp_arch_reader *r, const onp_arch_layer *l, const char *key,
                              onp_arch_layer *out) ONP_MUST_USE;

/* Appends the block, whose kind, output and parameters are set, behind the map so far. */
onp_status onp_arch_add_block(onp_arch_reader *r, const onp_arch_layer *l,
                              onp_block b) ONP_MUST_USE;
/* A convolution with batch norm and activation: the stem, a block, or the mix. */
onp_status onp_arch_read_conv(onp_arch_reader *r, const onp_arch_layer *l, onp_block_kind kind,
                              bool skip) ONP_MUST_USE;
/* One entry of `blocks`. */
onp_status onp_arch_read_block(onp_arch_reader *r, const onp_arch_layer *l) ONP_MUST_USE;

/* As files call them, by onp_activation. */
extern const char *const onp_arch_activations[ONP_ACT_COUNT];

#endif
