/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files: read whole with a limit, map, replace atomically, lock, hash.
 *
 *     ONP_TRY(onp_file_write_atomic(path, text, length, err));
 *     // a temporary file beside it, fsync, rename, fsync of the folder
 */
#ifndef ONP_BASE_FILE_H
#define ONP_BASE_FILE_H

#include "base/context.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Reads a whole regular file of at most max_bytes into *data (onp_free; a NUL byte follows the last
 * byte, not counted). Errors: ONP_E_IO (missing: "PATH: No such file or directory"), ONP_E_FORMAT
 * when it is larger than max_bytes or not a regular file, ONP_E_NOMEM.
 */
onp_status onp_file_read(const onp_context *ctx, const char *path, size_t max_bytes, char **data,
                         size_t *size, onp_error *err) ONP_MUST_USE;

/* A regular file mapped read-only and private. data is NULL when size is 0. Errors: ONP_E_IO,
 * ONP_E_FORMAT when it is not a regular file. */
typedef struct onp_mapped_file {
    const uint8_t *data;
    size_t size;
} onp_mapped_file;
onp_status onp_file_map(const char *path, onp_mapped_file *out, onp_error *err) ONP_MUST_USE;
void onp_file_unmap(onp_mapped_file *m); /* m may be all zero */

/* Replaces path by these bytes: a reader sees the old file or the new one, never a part. Errors:
 * ONP_E_IO. */
onp_status onp_file_write_atomic(const char *path, const void *data, size_t size,
                                 onp_error *err) ONP_MUST_USE;

/* The same for a file that is written piece by piece. A writer that is dropped without commit
 * leaves nothing. */
typedef struct onp_file_writer onp_file_writer;
onp_status onp_file_writer_new(const onp_context *ctx, const char *path, onp_file_writer **out,
                               onp_error *err) ONP_MUST_USE;
onp_status onp_file_writer_add(onp_file_writer *w, const void *data, size_t size,
                               onp_error *err) ONP_MUST_USE;
/* Writes over bytes that were added before. */
onp_status onp_file_writer_patch(onp_file_writer *w, size_t offset, const void *data, size_t size,
                                 onp_error *err) ONP_MUST_USE;
onp_status onp_file_writer_commit(onp_file_writer *w, onp_error *err) ONP_MUST_USE;
void onp_file_writer_free(onp_file_writer *w); /* after commit, or to give up; NULL allowed */

/* Makes a folder and its parents; one that exists is fine. Errors: ONP_E_IO. */
onp_status onp_dir_make(const char *path, onp_error *err) ONP_MUST_USE;
bool onp_file_exists(const char *path);
/* Whether both paths lead to one file, be it there already or not. */
bool onp_file_is_same(const char *a, const char *b);

/* Takes an exclusive lock on path (made when missing), held until onp_file_unlock or the process
 * ends. Errors: ONP_E_FAIL when another process holds it, ONP_E_IO. */
onp_status onp_file_lock(const char *path, int *lock, onp_error *err) ONP_MUST_USE;
void onp_file_unlock(int lock);

/*
 * path as seen from `base_dir` when it is relative, else path itself; a base_dir of "" or "." adds
 * nothing. Writes into out. Errors: ONP_E_RANGE when it does not fit.
 */
onp_status onp_path_join(char *out, size_t out_size, const char *base_dir, const char *path,
                         onp_error *err) ONP_MUST_USE;
/* The folder part of path ("." when there is none). Same errors. */
onp_status onp_path_dir(char *out, size_t out_size, const char *path, onp_error *err) ONP_MUST_USE;

/* The folder of the program that runs. Errors: ONP_E_IO, ONP_E_RANGE when it does not fit. */
onp_status onp_program_dir(char *out, size_t out_size, onp_error *err) ONP_MUST_USE;

/* SHA-256 as 64 lower-case hex digits and a NUL. */
#define ONP_SHA256_HEX 65
void onp_sha256(const void *data, size_t size, char hex[ONP_SHA256_HEX]);

#ifdef __cplusplus
}
#endif
#endif
