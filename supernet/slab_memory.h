/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory that weights and momentum of all candidates live in: one mapping, private, or shared
 * with a scratch file so that the kernel can write back and drop what no path uses, and a supernet
 * larger than memory trains. The numbers in it are the same.
 *
 *     onp_slab_memory m;
 *     ONP_TRY(onp_slab_memory_open("run/weights", bytes, &m, err));
 *     onp_slab_memory_want(&m, slab, slab_bytes);      // read ahead: a step needs it soon
 *     onp_slab_memory_close(&m);                       // the file is gone
 */
#ifndef ONP_SUPERNET_SLAB_MEMORY_H
#define ONP_SUPERNET_SLAB_MEMORY_H

#include "base/context.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_slab_memory {
    char *data; /* zeros at first */
    size_t bytes;
    bool mapped; /* to a file */
    int fd;      /* of that file */
} onp_slab_memory;

/*
 * file NULL: private memory, taken page by page when first touched. Else the mapping of a new
 * scratch file of that name (with a suffix of this process), whole on the disk from the start, so
 * that a full disk is an error here and not a signal in a step. Its name is removed at once: it
 * ends with the mapping, even when the process is killed. Errors: ONP_E_NOMEM; ONP_E_IO (naming the
 * file, the bytes wanted and free).
 */
onp_status onp_slab_memory_open(const char *file, size_t bytes, onp_slab_memory *out,
                                onp_error *err) ONP_MUST_USE;
void onp_slab_memory_close(onp_slab_memory *m); /* m may be all zero */

/* What follows does nothing in private memory, but for drop. A range begins and ends anywhere in m
 * (whole pages of it are meant), that of drop at a page. */

/* It will be read soon: reading begins, the call returns. */
void onp_slab_memory_want(const onp_slab_memory *m, void *at, size_t bytes);
/* It will not change for a while: writing begins, the call returns. */
void onp_slab_memory_write(const onp_slab_memory *m, void *at, size_t bytes);
/* Its numbers go to the file and out of memory; they are read again when they are touched. */
void onp_slab_memory_evict(const onp_slab_memory *m, void *at, size_t bytes);
/* It is not used any more: memory and disk space are given back, its numbers are lost. */
void onp_slab_memory_drop(const onp_slab_memory *m, void *at, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
