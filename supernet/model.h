/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A finished network: architecture, weights, batch-norm statistics and what its input must look
 * like. On disk a folder with arch.json and model.safetensors.
 *
 *     onp_model *m;
 *     ONP_TRY(onp_model_load(ctx, "runs/quickstart", &m, err));
 *     onp_step *step;
 *     ONP_TRY_GOTO(onp_step_new(ctx, m->net, 64, &step, err));
 *     ONP_TRY_GOTO(onp_step_infer(step, 64, m->path, m->stats, logits, &r, err));
 *   done:
 *     onp_model_free(m);
 *
 * Tensors of model.safetensors: "blocks.I.NAME", I counting the blocks of arch.json from the stem,
 * NAME as onp_block_params(b, ONP_MODE_EVAL) has it; weights [k][k][in][out], vectors [c],
 * statistics [2][c]. Metadata: "input" (network input, HxWxC), what onp_model_input holds ("mean",
 * "deviation", "class_names", "image", "resize", "fit", "color_order"), batch-norm eps ("bn_eps")
 * and the architecture hash ("arch_hash").
 */
#ifndef ONP_SUPERNET_MODEL_H
#define ONP_SUPERNET_MODEL_H

#include "supernet/arch.h"
#include "supernet/step.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_MODEL_MAX_CHANNELS 4

/*
 * How an image becomes the network's input: brought to image_h x image_w pixels (data/prepare.h),
 * of which the network takes the centre, from row (image_h - in_h) / 2 and column
 * (image_w - in_w) / 2, both rounded down; then x = (byte / 255 - mean) / deviation per channel.
 * Names and texts are borrowed when a model is made; those of a model that was loaded live as long
 * as it does.
 */
typedef struct onp_model_input {
    double mean[ONP_MODEL_MAX_CHANNELS], deviation[ONP_MODEL_MAX_CHANNELS];
    int32_t n_classes;
    const char *const *class_names; /* [n_classes]; NULL: unnamed */
    int32_t image_h, image_w; /* of the images it was trained on; at least the network's input */
    int32_t resize_side;      /* they were resized to this square; 0: not, they all had this size */
    const char *fit;          /* "crop" or "stretch" when they were resized, else "none" */
    const char *color_order;  /* "gray" (one channel) or "RGB" */
} onp_model_input;

typedef struct onp_model {
    const onp_context *ctx; /* borrowed */
    onp_arch *arch;
    onp_supernet *net; /* one candidate per position */
    int32_t *path;     /* all 0: the only path */
    float *stats;      /* of its batch norms, onp_step_n_stats() floats; zeros until they are set */
    int64_t n_stats;
    onp_model_input input;
    char **owned_names; /* class_names of a loaded model */
} onp_model;

/* A fresh network of these blocks (copied), initialised from seed. Errors: ONP_E_SHAPE,
 * ONP_E_FORMAT (blocks that are no network, see onp_arch_from_blocks), ONP_E_NOMEM. */
onp_status onp_model_new(const onp_context *ctx, const onp_block *blocks, int32_t n, double bn_eps,
                         uint64_t seed, onp_model **out, onp_error *err) ONP_MUST_USE;
/* A fresh network for an arch.json; arch is taken, on failure too. */
onp_status onp_model_from_arch(const onp_context *ctx, onp_arch *arch, uint64_t seed,
                               onp_model **out, onp_error *err) ONP_MUST_USE;
void onp_model_free(onp_model *m);

/* Writes arch.json and model.safetensors into the folder, each atomically. Errors: ONP_E_IO,
 * ONP_E_FORMAT (a class name that is not UTF-8, more than ONP_MODEL_MAX_CHANNELS channels),
 * ONP_E_NOMEM. */
onp_status onp_model_save(const onp_model *m, const char *folder, onp_error *err) ONP_MUST_USE;
/* Errors: ONP_E_FORMAT when a file is missing, damaged or the two do not belong together;
 * ONP_E_NOMEM. */
onp_status onp_model_load(const onp_context *ctx, const char *folder, onp_model **out,
                          onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
