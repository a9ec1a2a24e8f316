/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "latency/measure/block_graph.h"
#include "latency/measure/line.h"
#include "latency/measure/protocol.h"
#include "tests/test_support.h"

static onp_context plain(void)
{
    onp_context ctx;
    onp_context_init(&ctx);
    return ctx;
}

static onp_message decode(const char *text)
{
    onp_message m;
    onp_error err = {0};
    if (onp_message_decode(text, strlen(text), "peer", &m, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    return m;
}

static void refuses_lines(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } rows[] = {
        {"", "peer:"},
        {"hello", "peer:1:"},
        {"[]", "not an object"},
        {"{}", "key \"message\" is missing"},
        {"{\"message\": 1}", "wanted a string"},
        {"{\"message\": \"hi\"}", "message \"hi\" is unknown"},
        {"{\"message\": \"bye\", \"message\": \"bye\"}", "duplicate"},
        {"{\"message\": \"bye\"} x", "end of file expected"},
        {"{\"message\": \"result\"}", "key \"id\" is missing"},
        {"{\"message\": \"result\", \"id\": -1}", "\"id\" is -1"},
        {"{\"message\": \"error\", \"id\": 9999999999}", "\"id\" is 9999999999"},
    };
    for (size_t i = 0; i < ONP_COUNT(rows); i++) {
        onp_message m;
        onp_error err = {0};
        assert_int_equal(onp_message_decode(rows[i].text, strlen(rows[i].text), "peer", &m, &err),
                         ONP_E_FORMAT);
        assert_null(m.root);
        onp_assert_contains(err.msg, rows[i].part);
    }
}

static void hello_round_trip(void **state)
{
    (void)state;
    onp_context ctx = plain();
    onp_strbuf s;
    onp_strbuf_init(&s, &ctx);
    const onp_runner_facts facts = {.device = "Board \"7\"",
                                    .backend = "onepath",
                                    .backend_version = "0.1.0",
                                    .kernel_set = "neon",
                                    .precision = "f32",
                                    .governor = "performance",
                                    .threads = 4,
                                    .batch = 2,
                                    .allowed = "0-7",
                                    .serial_hash = "5e1f",
                                    .clock_khz = 2419200,
                                    .temperature_mc = -1500,
                                    .n_clusters = 2,
                                    .clusters = {{"0-3", 1800000, "little"}, {"4-7", 0, ""}},
                                    .kernel = "6.1.0 #1 SMP",
                                    .soc = "SM8150",
                                    .memory_kib = 5730612,
                                    .takes_graph = true,
                                    .takes_onnx = true,
                                    .stamps = true,
                                    .alive = true};
    assert_int_equal(onp_message_add_hello(&facts, &s, NULL), ONP_OK);
    assert_int_equal(s.text[s.length - 1], '\n');
    assert_int_equal(strlen(s.text), strcspn(s.text, "\n") + 1); /* one line */
    onp_message m = decode(s.text);
    assert_int_equal(m.kind, ONP_MESSAGE_HELLO);
    assert_int_equal(onp_message_version(&m, NULL), ONP_OK);
    onp_runner_facts back;
    assert_int_equal(onp_message_facts(&m, &back, NULL), ONP_OK);
    assert_memory_equal(&back, &facts, sizeof facts);
    onp_message_reset(&m);
    onp_strbuf_reset(&s);
}

#define PLATFORM                                                                                   \
    "\"platform\": {\"device\": \"d\", \"backend\": \"b\", \"precision\": \"f32\", "               \
    "\"threads\": 1, \"batch\": 1}"

#define HELLO "{\"message\": \"hello\", \"accepts\": [\"graph\"], "

static void refuses_hellos(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } rows[] = {
        {"{\"message\": \"hello\", \"version\": 2}", "\"accepts\" is missing"},
        {"{\"message\": \"hello\", \"accepts\": [1, \"jpeg\"]}",
         "accepts neither \"graph\" nor \"onnx\""},
        {"{\"message\": \"hello\", \"accepts\": [\"graph\"]}", "\"platform\" is missing"},
        {HELLO "\"platform\": {}, \"run\": {}}", "\"device\" is missing"},
        {HELLO "\"platform\": {\"device\": \"\"}, \"run\": {}}", "\"device\" has 0 bytes"},
        {HELLO "\"platform\": {\"device\": \"a\\u001b[2J\"}, \"run\": {}}", "control characters"},
        {HELLO "\"stamps\": 1, " PLATFORM ", \"run\": {}}", "\"stamps\" is not true or false"},
        {HELLO "\"platform\": {\"device\": \"d\", \"backend\": \"b\"}, \"run\": {}}",
         "\"precision\" is missing"},
        {HELLO PLATFORM ", \"run\": {\"temperature_mc\": \"hot\"}}", "is no temperature"},
        {HELLO PLATFORM ", \"run\": {\"temperature_mc\": 10000000}}", "is no temperature"},
        {HELLO PLATFORM ", \"run\": {\"clusters\": [7]}}", "is not an object"},
        {HELLO PLATFORM ", \"run\": {\"clusters\": [{\"cores\": \"\"}]}}", "\"cores\" has 0 bytes"},
        {HELLO PLATFORM ", \"run\": {\"clusters\": [1,2,3,4,5,6,7,8,9]}}",
         "9 clusters, wanted at most 8"},
        {"{\"message\": \"hello\", \"accepts\": [\"onnx\"], \"stamps\": true, " PLATFORM "}",
         "\"stamps\" is true, wanted false"},
        {"{\"message\": \"hello\", \"accepts\": [\"graph\"], \"run\": {\"os\": 1}, " PLATFORM "}",
         "\"os\" is an integer"},
        {"{\"message\": \"hello\", \"accepts\": [\"graph\"], \"run\": {\"clock_khz\": "
         "-1}, " PLATFORM "}",
         "\"clock_khz\" is -1"},
    };
    for (size_t i = 0; i < ONP_COUNT(rows); i++) {
        onp_message m = decode(rows[i].text);
        onp_runner_facts facts;
        onp_error err = {0};
        assert_int_equal(onp_message_facts(&m, &facts, &err), ONP_E_FORMAT);
        onp_assert_contains(err.msg, rows[i].part);
        onp_message_reset(&m);
    }
    onp_message m = decode("{\"message\": \"hello\", \"version\": 3}");
    onp_error err = {0};
    assert_int_equal(onp_message_version(&m, &err), ONP_E_FORMAT);
    onp_assert_contains(err.msg, "speaks version 3 of the runner protocol, wanted 2");
    onp_message_reset(&m);
}

