/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The safetensors format: 8 bytes of little-endian header length, a JSON header, then raw
 * little-endian data.
 *
 *     onp_st_writer *w;
 *     onp_st_writer_new(ctx, path, &w, err);
 *     onp_st_writer_meta(w, "seed", "1", err);
 *     onp_st_writer_add(w, "stem.weight", ONP_ST_F32, dims, 4, x, err);
 *     onp_st_writer_commit(w, err);
 *
 *     onp_st_file *f;
 *     onp_st_open(ctx, path, &f, err);
 *     onp_st_find(f, "stem.weight", ONP_ST_F32, dims, 4, &x, err);
 *     onp_st_close(f);
 */
#ifndef ONP_BASE_SAFETENSORS_H
#define ONP_BASE_SAFETENSORS_H

#include "base/context.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_ST_MAX_DIMS 8

typedef enum onp_st_dtype {
    ONP_ST_F32,
    ONP_ST_F64,
    ONP_ST_I64,
    ONP_ST_I32,
    ONP_ST_U8
} onp_st_dtype;

/* Writes a file; free without commit leaves nothing. Errors of new: ONP_E_NOMEM, ONP_E_RANGE (path
 * too long). */
typedef struct onp_st_writer onp_st_writer;
onp_status onp_st_writer_new(const onp_context *ctx, const char *path, onp_st_writer **out,
                             onp_error *err) ONP_MUST_USE;
/* Metadata string; copied. Errors: ONP_E_FAIL when the key is there already, ONP_E_FORMAT when key
 * or value is not UTF-8. */
onp_status onp_st_writer_meta(onp_st_writer *w, const char *key, const char *value,
                              onp_error *err) ONP_MUST_USE;
/* A tensor of at most ONP_ST_MAX_DIMS dimensions; the name is copied, the data is borrowed until
 * commit. Errors: as meta, ONP_E_SHAPE (a negative size, too many dimensions or bytes),
 * ONP_E_NOMEM. */
onp_status onp_st_writer_add(onp_st_writer *w, const char *name, onp_st_dtype type,
                             const int64_t *dims, int n_dims, const void *data,
                             onp_error *err) ONP_MUST_USE;
/* Called by commit each time the data of a tensor has been written, so that its memory can go. */
typedef void (*onp_st_written)(void *user, const void *data, size_t size_bytes);
void onp_st_writer_on_written(onp_st_writer *w, onp_st_written written, void *user);
/* Writes the file atomically: metadata and tensors in the order added (the same input gives the
 * same bytes); the data of wider types comes first, so that all of it is aligned without gaps. */
onp_status onp_st_writer_commit(onp_st_writer *w, onp_error *err) ONP_MUST_USE;
void onp_st_writer_free(onp_st_writer *w);

typedef struct onp_st_file onp_st_file;
typedef struct onp_st_tensor {
    const char *name;
    onp_st_dtype type;
    int64_t dims[ONP_ST_MAX_DIMS];
    int n_dims;
    const void *data; /* into the mapping; aligned to its type */
    size_t size_bytes;
} onp_st_tensor;
/* Maps and checks the whole file: header length, JSON, every range inside the file, none
 * overlapping, no gap, size equal to dims times type, data aligned to its type. Errors:
 * ONP_E_FORMAT, ONP_E_IO, ONP_E_NOMEM. */
onp_status onp_st_open(const onp_context *ctx, const char *path, onp_st_file **out,
                       onp_error *err) ONP_MUST_USE;
void onp_st_close(onp_st_file *f);
/* Metadata value or NULL. */
const char *onp_st_meta(const onp_st_file *f, const char *key);
size_t onp_st_count(const onp_st_file *f);
const onp_st_tensor *onp_st_at(const onp_st_file *f, size_t i);
/* A tensor by name that must have this type and shape. Errors: ONP_E_FORMAT, naming file, tensor,
 * seen and wanted. */
onp_status onp_st_find(const onp_st_file *f, const char *name, onp_st_dtype type,
                       const int64_t *dims, int n_dims, const void **data,
                       onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
