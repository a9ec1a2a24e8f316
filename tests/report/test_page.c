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

static void each_epoch_is_in_the_table_of_its_chart(void **state)
{
    (void)state;
    onp_run_fixture f;
    onp_run_fixture_make(&f, ONP_RUN_FINISHED);
    char *page = onp_run_fixture_page(&f);
    onp_assert_contains(page, "<figure data-chart=\"line\" data-unit=\"%\" data-scale=\"100\">"
                              "<figcaption>Accuracy</figcaption>");
    onp_assert_contains(page, "<tr data-phase=\"search\"><th scope=\"row\">search 2</th>"
                              "<td class=\"n\"><data value=\"0.625\">0.625</data></td>"
                              "<td class=\"n\"><data value=\"0.53125\">0.53125</data></td>");
    onp_assert_contains(page, "<th scope=\"row\">train 1</th>"
                              "<td class=\"n\"><data value=\"0.6875\">0.6875</data></td>"
                              "<td class=\"n\"><span class=\"missing\">");
    onp_assert_contains(page, "<th scope=\"row\">warmup 1</th>"
                              "<td class=\"n\"><data value=\"0.015625\">0.015625</data></td>");
    onp_assert_contains(page, "<tfoot><tr><th scope=\"row\">budget</th>"
                              "<td class=\"n\"><data value=\"0.01171875\">");
    assert_int_equal(count(page, "<tr data-phase=\"train\">"), 2); /* it has no entropy */
    assert_absent(page, "Loss of the architecture steps");         /* which nothing recorded */
    onp_free(&f.ctx, page);
    onp_run_fixture_remove(&f);
}

static void paths_are_listed_and_pruned_ones_marked(void **state)
{
    (void)state;
    onp_run_fixture f;
    onp_run_fixture_make(&f, ONP_RUN_FINISHED);
    char *page = onp_run_fixture_page(&f);
    assert_int_equal(count(page, "<figure data-chart=\"stack\">"), 2);
    onp_assert_contains(page, "<tr><th scope=\"row\">search 1</th><td class=\"n\">0.1250</td>"
                              "<td class=\"n\">0.6250</td><td class=\"n\">0.2500</td></tr>\n"
                              "<tr><th scope=\"row\">search 2</th><td></td>"
                              "<td class=\"n\">0.8125</td><td class=\"n\">0.1875</td></tr>");
    assert_int_equal(count(page, "<tfoot><tr><th scope=\"row\">pruned</th>"
                                 "<td class=\"n\" data-row=\"2\">search 2</td><td></td>"),
                     2);
    onp_assert_contains(page, "block 1: <b>5x5e6</b> <small>p 0.81</small></figcaption>");
    /* block 2 was derived as zero although 5x5e6 is more probable: both are told */
    onp_assert_contains(page, "block 2: <b>5x5e6</b> <small>p 0.81</small>"
                              "<br/>derived: <b>zero</b></figcaption>");
    onp_free(&f.ctx, page);
    onp_run_fixture_remove(&f);
}

