/* SPDX-License-Identifier: Apache-2.0 */
/* One position of a network: the candidate blocks that may stand there. */
#ifndef ONP_SUPERNET_POSITION_H
#define ONP_SUPERNET_POSITION_H

#include "graph/block.h"
#include "supernet/alpha.h"

typedef struct onp_position {
    int32_t n; /* 1: fixed */
    onp_block candidate[ONP_MAX_CANDIDATES];
} onp_position;

#endif