/* A text of as many bytes as there is room for has none for its end. */
static void texts_that_just_fit(void **state)
{
    (void)state;
    for (int n = ONP_FACT - 1; n <= ONP_FACT; n++) {
        char device[ONP_FACT + 1], text[ONP_FACT + 256], part[64];
        onp_runner_facts facts;
        onp_error err = {0};
        memset(device, 'x', sizeof device);
        device[n] = '\0';
        (void)snprintf(text, sizeof text,
                       HELLO
                       "\"platform\": {\"device\": \"%s\", \"backend\": \"b\", \"precision\": "
                       "\"f32\", \"threads\": 1, \"batch\": 1}, \"run\": {}}",
                       device);
        onp_message m = decode(text);
        assert_int_equal(onp_message_facts(&m, &facts, &err), n < ONP_FACT ? ONP_OK : ONP_E_FORMAT);
        (void)snprintf(part, sizeof part, "\"device\" has %d bytes, wanted 1..%d", n, ONP_FACT - 1);
        if (n < ONP_FACT)
            assert_string_equal(facts.device, device);
        else
            onp_assert_contains(err.msg, part);
        onp_message_reset(&m);
    }
}

static const onp_block stem = {
    .kind = ONP_BLOCK_STEM, .in_h = 6, .in_w = 6, .in_c = 3, .out_c = 8, .kernel = 3, .stride = 2};

static onp_graph *stem_graph(const onp_context *ctx)
{
    onp_block b = stem;
    onp_graph *g = NULL;
    assert_int_equal(onp_block_complete(&b, NULL), ONP_OK);
    assert_int_equal(onp_measure_block_graph(ctx, &b, 2, &g, NULL), ONP_OK);
    return g;
}