static void network_and_rows_are_listed(void **state)
{
    (void)state;
    onp_run_fixture f;
    onp_run_fixture_make(&f, ONP_RUN_FINISHED);
    char *page = onp_run_fixture_page(&f);
    onp_assert_contains(page, "1</th><td>5x5e6</td><td class=\"n\"><data value=\"0.002\">0.0020"
                              "</data> ms</td><td class=\"n\"></td><td class=\"n\"></td>"
                              "<td>measured</td><td>noisy</td><td class=\"n\">5</td>"
                              "<td class=\"n\">6</td><td><code>mbconv in=8x8x8 out=8x8x8 k=5 e=6 "
                              "s=1 skip=1</code></td>");
    /* 8*48 + 48*25 + 48*8 weights and 2 * (48 + 48 + 8) of batch norm; 64 positions */
    onp_assert_contains(page, "</code></td><td class=\"n\"><data value=\"2176\">2,176</data></td>"
                              "<td class=\"n\"><data value=\"125952\">125,952</data></td>");
    onp_assert_contains(page, "<td><code>zero</code></td>");
    onp_assert_contains(page, "<td>definition</td>");
    onp_assert_contains(page, "<td>all</td><td class=\"n\"><data value=\"0.007\">0.0070</data> ms");
    onp_assert_contains(page, "; 1 of its 3 rows is noisy");
    onp_assert_contains(page, "<p><data value=\"3\">3</data> rows of this-machine: "
                              "<data value=\"2\">2</data> measured and ok, "
                              "<data value=\"1\">1</data> measured and noisy");
    onp_assert_contains(page, "<data value=\"1\">1</data> of them not ok</span>");
    onp_assert_contains(page, "<td>prune</td><td class=\"wrap\">position 1: 3x3e3 dropped</td>");
    onp_assert_contains(page, "<td>facts.platform</td><td class=\"wrap\">abc123</td>");
    onp_assert_contains(page, "<td>platform.device</td><td class=\"wrap\">Chip &lt;7&gt;</td>");
    onp_assert_contains(page, "<td>platform.threads</td><td class=\"wrap\">2</td>");
    onp_assert_contains(page, "<td>done</td><td class=\"wrap\">[&quot;latencies&quot;");
    onp_assert_contains(page, "  latency: 60%\n");
    onp_free(&f.ctx, page);
    onp_run_fixture_remove(&f);
}

/* Another candidate of block 1 takes half as long; block 2 was left out. */
static void what_won_is_told(void **state)
{
    (void)state;
    onp_run_fixture f;
    onp_run_fixture_make(&f, ONP_RUN_FINISHED);
    onp_rundb *db = onp_run_fixture_db(&f);
    assert_int_equal(onp_rundb_latency_set(db, "mbconv in=8x8x8 out=8x8x8 k=3 e=3 s=1 skip=1", 1000,
                                           0, "measured", "ok", &f.err),
                     ONP_OK);
    onp_rundb_close(db);
    char *page = onp_run_fixture_page(&f);
    onp_assert_contains(page, "Of 2 blocks with a choice, 1 became <b>mbconv</b> (50 % of them, "
                              "100 % of their latency), 1 became <b>zero</b> (50 % of them, 0 %");
    onp_assert_contains(page, "At the same place 5x5e6 takes 2.0 times as long as 3x3e3 (medians); "
                              "the one won 1 block, the other 0.");
    onp_assert_contains(page,
                        "In 0 blocks the cheapest candidate that has a cost won; in 1 the "
                        "block was left out, which costs nothing; in 1 the dearest won, which");
    onp_assert_contains(page,
                        "5x5e6</th><td>mbconv</td><td class=\"n\">2</td><td class=\"n\">1</td>"
                        "<td class=\"n\"><data value=\"0.5\">50.00</data> %</td>"
                        "<td class=\"n\"><data value=\"0.002\">");
    onp_assert_contains(page, "<td class=\"n\">2.00</td><td class=\"n\">1</td></tr>");
    onp_assert_contains(page, "<data value=\"0.001\">0.0010</data> ms</td><td class=\"n\">"
                              "<data value=\"0.002\">"); /* cheapest and dearest of block 1 */
    onp_assert_contains(page, "Together these blocks take <data value=\"0.002\">0.0020</data> ms; "
                              "with the dearest candidate everywhere they would take "
                              "<data value=\"0.004\">0.0040</data> ms. The most probable "
                              "candidates have p 0.81 on average, 0.81 at least.</p>");
    onp_free(&f.ctx, page);
    onp_run_fixture_remove(&f);
}

