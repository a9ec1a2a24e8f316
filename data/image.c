/* SPDX-License-Identifier: Apache-2.0 */
#include "data/image.h"

#include <string.h>

static const onp_image_codec *const codecs[] = {&onp_image_jpeg, &onp_image_png};

static onp_status read_image(const onp_image_file *file, onp_image_shape *shape, uint8_t *pixels,
                             onp_error *err)
{
    for (size_t i = 0; i < ONP_COUNT(codecs); i++)
        if (file->size >= codecs[i]->magic_bytes &&
            memcmp(file->data, codecs[i]->magic, codecs[i]->magic_bytes) == 0)
            return codecs[i]->read(file, shape, pixels, err);
    return onp_fail(err, ONP_E_FORMAT, "%s: is neither JPEG nor PNG (%zu bytes)", file->name,
                    file->size);
}

onp_status onp_image_measure(const onp_image_file *file, onp_image_shape *out, onp_error *err)
{
    return read_image(file, out, NULL, err);
}

onp_status onp_image_decode(const onp_image_file *file, const onp_image_shape *wanted,
                            uint8_t *pixels, onp_error *err)
{
    onp_image_shape shape = *wanted;
    return read_image(file, &shape, pixels, err);
}

onp_status onp_image_accept(const onp_image_file *file, const onp_image_shape *seen,
                            onp_image_shape *shape, const uint8_t *pixels, onp_error *err)
{
    if (pixels == NULL) {
        if (seen->w < 1 || seen->w > ONP_DATA_MAX_SIDE || seen->h < 1 ||
            seen->h > ONP_DATA_MAX_SIDE)
            return onp_fail(err, ONP_E_FORMAT, "%s: is %lld x %lld pixels, wanted sides of 1..%d",
                            file->name, (long long)seen->w, (long long)seen->h, ONP_DATA_MAX_SIDE);
        *shape = *seen;
        return ONP_OK;
    }
    if (seen->h != shape->h || seen->w != shape->w)
        return onp_fail(err, ONP_E_FORMAT,
                        "%s: is %lld x %lld pixels (width x height), wanted %lld x %lld, the size "
                        "of the first image",
                        file->name, (long long)seen->w, (long long)seen->h, (long long)shape->w,
                        (long long)shape->h);
    if (seen->c > shape->c)
        return onp_fail(err, ONP_E_FORMAT,
                        "%s: is in colour, wanted grey, which the first image is", file->name);
    return ONP_OK;
}
