/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/data/image_support.h"

#include "tests/test_support.h"

image_bytes png_make(const uint8_t *pixels, int w, int h, int colour_type, int depth,
                     bool interlaced, bool transparent)
{
    image_bytes out = {0};
    png_color palette[256];
    const png_byte alpha[1] = {0};
    const png_color_16 zero = {0};
    FILE *f = open_memstream((char **)&out.data, &out.size);
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    assert_non_null(f);
    assert_non_null(info);
    png_init_io(png, f);
    png_set_IHDR(png, info, (png_uint_32)w, (png_uint_32)h, depth, colour_type,
                 interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (colour_type == PNG_COLOR_TYPE_PALETTE) {
        for (int k = 0; k < 256; k++)
            palette[k] = (png_color){(png_byte)k, (png_byte)(2 * k), (png_byte)(255 - k)};
        png_set_PLTE(png, info, palette, 1 << depth);
    }
    if (transparent)
        png_set_tRNS(png, info, alpha, 1, &zero);
    png_write_info(png, info);
    const size_t row_bytes = png_get_rowbytes(png, info);
    for (int left = png_set_interlace_handling(png); left > 0; left--)
        for (int i = 0; i < h; i++)
            png_write_row(png, pixels + (size_t)i * row_bytes);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    assert_int_equal(fclose(f), 0);
    return out;
}

image_bytes jpeg_make(const uint8_t *pixels, int w, int h, J_COLOR_SPACE space, jpeg_kind kind)
{
    static const jpeg_scan_info unrefined[] = {{3, {0, 1, 2}, 0, 0, 0, 0},
                                               {1, {0}, 1, 63, 0, 0},
                                               {1, {1}, 1, 63, 0, 0},
                                               {1, {2}, 1, 63, 0, 0}};
    image_bytes out = {0};
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    FILE *f = open_memstream((char **)&out.data, &out.size);
    assert_non_null(f);
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_stdio_dest(&jpeg, f);
    jpeg.image_width = (JDIMENSION)w;
    jpeg.image_height = (JDIMENSION)h;
    jpeg.input_components = space == JCS_GRAYSCALE ? 1 : space == JCS_CMYK ? 4 : 3;
    jpeg.in_color_space = space;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 98, TRUE);
    for (int i = 0; i < jpeg.num_components; i++)
        jpeg.comp_info[i].h_samp_factor = jpeg.comp_info[i].v_samp_factor = 1;
    if (kind == JPEG_REFINED)
        jpeg_simple_progression(&jpeg);
    if (kind == JPEG_UNREFINED) {
        jpeg.scan_info = unrefined;
        jpeg.num_scans = (int)(sizeof unrefined / sizeof unrefined[0]);
    }
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < jpeg.image_height) {
        const size_t at = (size_t)jpeg.next_scanline * (size_t)(w * jpeg.input_components);
        JSAMPROW row = (JSAMPROW)(uintptr_t)(pixels + at);
        (void)jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    assert_int_equal(fclose(f), 0);
    return out;
}
