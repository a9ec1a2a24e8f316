/* SPDX-License-Identifier: Apache-2.0 */
/* The page of a run: its numbers are those of the database, its texts are escaped, it is well
 * formed, and what is not there is said not to be there. */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/report/run_fixture.h"

#include "report/report.h"

extern char **environ;

/* Parses the page with python3's parsers; see check_page.py. */
static void assert_well_formed(const onp_run_fixture *f)
{
    char script[ONP_TEST_PATH], page[ONP_TEST_PATH], python[] = "python3";
    char *argv[] = {python, script, page, NULL};
    pid_t pid = 0;
    int how = 0;
    onp_test_path(script, onp_test_source(), "tests/report/check_page.py");
    onp_test_path(page, f->dir, ONP_REPORT_FILE);
    const int code = posix_spawnp(&pid, python, NULL, NULL, argv, environ);
    if (code == ENOENT) {
        printf("SKIPPED: no python3 to parse the page with\n");
        return;
    }
    assert_int_equal(code, 0);
    assert_int_equal(waitpid(pid, &how, 0), pid);
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 0);
}

static void assert_absent(const char *page, const char *part)
{
    if (strstr(page, part) != NULL)
        fail_msg("the page contains %s", part);
}

static size_t count(const char *page, const char *part)
{
    size_t n = 0;
    for (const char *p = strstr(page, part); p != NULL; p = strstr(p + 1, part))
        n++;
    return n;
}

static void headline_is_the_database(void **state)
{
    (void)state;
    onp_run_fixture f;
    onp_run_fixture_make(&f, ONP_RUN_FINISHED);
    char *page = onp_run_fixture_page(&f);
    onp_assert_contains(page, "<data value=\"0.91015625\">91.02</data> %</b>"
                              "<p>of <data value=\"10000\">10,000</data> images");
    /* Wilson's interval of 0.91015625 in 10,000, computed with Python */
    onp_assert_contains(page, "95 % interval 90.44 to 91.56 %");
    onp_assert_contains(page, "loss <data value=\"0.28125\">0.2812</data>");
    onp_assert_contains(page, "<data value=\"0.0107421875\">0.0107</data> ms</b>"
                              "<p>median of <data value=\"31\">31</data> samples");
    onp_assert_contains(page, "on this-machine with 2 threads");
    onp_assert_contains(page, "95 % interval of the median <data value=\"0.0102539\">");
    onp_assert_contains(page, "<data value=\"0.0112304\">");
    onp_assert_contains(page, "<data value=\"0.00732421875\">");
    onp_assert_contains(page, "against the measured median -31.8 %");
    onp_assert_contains(page, "<data value=\"0.01171875\">0.0117</data> ms</b>"
                              "<p>target.latency: 60%; ");
    onp_assert_contains(page, "<data value=\"0.01953125\">");
    onp_assert_contains(page, "<data value=\"0.00390625\">");
    onp_assert_contains(page, "the budget is met</span> as measured");
    onp_assert_contains(page, "(91.7 % of it)");
    onp_assert_contains(page, "<data value=\"1234567\">1,234,567</data>");
    onp_assert_contains(page, "<data value=\"7654321\">7,654,321</data>");
    assert_well_formed(&f);
    onp_free(&f.ctx, page);
    onp_run_fixture_remove(&f);
}

static void each_epoch_is_in_table_and_chart(void **state)
{
    (void)state;
    onp_run_fixture f;
    onp_run_fixture_make(&f, ONP_RUN_FINISHED);
    char *page = onp_run_fixture_page(&f);
    onp_assert_contains(page, "<tr><td>search</td><td class=\"n\">2</td><td class=\"n\">300</td>"
                              "<td class=\"n\"><data value=\"0.625\">0.625</data></td>"
                              "<td class=\"n\"><data value=\"0.53125\">0.53125</data></td>");
    onp_assert_contains(page, "<title>validation, search epoch 2: 53.125 %</title>");
    onp_assert_contains(page, "<title>training, train epoch 1: 68.75 %</title>");
    onp_assert_contains(page, "<title>expected latency, warmup epoch 1: 0.015625 ms</title>");
    assert_int_equal(count(page, "<title>entropy, "), 3); /* retraining has none */
    onp_assert_contains(page, "budget 0.011719</text>");
    onp_assert_contains(page, "Loss of the architecture steps</figcaption>"
                              "<span class=\"missing\">");
    onp_free(&f.ctx, page);
    onp_run_fixture_remove(&f);
}

