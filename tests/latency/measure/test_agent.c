/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's side in this process: requests written to a pipe beforehand, answers read after. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "latency/measure/agent.h"
#include "latency/measure/block_graph.h"
#include "latency/measure/line.h"
#include "latency/measure/protocol.h"
#include "ops/kernels.h"
#include "tests/test_support.h"

static const onp_stop_rule quick = {.warmup_min_ns = 1,
                                    .sample_min_ns = 1,
                                    .samples_min = 5,
                                    .samples_max = 5,
                                    .time_min_ns = 1,
                                    .time_max_ns = 200000000};

typedef struct session {
    onp_context ctx;
    onp_strbuf requests;
    onp_line_reader answers;
    onp_status status;
    onp_error err;
} session;

static void start(session *s)
{
    *s = (session){0};
    onp_context_init(&s->ctx);
    assert_int_equal(onp_kernels_choose(&s->ctx, NULL, NULL), ONP_OK);
    onp_strbuf_init(&s->requests, &s->ctx);
    onp_line_reader_init(&s->answers, &s->ctx, ONP_PROTOCOL_MAX_LINE);
}

static void serve(session *s)
{
    int in[2], out[2];
    long got = 1;
    assert_true(s->requests.length < 60 * ONP_KIB); /* fits the pipe */
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    assert_int_equal(onp_line_write(in[1], s->requests.text, s->requests.length, NULL), ONP_OK);
    (void)close(in[1]);
    s->status = onp_agent_serve(&s->ctx, &(onp_agent_options){.device = "test", .batch = 1}, in[0],
                                out[1], &s->err);
    (void)close(in[0]);
    (void)close(out[1]);
    while (got > 0)
        assert_int_equal(onp_line_reader_fill(&s->answers, out[0], &got, NULL), ONP_OK);
    (void)close(out[0]);
}

/* The next line, words of life passed over: a machine may be slow. */
static onp_message answer(session *s)
{
    for (;;) {
        const char *line;
        size_t length;
        onp_message m;
        onp_error err = {0};
        assert_true(onp_line_reader_next(&s->answers, &line, &length));
        if (onp_message_decode(line, length, "agent", &m, &err) != ONP_OK)
            fail_msg("%s", err.msg);
        if (m.kind != ONP_MESSAGE_ALIVE)
            return m;
        onp_message_reset(&m);
    }
}

static void end(session *s)
{
    assert_int_equal(onp_line_reader_left(&s->answers), 0);
    onp_line_reader_reset(&s->answers);
    onp_strbuf_reset(&s->requests);
}

static void ask_for(session *s, int64_t id, const char *key, int64_t batch)
{
    onp_block b;
    onp_graph *g = NULL;
    assert_int_equal(onp_block_parse(key, &b, NULL), ONP_OK);
    assert_int_equal(onp_measure_block_graph(&s->ctx, &b, batch, &g, NULL), ONP_OK);
    assert_int_equal(onp_message_add_measure(id, g, &quick, false, &s->requests, NULL), ONP_OK);
    onp_graph_free(g);
}

static void whole_session(void **state)
{
    (void)state;
    session s;
    start(&s);
    assert_int_equal(onp_message_add_hello(NULL, &s.requests, NULL), ONP_OK);
    ask_for(&s, 1, "mbconv in=4x4x8 out=4x4x8 k=3 e=3 s=1 skip=1", 1);
    ask_for(&s, 2, "head in=4x4x8 out=3", 2); /* not the batch of this runner */
    ask_for(&s, 3, "head in=4x4x8 out=3", 1);
    onp_strbuf_adds(&s.requests, ONP_PROTOCOL_BYE);
    onp_strbuf_adds(&s.requests, "not read any more\n");
    serve(&s);
    assert_int_equal(s.status, ONP_OK);

    onp_message m = answer(&s);
    onp_runner_facts facts;
    assert_int_equal(onp_message_facts(&m, &facts, NULL), ONP_OK);
    assert_string_equal(facts.device, "test");
    assert_string_equal(facts.backend, "onepath");
    assert_string_equal(facts.kernel_set, s.ctx.kernels->name);
    assert_int_equal(strlen(facts.kernel_hash), 64);
    assert_int_equal(facts.batch, 1);
    assert_true(facts.threads >= 1);
    onp_message_reset(&m);

    onp_timing t = {0};
    m = answer(&s);
    assert_int_equal(m.id, 1);
    assert_int_equal(onp_message_result(&s.ctx, &m, NULL, &t, NULL), ONP_OK);
    assert_in_range(t.n, 3, 5); /* fewer where other processes interrupt most samples */
    onp_timing_reset(&s.ctx, &t);
    onp_message_reset(&m);

    const char *text = NULL;
    m = answer(&s);
    assert_int_equal(m.id, 2);
    assert_int_equal(m.kind, ONP_MESSAGE_ERROR);
    assert_int_equal(onp_message_error_text(&m, &text, NULL), ONP_OK);
    onp_assert_contains(text, "batch of 2, wanted 1");
    onp_message_reset(&m);

    m = answer(&s);
    assert_int_equal(m.id, 3);
    assert_int_equal(m.kind, ONP_MESSAGE_RESULT);
    onp_message_reset(&m);
    m = answer(&s);
    assert_int_equal(m.kind, ONP_MESSAGE_BYE);
    onp_message_reset(&m);
    end(&s);
}

