/* SPDX-License-Identifier: Apache-2.0 */
/* JPEG by libjpeg-turbo: its integer transform and upsampling give the same bytes on every
 * processor. */
#include <setjmp.h>
#include <stdio.h> /* jpeglib.h needs it */
#include <string.h>

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

static int orientation_of(const struct jpeg_decompress_struct *jpeg)
{
    static const char head[6] = "Exif\0"; /* and the NUL of the text */
    for (const struct jpeg_marker_struct *m = jpeg->marker_list; m != NULL; m = m->next)
        if (m->data_length > sizeof head && memcmp(m->data, head, sizeof head) == 0)
            return onp_exif_orientation(m->data + sizeof head, m->data_length - sizeof head);
    return 1;
}

static onp_status accept_header(reader *r, onp_image_shape *shape, const uint8_t *pixels)
{
    struct jpeg_decompress_struct *jpeg = &r->jpeg;
    const struct {
        J_COLOR_SPACE file, decoded;
        int c, samples;
    } known[] = {{JCS_GRAYSCALE, JCS_GRAYSCALE, 1, 1},
                 {JCS_YCbCr, JCS_RGB, 3, 3},
                 {JCS_RGB, JCS_RGB, 3, 3},
                 {JCS_CMYK, JCS_CMYK, 3, 4},
                 {JCS_YCCK, JCS_CMYK, 3, 4}};
    for (size_t i = 0; i < ONP_COUNT(known); i++) {
        if (jpeg->jpeg_color_space != known[i].file)
            continue;
        const onp_image_shape seen = {.h = jpeg->image_height,
                                      .w = jpeg->image_width,
                                      .c = known[i].c,
                                      .samples = known[i].samples,
                                      .orientation = orientation_of(jpeg)};
        jpeg->out_color_space = known[i].decoded;
        return onp_image_accept(r->file, &seen, shape, pixels, r->err);
    }
    return onp_fail(r->err, ONP_E_FORMAT, "%s: JPEG: %d components, wanted grey, RGB or CMYK",
                    r->file->name, jpeg->num_components);
}

/* Files with four inks hold what is left of the light, 255 for no ink, whoever wrote them: red is
 * cyan times black. In place: the colours end before the inks that are still to be read. */
static void mix_inks(uint8_t *pixels, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < 3; k++)
            pixels[3 * i + k] = (uint8_t)((pixels[4 * i + k] * pixels[4 * i + 3] + 127) / 255);
}

/* libjpeg's errors come back to the setjmp; no local of this function changes after it. */
static onp_status decompress(reader *r, onp_image_shape *shape, uint8_t *pixels)
{
    struct jpeg_decompress_struct *jpeg = &r->jpeg;
    if (setjmp(r->failed) != 0)
        return r->status;
    jpeg_create_decompress(jpeg);
    jpeg->progress = &r->progress;
    jpeg_save_markers(jpeg, JPEG_APP0 + 1, 0xffff);
    jpeg_mem_src(jpeg, r->file->data, r->file->size);
    (void)jpeg_read_header(jpeg, TRUE);
    ONP_TRY(accept_header(r, shape, pixels));
    if (pixels == NULL)
        return ONP_OK;
    jpeg->dct_method = JDCT_ISLOW;
    (void)jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row =
            pixels + (size_t)jpeg->output_scanline * jpeg->output_width * (size_t)shape->samples;
        (void)jpeg_read_scanlines(jpeg, &row, 1);
    }
    (void)jpeg_finish_decompress(jpeg); /* reads to the end marker */
    if (shape->samples == 4)
        mix_inks(pixels, (size_t)(shape->h * shape->w));
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