static void paths_are_drawn_and_pruned_ones_marked(void **state)
{
    (void)state;
    onp_run_fixture f;
    onp_run_fixture_make(&f, ONP_RUN_FINISHED);
    char *page = onp_run_fixture_page(&f);
    assert_int_equal(count(page, "aria-label=\"probabilities of block "), 2);
    assert_int_equal(count(page, "class=\"cross\""), 2);
    /* three epochs 100 units apart: 5x5e6 lies above 3x3e3 */
    onp_assert_contains(page, "<polygon class=\"a0\" points=\"0.0,100.0 100.0,100.0 200.0,100.0 "
                              "200.0,100.0 100.0,87.5 0.0,75.0 \"><title>3x3e3: pruned at "
                              "search 2</title>");
    onp_assert_contains(page, "<polygon class=\"a1\" points=\"0.0,75.0 100.0,87.5 200.0,100.0 "
                              "200.0,18.8 100.0,25.0 0.0,25.0 \">");
    onp_assert_contains(page, "<polygon class=\"grey\"");
    onp_assert_contains(page, "block 1: <b>5x5e6</b> <small>p 0.81</small></figcaption>");
    /* block 2 was derived as zero although 5x5e6 is more probable: both are told */
    onp_assert_contains(page, "block 2: <b>5x5e6</b> <small>p 0.81</small>"
                              "<br/>derived: <b>zero</b></figcaption>");
    onp_assert_contains(page, "<td>zero</td><td class=\"n\"><data value=\"0.1875\">");
    onp_free(&f.ctx, page);
    onp_run_fixture_remove(&f);
}

static void network_and_rows_are_listed(void **state)
{
    (void)state;
    onp_run_fixture f;
    onp_run_fixture_make(&f, ONP_RUN_FINISHED);
    char *page = onp_run_fixture_page(&f);
    /* 8*48 + 48*25 + 48*8 weights and 2 * (48 + 48 + 8) of batch norm; 64 positions */
    onp_assert_contains(page, "<td class=\"n\">1</td><td>5x5e6</td><td><code>mbconv in=8x8x8 "
                              "out=8x8x8 k=5 e=6 s=1 skip=1</code></td><td class=\"n\">5</td>"
                              "<td class=\"n\">6</td><td class=\"n\"><data value=\"0.002\">0.0020"
                              "</data> ms</td><td>measured</td><td>noisy</td><td class=\"n\">"
                              "<data value=\"2176\">2,176</data></td><td class=\"n\">"
                              "<data value=\"125952\">125,952</data></td>");
    onp_assert_contains(page, "<td><code>zero</code></td>");
    onp_assert_contains(page, "<data value=\"0\">0.0000</data> ms</td><td>definition</td>");
    onp_assert_contains(page, "<data value=\"0.007\">0.0070</data> ms</td><td>sum of the rows");
    onp_assert_contains(page, "<p><data value=\"3\">3</data> rows of this-machine: "
                              "<data value=\"2\">2</data> measured and ok, "
                              "<data value=\"1\">1</data> measured and noisy");
    onp_assert_contains(page, "<data value=\"1\">1</data> of them not ok</span>");
    onp_assert_contains(page, "<td>prune</td><td class=\"wrap\">position 1: 3x3e3 dropped</td>");
    onp_assert_contains(page, "<td>facts.platform</td><td class=\"wrap\">abc123</td>");
    onp_assert_contains(page, "<td>done</td><td class=\"wrap\">[&quot;latencies&quot;");
    onp_assert_contains(page, "  latency: 60%\n");
    onp_free(&f.ctx, page);
    onp_run_fixture_remove(&f);
}

static void a_missed_budget_is_told(void **state)
{
    (void)state;
    onp_run_fixture f;
    onp_run_fixture_make(&f, ONP_RUN_FINISHED);
    onp_run_fixture_result(&f, "target_ms", 0.0105); /* newer: inside the interval */
    char *page = onp_run_fixture_page(&f);
    onp_assert_contains(page, "the budget is missed</span> as measured");
    onp_assert_contains(page, "the interval of the median contains the budget");
    onp_free(&f.ctx, page);
    onp_run_fixture_remove(&f);
}

static void few_samples_have_no_interval(void **state)
{
    (void)state;
    onp_run_fixture f;
    onp_run_fixture_make(&f, ONP_RUN_FINISHED);
    onp_run_fixture_result(&f, "measured_samples", 5);
    char *page = onp_run_fixture_page(&f);
    onp_assert_contains(page, "; smallest to largest <data value=\"0.0102539\">");
    assert_absent(page, "95 % interval of the median");
    onp_free(&f.ctx, page);
    onp_run_fixture_remove(&f);
}

static void a_run_that_is_going_on(void **state)
{
    (void)state;
    onp_run_fixture f;
    onp_run_fixture_make(&f, ONP_RUN_GOING);
    char *page = onp_run_fixture_page(&f);
    onp_assert_contains(page, "the derived network has not been tested yet");
    onp_assert_contains(page, "the run has not come to it yet");
    onp_assert_contains(page, "no network has been derived yet");
    onp_assert_contains(page, "Whether the budget is met is not known yet");
    onp_assert_contains(page, "nothing was pruned, resumed or warned of");
    onp_assert_contains(page, "<data value=\"0.01171875\">"); /* what is known is there */
    assert_well_formed(&f);
    onp_free(&f.ctx, page);
    onp_run_fixture_remove(&f);
}