/* Two blocks as one graph; groups: of both, as a caller may have set them. */
static void ask_for_two(session *s, int64_t id, bool stamps, int32_t first, int32_t second)
{
    static const char *const keys[] = {"mbconv in=8x8x8 out=8x8x8 k=3 e=3 s=1 skip=1",
                                       "head in=8x8x8 out=3"};
    onp_graph *g = onp_graph_new(&s->ctx, NULL);
    onp_tid x = onp_graph_external(g, (onp_shape){1, 8, 8, 8}, NULL);
    for (int i = 0; i < 2; i++) {
        onp_block b;
        onp_param_spec specs[ONP_BLOCK_MAX_PARAMS];
        onp_tid params[ONP_BLOCK_MAX_PARAMS];
        assert_int_equal(onp_block_parse(keys[i], &b, NULL), ONP_OK);
        const int n = onp_block_params(&b, ONP_MODE_FOLDED, specs);
        for (int k = 0; k < n; k++)
            params[k] = onp_graph_external(g, specs[k].shape, NULL);
        onp_graph_set_group(g, i == 0 ? first : second);
        x = onp_block_build(g, &b, ONP_MODE_FOLDED, 0.0, x, params, NULL);
    }
    onp_graph_keep(g, x);
    assert_int_equal(onp_message_add_measure(id, g, &quick, stamps, &s->requests, NULL), ONP_OK);
    onp_graph_free(g);
}

static void stamps(void **state)
{
    (void)state;
    session s;
    onp_timing t = {0};
    const char *text = NULL;
    start(&s);
    ask_for_two(&s, 1, true, 0, 1);
    ask_for_two(&s, 2, false, 0, 1);
    ask_for_two(&s, 3, true, 1, 0);
    ask_for_two(&s, 4, true, -1, -1);
    serve(&s);
    assert_int_equal(s.status, ONP_OK);

    onp_message m = answer(&s);
    assert_int_equal(onp_message_result(&s.ctx, &m, NULL, &t, NULL), ONP_OK);
    assert_int_equal(t.n_groups, 2);
    for (size_t i = 0; i < t.n; i++) { /* to the nearest nanosecond each */
        const int64_t sum = onp_timing_group(&t, 0)[i] + onp_timing_group(&t, 1)[i];
        assert_true(llabs((long long)(sum - t.samples_ns[i])) <= 2);
    }
    onp_cores seen;
    assert_int_equal(onp_cores_parse(t.cores, &seen, NULL), ONP_OK);
    onp_timing_reset(&s.ctx, &t);
    onp_message_reset(&m);

    m = answer(&s);
    assert_int_equal(onp_message_result(&s.ctx, &m, NULL, &t, NULL), ONP_OK);
    assert_int_equal(t.n_groups, 0);
    onp_timing_reset(&s.ctx, &t);
    onp_message_reset(&m);
    for (int i = 0; i < 2; i++) {
        m = answer(&s);
        assert_int_equal(onp_message_error_text(&m, &text, NULL), ONP_OK);
        onp_assert_contains(text, i == 0 ? "has group 1, wanted 0" : "has group -1, wanted 0");
        onp_message_reset(&m);
    }
    end(&s);
}

static void end_of_file(void **state)
{
    (void)state;
    session s;
    start(&s);
    serve(&s);
    assert_int_equal(s.status, ONP_OK);
    end(&s);
}

/* One bad request each: it is answered, and what is no request ends the service. */
static void bad_requests(void **state)
{
    (void)state;
#define STOP                                                                                       \
    "\"stop\": {\"warmup_calls\": 0, \"warmup_min_ns\": 0, \"sample_min_ns\": 0, "                 \
    "\"samples_min\": 0, \"samples_max\": 0, \"time_min_ns\": 0, \"time_max_ns\": 0, "             \
    "\"ci_half_width\": 0.0, \"cv_max\": 0}"
#define MEASURE "{\"message\": \"measure\", \"id\": 9, "
    static const struct {
        const char *line, *part;
        onp_status status;
    } rows[] = {
        {"nonsense", "driver:1:", ONP_E_FORMAT},
        {"{\"message\": \"result\", \"id\": 9}", "only a runner sends", ONP_E_FORMAT},
        {"{\"message\": \"hello\", \"version\": 7}", "speaks version 7", ONP_E_FORMAT},
        {MEASURE "\"graph\": {}}", "\"stop\" is missing", ONP_OK},
        {MEASURE STOP "}", "\"graph\" is missing", ONP_OK},
        {MEASURE STOP ", \"graph\": {\"tensors\": [], \"nodes\": []}}", "no nodes", ONP_OK},
        {MEASURE STOP ", \"graph\": {\"tensors\": [{\"shape\": [1, 1, 1, 0]}], \"nodes\": []}}",
         "shape", ONP_OK},
    };
    for (size_t i = 0; i < ONP_COUNT(rows); i++) {
        session s;
        start(&s);
        onp_strbuf_addf(&s.requests, "%s\n", rows[i].line);
        serve(&s);
        assert_int_equal(s.status, rows[i].status);
        onp_message m = answer(&s);
        const char *text = NULL;
        assert_int_equal(m.kind, ONP_MESSAGE_ERROR);
        assert_int_equal(m.id, rows[i].status == ONP_OK ? 9 : 0);
        assert_int_equal(onp_message_error_text(&m, &text, NULL), ONP_OK);
        onp_assert_contains(text, rows[i].part);
        onp_message_reset(&m);
        end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_session),
        cmocka_unit_test(stamps),
        cmocka_unit_test(end_of_file),
        cmocka_unit_test(bad_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
