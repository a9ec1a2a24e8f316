/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations, networks and messages. */
#include <stdio.h>
#include <string.h>

#include "latency/measure/protocol.h"
#include "search/config.h"
#include "supernet/arch.h"
#include "tests/fuzz/parsers.h"

bool fuzz_config(fuzz_input *in)
{
    static const char space[] =
        "{schema: 1, name: tiny, input: {height: 8, width: 8, channels: 1},"
        " stem: {op: conv, kernel: 3, channels: 8}, candidates: [{op: mbconv, kernel: 3, expand: "
        "3}],"
        " stages: [{channels: 8, blocks: 1}], mix: {channels: 8}, classes: 2}\n";
    char path[128];
    (void)snprintf(path, sizeof path, "%s/space.yaml", in->folder);
    FILE *f = fopen(path, "we");
    if (f != NULL) {
        (void)fputs(space, f);
        (void)fclose(f);
    }
    onp_error err = {0};
    onp_strbuf problems, text;
    onp_strbuf_init(&problems, &in->ctx);
    onp_strbuf_init(&text, &in->ctx);
    onp_config cfg;
    const bool taken =
        fuzz_accepted(onp_config_load(&in->ctx, in->path, NULL, 0, &problems, &cfg, &err), &err) &&
        fuzz_accepted(onp_config_emit(&cfg, &text, &err), &err);
    onp_config_free(&cfg);
    onp_strbuf_reset(&text);
    onp_strbuf_reset(&problems);
    return taken;
}

bool fuzz_space(fuzz_input *in)
{
    onp_error err = {0};
    onp_strbuf problems;
    onp_strbuf_init(&problems, &in->ctx);
    onp_space *space = NULL;
    onp_block *blocks = NULL;
    int32_t n;
    const bool taken =
        fuzz_accepted(onp_space_load(&in->ctx, in->path, &problems, &space, &err), &err) &&
        fuzz_accepted(onp_space_blocks(&in->ctx, space, &blocks, &n, &err), &err);
    onp_free(&in->ctx, blocks);
    onp_space_free(space);
    onp_strbuf_reset(&problems);
    return taken;
}

bool fuzz_arch(fuzz_input *in)
{
    onp_error err = {0};
    onp_arch *arch = NULL;
    char hash[ONP_SHA256_HEX];
    if (!fuzz_accepted(
            onp_arch_parse(&in->ctx, (const char *)in->data, in->size, "arch.json", &arch, &err),
            &err))
        return false;
    (void)onp_arch_n_params(arch);
    (void)onp_arch_n_macs(arch);
    const bool taken = fuzz_accepted(onp_arch_hash(arch, hash, &err), &err) &&
                       fuzz_accepted(onp_arch_save(arch, in->path, &err), &err);
    onp_arch_free(arch);
    return taken;
}

bool fuzz_block_key(fuzz_input *in)
{
    char key[2 * ONP_BLOCK_KEY] = "", again[ONP_BLOCK_KEY];
    memcpy(key, in->data, in->size < sizeof key - 1 ? in->size : sizeof key - 1);
    onp_error err = {0};
    onp_block b;
    if (!fuzz_accepted(onp_block_parse(key, &b, &err), &err))
        return false;
    onp_block_key(&b, again);
    return strcmp(key, again) == 0 || fuzz_accepted(ONP_E_FAIL, &err); /* keys are canonical */
}

bool fuzz_message(fuzz_input *in)
{
    onp_error err = {0};
    onp_message m;
    if (!fuzz_accepted(onp_message_decode((const char *)in->data, in->size, "runner", &m, &err),
                       &err))
        return false;
    onp_runner_facts facts;
    onp_graph *g = NULL;
    onp_stop_rule rule = {0};
    onp_timing timing;
    bool stamps;
    const char *text;
    bool taken = m.kind == ONP_MESSAGE_BYE || m.kind == ONP_MESSAGE_ALIVE;
    if (m.kind == ONP_MESSAGE_HELLO)
        taken = fuzz_accepted(onp_message_version(&m, &err), &err) &&
                fuzz_accepted(onp_message_facts(&m, &facts, &err), &err);
    if (m.kind == ONP_MESSAGE_ERROR)
        taken = fuzz_accepted(onp_message_error_text(&m, &text, &err), &err);
    if (m.kind == ONP_MESSAGE_MEASURE) {
        taken = fuzz_accepted(onp_message_measure(&in->ctx, &m, &g, &rule, &stamps, &err), &err);
        onp_graph_free(g);
    }
    if (m.kind == ONP_MESSAGE_RESULT) {
        taken = fuzz_accepted(onp_message_result(&in->ctx, &m, &rule, &timing, &err), &err);
        if (taken)
            onp_timing_reset(&in->ctx, &timing);
    }
    onp_message_reset(&m);
    return taken;
}