static void measure_round_trip(void **state)
{
    (void)state;
    onp_context ctx = plain();
    onp_strbuf s;
    onp_strbuf_init(&s, &ctx);
    onp_graph *g = stem_graph(&ctx), *back = NULL;
    const onp_stop_rule sent = {.time_max_ns = 800000000, .cv_max = 0.08};
    assert_int_equal(onp_message_add_measure(41, g, &sent, true, &s, NULL), ONP_OK);
    onp_message m = decode(s.text);
    assert_int_equal(m.kind, ONP_MESSAGE_MEASURE);
    assert_int_equal(m.id, 41);
    onp_stop_rule rule;
    bool stamps = false;
    assert_int_equal(onp_message_measure(&ctx, &m, &back, &rule, &stamps, NULL), ONP_OK);
    assert_true(stamps);
    const onp_stop_rule want = onp_stop_rule_resolve(&sent);
    assert_memory_equal(&rule, &want, sizeof want);
    assert_int_equal(onp_graph_n_nodes(back), onp_graph_n_nodes(g));
    assert_int_equal(onp_graph_n_macs(back), onp_graph_n_macs(g));
    onp_graph_free(back);
    onp_message_reset(&m);

    m = decode("{\"message\": \"measure\", \"id\": 1, \"graph\": {}}");
    onp_error err = {0};
    back = NULL;
    assert_int_equal(onp_message_measure(&ctx, &m, &back, &rule, &stamps, &err), ONP_E_FORMAT);
    onp_assert_contains(err.msg, "\"stop\" is missing");
    assert_null(back);
    onp_message_reset(&m);
    onp_graph_free(g);
    onp_strbuf_reset(&s);
}

