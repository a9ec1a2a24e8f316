/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a source format gives: a text that identifies the source, and its images decoded into a
 * pack. Internal to data/.
 *
 *     const onp_format onp_format_idx = {.identify = identify, .decode = decode};
 */
#ifndef ONP_DATA_FORMAT_H
#define ONP_DATA_FORMAT_H

#include "base/strbuf.h"
#include "data/dataset.h"
#include "data/pack.h"

typedef struct onp_format {
    /* Checks the options and appends a text that changes when any byte or option does that the
     * decoded images depend on. Its hash names the pack file. */
    onp_status (*identify)(const onp_context *ctx, const onp_source *source, onp_strbuf *identity,
                           onp_error *err);
    /* onp_pack_begin, then onp_pack_add for all images. */
    onp_status (*decode)(const onp_context *ctx, const onp_source *source, onp_pack_writer *pack,
                         onp_error *err);
} onp_format;

/* For identify: a line with the hash of a file's bytes. Errors: those of onp_file_map. */
onp_status onp_format_add_hash(const char *path, onp_strbuf *identity, onp_error *err) ONP_MUST_USE;

/* For decode: n NUL-terminated numbers, for classes without a name. Errors: ONP_E_NOMEM. */
onp_status onp_format_number_names(onp_strbuf *names, int64_t n, onp_error *err) ONP_MUST_USE;

#define ONP_X(id, name) extern const onp_format onp_format_##id;
ONP_FORMAT_LIST(ONP_X)
#undef ONP_X

#endif
