/* SPDX-License-Identifier: Apache-2.0 */
/* Models, checkpoints, databases and tables. */
#include <stdio.h>
#include <string.h>

#include "export/onnx.h"
#include "latency/table/import.h"
#include "latency/table/networks.h"
#include "latency/table/pickle.h"
#include "latency/table/store.h"
#include "search/manifest.h"
#include "search/rundb.h"
#include "search/trainer.h"
#include "supernet/model.h"
#include "tests/fuzz/parsers.h"

/* The network that the model of the corpus has. */
static void write_arch(const fuzz_input *in)
{
    const onp_block blocks[] = {
        {.kind = ONP_BLOCK_STEM,
         .in_h = 4,
         .in_w = 4,
         .in_c = 1,
         .out_c = 2,
         .kernel = 3,
         .stride = 2},
        {.kind = ONP_BLOCK_HEAD, .in_h = 2, .in_w = 2, .in_c = 2, .out_c = 2}};
    onp_block complete[ONP_COUNT(blocks)];
    onp_error err = {0};
    onp_arch *arch = NULL;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/arch.json", in->folder);
    onp_status st = ONP_OK;
    for (size_t i = 0; i < ONP_COUNT(blocks) && st == ONP_OK; i++) {
        complete[i] = blocks[i];
        st = onp_block_complete(&complete[i], &err);
    }
    if (st == ONP_OK)
        st = onp_arch_from_blocks(&in->ctx, complete, ONP_COUNT(blocks), ONP_ARCH_BN_EPS,
                                  ONP_ARCH_BN_MOMENTUM, &arch, &err);
    if (st == ONP_OK)
        st = onp_arch_save(arch, path, &err);
    (void)fuzz_accepted(st, &err);
    onp_arch_free(arch);
}

bool fuzz_model(fuzz_input *in)
{
    onp_error err = {0};
    onp_model *model = NULL;
    write_arch(in);
    const bool taken = fuzz_accepted(onp_model_load(&in->ctx, in->folder, &model, &err), &err);
    onp_model_free(model);
    return taken;
}

bool fuzz_manifest(fuzz_input *in)
{
    onp_error err = {0};
    json_t *manifest = NULL;
    const bool taken = fuzz_accepted(onp_manifest_load(&in->ctx, in->path, &manifest, &err), &err);
    json_decref(manifest);
    return taken;
}

bool fuzz_checkpoint(fuzz_input *in)
{
    onp_error err = {0};
    onp_checkpoint_info info;
    return fuzz_accepted(onp_checkpoint_peek(&in->ctx, in->path, &info, &err), &err);
}

static onp_status read_estimate(void *user, const char *key, const onp_estimate *e, onp_error *err)
{
    (void)user;
    (void)err;
    return e != NULL && strlen(key) < SIZE_MAX ? ONP_OK : ONP_E_FAIL;
}

static onp_status read_platform(void *user, const onp_platform_row *row, onp_error *err)
{
    onp_store *s = user;
    return onp_store_estimates(s, row->id, read_estimate, NULL, err);
}

bool fuzz_table(fuzz_input *in)
{
    onp_error err = {0};
    onp_store *s = NULL;
    if (!fuzz_accepted(onp_store_open(&in->ctx, in->path, ONP_SQL_EXISTING, &s, &err), &err))
        return false;
    const bool taken = fuzz_accepted(onp_store_platforms(s, read_platform, s, &err), &err);
    onp_store_close(s);
    return taken;
}

bool fuzz_run(fuzz_input *in)
{
    onp_error err = {0};
    onp_rundb *db = NULL;
    char hash[65];
    if (!fuzz_accepted(onp_rundb_open(&in->ctx, in->path, &db, &err), &err))
        return false;
    const bool taken = fuzz_accepted(onp_rundb_latency_hash(db, hash, NULL, &err), &err);
    onp_rundb_close(db);
    return taken;
}

bool fuzz_import(fuzz_input *in)
{
    bool taken = false;
    for (size_t i = 0; onp_import_format(i) != NULL; i++) {
        onp_error err = {0};
        onp_strbuf problems;
        onp_strbuf_init(&problems, &in->ctx);
        onp_import *import = NULL;
        onp_status st = onp_import_read(&in->ctx, onp_import_format(i), in->path,
                                        ONP_DUPLICATES_MEAN, &problems, &import, &err);
        taken = fuzz_accepted(st, &err) || taken;
        onp_import_free(import);
        onp_strbuf_reset(&problems);
    }
    return taken;
}

bool fuzz_networks(fuzz_input *in)
{
    onp_error err = {0};
    onp_networks *nets = NULL;
    const bool taken =
        fuzz_accepted(onp_import_networks(&in->ctx, in->path, NULL, &nets, &err), &err);
    onp_networks_free(nets);
    return taken;
}

bool fuzz_pickle(fuzz_input *in)
{
    onp_error err = {0};
    onp_strbuf text;
    json_t *root = NULL;
    onp_status st =
        onp_pickle_load(&in->ctx, in->path, (const char *)in->data, in->size, &root, &err);
    bool taken = fuzz_accepted(st, &err);
    onp_strbuf_init(&text, &in->ctx);
    if (taken)
        taken = fuzz_accepted(onp_json_dump(root, 0, &text, &err), &err);
    onp_strbuf_reset(&text);
    json_decref(root);
    return taken;
}

bool fuzz_onnx(fuzz_input *in)
{
    onp_error err = {0};
    json_t *summary = NULL;
    const bool taken = fuzz_accepted(onp_onnx_describe(&in->ctx, in->path, &summary, &err), &err);
    json_decref(summary);
    return taken;
}
