/* SPDX-License-Identifier: Apache-2.0 */
/* Where a pickle lies: in a file of its own, or as data.pkl in a zip. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>

#include "latency/table/pickle.h"
#include "latency/table/pickle_internal.h"

static onp_status fail_zip(struct archive *zip, const char *name, onp_error *err)
{
    const char *text = archive_error_string(zip);
    return onp_fail(err, archive_errno(zip) == ENOMEM ? ONP_E_NOMEM : ONP_E_FORMAT, "%s: %s", name,
                    text != NULL ? text : "cannot be unpacked");
}

static onp_status copy_member(struct archive *zip, const char *name, onp_strbuf *out,
                              onp_error *err)
{
    char chunk[8192];
    for (;;) {
        const la_ssize_t n = archive_read_data(zip, chunk, sizeof chunk);
        if (n < 0)
            return fail_zip(zip, name, err);
        if (n == 0)
            return onp_strbuf_status(out, err);
        if (out->length + (size_t)n > ONP_PICKLE_MAX_BYTES)
            return onp_fail(err, ONP_E_FORMAT, "%s: data.pkl is larger than %zu bytes", name,
                            ONP_PICKLE_MAX_BYTES);
        onp_strbuf_add(out, chunk, (size_t)n);
    }
}

static onp_status find_member(struct archive *zip, const char *name, const char *data, size_t size,
                              onp_strbuf *out, onp_error *err)
{
    if (archive_read_support_format_zip(zip) != ARCHIVE_OK ||
        archive_read_open_memory(zip, data, size) != ARCHIVE_OK)
        return fail_zip(zip, name, err);
    for (;;) {
        struct archive_entry *entry = NULL;
        const int code = archive_read_next_header(zip, &entry);
        if (code == ARCHIVE_EOF)
            return onp_fail(err, ONP_E_FORMAT, "%s: a zip without data.pkl", name);
        if (code != ARCHIVE_OK)
            return fail_zip(zip, name, err);
        const char *path = archive_entry_pathname(entry);
        const char *last = path != NULL ? strrchr(path, '/') : NULL;
        if (path != NULL && strcmp(last != NULL ? last + 1 : path, "data.pkl") == 0)
            return copy_member(zip, name, out, err);
    }
}

static onp_status load_zip(const onp_context *ctx, const char *name, const char *data, size_t size,
                           json_t **out, onp_error *err)
{
    onp_strbuf member;
    struct archive *zip = archive_read_new();
    if (zip == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory", name);
    onp_strbuf_init(&member, ctx);
    onp_status st = find_member(zip, name, data, size, &member, err);
    if (st == ONP_OK)
        st = onp_unpickle(ctx, name, member.text, member.length, out, err);
    onp_strbuf_reset(&member);
    (void)archive_read_free(zip);
    return st;
}

static bool is_zip(const char *data, size_t size)
{
    return size >= 4 && memcmp(data, "PK\3\4", 4) == 0;
}

bool onp_pickle_is(const char *data, size_t size)
{
    return is_zip(data, size) || (size >= 2 && memcmp(data, "\x80", 1) == 0);
}

onp_status onp_pickle_load(const onp_context *ctx, const char *name, const char *data, size_t size,
                           json_t **out, onp_error *err)
{
    *out = NULL;
    if (size > ONP_PICKLE_MAX_BYTES)
        return onp_fail(err, ONP_E_FORMAT, "%s: has %zu bytes, wanted at most %zu", name, size,
                        ONP_PICKLE_MAX_BYTES);
    return is_zip(data, size) ? load_zip(ctx, name, data, size, out, err)
                              : onp_unpickle(ctx, name, data, size, out, err);
}
