/* SPDX-License-Identifier: Apache-2.0 */
#include "data/dataset.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "data/format.h"

const char *const onp_dataset_formats[] = {
#define ONP_X(id, name) name,
    ONP_FORMAT_LIST(ONP_X)
#undef ONP_X
        NULL};

const char *const onp_fit_names[] = {"crop", "stretch", NULL};

static const onp_format *const formats[] = {
#define ONP_X(id, name) &onp_format_##id,
    ONP_FORMAT_LIST(ONP_X)
#undef ONP_X
};

/* Part of every identity: a new one makes all packs anew, as a change of what a format decodes to
 * must. */
#define IDENTITY_VERSION 2

#define MAX_LISTED 20 /* files that were left out, in the log */

static const onp_format *find_format(const char *name, onp_error *err)
{
    for (size_t i = 0; i < ONP_COUNT(formats); i++)
        if (strcmp(name, onp_dataset_formats[i]) == 0)
            return formats[i];
#define ONP_X(id, known) " " known
    (void)onp_fail(err, ONP_E_CONFIG,
                   "data format is \"%s\", wanted one of:" ONP_FORMAT_LIST(ONP_X), name);
#undef ONP_X
    return NULL;
}

onp_status onp_format_add_hash(const char *path, onp_strbuf *identity, onp_error *err)
{
    onp_mapped_file file = {0};
    char hex[ONP_SHA256_HEX];
    ONP_TRY(onp_file_map(path, &file, err));
    onp_sha256(file.data, file.size, hex);
    onp_file_unmap(&file);
    onp_strbuf_addf(identity, "file %s\n", hex);
    return ONP_OK;
}

onp_status onp_format_number_names(onp_strbuf *names, int64_t n, onp_error *err)
{
    for (int k = 0; k < n; k++) {
        onp_strbuf_addf(names, "%d", k);
        onp_strbuf_add(names, "", 1);
    }
    return onp_strbuf_status(names, err);
}

/* SHA-256 of format, part and what the format says of its source. */
static onp_status hash_source(const onp_context *ctx, const onp_format *format,
                              const onp_source *source, char hash[ONP_SHA256_HEX], onp_error *err)
{
    onp_strbuf identity;
    onp_strbuf_init(&identity, ctx);
    onp_strbuf_addf(&identity, "onepath data %d\nformat %s\npart %d\n", IDENTITY_VERSION,
                    source->format, (int)source->part);
    onp_status st = format->identify(ctx, source, &identity, err);
    if (st == ONP_OK)
        st = onp_strbuf_status(&identity, err);
    if (st == ONP_OK)
        onp_sha256(identity.text, identity.length, hash);
    onp_strbuf_reset(&identity);
    return st;
}

static onp_status build(const onp_context *ctx, const onp_format *format, const onp_source *source,
                        const char *path, const char *hash, onp_error *err)
{
    onp_status st = ONP_OK;
    onp_pack_writer *pack = NULL;
    ONP_TRY(onp_dir_make(source->cache_dir, err));
    ONP_TRY_GOTO(onp_pack_new(ctx, path, hash, &pack, err));
    ONP_TRY_GOTO(format->decode(ctx, source, pack, err));
    ONP_TRY_GOTO(onp_pack_commit(pack, err));
done:
    onp_pack_free(pack);
    return st;
}

static void list_skipped(const onp_context *ctx, const onp_source *source, const onp_dataset *ds)
{
    const char *text = ds->skipped;
    if (ds->n_skipped == 0)
        return;
    onp_log(ctx, ONP_LOG_WARN,
            "%s: %" PRId64 " of %" PRId64 " files were left out, for they cannot be read:",
            source->path, ds->n_skipped, ds->n + ds->n_skipped);
    for (int64_t i = 0; i < ds->n_skipped && i < MAX_LISTED; i++, text += strlen(text) + 1)
        onp_log(ctx, ONP_LOG_WARN, "%s", text);
    if (ds->n_skipped > MAX_LISTED)
        onp_log(ctx, ONP_LOG_WARN, "... and %lld more", (long long)(ds->n_skipped - MAX_LISTED));
}

static onp_status open_pack(const onp_context *ctx, const onp_source *source, onp_dataset *out,
                            onp_error *err)
{
    char hash[ONP_SHA256_HEX], name[ONP_SHA256_HEX + 8], path[PATH_MAX];
    onp_error cached = {0};
    const onp_format *format = find_format(source->format, err);
    if (format == NULL)
        return ONP_E_CONFIG;
    ONP_TRY(hash_source(ctx, format, source, hash, err));
    (void)snprintf(name, sizeof name, "%s.pack", hash);
    ONP_TRY(onp_path_join(path, sizeof path, source->cache_dir, name, err));
    if (onp_file_exists(path)) {
        onp_status st = onp_pack_open(ctx, path, hash, out, &cached);
        if (st == ONP_OK)
            return ONP_OK;
        if (st != ONP_E_FORMAT)
            return onp_fail(err, st, "%s", cached.msg);
        onp_log(ctx, ONP_LOG_WARN, "%s; making it anew", cached.msg);
    }
    ONP_TRY(build(ctx, format, source, path, hash, err));
    return onp_pack_open(ctx, path, hash, out, err);
}

onp_status onp_dataset_open(const onp_context *ctx, const onp_source *source, onp_dataset *out,
                            onp_error *err)
{
    *out = (onp_dataset){0};
    ONP_TRY(open_pack(ctx, source, out, err));
    list_skipped(ctx, source, out);
    return ONP_OK;
}

void onp_dataset_close(onp_dataset *ds)
{
    if (ds->class_names != NULL)
        onp_free(ds->ctx, ds->class_names);
    onp_file_unmap(&ds->file);
    *ds = (onp_dataset){0};
}

size_t onp_dataset_image_bytes(const onp_dataset *ds)
{
    return (size_t)ds->h * (size_t)ds->w * (size_t)ds->c;
}
