/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between known rows of one op: the same block but for its maps, or but for its hidden width.
 *
 *     onp_block_line line;
 *     if (onp_block_line_find(blocks, work, ns, n, -1, &block, ONP_PREDICT_MAP, &line))
 *         ns = line.ns;
 */
#ifndef ONP_LATENCY_PREDICT_BLOCK_LINES_H
#define ONP_LATENCY_PREDICT_BLOCK_LINES_H

#include "latency/predict/block_predictor.h"

#define ONP_LINE_MAX_RATIO 2.0 /* of the two rows' work */

typedef struct onp_block_line {
    double ns, ratio; /* ratio of the neighbours' work, at least 1 */
} onp_block_line;

/*
 * The nearest row below and the nearest above in work (onp_block_work), of the same op as b;
 * `without`: a row that is passed over, -1: none. method: MAP or WIDTH. False when there are none
 * on one side, or when they are too far apart.
 */
bool onp_block_line_find(const onp_block_row *rows, const double *work, size_t n, ptrdiff_t without,
                         const onp_block *b, onp_predict_method method, onp_block_line *out);

#endif
