/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few of Python's names that stand in pickles of plain data, for pickle.c: what they make, by
 * table, without Python.
 *
 *     ONP_TRY(onp_pickle_name(file, at, "collections", "OrderedDict", &name, err));
 *     ONP_TRY(onp_pickle_call(file, at, name, json_array(), &value, err));    // {}
 *
 * A name is {"\x01name": "collections OrderedDict"}; no dict of a file has such a key.
 */
#ifndef ONP_LATENCY_TABLE_PICKLE_INTERNAL_H
#define ONP_LATENCY_TABLE_PICKLE_INTERNAL_H

#include "latency/table/pickle.h"

/* The machine: onp_pickle_load of what is no zip. */
onp_status onp_unpickle(const onp_context *ctx, const char *name, const char *data, size_t size,
                        json_t **out, onp_error *err) ONP_MUST_USE;

/* A name, or a NumPy type. */
bool onp_pickle_is_name(const json_t *value);
/* A key that only names have. */
bool onp_pickle_is_reserved(const char *key);

/* Bytes as an array of numbers; NULL when there is no memory. */
json_t *onp_pickle_bytes(const unsigned char *bytes, size_t n);

/* `file` and the opcode's byte `at` stand in errors: ONP_E_FORMAT, ONP_E_NOMEM. *out is new. */
onp_status onp_pickle_name(const char *file, size_t at, const char *module, const char *member,
                           json_t **out, onp_error *err) ONP_MUST_USE;
onp_status onp_pickle_call(const char *file, size_t at, const json_t *name, const json_t *arguments,
                           json_t **out, onp_error *err) ONP_MUST_USE;
/* A NumPy type and its state, of which the byte order counts. */
onp_status onp_pickle_build(const char *file, size_t at, json_t *thing, const json_t *state,
                            json_t **out, onp_error *err) ONP_MUST_USE;

#endif
