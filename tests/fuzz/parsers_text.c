/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations, networks and messages. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "latency/measure/line.h"
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

/* What a message says, written again; false: refused. */
static bool write_again(fuzz_input *in, const onp_message *m, onp_strbuf *out)
{
    onp_error err = {0};
    onp_runner_facts facts;
    onp_graph *g = NULL;
    onp_stop_rule rule = {0};
    onp_timing timing = {0};
    onp_error text = {0};
    const char *said = NULL;
    bool stamps, taken = false;
    switch (m->kind) {
    case ONP_MESSAGE_HELLO:
        taken = fuzz_accepted(onp_message_version(m, &err), &err) &&
                fuzz_accepted(onp_message_facts(m, &facts, &err), &err) &&
                fuzz_accepted(onp_message_add_hello(&facts, out, &err), &err);
        break;
    case ONP_MESSAGE_MEASURE:
        taken = fuzz_accepted(onp_message_measure(&in->ctx, m, &g, &rule, &stamps, &err), &err) &&
                fuzz_accepted(onp_message_add_measure(m->id, g, &rule, stamps, out, &err), &err);
        onp_graph_free(g);
        break;
    case ONP_MESSAGE_RESULT:
        taken = fuzz_accepted(onp_message_result(&in->ctx, m, &rule, &timing, &err), &err) &&
                fuzz_accepted(onp_message_add_result(m->id, &timing, out, &err), &err);
        onp_timing_reset(&in->ctx, &timing);
        break;
    case ONP_MESSAGE_ERROR:
        taken = fuzz_accepted(onp_message_error_text(m, &said, &err), &err);
        (void)snprintf(text.msg, sizeof text.msg, "%s", taken ? said : "");
        taken = taken && fuzz_accepted(onp_message_add_error(m->id, &text, out, &err), &err);
        break;
    case ONP_MESSAGE_ALIVE:
        onp_strbuf_adds(out, ONP_PROTOCOL_ALIVE);
        return true;
    case ONP_MESSAGE_BYE:
        onp_strbuf_adds(out, ONP_PROTOCOL_BYE);
        return true;
    case ONP_MESSAGE_KIND_COUNT:
        break;
    }
    return taken;
}

static bool read_and_write(fuzz_input *in, const char *line, size_t length, onp_strbuf *out)
{
    onp_error err = {0};
    onp_message m;
    if (!fuzz_accepted(onp_message_decode(line, length, "peer", &m, &err), &err))
        return false;
    const bool taken = write_again(in, &m, out);
    onp_message_reset(&m);
    return taken;
}

/* What was understood is written such that it is understood in the same way. */
bool fuzz_message(fuzz_input *in)
{
    onp_error err = {0};
    onp_strbuf once, twice;
    onp_strbuf_init(&once, &in->ctx);
    onp_strbuf_init(&twice, &in->ctx);
    bool taken = read_and_write(in, (const char *)in->data, in->size, &once);
    if (taken &&
        (!read_and_write(in, once.text, once.length, &twice) || strcmp(once.text, twice.text) != 0))
        taken = fuzz_accepted(ONP_E_FAIL, &err);
    onp_strbuf_reset(&once);
    onp_strbuf_reset(&twice);
    return taken;
}

/* A stream of lines in pieces, as a link delivers it: what is found does not depend on where the
 * pieces end. */
bool fuzz_lines(fuzz_input *in)
{
    enum { MAX_LINE = 4096, PIECE = 7 };
    onp_error err = {0};
    onp_line_reader reader;
    int fd[2];
    size_t n_lines = 0, n_bytes = 0, wanted = 0;
    bool whole = true;
    if (pipe(fd) != 0)
        return false;
    onp_line_reader_init(&reader, &in->ctx, MAX_LINE);
    for (size_t at = 0; at < in->size && whole; at += PIECE) {
        const size_t left = in->size - at;
        const char *line;
        size_t length;
        long got;
        whole = onp_line_write(fd[1], (const char *)in->data + at, left < PIECE ? left : PIECE,
                               &err) == ONP_OK &&
                fuzz_accepted(onp_line_reader_fill(&reader, fd[0], &got, &err), &err);
        while (whole && onp_line_reader_next(&reader, &line, &length)) {
            n_lines++;
            n_bytes += length;
        }
    }
    for (size_t i = 0; i < in->size; i++)
        wanted += in->data[i] == '\n';
    if (whole && (n_lines != wanted || n_bytes > in->size))
        whole = fuzz_accepted(ONP_E_FAIL, &err);
    onp_line_reader_reset(&reader);
    (void)close(fd[0]);
    (void)close(fd[1]);
    return whole;
}
