/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "graph/block_paths.h"
#include "latency/table/networks.h"
#include "latency/table/store_evidence.h"

typedef char hash_text[ONP_SHA256_HEX];

onp_status onp_network_text_hash(const char *space, const char *text, char hash[ONP_SHA256_HEX],
                                 onp_error *err)
{
    char all[ONP_NETWORK_TEXT + 3];
    const int n = snprintf(all, sizeof all, "%s %s\n", space, text);
    onp_sha256(all, strlen(all), hash);
    return n < (int)sizeof all
               ? ONP_OK
               : onp_fail(err, ONP_E_RANGE, "network \"%.40s...\" has %d bytes", text, n);
}

/* What network i is known by: its blocks, or its text within its space. */
static onp_status take_hash(const onp_networks *nets, size_t i, hash_text hash, onp_error *err)
{
    if (nets->blocks != NULL && nets->blocks[i] != NULL)
        return onp_block_path_hash(nets->ctx, nets->blocks[i], nets->n_blocks[i], hash, err);
    return onp_network_text_hash(nets->space, nets->encodings[i], hash, err);
}

static onp_status add_network(const onp_networks *nets, onp_store *s, size_t i, const char *hash,
                              onp_error *err)
{
    if (nets->blocks != NULL && nets->blocks[i] != NULL)
        return onp_store_network_add(s, hash, nets->blocks[i], nets->n_blocks[i], nets->space, err);
    return onp_store_network_add_text(s, hash, nets->encodings[i], nets->space, err);
}

/* Of all that was read: networks, and times in nanoseconds. */
static onp_status hash_source(const onp_networks *nets, const hash_text *hashes, hash_text out,
                              onp_error *err)
{
    onp_strbuf text;
    onp_strbuf_init(&text, nets->ctx);
    for (size_t d = 0; d < nets->n_devices; d++) {
        onp_strbuf_addf(&text, "%s\n", nets->devices[d]);
        for (size_t i = 0; i < nets->n; i++)
            onp_strbuf_addf(&text, "%s %.0f\n", hashes[i], nets->ns[d * nets->n + i]);
    }
    onp_status st = onp_strbuf_status(&text, err);
    if (st == ONP_OK)
        onp_sha256(text.text, text.length, out);
    onp_strbuf_reset(&text);
    return st;
}

typedef struct storing {
    const onp_networks *nets;
    onp_store *store;
    const char *command;
    onp_import_source source;
    const hash_text *hashes;
    onp_networks_result result;
} storing;

static onp_status store_device(storing *c, size_t device, onp_error *err)
{
    const onp_networks *nets = c->nets;
    const onp_platform platform = {.device = nets->devices[device], .backend = "import:networks"};
    const onp_run_info info = {
        .tool_version = ONEPATH_VERSION, .target = "import", .command = c->command};
    int64_t id = 0, run = 0;
    size_t n_known = 0;
    for (size_t i = 0; i < nets->n; i++)
        n_known += nets->ns[device * nets->n + i] > 0;
    if (n_known == 0) { /* the file names it, and no more */
        c->result.n_missing += nets->n;
        return ONP_OK;
    }
    ONP_TRY(onp_store_platform_add(c->store, &platform, &id, err));
    ONP_TRY(onp_store_run_start(c->store, id, &info, &run, err));
    c->source.n_rows = 0;
    for (size_t i = 0; i < nets->n; i++) {
        const double ns = nets->ns[device * nets->n + i];
        const onp_measurement m = {.n = 1, .mean_ns = llround(ns), .quality = ONP_QUALITY_OK};
        if (!(ns > 0)) {
            c->result.n_missing++;
            continue;
        }
        ONP_TRY(onp_store_measure_network(c->store, run, c->hashes[i], &m, NULL, err));
        c->source.n_rows++;
    }
    c->result.n_times += (size_t)c->source.n_rows;
    c->result.n_devices++;
    ONP_TRY(onp_store_import_source_add(c->store, run, &c->source, err));
    return onp_store_run_end(c->store, run, ONP_RUN_DONE, err);
}

static onp_status store_all(storing *c, const char *device, onp_error *err)
{
    const onp_networks *nets = c->nets;
    for (size_t i = 0; i < nets->n; i++)
        ONP_TRY(add_network(nets, c->store, i, c->hashes[i], err));
    c->result.n_networks = nets->n;
    for (size_t d = 0; d < nets->n_devices; d++)
        if (device == NULL || strcmp(nets->devices[d], device) == 0)
            ONP_TRY(store_device(c, d, err));
    if (c->result.n_times == 0)
        return onp_fail(err, ONP_E_FORMAT, "%s: has no times%s%.60s", c->source.file,
                        device != NULL ? " of " : "", device != NULL ? device : "");
    return ONP_OK;
}

onp_status onp_networks_check_device(const onp_networks *nets, const char *device, onp_error *err)
{
    char known[400] = "";
    for (size_t d = 0; d < nets->n_devices; d++) {
        const size_t used = strlen(known);
        if (device == NULL || strcmp(nets->devices[d], device) == 0)
            return ONP_OK;
        (void)snprintf(known + used, sizeof known - used, " %s", nets->devices[d]);
    }
    return onp_fail(err, ONP_E_USAGE, "the file has no device \"%.60s\"; devices:%s", device,
                    known);
}

onp_status onp_networks_store(const onp_networks *nets, onp_store *s, const char *file,
                              const char *device, const char *command, onp_networks_result *out,
                              onp_error *err)
{
    onp_sql_tx tx;
    hash_text sha256;
    ONP_TRY(onp_networks_check_device(nets, device, err));
    hash_text *hashes = onp_alloc(nets->ctx, nets->n, sizeof *hashes);
    if (hashes == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory", file);
    storing c = {.nets = nets, .store = s, .command = command};
    c.hashes = (const hash_text *)hashes;
    c.source =
        (onp_import_source){.file = file, .sha256 = sha256, .format = "networks", .unit = "ms"};
    onp_status st = ONP_OK;
    for (size_t i = 0; i < nets->n && st == ONP_OK; i++)
        st = take_hash(nets, i, hashes[i], err);
    if (st == ONP_OK)
        st = hash_source(nets, c.hashes, sha256, err);
    if (st == ONP_OK)
        st = onp_store_begin(s, &tx, err);
    if (st == ONP_OK) {
        st = store_all(&c, device, err);
        st = onp_store_end(s, &tx, st, err);
    }
    if (st == ONP_OK)
        *out = c.result;
    onp_free(nets->ctx, hashes);
    return st;
}
