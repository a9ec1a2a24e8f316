/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image of a data set as a PNG file in memory, to be looked at.
 *
 *     uint8_t *png = NULL;
 *     size_t size = 0;
 *     ONP_TRY(onp_png_write(&ds, index, &png, &size, err));
 *     onp_free(ctx, png);
 */
#ifndef ONP_DATA_PNG_H
#define ONP_DATA_PNG_H

#include "data/dataset.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Image index of ds. One or three channels; with others there is no picture: *png NULL, *size 0.
 * Release with onp_free of the data set's context. Errors: ONP_E_NOMEM; outputs are then NULL, 0.
 */
onp_status onp_png_write(const onp_dataset *ds, int64_t index, uint8_t **png, size_t *size,
                         onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