static void result_round_trip(void **state)
{
    (void)state;
    onp_context ctx = plain();
    onp_strbuf s;
    onp_strbuf_init(&s, &ctx);
    int64_t samples[] = {100, 102, 101, 99, 100, 103, 100}, clocks[] = {5, 5, 5, 5, 5, 5, 5};
    int64_t degrees[] = {0, -1, 45000, ONP_UNKNOWN_MC, 1, 2, 3};
    int64_t stamps[] = {1, 2, 3, 4, 5, 6, 7, 0, 0, 9, 9, 9, 9, 9};
    const onp_timing sent = {.n = 7,
                             .samples_ns = samples,
                             .clock_khz = clocks,
                             .temperature_mc = degrees,
                             .n_groups = 2,
                             .stamps_ns = stamps,
                             .inner_reps = 16,
                             .n_rejected = 4,
                             .rejected = {[ONP_REJECT_STOLEN] = 1, [ONP_REJECT_CLOCK] = 3},
                             .cores = "1,3-4",
                             .overhead_ns = 1.25,
                             .quality = ONP_TIMING_THROTTLED,
                             .reason = "hot"};
    assert_int_equal(onp_message_add_result(3, &sent, &s, NULL), ONP_OK);
    onp_message m = decode(s.text);
    onp_timing t = {0};
    assert_int_equal(m.id, 3);
    assert_int_equal(onp_message_result(&ctx, &m, NULL, &t, NULL), ONP_OK);
    assert_int_equal(t.n, 7);
    assert_memory_equal(t.samples_ns, samples, sizeof samples);
    assert_memory_equal(t.clock_khz, clocks, sizeof clocks);
    assert_int_equal(t.stats.median_ns, 100);
    assert_int_equal(t.stats.min_ns, 99);
    assert_int_equal(t.inner_reps, 16);
    assert_int_equal(t.n_rejected, 4);
    assert_memory_equal(t.rejected, sent.rejected, sizeof sent.rejected);
    assert_memory_equal(t.temperature_mc, degrees, sizeof degrees);
    assert_int_equal(t.n_groups, 2);
    assert_memory_equal(t.stamps_ns, stamps, sizeof stamps);
    assert_int_equal(onp_timing_group(&t, 1)[2], 9);
    assert_string_equal(t.cores, "1,3-4");
    assert_int_equal(t.quality, ONP_TIMING_THROTTLED); /* the runner knows more */
    assert_string_equal(t.reason, "hot");
    onp_timing_reset(&ctx, &t);
    onp_message_reset(&m);

    /* samples alone: judged here */
    m = decode("{\"message\": \"result\", \"id\": 0, \"samples_ns\": [100, 100, 100, 100, 100, 160,"
               " 100, 100, 100]}");
    assert_int_equal(onp_message_result(&ctx, &m, NULL, &t, NULL), ONP_OK);
    assert_int_equal(t.quality, ONP_TIMING_NOISY);
    onp_assert_contains(t.reason, "coefficient of variation");
    assert_null(t.temperature_mc);
    assert_int_equal(t.n_groups, 0);
    assert_int_equal(t.inner_reps, 1);
    onp_timing_reset(&ctx, &t);
    onp_message_reset(&m);

    /* a clock of whole microseconds loses one of them in each group */
    m = decode(
        "{\"message\": \"result\", \"id\": 0, \"samples_ns\": [4000], \"stamps_ns\": [[1000],"
        " [1000], [0]]}");
    assert_int_equal(onp_message_result(&ctx, &m, NULL, &t, NULL), ONP_OK);
    onp_timing_reset(&ctx, &t);
    onp_message_reset(&m);

    /* clocks that are not known say nothing of the others */
    m = decode("{\"message\": \"result\", \"id\": 0, \"samples_ns\": [100, 100, 100, 100, 100, 100,"
               " 100, 100, 100], \"clock_khz\": [0, 9, 0, 9, 0, 9, 0, 9, 0]}");
    assert_int_equal(onp_message_result(&ctx, &m, NULL, &t, NULL), ONP_OK);
    assert_int_equal(t.quality, ONP_TIMING_OK);
    assert_string_equal(t.reason, "");
    onp_timing_reset(&ctx, &t);
    onp_message_reset(&m);
    m = decode(
        "{\"message\": \"result\", \"id\": 0, \"samples_ns\": [985, 985, 985, 1000, 1015, 1015,"
        " 1015]}");
    assert_int_equal(onp_message_result(&ctx, &m, NULL, &t, NULL), ONP_OK);
    assert_int_equal(t.quality, ONP_TIMING_NOISY);
    assert_string_equal(t.reason, "median known within 1.5 %, wanted 1.0 %");
    onp_timing_reset(&ctx, &t);
    onp_message_reset(&m);
    m = decode(
        "{\"message\": \"result\", \"id\": 0, \"samples_ns\": [9, 9, 9, 9, 9, 9, 9, 9], "
        "\"clock_khz\": [3000000, 3000000, 3000000, 3000000, 4000000, 4000000, 4000000, 4000000]}");
    assert_int_equal(onp_message_result(&ctx, &m, NULL, &t, NULL), ONP_OK);
    assert_int_equal(t.quality, ONP_TIMING_THROTTLED); /* of two as usual the higher one */
    assert_string_equal(t.reason, "4 of 8 samples more than 2 % off the usual 4000 MHz");
    onp_timing_reset(&ctx, &t);
    onp_message_reset(&m);
    onp_strbuf_reset(&s);
}

