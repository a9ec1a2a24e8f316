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

typedef enum onp_st_dtype {
    ONP_ST_F32,
    ONP_ST_F64,
    ONP_ST_I64,
    ONP_ST_I32,
    ONP_ST_U8
} onp_st_dtype;

typedef struct onp_st_writer onp_st_writer;
onp_status onp_st_writer_new(const onp_context *ctx, const char *path, onp_st_writer **out,
                             onp_error *err) ONP_MUST_USE;
/* Metadata string; copied. */
onp_status onp_st_writer_meta(onp_st_writer *w, const char *key, const char *value,
                              onp_error *err) ONP_MUST_USE;
/* A tensor; the name is copied, the data is borrowed until commit. */
onp_status onp_st_writer_add(onp_st_writer *w, const char *name, onp_st_dtype type,
                             const int64_t *dims, int n_dims, const void *data,
                             onp_error *err) ONP_MUST_USE;
/* Writes the file atomically: metadata and tensors in the order added, data 8-byte aligned (the
 * same input gives the same bytes). */
onp_status onp_st_writer_commit(onp_st_writer *w, onp_error *err) ONP_MUST_USE;
void onp_st_writer_free(onp_st_writer *w);

typedef struct onp_st_file onp_st_file;
typedef struct onp_st_tensor {
    const char *name;
    onp_st_dtype type;
    int64_t dims[8];
    int n_dims;
    const void *data; /* into the mapping; aligned to its type */
    size_t size_bytes;
} onp_st_tensor;
/* Maps and checks the whole file: header length, JSON, every range inside the file, none
 * overlapping, no gap, size equal to dims times type. Errors: ONP_E_FORMAT, ONP_E_IO, ONP_E_NOMEM.
 */
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
