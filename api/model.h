/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of an open model, for model.c and classify.c. */
#ifndef ONP_API_MODEL_H
#define ONP_API_MODEL_H

#include "api/internal.h"
#include "graph/plan.h"
#include "supernet/fold.h"
#include "supernet/model.h"

struct onepath_model {
    onepath_context *ctx;
    onp_model *model; /* what describes it; its weights are gone */
    onp_folded net;
    onp_plan *plan;
    int64_t batch; /* images that net takes */
    onepath_model_info info;
};

/* x [n][h][w][c] -> logits [n][classes], between enter and leave. */
void onp_api_infer(const onepath_model *m, const float *x, int64_t n, float *logits);

#endif