static void refuses_results(void **state)
{
    (void)state;
#define RESULT "{\"message\": \"result\", \"id\": 0, "
    static const struct {
        const char *text, *part;
    } rows[] = {
        {RESULT "\"x\": 1}", "\"samples_ns\" is missing"},
        {RESULT "\"samples_ns\": []}", "0 elements, wanted 1..100000"},
        {RESULT "\"samples_ns\": [1, 0]}", "element 1 of \"samples_ns\""},
        {RESULT "\"samples_ns\": [1.5]}", "element 0 of \"samples_ns\""},
        {RESULT "\"samples_ns\": [9000000000000000]}", "element 0 of \"samples_ns\""},
        {RESULT "\"samples_ns\": [1], \"clock_khz\": [1, 2]}", "\"clock_khz\" has 2 elements"},
        {RESULT "\"samples_ns\": [1], \"clock_khz\": [-2]}", "element 0 of \"clock_khz\""},
        {RESULT "\"samples_ns\": [1], \"temperature_mc\": [1, 2]}", "\"temperature_mc\" has 2"},
        {RESULT "\"samples_ns\": [1], \"temperature_mc\": [0.5]}", "is no temperature"},
        {RESULT "\"samples_ns\": [1], \"cores\": \"\\n\"}", "control characters"},
        {RESULT "\"samples_ns\": [1], \"stamps_ns\": []}", "0 groups of 1 samples"},
        {RESULT "\"samples_ns\": [1], \"stamps_ns\": [1]}", "element 0 of \"stamps_ns\" is not"},
        {RESULT "\"samples_ns\": [1], \"stamps_ns\": [[1], [1, 1]]}", "has 2 elements, wanted 1"},
        {RESULT "\"samples_ns\": [1], \"stamps_ns\": [[-1]]}", "element 0 of \"stamps_ns\""},
        {RESULT "\"samples_ns\": [90000, 90000], \"stamps_ns\": [[50000, 50000], [50000, 50000]]}",
         "add up to 100000 ns on average, \"samples_ns\" are 90000 ns"},
        {RESULT "\"samples_ns\": [90000], \"stamps_ns\": [[20000], [20000]]}",
         "add up to 40000 ns"},
        {RESULT
         "\"samples_ns\": [1], \"n_rejected\": 1, \"rejected\": {\"moved\": 1, \"stolen\": 1}}",
         "\"moved\" is 1, wanted 0..0"},
        {RESULT "\"samples_ns\": [1], \"inner_reps\": 0}", "\"inner_reps\" is 0"},
        {RESULT "\"samples_ns\": [1], \"overhead_ns\": -0.5}", "\"overhead_ns\" is -0.5, wanted 0"},
        {RESULT "\"samples_ns\": [1], \"overhead_ns\": 1e300}", "\"overhead_ns\" is 1e+300"},
        {RESULT "\"samples_ns\": [1], \"inner_reps\": 1, \"n_rejected\": 0, \"quality\": \"fine\"}",
         "quality \"fine\" is unknown"},
    };
    onp_test_memory memory;
    onp_test_memory_init(&memory, 0);
    for (size_t i = 0; i < ONP_COUNT(rows); i++) {
        onp_message m = decode(rows[i].text);
        onp_timing t = {0};
        onp_error err = {0};
        assert_int_equal(onp_message_result(&memory.ctx, &m, NULL, &t, &err), ONP_E_FORMAT);
        onp_assert_contains(err.msg, rows[i].part);
        assert_null(t.samples_ns);
        assert_int_equal(memory.n_live, 0);
        onp_message_reset(&m);
    }
}

/* No more than a table keeps. */
static void refuses_too_many_samples(void **state)
{
    (void)state;
    onp_context ctx = plain();
    onp_strbuf s;
    onp_timing t = {0};
    onp_error err = {0};
    onp_strbuf_init(&s, &ctx);
    onp_strbuf_adds(&s, RESULT "\"samples_ns\": [1");
    for (int i = 0; i < ONP_TIMING_MAX_SAMPLES; i++)
        onp_strbuf_adds(&s, ",1");
    onp_strbuf_adds(&s, "]}");
    onp_message m = decode(s.text);
    assert_int_equal(onp_message_result(&ctx, &m, NULL, &t, &err), ONP_E_FORMAT);
    onp_assert_contains(err.msg, "\"samples_ns\" has 100001 elements, wanted 1..100000");
    onp_message_reset(&m);
    onp_strbuf_reset(&s);
}

static void error_is_ascii(void **state)
{
    (void)state;
    onp_context ctx = plain();
    onp_strbuf s;
    onp_strbuf_init(&s, &ctx);
    const onp_error sent = {ONP_E_FORMAT, "op \"caf\xc3\" is unknown\n"}; /* cut in a character */
    assert_int_equal(onp_message_add_error(5, &sent, &s, NULL), ONP_OK);
    onp_message m = decode(s.text);
    const char *text = NULL;
    assert_int_equal(m.id, 5);
    assert_int_equal(onp_message_error_text(&m, &text, NULL), ONP_OK);
    assert_string_equal(text, "op \"caf?\" is unknown?");
    onp_message_reset(&m);
    onp_strbuf_reset(&s);
}

