/* SPDX-License-Identifier: Apache-2.0 */
/* op_answers DIR: each network of op_nets.h as DIR/NAME.onnx, in DIR/NAME.safetensors an "input"
 * and the "logits" that the reference kernels, in double, make of it, and DIR/NAME.synthetic.onnx,
 * which computes its weights. */
#include <stdio.h>

#include "base/file.h"
#include "base/safetensors.h"
#include "graph/ref_exec.h"
#include "tests/export/op_nets.h"

#define BATCH 7

static onp_status save_answers(const op_net *net, const float *logits, const char *path,
                               onp_error *err)
{
    const onp_shape x = net->input_shape, y = net->logits_shape;
    onp_st_writer *w = NULL;
    ONP_TRY(onp_st_writer_new(&net->ctx, path, &w, err));
    onp_status st = onp_st_writer_add(w, "input", ONP_ST_F32, (int64_t[]){x.n, x.h, x.w, x.c}, 4,
                                      net->input, err);
    if (st == ONP_OK)
        st = onp_st_writer_add(w, "logits", ONP_ST_F32, (int64_t[]){y.n, y.c}, 2, logits, err);
    if (st == ONP_OK)
        st = onp_st_writer_commit(w, err);
    onp_st_writer_free(w);
    return st;
}

static onp_status save_synthetic(const op_net *net, const char *dir, onp_error *err)
{
    char path[1024];
    onp_strbuf model;
    onp_strbuf_init(&model, &net->ctx);
    (void)snprintf(path, sizeof path, "%s/%s.synthetic.onnx", dir, net->onnx.name);
    onp_status st = onp_onnx_encode_synthetic(&net->ctx, net->g, &model, err);
    if (st == ONP_OK)
        st = onp_file_write_atomic(path, model.text, model.length, err);
    onp_strbuf_reset(&model);
    return st;
}

static onp_status answer(const op_net *net, const char *dir, onp_error *err)
{
    char path[1024];
    float logits[BATCH * 16];
    onp_ref_exec *ref = NULL;
    (void)snprintf(path, sizeof path, "%s/%s.onnx", dir, net->onnx.name);
    ONP_TRY(onp_onnx_save(&net->ctx, &net->onnx, path, err));
    ONP_TRY(onp_ref_exec_new(&net->ctx, net->g, &ref, err));
    onp_ref_exec_run(ref);
    const double *y = onp_ref_exec_data(ref, net->onnx.logits);
    for (int64_t i = 0; i < onp_shape_count(net->logits_shape); i++)
        logits[i] = (float)y[i];
    onp_ref_exec_free(ref);
    (void)snprintf(path, sizeof path, "%s/%s.safetensors", dir, net->onnx.name);
    return save_answers(net, logits, path, err);
}

int main(int argc, char **argv)
{
    onp_error err = {.msg = "usage: op_answers DIR"};
    onp_status st = argc == 2 ? ONP_OK : ONP_E_USAGE;
    for (int i = 0; i < OP_NET_CASES && st == ONP_OK; i++) {
        op_net net;
        op_net_build(&net, &op_net_cases[i], BATCH);
        st = answer(&net, argv[1], &err);
        if (st == ONP_OK)
            st = save_synthetic(&net, argv[1], &err);
        op_net_free(&net);
    }
    if (st != ONP_OK)
        (void)fprintf(stderr, "%s\n", err.msg);
    return onp_status_exit_code(st);
}