static void answers_are_the_database(void **state)
{
    (void)state;
    onp_run_fixture f;
    onp_run_fixture_make(&f, ONP_RUN_FINISHED);
    char *page = onp_run_fixture_page(&f);
    onp_assert_contains(page, "the derived network has not been tested yet");
    onp_free(&f.ctx, page);
    onp_run_fixture_answers(&f);
    page = onp_run_fixture_page(&f);
    onp_assert_contains(page, "<tr><th scope=\"row\">a&lt;b&gt;</th>"
                              "<td class=\"n hit\" style=\"--v:0.750\">30</td>"
                              "<td class=\"n miss\" style=\"--v:1.000\">10</td>"
                              "<td class=\"n\"><data value=\"40\">40</data></td>"
                              "<td class=\"n\"><data value=\"0.75\">75.00</data> %</td></tr>");
    onp_assert_contains(page, "<tr><td>a&lt;b&gt;</td><td>dog</td><td class=\"n\">"
                              "<data value=\"10\">10</data></td><td class=\"n\">"
                              "<data value=\"0.25\">25.00</data> %</td></tr>");
    /* base64 of "png" */
    onp_assert_contains(page, "<img alt=\"an image of class dog\" "
                              "src=\"data:image/png;base64,cG5n\"/>"
                              "<figcaption><b>dog</b><br/>taken for a&lt;b&gt;<br/><small>p "
                              "<data value=\"0.96875\">0.969</data><br/>loss "
                              "<data value=\"3.5\">3.500</data><br/>image 17</small>");
    onp_assert_contains(page, "no picture is kept");
    assert_well_formed(&f);
    onp_free(&f.ctx, page);
    onp_run_fixture_remove(&f);
}

/* Its database is from before there were answers in it. */
static void an_older_run_says_what_it_has_not(void **state)
{
    (void)state;
    onp_run_fixture f;
    onp_run_fixture_make(&f, ONP_RUN_FINISHED);
    onp_run_fixture_execute(&f, "DROP TABLE class; DROP TABLE confusion; DROP TABLE worst_image;"
                                "PRAGMA user_version = 1");
    char *page = onp_run_fixture_page(&f);
    onp_assert_contains(page, "made by an older onepath, which did not keep the answers");
    onp_assert_contains(page, "<data value=\"0.91015625\">91.02</data> %</b>");
    assert_well_formed(&f);
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
    assert_int_equal(onp_rundb_latency_set(db, evil, 5, 0, evil, evil, &f.err), ONP_OK);
    assert_int_equal(onp_rundb_alpha(db, 300, 1, 9, 0, "<i>\"x", 0, 1, true, &f.err), ONP_OK);
    onp_rundb_close(db);
    onp_run_fixture_write(&f, "config.yaml",
                          "target: {device: \"<img src=x onerror=y>\", threads: '<2>'}\n");
    char *page = onp_run_fixture_page(&f);
    assert_int_equal(count(page, "<script"), 2); /* our own */
    assert_absent(page, "<img");
    assert_absent(page, "<i>\"");
    onp_assert_contains(page, "&lt;script&gt;alert(1)&lt;/script&gt;\xef\xbf\xbd\xef\xbf\xbd&quot;"
                              "&#39;&amp;</td>");
    onp_assert_contains(page, "&lt;img src=x onerror=y&gt; with &lt;2&gt; threads");
    assert_well_formed(&f);
    onp_free(&f.ctx, page);
    onp_run_fixture_remove(&f);
}

/* Only what has the digest of one of our two scripts may run, and nothing is fetched. */
static void the_policy_allows_our_scripts_only(void **state)
{
    (void)state;
    onp_run_fixture f;
    onp_run_fixture_make(&f, ONP_RUN_EMPTY);
    char *page = onp_run_fixture_page(&f);
    onp_assert_contains(page, "content=\"default-src &#39;none&#39;; img-src data:; style-src "
                              "&#39;unsafe-inline&#39;; script-src &#39;sha256-");
    assert_int_equal(count(page, "&#39;sha256-"), 2);
    onp_free(&f.ctx, page);
    onp_run_fixture_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headline_is_the_database),
        cmocka_unit_test(each_epoch_is_in_the_table_of_its_chart),
        cmocka_unit_test(paths_are_listed_and_pruned_ones_marked),
        cmocka_unit_test(network_and_rows_are_listed),
        cmocka_unit_test(what_won_is_told),
        cmocka_unit_test(answers_are_the_database),
        cmocka_unit_test(an_older_run_says_what_it_has_not),
        cmocka_unit_test(a_missed_budget_is_told),
        cmocka_unit_test(few_samples_have_no_interval),
        cmocka_unit_test(a_run_that_is_going_on),
        cmocka_unit_test(a_run_without_rows),
        cmocka_unit_test(an_open_run_is_readable),
        cmocka_unit_test(hostile_texts_are_escaped),
        cmocka_unit_test(the_policy_allows_our_scripts_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
