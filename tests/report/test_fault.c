/* SPDX-License-Identifier: Apache-2.0 */
/* Runs that cannot be reported: one clear error of exit class 3, and the older page stays. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/report/run_fixture.h"

#include "base/file.h"
#include "report/report.h"

static const char old_page[] = "<p>older</p>";

static void make(onp_run_fixture *f)
{
    onp_run_fixture_make(f, ONP_RUN_FINISHED);
    onp_run_fixture_write(f, ONP_REPORT_FILE, old_page);
}

/* The report fails with exit code 3 and names `part`; the older page is untouched. */
static void assert_refused(onp_run_fixture *f, const char *part)
{
    char path[ONP_TEST_PATH], *page = NULL;
    size_t size = 0;
    const onp_status st = onp_report_write(&f->ctx, f->dir, &f->err);
    assert_int_equal(st, ONP_E_FORMAT);
    assert_int_equal(onp_status_exit_code(st), 3);
    onp_assert_contains(f->err.msg, part);
    onp_test_path(path, f->dir, ONP_REPORT_FILE);
    assert_int_equal(onp_file_read(&f->ctx, path, ONP_MIB, &page, &size, NULL), ONP_OK);
    assert_string_equal(page, old_page);
    onp_free(&f->ctx, page);
}

static void a_missing_file_is_named(void **state)
{
    (void)state;
    static const char *const files[] = {"manifest.json", "config.yaml", "run.db"};
    for (size_t i = 0; i < ONP_COUNT(files); i++) {
        onp_run_fixture f;
        char path[ONP_TEST_PATH];
        make(&f);
        onp_test_path(path, f.dir, files[i]);
        assert_int_equal(unlink(path), 0);
        assert_refused(&f, files[i]);
        onp_assert_contains(f.err.msg, "not a complete run folder");
        onp_run_fixture_remove(&f);
    }
}

static void a_damaged_file_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *file, *text;
    } cases[] = {
        {"manifest.json", "{\"seed\": "},
        {"manifest.json", "[1]"},
        {"manifest.json", "{\"a\": \"\\u0000\"}"},
        {"config.yaml", "target: [1,\n"},
        {"config.yaml", ""},
        {"arch.json", "{}"},
        {"arch.json", "{\"name\": \"Other\"}"},
        {"run.db", ""},
        {"run.db", "SQLite format 3"},
        {"run.db", "not a database at all, just some text"},
    };
    for (size_t i = 0; i < ONP_COUNT(cases); i++) {
        onp_run_fixture f;
        make(&f);
        onp_run_fixture_write(&f, cases[i].file, cases[i].text);
        assert_refused(&f, cases[i].file);
        onp_run_fixture_remove(&f);
    }
}

static void a_truncated_database_is_refused(void **state)
{
    (void)state;
    static const off_t sizes[] = {1, 50, 99, 100, 4095, 4096, 8192, 10000};
    for (size_t i = 0; i < ONP_COUNT(sizes); i++) {
        onp_run_fixture f;
        char path[ONP_TEST_PATH];
        make(&f);
        onp_test_path(path, f.dir, "run.db");
        assert_int_equal(truncate(path, sizes[i]), 0);
        assert_refused(&f, "run.db");
        onp_run_fixture_remove(&f);
    }
}

static void foreign_rows_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *part;
    } cases[] = {
        {"PRAGMA application_id = 1", "not a onepath run database"},
        {"PRAGMA user_version = 99", "version 99, this onepath reads version 3"},
        {"DROP TABLE event", "no such table: event"},
        {"UPDATE metric SET value = 9e999 WHERE name = 'entropy'", "entropy is inf"},
        {"UPDATE metric SET value = -9e999 WHERE name = 'test_accuracy'", "test_accuracy is -inf"},
        {"UPDATE alpha SET candidate = 64 WHERE candidate = 2", "candidate 64"},
        {"UPDATE alpha SET tick = 12345 WHERE tick = 300", "belong to no epoch"},
        {"DROP TABLE class", "no such table: class"},
        {"UPDATE latency SET ns = 9000000000000000000", "9000000000000000000 ns, wanted 0 to"},
        {"PRAGMA ignore_check_constraints = 1; UPDATE latency SET ns = -1", "of -1 ns"},
        {"DELETE FROM class WHERE number = 0", "class 1, wanted 0"},
        {"UPDATE confusion SET answer = 2 WHERE truth = 1", "class 2, there are 2"},
        {"UPDATE confusion SET n = 9000000000000000000", "9000000000000000000 images"},
        {"UPDATE worst_image SET truth = -1", "class -1"},
        {"UPDATE worst_image SET loss = 9e999", "loss inf"},
        {"PRAGMA ignore_check_constraints = 1; UPDATE alpha SET p = 7", "with p 7"},
        {"PRAGMA ignore_check_constraints = 1; UPDATE alpha SET candidate = -1", "candidate -1"},
    };
    for (size_t i = 0; i < ONP_COUNT(cases); i++) {
        onp_run_fixture f;
        make(&f);
        onp_run_fixture_answers(&f);
        onp_run_fixture_execute(&f, cases[i].sql);
        assert_refused(&f, cases[i].part);
        onp_run_fixture_remove(&f);
    }
}

static void the_run_is_not_changed(void **state)
{
    (void)state;
    static const char *const files[] = {"manifest.json", "config.yaml", "run.db", "arch.json"};
    char before[4][ONP_SHA256_HEX], after[ONP_SHA256_HEX], path[ONP_TEST_PATH];
    onp_run_fixture f;
    onp_mapped_file file;
    make(&f);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < ONP_COUNT(files); i++) {
            onp_test_path(path, f.dir, files[i]);
            assert_int_equal(onp_file_map(path, &file, NULL), ONP_OK);
            onp_sha256(file.data, file.size, pass == 0 ? before[i] : after);
            onp_file_unmap(&file);
            if (pass == 1)
                assert_string_equal(after, before[i]);
        }
        if (pass == 0)
            assert_int_equal(onp_report_write(&f.ctx, f.dir, &f.err), ONP_OK);
    }
    onp_test_path(path, f.dir, "run.db-wal");
    assert_false(onp_file_exists(path));
    onp_run_fixture_remove(&f);
}

static void no_such_folder(void **state)
{
    (void)state;
    onp_context ctx;
    onp_error err = {0};
    onp_context_init(&ctx);
    assert_int_equal(onp_report_write(&ctx, "/nonexistent/run", &err), ONP_E_FORMAT);
    onp_assert_contains(err.msg, "/nonexistent/run");
    char longer[5000];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(onp_report_write(&ctx, longer, &err), ONP_E_RANGE);
}

static onp_status write_report(const onp_context *ctx, void *arg)
{
    onp_error err = {0};
    const onp_run_fixture *f = arg;
    return onp_report_write(ctx, f->dir, &err);
}

static void no_memory(void **state)
{
    (void)state;
    onp_run_fixture f;
    make(&f);
    onp_test_each_allocation(write_report, &f);
    onp_run_fixture_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(a_damaged_file_is_named),
        cmocka_unit_test(a_truncated_database_is_refused),
        cmocka_unit_test(foreign_rows_are_refused),
        cmocka_unit_test(the_run_is_not_changed),
        cmocka_unit_test(no_such_folder),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
