/* SPDX-License-Identifier: Apache-2.0 */
/* Laws of the protocol on random messages: what is written is read as it was, a line is one line,
 * and a damaged line is refused with a reason or read as another message, never half. */
#include <string.h>

#include "base/philox.h"
#include "latency/measure/protocol.h"
#include "tests/test_support.h"

#define ROUNDS 300

static onp_context ctx;
static uint64_t drawn;

static uint64_t below(uint64_t n)
{
    return onp_rng_below(onp_rng_make(7, ONP_RNG_TEST), drawn++, 0, 0, n);
}

static int setup(void **state)
{
    (void)state;
    onp_context_init(&ctx);
    return 0;
}

/* Plain text of min .. size - 1 bytes, some of them of characters beyond ASCII. */
static void draw_text(char *out, size_t min, size_t size)
{
    static const char *const parts[] = {"a", " ", "\"", "\\", "/", "9", "\xc3\xa9", "\xe2\x82\xac"};
    const size_t wanted = min + below(size - min);
    memset(out, 0, size);
    for (size_t n = 0; n < wanted;) {
        const char *part = parts[below(ONP_COUNT(parts))];
        part = n + strlen(part) > wanted ? "x" : part;
        n += (size_t)snprintf(out + n, size - n, "%s", part);
    }
}

static onp_runner_facts draw_facts(void)
{
    onp_runner_facts f;
    memset(&f, 0, sizeof f);
    char(*const required[])[ONP_FACT] = {&f.device, &f.backend, &f.precision};
    char(*const optional[])[ONP_FACT] = {
        &f.backend_version, &f.kernel_set, &f.kernel_hash, &f.blas_core,   &f.cluster, &f.os,
        &f.governor,        &f.compiler,   &f.allowed,     &f.serial_hash, &f.kernel,  &f.soc};
    for (size_t i = 0; i < ONP_COUNT(required); i++)
        draw_text(*required[i], 1, ONP_FACT);
    for (size_t i = 0; i < ONP_COUNT(optional); i++)
        if (below(2) == 0)
            draw_text(*optional[i], 0, ONP_FACT);
    f.threads = (int64_t)below(65537);
    f.batch = (int64_t)below(65537);
    f.clock_khz = (int64_t)below(100000001);
    f.memory_kib = (int64_t)below(1 << 30);
    f.temperature_mc = below(3) == 0 ? ONP_UNKNOWN_MC : (int64_t)below(200000) - 50000;
    f.n_clusters = (int32_t)below(ONP_DEVICE_CLUSTERS + 1);
    for (int32_t i = 0; i < f.n_clusters; i++) {
        draw_text(f.clusters[i].cores, 1, ONP_CORES_TEXT);
        draw_text(f.clusters[i].name, 0, ONP_DEVICE_NAME);
        f.clusters[i].max_khz = (int64_t)below(5000000);
    }
    f.takes_onnx = below(2) == 0;
    f.takes_graph = !f.takes_onnx || below(2) == 0;
    f.stamps = f.takes_graph && below(2) == 0;
    f.alive = below(2) == 0;
    return f;
}

/* One line, taken apart; *m is the caller's. */
static void take(const onp_strbuf *s, onp_message *m)
{
    onp_error err = {0};
    assert_int_equal(strcspn(s->text, "\n"), s->length - 1);
    if (onp_message_decode(s->text, s->length, "peer", m, &err) != ONP_OK)
        fail_msg("%s", err.msg);
}

static void hellos(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        const onp_runner_facts f = draw_facts();
        onp_runner_facts back;
        onp_error err = {0};
        onp_message m;
        onp_strbuf s;
        onp_strbuf_init(&s, &ctx);
        memset(&back, 0, sizeof back);
        assert_int_equal(onp_message_add_hello(&f, &s, NULL), ONP_OK);
        take(&s, &m);
        if (onp_message_facts(&m, &back, &err) != ONP_OK)
            fail_msg("%s", err.msg);
        assert_memory_equal(&back, &f, sizeof f);
        onp_message_reset(&m);
        onp_strbuf_reset(&s);
    }
}

static void draw_values(int64_t *out, size_t n, int64_t min, int64_t max)
{
    for (size_t i = 0; i < n; i++) /* of every size */
        out[i] = min + (int64_t)below(1 + ((uint64_t)(max - min) >> below(40)));
}

