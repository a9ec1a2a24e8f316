/* SPDX-License-Identifier: Apache-2.0 */
/* JPEG by libjpeg-turbo: its integer transform and upsampling give the same bytes on every
 * processor. */
#include <setjmp.h>
#include <stdio.h> /* jpeglib.h needs it */

#include <jerror.h>
#include <jpeglib.h>

#include "data/image.h"

/* A progressive file may ask for any number of passes over all pixels; real ones have about ten. */
#define MAX_SCANS 100

typedef struct reader {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    const onp_image_file *file;
    onp_status status;
    onp_error *err;
} reader;

static _Noreturn void stop(j_common_ptr jpeg)
{
    reader *r = jpeg->client_data;
    char text[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, text);
    r->status =
        onp_fail(r->err, jpeg->err->msg_code == JERR_OUT_OF_MEMORY ? ONP_E_NOMEM : ONP_E_FORMAT,
                 "%s: JPEG: %s", r->file->name, text);
    longjmp(r->failed, 1);
}

static void on_message(j_common_ptr jpeg, int level)
{
    if (level < 0) /* a warning: damaged data */
        stop(jpeg);
}

static void on_progress(j_common_ptr jpeg)
{
    reader *r = jpeg->client_data;
    if (r->jpeg.input_scan_number <= MAX_SCANS)
        return;
    r->status =
        onp_fail(r->err, ONP_E_FORMAT, "%s: JPEG: more than %d scans", r->file->name, MAX_SCANS);
    longjmp(r->failed, 1);
}

static onp_status accept_header(const reader *r, onp_image_shape *shape, const uint8_t *pixels)
{
    const struct jpeg_decompress_struct *jpeg = &r->jpeg;
    const J_COLOR_SPACE space = jpeg->jpeg_color_space;
    if (space == JCS_CMYK || space == JCS_YCCK)
        return onp_fail(r->err, ONP_E_FORMAT, "%s: JPEG: colours are CMYK, wanted grey or RGB",
                        r->file->name);
    if (space != JCS_GRAYSCALE && space != JCS_YCbCr && space != JCS_RGB)
        return onp_fail(r->err, ONP_E_FORMAT, "%s: JPEG: %d components, wanted grey or RGB",
                        r->file->name, jpeg->num_components);
    const onp_image_shape seen = {
        .h = jpeg->image_height, .w = jpeg->image_width, .c = space == JCS_GRAYSCALE ? 1 : 3};
    return onp_image_accept(r->file, &seen, shape, pixels, r->err);
}

/* libjpeg's errors come back to the setjmp; no local of this function changes after it. */
static onp_status decompress(reader *r, onp_image_shape *shape, uint8_t *pixels)
{
    struct jpeg_decompress_struct *jpeg = &r->jpeg;
    if (setjmp(r->failed) != 0)
        return r->status;
    jpeg_create_decompress(jpeg);
    jpeg->progress = &r->progress;
    jpeg_mem_src(jpeg, r->file->data, r->file->size);
    (void)jpeg_read_header(jpeg, TRUE);
    ONP_TRY(accept_header(r, shape, pixels));
    if (pixels == NULL)
        return ONP_OK;
    jpeg->out_color_space = shape->c == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg->dct_method = JDCT_ISLOW;
    (void)jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = pixels + (size_t)jpeg->output_scanline * (size_t)(shape->w * shape->c);
        (void)jpeg_read_scanlines(jpeg, &row, 1);
    }
    (void)jpeg_finish_decompress(jpeg); /* reads to the end marker */
    return ONP_OK;
}

static onp_status read_jpeg(const onp_image_file *file, onp_image_shape *shape, uint8_t *pixels,
                            onp_error *err)
{
    reader r = {.file = file, .err = err, .status = ONP_E_FORMAT};
    r.jpeg.client_data = &r;
    r.jpeg.err = jpeg_std_error(&r.errors);
    r.errors.error_exit = stop;
    r.errors.emit_message = on_message;
    r.progress.progress_monitor = on_progress;
    const onp_status st = decompress(&r, shape, pixels);
    jpeg_destroy_decompress(&r.jpeg);
    return st;
}

const onp_image_codec onp_image_jpeg = {
    .magic = "\xff\xd8\xff", .magic_bytes = 3, .read = read_jpeg};
