/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "latency/table/networks.h"
#include "latency/table/store_evidence.h"
#include "tests/test_support.h"

#define ROW_A "0,7818488874147327324245,10.5,-1\n"
#define ROW_B "1,5355047552024513726040,12.25,31\n"

typedef struct source {
    char dir[ONP_TEST_PATH], path[ONP_TEST_PATH];
} source;

static int set_up(void **state)
{
    static source s;
    onp_test_dir_make(s.dir);
    onp_test_path(s.path, s.dir, "nets.csv");
    *state = &s;
    return 0;
}

static int tear_down(void **state)
{
    source *s = *state;
    onp_test_dir_remove(s->dir);
    return 0;
}

static onp_status import(const onp_context *ctx, void *path)
{
    onp_networks *nets = NULL;
    onp_status st = onp_import_networks(ctx, path, NULL, &nets, NULL);
    onp_networks_free(nets);
    return st;
}

static onp_networks *take(const char *path)
{
    static onp_context ctx;
    onp_error err = {0};
    onp_networks *nets = NULL;
    onp_context_init(&ctx);
    if (onp_import_networks(&ctx, path, NULL, &nets, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    return nets;
}

static void fbnet(void **state)
{
    source *s = *state;
    static const char text[] = "index,ops,gpu_32,phone\n" ROW_A ROW_B;
    onp_test_write(s->path, text, sizeof text - 1);
    onp_networks *nets = take(s->path);
    assert_string_equal(nets->space, "fbnet");
    assert_int_equal(nets->n, 2);
    assert_int_equal(nets->n_devices, 2);
    assert_string_equal(nets->devices[1], "phone");
    assert_string_equal(nets->encodings[1], "5355047552024513726040");
    assert_int_equal(nets->codes[21], 5);
    assert_int_equal(nets->codes[22], 5);
    assert_true(nets->ns[1] == 12.25e6);
    assert_true(nets->ns[2] == 0); /* does not run */
    assert_true(nets->ns[3] == 31e6);
    onp_networks_free(nets);
    onp_test_each_allocation(import, s->path);
}

static void once_for_all(void **state)
{
    source *s = *state;
    static const char text[] = "index,r,d,ks,e,v100_1\n"
                               "0,204,22223,75557757573753735353,64466343363336346436,12.0819\n";
    onp_test_write(s->path, text, sizeof text - 1);
    onp_networks *nets = take(s->path);
    assert_string_equal(nets->space, "once-for-all");
    assert_string_equal(nets->encodings[0],
                        "r=204 d=22223 ks=75557757573753735353 e=64466343363336346436");
    assert_int_equal(nets->n_positions, 21);
    assert_int_equal(nets->codes[0], 19);
    assert_int_equal(nets->codes[1], 9); /* kernel 7, expand 6 */
    assert_int_equal(nets->codes[2], 5); /* kernel 5, expand 4 */
    assert_int_equal(nets->codes[3], 0); /* beyond the depth of 2 */
    onp_networks_free(nets);
}

static void refuse(source *s, const char *text, const char *part)
{
    onp_context ctx;
    onp_error err = {0};
    onp_networks *nets = NULL;
    onp_strbuf problems;
    onp_context_init(&ctx);
    onp_strbuf_init(&problems, &ctx);
    onp_test_write(s->path, text, strlen(text));
    assert_int_equal(onp_import_networks(&ctx, s->path, &problems, &nets, &err), ONP_E_FORMAT);
    assert_null(nets);
    onp_assert_contains(err.msg, part);
    onp_strbuf_reset(&problems);
}

static void bad_rows(void **state)
{
    source *s = *state;
    refuse(s, "", "empty");
    refuse(s, "block,ms\n", "wanted the heading");
    refuse(s, "index,onehot31,a\n", "NAS-Bench-201");
    refuse(s, "index,ops,a,b\n", "no networks");
    refuse(s, "index,ops,a,a\n" ROW_A, "device a stands there twice");
    refuse(s, "index,ops,a,b\n" ROW_A "1,999\n", "nets.csv:3: error: has 2 fields, wanted 4");
    refuse(s, "index,ops,a\n0,9818488874147327324245,1\n", "wanted 22 digits 0..8");
    refuse(s, "index,ops,a\n0,78184,1\n", "wanted 22 digits 0..8");
    refuse(s, "index,ops,a\n0,7818488874147327324245,nan\n", "wanted a finite number");
    refuse(s, "index,ops,a\n0,7818488874147327324245,-2\n", "is -2");
    refuse(s, "index,ops,a\n0,7818488874147327324245,0\n", "is 0");
    refuse(s, "index,r,d,ks,e,a\n0,203,22223,75557757573753735353,64466343363336346436,1\n",
           "the network is r=203");
    refuse(s, "index,ops,a\n0,x,1\n1,y,1\n2,z,1\n", "3 bad rows, nothing imported; the first:");
}

typedef struct seen {
    int n;
    int64_t ns[4];
} seen;

static onp_status see(void *user, const onp_measured_network *v, onp_error *err)
{
    seen *s = user;
    (void)err;
    assert_null(v->blocks); /* they are not ours */
    assert_int_equal(v->n_blocks, 0);
    assert_string_equal(v->space, "fbnet");
    s->ns[s->n++] = v->median_ns;
    return ONP_OK;
}

static void stored(void **state)
{
    source *s = *state;
    static const char text[] = "index,ops,gpu_32,phone\n" ROW_A ROW_B;
    char db[ONP_TEST_PATH];
    onp_context ctx;
    onp_error err = {0};
    onp_store *store = NULL;
    onp_networks_result r;
    seen phone = {0};
    int64_t platform = 0;
    onp_context_init(&ctx);
    onp_test_path(db, s->dir, "latency.db");
    onp_test_write(s->path, text, sizeof text - 1);
    onp_networks *nets = take(s->path);
    assert_int_equal(onp_store_open(&ctx, db, ONP_SQL_CREATE, &store, &err), ONP_OK);
    assert_int_equal(onp_networks_store(nets, store, s->path, "tpu", NULL, &r, &err), ONP_E_USAGE);
    onp_assert_contains(err.msg, "devices: gpu_32 phone");
    assert_int_equal(onp_networks_store(nets, store, s->path, "phone", NULL, &r, &err), ONP_OK);
    assert_int_equal(r.n_devices, 1);
    assert_int_equal(r.n_networks, 2);
    assert_int_equal(r.n_times, 1);
    assert_int_equal(r.n_missing, 1);
    assert_int_equal(onp_store_platform_find(store, "phone", &platform, &err), ONP_OK);
    assert_int_equal(onp_store_networks(store, platform, see, &phone, &err), ONP_OK);
    assert_true(phone.n == 1 && phone.ns[0] == 31000000);
    onp_store_close(store);
    onp_networks_free(nets);
}

/* All or nothing: the last table that is written to cannot be. */
static void a_failure_half_way_leaves_nothing(void **state)
{
    source *s = *state;
    static const char text[] = "index,ops,gpu_32,phone\n" ROW_A ROW_B;
    char db[ONP_TEST_PATH];
    onp_context ctx;
    onp_error err = {0};
    onp_store *store = NULL;
    onp_networks_result r = {.n_networks = 77};
    sqlite3 *other = NULL;
    int64_t platform = 0;
    onp_context_init(&ctx);
    onp_test_path(db, s->dir, "latency.db");
    onp_test_write(s->path, text, sizeof text - 1);
    onp_networks *nets = take(s->path);
    assert_int_equal(onp_store_open(&ctx, db, ONP_SQL_CREATE, &store, &err), ONP_OK);
    assert_int_equal(sqlite3_open(db, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other,
                                  "ALTER TABLE import_source ADD COLUMN full INTEGER"
                                  " CONSTRAINT 'no more room' CHECK (run_id < 2)",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    assert_int_equal(onp_networks_store(nets, store, s->path, NULL, NULL, &r, &err), ONP_E_RANGE);
    onp_assert_contains(err.msg, "no more room");
    assert_int_equal(r.n_networks, 77);
    assert_int_equal(onp_store_platform_find(store, "gpu_32", &platform, &err), ONP_E_MISSING);
    onp_assert_contains(err.msg, "devices: none");
    onp_store_close(store);
    onp_networks_free(nets);
}

static void published_files(void **state)
{
    (void)state;
    char path[ONP_TEST_PATH];
    if (onp_test_shared() == NULL)
        skip();
    onp_test_path(path, onp_test_shared(), "latency-data/help-fbnet");
    onp_networks *nets = take(path);
    assert_int_equal(nets->n, 5000);
    assert_int_equal(nets->n_devices, 19);
    assert_string_equal(nets->devices[7], "gold_6240");
    assert_true(nets->ns[7 * 5000 + 1] == 34728979.0); /* 34.72897856399417 ms */
    onp_test_path(path, onp_test_shared(), "latency-data/help-fbnet/derived_latency_ms.csv");
    onp_networks *csv = take(path);
    assert_int_equal(csv->n_devices, 19);
    assert_memory_equal(csv->codes, nets->codes, 5000 * 22 * sizeof *nets->codes);
    assert_true(csv->ns[7 * 5000 + 1] == 34729000.0);
    onp_networks_free(csv);
    onp_networks_free(nets);

    onp_test_path(path, onp_test_shared(), "latency-data/help-ofa");
    nets = take(path);
    onp_test_path(path, onp_test_shared(), "latency-data/help-ofa/derived_latency_ms.csv");
    csv = take(path);
    assert_memory_equal(csv->codes, nets->codes, 5000 * 21 * sizeof *nets->codes);
    assert_string_equal(csv->encodings[4999], nets->encodings[4999]);
    onp_networks_free(csv);
    onp_networks_free(nets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fbnet, set_up, tear_down),
        cmocka_unit_test_setup_teardown(once_for_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failure_half_way_leaves_nothing, set_up, tear_down),
        cmocka_unit_test(published_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