static onp_timing draw_timing(void)
{
    const int64_t longest = (int64_t)1000000 * 1000000000;
    onp_timing t = {0};
    assert_int_equal(onp_timing_init(&ctx, 1 + below(40), below(5), &t, NULL), ONP_OK);
    draw_values(t.samples_ns, t.n, 1, longest);
    draw_values(t.clock_khz, t.n, 0, 100000000);
    for (size_t g = 0; g < t.n_groups; g++)
        for (size_t i = 0; i < t.n; i++) /* the last takes what is left */
            t.stamps_ns[g * t.n + i] =
                t.samples_ns[i] / (int64_t)t.n_groups +
                (g + 1 == t.n_groups ? t.samples_ns[i] % (int64_t)t.n_groups : 0);
    if (below(2) == 0) {
        t.temperature_mc = onp_alloc(&ctx, t.n, sizeof *t.temperature_mc);
        draw_values(t.temperature_mc, t.n, -40000, 150000);
        t.temperature_mc[below(t.n)] = ONP_UNKNOWN_MC;
    }
    draw_text(t.cores, 0, sizeof t.cores);
    draw_text(t.reason, 0, sizeof t.reason);
    t.inner_reps = 1 + (int64_t)below(INT64_MAX >> below(60));
    t.overhead_ns = (double)below(1000000) / 997.0;
    for (int r = 0; r < ONP_REJECT_COUNT; r++)
        t.n_rejected += t.rejected[r] = (int64_t)below(1000);
    t.n_rejected += (int64_t)below(10); /* for other reasons */
    t.quality = (onp_timing_quality)below(ONP_TIMING_QUALITY_COUNT);
    return t;
}

static void assert_same(const onp_timing *a, const onp_timing *b)
{
    assert_int_equal(a->n, b->n);
    assert_int_equal(a->n_groups, b->n_groups);
    assert_memory_equal(a->samples_ns, b->samples_ns, a->n * sizeof *a->samples_ns);
    assert_memory_equal(a->clock_khz, b->clock_khz, a->n * sizeof *a->clock_khz);
    assert_true((a->temperature_mc == NULL) == (b->temperature_mc == NULL));
    if (a->temperature_mc != NULL)
        assert_memory_equal(a->temperature_mc, b->temperature_mc, a->n * sizeof *a->temperature_mc);
    if (a->n_groups > 0)
        assert_memory_equal(a->stamps_ns, b->stamps_ns, a->n_groups * a->n * sizeof *a->stamps_ns);
    assert_memory_equal(a->rejected, b->rejected, sizeof a->rejected);
    assert_int_equal(a->n_rejected, b->n_rejected);
    assert_int_equal(a->inner_reps, b->inner_reps);
    assert_true(a->overhead_ns == b->overhead_ns);
    assert_string_equal(a->cores, b->cores);
    assert_string_equal(a->reason, b->reason);
    assert_int_equal(a->quality, b->quality);
}

static void results(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        onp_timing t = draw_timing(), back = {0};
        onp_error err = {0};
        onp_message m;
        onp_strbuf s;
        onp_strbuf_init(&s, &ctx);
        assert_int_equal(onp_message_add_result(i, &t, &s, NULL), ONP_OK);
        take(&s, &m);
        assert_int_equal(m.id, i);
        if (onp_message_result(&ctx, &m, NULL, &back, &err) != ONP_OK)
            fail_msg("%s", err.msg);
        assert_same(&t, &back);
        onp_timing_reset(&ctx, &t);
        onp_timing_reset(&ctx, &back);
        onp_message_reset(&m);
        onp_strbuf_reset(&s);
    }
}

/* Cut, and with bytes changed: a status, and a text when it is refused. */
static void damaged(void **state)
{
    (void)state;
    int n_refused = 0;
    for (int i = 0; i < ROUNDS; i++) {
        onp_timing t = draw_timing(), back = {0};
        onp_error err = {0};
        onp_message m;
        onp_strbuf s;
        onp_strbuf_init(&s, &ctx);
        assert_int_equal(onp_message_add_result(i, &t, &s, NULL), ONP_OK);
        size_t length = below(2) == 0 ? below(s.length) : s.length;
        for (uint64_t k = below(4); k > 0 && length > 0; k--)
            s.text[below(length)] = (char)below(256);
        onp_status st = onp_message_decode(s.text, length, "peer", &m, &err);
        if (st == ONP_OK && m.kind == ONP_MESSAGE_RESULT)
            st = onp_message_result(&ctx, &m, NULL, &back, &err);
        if (st != ONP_OK) {
            n_refused++;
            assert_int_equal(st, ONP_E_FORMAT);
            assert_true(err.msg[0] != '\0');
            assert_null(back.samples_ns);
        }
        onp_timing_reset(&ctx, &t);
        onp_timing_reset(&ctx, &back);
        onp_message_reset(&m);
        onp_strbuf_reset(&s);
    }
    assert_in_range(n_refused, ROUNDS / 2, ROUNDS - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hellos),
        cmocka_unit_test(results),
        cmocka_unit_test(damaged),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
