/* SPDX-License-Identifier: Apache-2.0 */
/* A whole network, measured on its own. */
#include <assert.h>

#include "latency/table/profile_internal.h"
#include "latency/table/store_evidence.h"

static onp_status measure(const onp_profile_session *s, const onp_block *blocks, int32_t n,
                          const char *hash, onp_measurement *out, onp_error *err)
{
    onp_profile_sample sample;
    onp_status st =
        onp_profile_read_blocks(s, blocks, n, s->options.max_block_ns, false, &sample, err);
    if (st == ONP_OK && hash != NULL)
        st = onp_store_network_add(s->store, hash, blocks, n, s->options.space, err);
    if (st == ONP_OK && hash != NULL)
        st = onp_store_measure_network(s->store, s->run, hash, &sample.m, NULL, err);
    if (st == ONP_OK && sample.m.quality == ONP_QUALITY_FAILED)
        st = onp_fail(err, ONP_E_DEVICE, "network: %.400s", sample.failure.msg);
    if (st == ONP_OK) {
        *out = sample.m;
        out->reason = out->cores = NULL;
        out->samples_ns = out->clocks_khz = out->temperatures_mc = out->stamps_ns = NULL;
        out->n_samples = out->n_groups = 0;
    }
    onp_profile_sample_reset(s, &sample);
    return st;
}

onp_status onp_profile_network(onp_store *store, onp_runner *r, const onp_block *blocks, int32_t n,
                               const char *hash, const onp_profile_options *options,
                               onp_measurement *out, onp_error *err)
{
    onp_profile_session s;
    assert(n >= 0);
    ONP_TRY(onp_profile_open(store, r, options, true, &s, err));
    if (onp_profile_stopped(&s))
        return onp_fail(err, ONP_E_INTERRUPTED, "network: interrupted before its measurement");
    if (hash == NULL)
        return measure(&s, blocks, n, NULL, out, err);
    const onp_profile_run_info info = {.graph_ns = s.options.max_block_ns};
    ONP_TRY(onp_profile_platform(store, r, s.batch, s.mode, &s.platform, err));
    ONP_TRY(onp_profile_start_run(&s, &info, err));
    return onp_profile_end_run(&s, measure(&s, blocks, n, hash, out, err), err);
}
