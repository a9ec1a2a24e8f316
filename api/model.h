/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of an open model, for model.c and classify.c: images into net.input, onp_plan_run,
 * then net.logits. */
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

#endif
