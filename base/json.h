/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON by the jansson library, with our errors: duplicate keys refused, sizes bounded, line and
 * column in the text.
 *
 *     json_t *root = NULL;
 *     ONP_TRY(onp_json_load_file(ctx, path, 16 * ONP_MIB, &root, err));
 *     int64_t k = 0;
 *     ONP_TRY_GOTO(onp_json_get_int(root, "kernel_size", 1, 31, &k, path, err));
 *   done:
 *     json_decref(root);
 */
#ifndef ONP_BASE_JSON_H
#define ONP_BASE_JSON_H

#include <jansson.h>

#include "base/strbuf.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Parses text; `name` stands in errors ("NAME:3:17: ..."). *out is the caller's (json_decref).
 * Errors: ONP_E_FORMAT (syntax, duplicate key, trailing text), ONP_E_NOMEM. */
onp_status onp_json_parse(const char *text, size_t size, const char *name, json_t **out,
                          onp_error *err) ONP_MUST_USE;
/* The same from a file of at most max_bytes. Also ONP_E_IO. */
onp_status onp_json_load_file(const onp_context *ctx, const char *path, size_t max_bytes,
                              json_t **out, onp_error *err) ONP_MUST_USE;

/* Appends value: key order kept, reals with the fewest digits (15, 16 or 17) that read back as the
 * same double. indent 0: one line. */
onp_status onp_json_dump(const json_t *value, int indent, onp_strbuf *out,
                         onp_error *err) ONP_MUST_USE;
/* Writes value and a newline to path atomically. */
onp_status onp_json_save_file(const onp_context *ctx, const json_t *value, int indent,
                              const char *path, onp_error *err) ONP_MUST_USE;

/*
 * Required members of an object. `where` stands in errors ("WHERE: key \"kernel\" is missing", "...
 * is a string, wanted an integer", "... is 99, wanted 1..31"). Errors: ONP_E_FORMAT.
 */
onp_status onp_json_get_int(const json_t *object, const char *key, int64_t min, int64_t max,
                            int64_t *out, const char *where, onp_error *err) ONP_MUST_USE;
onp_status onp_json_get_real(const json_t *object, const char *key, double *out, const char *where,
                             onp_error *err) ONP_MUST_USE; /* integers too */
onp_status onp_json_get_string(const json_t *object, const char *key, const char **out,
                               const char *where, onp_error *err) ONP_MUST_USE; /* borrowed */
onp_status onp_json_get_array(const json_t *object, const char *key, json_t **out,
                              const char *where, onp_error *err) ONP_MUST_USE; /* borrowed */
onp_status onp_json_get_object(const json_t *object, const char *key, json_t **out,
                               const char *where, onp_error *err) ONP_MUST_USE; /* borrowed */

/* The elements of an array, each an integer in min..max; out has room for all of them. key: its
 * name in errors ("WHERE: element 3 of \"in\" is not an integer in 0..7"). Errors: ONP_E_FORMAT. */
onp_status onp_json_read_ints(const json_t *array, const char *key, int64_t min, int64_t max,
                              int64_t *out, const char *where, onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
