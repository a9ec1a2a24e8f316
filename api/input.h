/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an image becomes what a model takes, as its model.safetensors says; for the program and the
 * library.
 *
 *     const onp_prepare how = onp_input_prepare(m);
 *     const onp_transform t = onp_input_transform(m);
 *     ONP_TRY(onp_image_prepare_file(ctx, "cat.jpg", &how, &image, err));
 *     onp_prepared_input(&image, &t, x);      // (in_h, in_w, in_c) of the model's arch
 */
#ifndef ONP_API_INPUT_H
#define ONP_API_INPUT_H

#include "data/prepare.h"
#include "supernet/model.h"

/* From a file to the bytes of an image. fit: of a model whose images kept their size, the first. */
onp_prepare onp_input_prepare(const onp_model *m);
/* From those bytes to the network's input. */
onp_transform onp_input_transform(const onp_model *m);

#endif
