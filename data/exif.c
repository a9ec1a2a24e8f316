/* SPDX-License-Identifier: Apache-2.0 */
/* The orientation in an EXIF block: a TIFF header, then the entries of its first directory. */
#include "data/image.h"

#define ORIENTATION 0x0112
#define SHORT       3
#define ENTRY_BYTES 12

typedef struct block {
    const uint8_t *data;
    size_t size;
    bool big_endian;
} block;

/* n bytes (2 or 4) as a number; the caller has checked that they are there. */
static uint32_t number(const block *b, size_t at, int n)
{
    uint32_t value = 0;
    for (int i = 0; i < n; i++)
        value |= (uint32_t)b->data[at + (size_t)i] << 8 * (b->big_endian ? n - 1 - i : i);
    return value;
}

int onp_exif_orientation(const uint8_t *data, size_t size)
{
    const block b = {.data = data, .size = size, .big_endian = size > 0 && data[0] == 'M'};
    if (size < 8 || data[1] != data[0] || (data[0] != 'M' && data[0] != 'I') ||
        number(&b, 2, 2) != 42)
        return 1;
    const size_t directory = number(&b, 4, 4);
    if (directory > size - 2)
        return 1;
    const size_t room = (size - 2 - directory) / ENTRY_BYTES, said = number(&b, directory, 2);
    for (size_t i = 0; i < said && i < room; i++) {
        const size_t entry = directory + 2 + i * ENTRY_BYTES; /* tag, type, count, value */
        if (number(&b, entry, 2) != ORIENTATION)
            continue;
        const uint32_t value = number(&b, entry + 8, 2);
        const bool valid = number(&b, entry + 2, 2) == SHORT && number(&b, entry + 4, 4) == 1;
        return valid && value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}
