/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain data out of Python's pickles (protocols 0 to 4) and out of the .pt files of PyTorch, which
 * are zips that hold one. Nothing in a file is ever executed, imported or looked up: lists, tuples,
 * dicts, numbers, texts and bytes are data, four names are known (collections.OrderedDict,
 * _codecs.encode, NumPy's dtype and scalar), and what is anything else is an error.
 *
 *     json_t *root = NULL;
 *     ONP_TRY(onp_pickle_load(ctx, "arch.pt", data, size, &root, err));
 *     ... json_array_get(root, 0) ...
 *     json_decref(root);
 *
 * The data comes as JSON: a tuple or bytes is an array, the key 8 of a dict is "8". Format:
 * Python's Lib/pickletools.py.
 */
#ifndef ONP_LATENCY_TABLE_PICKLE_H
#define ONP_LATENCY_TABLE_PICKLE_H

#include "base/json.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_PICKLE_MAX_BYTES  (16 * ONP_MIB) /* of what is in a zip, too */
#define ONP_PICKLE_MAX_VALUES 1000000
#define ONP_PICKLE_MAX_DEPTH  32

/* Whether the bytes begin as a pickle of protocol 2 or later, or as a zip. */
bool onp_pickle_is(const char *data, size_t size);

/*
 * name stands in errors. *out is the caller's (json_decref).
 * Errors: ONP_E_FORMAT with the byte (cut short, an unknown opcode or name, a number that is not
 * finite or beyond 64 bits, text that is not UTF-8, a list or dict in two places, more or deeper
 * than the bounds above, bytes behind the end; a zip without data.pkl), ONP_E_NOMEM.
 */
onp_status onp_pickle_load(const onp_context *ctx, const char *name, const char *data, size_t size,
                           json_t **out, onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