/* Lines in pieces, two at once, with a carriage return, and one that is too long. */
static void reads_lines(void **state)
{
    (void)state;
    onp_context ctx = plain();
    onp_line_reader r;
    int fd[2];
    const char *line;
    size_t n;
    long got;
    onp_line_reader_init(&r, &ctx, 1000);
    assert_int_equal(pipe(fd), 0);
    assert_int_equal(onp_line_write(fd[1], "ab", 2, NULL), ONP_OK);
    assert_int_equal(onp_line_reader_fill(&r, fd[0], &got, NULL), ONP_OK);
    assert_int_equal(got, 2);
    assert_false(onp_line_reader_next(&r, &line, &n));
    assert_int_equal(onp_line_write(fd[1], "c\r\n\nxy", 6, NULL), ONP_OK);
    assert_int_equal(onp_line_reader_fill(&r, fd[0], &got, NULL), ONP_OK);
    assert_true(onp_line_reader_next(&r, &line, &n));
    assert_int_equal(n, 3);
    assert_memory_equal(line, "abc", 3);
    assert_true(onp_line_reader_next(&r, &line, &n));
    assert_int_equal(n, 0);
    assert_false(onp_line_reader_next(&r, &line, &n));
    assert_int_equal(onp_line_reader_left(&r), 2);

    char many[1200];
    memset(many, 'z', sizeof many);
    assert_int_equal(onp_line_write(fd[1], many, sizeof many, NULL), ONP_OK);
    assert_int_equal(onp_line_reader_fill(&r, fd[0], &got, NULL), ONP_OK);
    onp_error err = {0};
    assert_int_equal(onp_line_reader_fill(&r, fd[0], &got, &err), ONP_E_FORMAT);
    onp_assert_contains(err.msg, "more than 1000 bytes");
    (void)close(fd[1]);
    onp_line_reader_reset(&r);
    assert_int_equal(onp_line_reader_fill(&r, fd[0], &got, NULL), ONP_OK);
    assert_int_equal(got, 0); /* end of file */
    (void)close(fd[0]);
    assert_int_equal(onp_line_reader_fill(&r, fd[0], &got, &err), ONP_E_IO);
    assert_int_equal(onp_line_write(fd[0], "x", 1, &err), ONP_E_IO);
    onp_line_reader_reset(&r);
}

static onp_status all_messages(const onp_context *ctx, void *arg)
{
    (void)arg;
    onp_strbuf s;
    onp_strbuf_init(&s, ctx);
    int64_t samples[] = {100}, clocks[] = {5};
    const onp_timing sent = {.n = 1, .samples_ns = samples, .clock_khz = clocks, .inner_reps = 1};
    onp_timing t = {0};
    onp_message m = {0};
    onp_status st;
    ONP_TRY_GOTO(onp_message_add_result(3, &sent, &s, NULL));
    ONP_TRY_GOTO(onp_message_decode(s.text, s.length, "peer", &m, NULL));
    ONP_TRY_GOTO(onp_message_result(ctx, &m, NULL, &t, NULL));
done:
    onp_timing_reset(ctx, &t);
    onp_message_reset(&m);
    onp_strbuf_reset(&s);
    return st;
}

static void allocation_faults(void **state)
{
    (void)state;
    onp_test_each_allocation(all_messages, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_lines),      cmocka_unit_test(hello_round_trip),
        cmocka_unit_test(refuses_hellos),     cmocka_unit_test(texts_that_just_fit),
        cmocka_unit_test(measure_round_trip), cmocka_unit_test(result_round_trip),
        cmocka_unit_test(refuses_results),    cmocka_unit_test(refuses_too_many_samples),
        cmocka_unit_test(error_is_ascii),     cmocka_unit_test(reads_lines),
        cmocka_unit_test(allocation_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
