/* SPDX-License-Identifier: Apache-2.0 */
/* What each kind of block has: shared by the files that check, write and count blocks. */
#ifndef ONP_GRAPH_BLOCK_INTERNAL_H
#define ONP_GRAPH_BLOCK_INTERNAL_H

#include "graph/block.h"

typedef struct onp_block_def {
    const char *name;
    const char *short_name; /* of kinds whose candidates are called by it and their kernel */
    bool kernel;            /* and a stride */
    bool expand, skip, dilation, groups, act, se;
    bool same_c; /* as many channels come out as go in */
} onp_block_def;

extern const onp_block_def onp_block_defs[ONP_BLOCK_KIND_COUNT];

#endif
