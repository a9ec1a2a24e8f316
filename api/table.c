/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/stat.h>

#include "api/internal.h"
#include "latency/table/estimate_sum.h"
#include "supernet/arch.h"

struct onepath_table {
    onepath_context *ctx;
    onp_store *store;
};

onepath_status onepath_table_open(onepath_context *ctx, const char *path, onepath_table **out,
                                  onepath_error *err)
{
    onp_error e = {0};
    const onp_api_host host = onp_api_enter(ctx);
    onp_status st = ONP_OK;
    onepath_table *t = onp_alloc(&ctx->base, 1, sizeof *t);
    if (t == NULL) {
        st = onp_fail(&e, ONP_E_NOMEM, "%s: out of memory", path);
    } else {
        t->ctx = ctx;
        st = onp_store_open(&ctx->base, path, ONP_SQL_EXISTING, &t->store, &e);
    }
    if (st == ONP_OK)
        *out = t;
    else if (t != NULL)
        onepath_table_close(t);
    return onp_api_leave(host, st, &e, err);
}

void onepath_table_close(onepath_table *t)
{
    if (t == NULL)
        return;
    onp_store_close(t->store);
    onp_free(&t->ctx->base, t);
}

static onp_status load_network(const onp_context *ctx, const char *network, onp_arch **out,
                               onp_error *err)
{
    char path[4096];
    struct stat s;
    const bool folder = stat(network, &s) == 0 && S_ISDIR(s.st_mode);
    ONP_TRY(folder ? onp_path_join(path, sizeof path, network, "arch.json", err)
                   : onp_path_join(path, sizeof path, "", network, err));
    return onp_arch_load(ctx, path, out, err);
}

static onp_status estimate(const onepath_table *t, const onp_arch *arch, const char *device,
                           onepath_estimate *out, onp_error *err)
{
    int64_t platform = 0;
    onp_estimate_total total;
    ONP_TRY(onp_store_platform_find(t->store, device, &platform, err));
    ONP_TRY(onp_estimate_blocks(t->store, platform, arch->blocks, arch->n_blocks, NULL, NULL,
                                &total, err));
    onepath_estimate e = {.latency_ns = total.sum_ns,
                          .n_rows = (int64_t)total.n_rows,
                          .n_noisy = (int64_t)total.n_noisy};
    onp_store_platform_label(t->store, platform, e.platform, sizeof e.platform);
    onp_api_give(&e, sizeof e, out);
    return ONP_OK;
}

onepath_status onepath_table_estimate(onepath_table *t, const char *network, const char *device,
                                      onepath_estimate *out, onepath_error *err)
{
    onp_error e = {0};
    onp_arch *arch = NULL;
    const onp_api_host host = onp_api_enter(t->ctx);
    onp_status st = onp_api_can_give(out, "onepath_estimate", &e);
    if (st == ONP_OK)
        st = load_network(&t->ctx->base, network, &arch, &e);
    if (st == ONP_OK)
        st = estimate(t, arch, device, out, &e);
    onp_arch_free(arch);
    return onp_api_leave(host, st, &e, err);
}