static void a_run_without_rows(void **state)
{
    (void)state;
    onp_run_fixture f;
    onp_run_fixture_make(&f, ONP_RUN_EMPTY);
    char *page = onp_run_fixture_page(&f);
    onp_assert_contains(page, "no epoch is over yet");
    onp_assert_contains(page, "no probabilities are recorded");
    onp_assert_contains(page, "this run has used none");
    onp_assert_contains(page, "this run has none");
    assert_well_formed(&f);
    onp_free(&f.ctx, page);
    onp_run_fixture_remove(&f);
}

/* The run is open and in WAL mode, as when the search itself asks for the page. */
static void an_open_run_is_readable(void **state)
{
    (void)state;
    onp_run_fixture f;
    onp_run_fixture_make(&f, ONP_RUN_GOING);
    onp_rundb *db = onp_run_fixture_db(&f);
    assert_int_equal(onp_rundb_metric(db, 200, "result", 0, "test_accuracy", 0.75, &f.err), ONP_OK);
    char *page = onp_run_fixture_page(&f);
    onp_assert_contains(page, "<data value=\"0.75\">75.00</data> %");
    onp_rundb_close(db);
    onp_free(&f.ctx, page);
    onp_run_fixture_remove(&f);
}

static void hostile_texts_are_escaped(void **state)
{
    (void)state;
    static const char evil[] = "</td><script>alert(1)</script>\x1b\xff\"'&";
    onp_run_fixture f;
    onp_run_fixture_make(&f, ONP_RUN_FINISHED);
    onp_rundb *db = onp_run_fixture_db(&f);
    assert_int_equal(onp_rundb_event(db, 300, evil, 1, evil, evil, &f.err), ONP_OK);
    assert_int_equal(onp_rundb_latency_set(db, evil, 5, evil, evil, &f.err), ONP_OK);
    assert_int_equal(onp_rundb_alpha(db, 300, 1, 9, 0, "<i>\"x", 0, 1, true, &f.err), ONP_OK);
    onp_rundb_close(db);
    onp_run_fixture_write(&f, "config.yaml",
                          "target: {device: \"<img src=x onerror=y>\", threads: '<2>'}\n");
    char *page = onp_run_fixture_page(&f);
    assert_absent(page, "<script");
    assert_absent(page, "<img");
    assert_absent(page, "<i>\"");
    onp_assert_contains(page, "&lt;script&gt;alert(1)&lt;/script&gt;\xef\xbf\xbd\xef\xbf\xbd&quot;"
                              "&#39;&amp;</td>");
    onp_assert_contains(page, "&lt;img src=x onerror=y&gt; with &lt;2&gt; threads");
    assert_well_formed(&f);
    onp_free(&f.ctx, page);
    onp_run_fixture_remove(&f);
}

/* Values that a chart cannot hold, and one point alone. */
static void strange_values_are_drawn_or_said_not_to_be(void **state)
{
    (void)state;
    static const double values[] = {0, 1e-310, -1e308, 1e308, 3};
    onp_run_fixture f;
    for (size_t i = 0; i < ONP_COUNT(values); i++) {
        onp_run_fixture_make(&f, ONP_RUN_EMPTY);
        onp_rundb *db = onp_run_fixture_db(&f);
        assert_int_equal(onp_rundb_metric(db, 1, "search", 0, "entropy", values[i], &f.err),
                         ONP_OK);
        assert_int_equal(onp_rundb_metric(db, 1, "search", 0, "train_loss", 1e308, &f.err), ONP_OK);
        assert_int_equal(onp_rundb_metric(db, 2, "search", 1, "train_loss", -1e308, &f.err),
                         ONP_OK);
        onp_rundb_close(db);
        char *page = onp_run_fixture_page(&f);
        onp_assert_contains(page, "too far apart to be drawn");
        assert_absent(page, "nan");
        assert_absent(page, "inf,");
        assert_well_formed(&f);
        onp_free(&f.ctx, page);
        onp_run_fixture_remove(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headline_is_the_database),
        cmocka_unit_test(each_epoch_is_in_table_and_chart),
        cmocka_unit_test(paths_are_drawn_and_pruned_ones_marked),
        cmocka_unit_test(network_and_rows_are_listed),
        cmocka_unit_test(a_missed_budget_is_told),
        cmocka_unit_test(few_samples_have_no_interval),
        cmocka_unit_test(a_run_that_is_going_on),
        cmocka_unit_test(a_run_without_rows),
        cmocka_unit_test(an_open_run_is_readable),
        cmocka_unit_test(hostile_texts_are_escaped),
        cmocka_unit_test(strange_values_are_drawn_or_said_not_to_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
