/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "api/model.h"
#include "supernet/arch.h"

#define MAX_BATCH 4096

static void describe(onepath_model *m)
{
    const onp_arch *a = m->model->arch;
    const onp_model_input *in = &m->model->input;
    const onp_plan_info plan = onp_plan_get_info(m->plan);
    const int64_t n_parameters = onp_arch_n_params(a);
    m->info = (onepath_model_info){
        .height = a->in_h,
        .width = a->in_w,
        .channels = a->in_c,
        .n_classes = in->n_classes,
        .class_names = in->class_names,
        .color_order = in->color_order,
        .image_height = in->image_h,
        .image_width = in->image_w,
        .resize_side = in->resize_side,
        .fit = in->fit,
        .n_parameters = n_parameters,
        .n_macs = onp_arch_n_macs(a),
        .memory_bytes = plan.arena_bytes + plan.scratch_bytes + plan.packed_bytes +
                        (size_t)(n_parameters + m->net.n_input + m->net.n_logits) * sizeof(float)};
    memcpy(m->info.mean, in->mean, sizeof m->info.mean);
    memcpy(m->info.deviation, in->deviation, sizeof m->info.deviation);
}

static onp_status open_model(onepath_model *m, const char *folder,
                             const onepath_model_options *options, onp_error *err)
{
    const onp_context *ctx = &m->ctx->base;
    onepath_model_options o = {0};
    ONP_TRY(onp_api_take(options, sizeof o, "onepath_model_options", &o, err));
    if (o.batch < 0 || o.batch > MAX_BATCH)
        return onp_fail(err, ONP_E_RANGE, "batch: %lld is not in 1..%d", (long long)o.batch,
                        MAX_BATCH);
    m->batch = o.batch > 0 ? o.batch : 1;
    ONP_TRY(onp_model_load(ctx, folder, &m->model, err));
    ONP_TRY(onp_model_fold(m->model, m->batch, &m->net, err));
    onp_supernet_free(m->model->net); /* its weights are in m->net now */
    m->model->net = NULL;
    ONP_TRY(onp_plan_new(ctx, &m->plan, err));
    const onp_plan_options plan = {.inference = true, .order = true};
    ONP_TRY(onp_plan_make(m->plan, m->net.g, &plan, err));
    describe(m);
    return ONP_OK;
}

onepath_status onepath_model_open(onepath_context *ctx, const char *folder,
                                  const onepath_model_options *options, onepath_model **out,
                                  onepath_error *err)
{
    onp_error e = {0};
    const onp_api_host host = onp_api_enter(ctx);
    onepath_model *m = onp_alloc(&ctx->base, 1, sizeof *m);
    onp_status st = ONP_OK;
    if (m == NULL) {
        st = onp_fail(&e, ONP_E_NOMEM, "%s: out of memory", folder);
    } else {
        m->ctx = ctx;
        st = open_model(m, folder, options, &e);
    }
    if (st == ONP_OK)
        *out = m;
    else
        onepath_model_close(m);
    return onp_api_leave(host, st, &e, err);
}

void onepath_model_close(onepath_model *m)
{
    if (m == NULL)
        return;
    onp_plan_free(m->plan);
    onp_folded_free(&m->net);
    onp_model_free(m->model);
    onp_free(&m->ctx->base, m);
}

const onepath_model_info *onepath_model_describe(const onepath_model *m)
{
    return &m->info;
}

static void infer(const onepath_model *m, const float *x, int64_t n, float *logits)
{
    const int64_t n_x = m->net.n_input / m->batch, n_y = m->net.n_logits / m->batch;
    for (int64_t at = 0; at < n; at += m->batch) {
        const int64_t some = n - at < m->batch ? n - at : m->batch;
        memcpy(m->net.input, x + at * n_x, (size_t)(some * n_x) * sizeof *x);
        onp_plan_run(m->plan);
        memcpy(logits + at * n_y, m->net.logits, (size_t)(some * n_y) * sizeof *x);
    }
}

onepath_status onepath_model_infer(onepath_model *m, const float *x, int64_t n, float *logits,
                                   onepath_error *err)
{
    onp_error e = {0};
    const onp_api_host host = onp_api_enter(m->ctx);
    onp_status st = ONP_OK;
    if (n < 0)
        st = onp_fail(&e, ONP_E_RANGE, "infer: %lld images, wanted 0 or more", (long long)n);
    else
        infer(m, x, n, logits);
    return onp_api_leave(host, st, &e, err);
}
