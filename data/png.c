/* SPDX-License-Identifier: Apache-2.0 */
#include "data/png.h"

#include <png.h>

onp_status onp_png_write(const onp_dataset *ds, int64_t index, uint8_t **png, size_t *size,
                         onp_error *err)
{
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)ds->w,
                       .height = (png_uint_32)ds->h,
                       .format = ds->c == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB};
    *png = NULL;
    *size = 0;
    if (ds->c != 1 && ds->c != 3)
        return ONP_OK;
    const uint8_t *pixels = ds->images + (size_t)index * onp_dataset_image_bytes(ds);
    png_alloc_size_t room = PNG_IMAGE_PNG_SIZE_MAX(image);
    uint8_t *out = onp_alloc(ds->ctx, room, 1);
    if (out == NULL || png_image_write_to_memory(&image, out, &room, 0, pixels, 0, NULL) == 0) {
        onp_free(ds->ctx, out);
        return onp_fail(err, ONP_E_NOMEM, "out of memory for the picture of an image: %s",
                        image.message);
    }
    *png = out;
    *size = room;
    return ONP_OK;
}
