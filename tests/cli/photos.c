/* SPDX-License-Identifier: Apache-2.0 */
/*
 * photos DIR COUNT: three class folders of COUNT JPEG files each, as cameras and people leave them:
 * odd sizes, wide and high, grey, CMYK, rotated by EXIF, names with spaces, quotes and letters
 * beyond ASCII. What is in them, smooth light, stripes or checks, tells the class.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/philox.h"
#include "tests/data/image_support.h"

static const char *const classes[] = {"it's \"light\"",
                                      ("K\xc3\xbc"
                                       "che"),
                                      "two words"};

typedef struct photo {
    int w, h, label;
    onp_rng rng;
    uint32_t use; /* of rng */
    uint8_t *rgb;
} photo;

static int draw(photo *p, int n)
{
    return (int)onp_rng_below(p->rng, (uint64_t)p->label, p->use++, 0, (uint64_t)n);
}

static void paint(photo *p)
{
    const int base[3] = {60 + draw(p, 120), 60 + draw(p, 120), 60 + draw(p, 120)};
    const int period = 8 + draw(p, 12), shift = draw(p, 20);
    for (int i = 0; i < p->h; i++)
        for (int j = 0; j < p->w; j++) {
            const bool row = (i + shift) / period % 2 == 0, column = (j + shift) / period % 2 == 0;
            const int light = p->label == 0   ? 60 * i / p->h
                              : p->label == 1 ? (column ? 60 : -40)
                                              : (row == column ? 60 : -40);
            for (int c = 0; c < 3; c++)
                p->rgb[(i * p->w + j) * 3 + c] = (uint8_t)(base[c] + light + (i * 7 + j * 13) % 9);
        }
}

/* An APP1 segment that says that the picture lies on its side. */
static image_bytes rotate(image_bytes jpeg)
{
    static const uint8_t exif[] = {0xff, 0xe1, 0, 34, 'E', 'x', 'i', 'f', 0, 0,  'M', 'M',
                                   0,    42,   0, 0,  0,   8,   0,   1,   1, 18, 0,   3,
                                   0,    0,    0, 1,  0,   6,   0,   0,   0, 0,  0,   0};
    image_bytes out = {malloc(jpeg.size + sizeof exif), jpeg.size + sizeof exif};
    if (out.data != NULL) {
        memcpy(out.data, jpeg.data, 2);
        memcpy(out.data + 2, exif, sizeof exif);
        memcpy(out.data + 2 + sizeof exif, jpeg.data + 2, jpeg.size - 2);
    }
    free(jpeg.data);
    return out;
}

static image_bytes encode(const photo *p, int kind)
{
    const size_t n = (size_t)p->w * (size_t)p->h;
    uint8_t *pixels = calloc(n, 4);
    if (pixels == NULL)
        return (image_bytes){0};
    for (size_t i = 0; i < n; i++) {
        if (kind == 0)
            pixels[i] = p->rgb[3 * i + 1];
        for (size_t c = 0; kind == 1 && c < 4; c++) /* as Adobe's: inverted */
            pixels[4 * i + c] = c < 3 ? p->rgb[3 * i + c] : 255;
    }
    image_bytes out = kind == 0   ? jpeg_make(pixels, p->w, p->h, JCS_GRAYSCALE, JPEG_BASELINE)
                      : kind == 1 ? jpeg_make(pixels, p->w, p->h, JCS_CMYK, JPEG_BASELINE)
                                  : jpeg_make(p->rgb, p->w, p->h, JCS_RGB,
                                              kind == 3 ? JPEG_REFINED : JPEG_BASELINE);
    free(pixels);
    return kind == 2 ? rotate(out) : out;
}

static bool write_photo(const char *folder, int label, int index)
{
    static const char *const names[][2] = {
        {"IMG ", ".JPG"}, {"it's ", ".jpeg"}, {"\xc3\xa9t\xc3\xa9-", ".jpg"}};
    char name[64], path[4096];
    photo p = {.label = label, .rng = onp_rng_make((uint64_t)index, ONP_RNG_TEST)};
    p.w = 61 + draw(&p, 130);
    p.h = 57 + draw(&p, 140);
    p.rgb = calloc(3 * (size_t)p.w, (size_t)p.h);
    if (p.rgb == NULL)
        return false;
    paint(&p);
    image_bytes jpeg = encode(&p, index % 8);
    (void)snprintf(name, sizeof name, "%s%d%s", names[index % 3][0], index, names[index % 3][1]);
    const bool written = jpeg.data != NULL &&
                         onp_path_join(path, sizeof path, folder, name, NULL) == ONP_OK &&
                         onp_file_write_atomic(path, jpeg.data, jpeg.size, NULL) == ONP_OK;
    free(jpeg.data);
    free(p.rgb);
    return written;
}

int main(int argc, char **argv)
{
    const int count = argc == 3 ? (int)strtol(argv[2], NULL, 10) : 0;
    if (count < 1) {
        (void)fprintf(stderr, "usage: photos DIR COUNT\n");
        return 2;
    }
    for (int k = 0; k < 3; k++) {
        char folder[2048];
        if (onp_path_join(folder, sizeof folder, argv[1], classes[k], NULL) != ONP_OK ||
            onp_dir_make(folder, NULL) != ONP_OK)
            return 1;
        for (int i = 0; i < count; i++)
            if (!write_photo(folder, k, i))
                return 1;
    }
    return 0;
}
