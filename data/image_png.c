/* SPDX-License-Identifier: Apache-2.0 */
/* PNG by libpng: any depth becomes 8 bits, a palette becomes colours, what is transparent white. */
#include <setjmp.h>
#include <string.h>

#include <png.h>

#include "data/image.h"

typedef struct reader {
    png_structp png;
    png_infop info;
    jmp_buf failed;
    const onp_image_file *file;
    size_t at; /* bytes of the file read */
    onp_status status;
    onp_error *err;
} reader;

static _Noreturn void stop(png_structp png, png_const_charp text)
{
    reader *r = png_get_error_ptr(png);
    r->status = onp_fail(r->err, ONP_E_FORMAT, "%s: PNG: %s", r->file->name, text);
    longjmp(r->failed, 1);
}

/* What libpng warns of are chunks that do not touch the pixels; damage there is an error to it. */
static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void read_bytes(png_structp png, png_bytep out, size_t size)
{
    reader *r = png_get_io_ptr(png);
    if (size > r->file->size - r->at)
        png_error(png, "the file ends early");
    memcpy(out, r->file->data + r->at, size);
    r->at += size;
}

static onp_status accept_header(const reader *r, onp_image_shape *shape, const uint8_t *pixels)
{
    const int colour = png_get_color_type(r->png, r->info);
    const bool alpha =
        (colour & PNG_COLOR_MASK_ALPHA) != 0 || png_get_valid(r->png, r->info, PNG_INFO_tRNS) != 0;
    const int c = (colour & PNG_COLOR_MASK_COLOR) != 0 ? 3 : 1;
    png_bytep exif = NULL;
    png_uint_32 exif_bytes = 0;
    const bool has_exif = png_get_eXIf_1(r->png, r->info, &exif_bytes, &exif) != 0;
    const onp_image_shape seen = {.h = png_get_image_height(r->png, r->info),
                                  .w = png_get_image_width(r->png, r->info),
                                  .c = c,
                                  .samples = c + (alpha ? 1 : 0),
                                  .orientation =
                                      has_exif ? onp_exif_orientation(exif, exif_bytes) : 1};
    return onp_image_accept(r->file, &seen, shape, pixels, r->err);
}

/* Asks for 8 bits; the number of passes. */
static int transform(const reader *r)
{
    png_set_scale_16(r->png);
    png_set_expand(r->png);
    const int n_passes = png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
    return n_passes;
}

static void read_pass(const reader *r, const onp_image_shape *shape, uint8_t *pixels)
{
    const png_uint_32 h = png_get_image_height(r->png, r->info);
    const size_t row_bytes = png_get_rowbytes(r->png, r->info);
    if (row_bytes * h != onp_image_decoded_bytes(shape))
        png_error(r->png, "rows of another size than the header says");
    for (png_uint_32 i = 0; i < h; i++)
        png_read_row(r->png, pixels + i * row_bytes, NULL);
}

/* On white ground. In place: c bytes end before the c + 1 that are still to be read. */
static void blend(uint8_t *pixels, size_t n, size_t c)
{
    for (size_t i = 0; i < n; i++) {
        const int alpha = pixels[(c + 1) * i + c];
        for (size_t k = 0; k < c; k++)
            pixels[c * i + k] =
                (uint8_t)((pixels[(c + 1) * i + k] * alpha + 255 * (255 - alpha) + 127) / 255);
    }
}

/* libpng's errors come back to the setjmp; no local from before it changes after it. */
static onp_status decompress(reader *r, onp_image_shape *shape, uint8_t *pixels)
{
    if (setjmp(r->failed) != 0)
        return r->status;
    png_set_read_fn(r->png, r, read_bytes);
    png_read_info(r->png, r->info);
    ONP_TRY(accept_header(r, shape, pixels));
    if (pixels == NULL)
        return ONP_OK;
    for (int left = transform(r); left > 0; left--)
        read_pass(r, shape, pixels);
    png_read_end(r->png, NULL);
    if (shape->samples > shape->c)
        blend(pixels, (size_t)(shape->h * shape->w), (size_t)shape->c);
    return ONP_OK;
}

static onp_status read_png(const onp_image_file *file, onp_image_shape *shape, uint8_t *pixels,
                           onp_error *err)
{
    reader r = {.file = file, .err = err, .status = ONP_E_FORMAT};
    onp_status st = ONP_E_NOMEM;
    r.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, stop, on_warning);
    if (r.png != NULL)
        r.info = png_create_info_struct(r.png);
    if (r.info != NULL)
        st = decompress(&r, shape, pixels);
    else
        st = onp_fail(err, ONP_E_NOMEM, "%s: PNG: no memory to read it", file->name);
    png_destroy_read_struct(&r.png, &r.info, NULL);
    return st;
}

const onp_image_codec onp_image_png = {
    .magic = "\x89PNG\r\n\x1a\n", .magic_bytes = 8, .read = read_png};
