/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IDX files of unsigned bytes, the format of MNIST, plain or gzipped (told by their content):
 * four bytes of magic number (0, 0, 8, number of dimensions), each dimension as a big-endian 32-bit
 * number, then the data, and nothing after it. Read piece by piece.
 *
 *     onp_idx f;
 *     ONP_TRY(onp_idx_open(path, 3, 4, &f, err));
 *     ONP_TRY_GOTO(onp_idx_read(&f, buffer, f.size_bytes, err));
 *     ONP_TRY_GOTO(onp_idx_end(&f, err));
 *   done:
 *     onp_idx_close(&f);
 */
#ifndef ONP_DATA_IDX_H
#define ONP_DATA_IDX_H

#include <zlib.h>

#include "base/status.h"
#include "data/dataset.h"

typedef struct onp_idx {
    gzFile file;
    const char *path; /* borrowed */
    int n_dims;
    int64_t dims[4];
    size_t size_bytes; /* of the data: the product of dims */
    size_t read_bytes; /* of the data, so far */
} onp_idx;

/*
 * Opens path, which must outlive *out, and reads the header. The first dimension is bounded by
 * ONP_DATA_MAX_IMAGES, the others by ONP_DATA_MAX_SIDE, and all data by what a file of its size can
 * hold, so that size_bytes may be allocated. On failure *out is all zero. Errors: ONP_E_FORMAT,
 * ONP_E_IO, ONP_E_NOMEM.
 */
onp_status onp_idx_open(const char *path, int min_dims, int max_dims, onp_idx *out,
                        onp_error *err) ONP_MUST_USE;
/* The next size bytes of data. ONP_E_FORMAT when the file ends before or cannot be unpacked. */
onp_status onp_idx_read(onp_idx *f, void *out, size_t size, onp_error *err) ONP_MUST_USE;
/* After the last byte: ONP_E_FORMAT when more follows or a checksum is wrong. */
onp_status onp_idx_end(onp_idx *f, onp_error *err) ONP_MUST_USE;
void onp_idx_close(onp_idx *f); /* all zero is allowed, and what it becomes */

#endif
