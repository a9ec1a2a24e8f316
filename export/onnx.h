/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ONNX: a folded network as one file that other runtimes read, and what such a file says of itself.
 *
 *     onp_folded net;                                              // supernet/fold.h
 *     ONP_TRY(onp_model_fold(model, 1, &net, err));
 *     const onp_onnx_network network = {.g = net.g, .input = net.input_tid,
 *                                       .logits = net.logits_tid, .name = "quickstart",
 *                                       .metadata = metadata};
 *     ONP_TRY_GOTO(onp_onnx_save(ctx, &network, "model.onnx", err));
 *
 *     json_t *summary = NULL;
 *     ONP_TRY(onp_onnx_describe(ctx, "model.onnx", &summary, err));
 *
 * Opset 13, IR version 7. One input, "input", and one output, "logits", in float32: the input is
 * [N][channels][rows][columns], normalised as the metadata says; the logits are [N][classes]; N is
 * free. Weights are initialisers in ONNX's order, [out][in / groups][rows][columns]. A node is
 * named "BLOCK.OP.NUMBER" ("block3.conv.1"), its result and its weights after it.
 */
#ifndef ONP_EXPORT_ONNX_H
#define ONP_EXPORT_ONNX_H

#include "base/json.h"
#include "base/strbuf.h"
#include "graph/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_ONNX_OPSET 13
#define ONP_ONNX_IR    7

typedef struct onp_onnx_network {
    const onp_graph *g; /* forward nodes only, of any batch; parameters with data */
    onp_tid input, logits;
    const char *name;       /* of the graph */
    const json_t *metadata; /* object of texts: goes to metadata_props in its order; NULL: none */
} onp_onnx_network;

/*
 * Writes the file atomically; the same network gives the same bytes. Everything in net is borrowed
 * for the call. Errors: ONP_E_SHAPE naming the node for an operation that inference graphs do not
 * have (a batch norm that is not folded, a gradient) or an output that is not of a linear layer;
 * ONP_E_RANGE when the file would be larger than the 2 GiB that the format allows; ONP_E_IO,
 * ONP_E_NOMEM.
 */
onp_status onp_onnx_save(const onp_context *ctx, const onp_onnx_network *net, const char *path,
                         onp_error *err) ONP_MUST_USE;

/*
 * A graph that is only to be timed, for a runner that takes ONNX: forward nodes of any network,
 * block or path, without data. The same nodes as onp_onnx_save writes, but in place of weights the
 * few that compute them: a table of 4,093 normal numbers in the model, repeated, cut, shaped and
 * scaled so that activations stay ordinary numbers (graph/spread.h), and biases of 0. A runtime
 * that folds constants computes them when it loads the model and then has the very graph that it
 * has of a file. A model of any size thus takes some tens of kilobytes.
 *
 * The input is the first node's, named "input", [N][channels][rows][columns]; the output is what
 * the last node makes, "logits". Bytes are appended to *out, which may hold NUL. Errors:
 * ONP_E_SHAPE naming the operation that an inference graph does not have, or when there is more
 * than one input; ONP_E_RANGE for an empty graph; ONP_E_NOMEM.
 */
onp_status onp_onnx_encode_synthetic(const onp_context *ctx, const onp_graph *g, onp_strbuf *out,
                                     onp_error *err) ONP_MUST_USE;

/*
 * What a file holds, as one JSON object; *out is the caller's (json_decref):
 *
 *     {"name": "quickstart", "producer": "onepath 0.1.0", "ir_version": 7, "opset": 13,
 *      "inputs": [{"name": "input", "shape": ["N", 3, 32, 32]}],
 *      "outputs": [{"name": "logits", "shape": ["N", 10]}],
 *      "nodes": 77, "ops": {"Conv": 40, ...}, "initializers": 84, "elements": 4080514,
 *      "metadata": {"mean": "0.49,0.48,0.45", ...}}
 *
 * "elements" counts the values of all initialisers. Nothing in the file is trusted: its size, the
 * depth of its nesting and the number of its fields are bounded before anything is allocated for
 * them. Errors: ONP_E_IO; ONP_E_FORMAT for a file that is truncated, no ONNX model, larger than
 * that, or that holds texts that are not UTF-8, keys twice, or a tensor that has not the bytes its
 * shape wants; ONP_E_NOMEM.
 */
onp_status onp_onnx_describe(const onp_context *ctx, const char *path, json_t **out,
                             onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
