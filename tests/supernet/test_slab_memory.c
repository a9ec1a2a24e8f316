/* SPDX-License-Identifier: Apache-2.0 */
/* Weights in a file: the same numbers as in memory, nothing left behind, and what a file that does
 * not fit is told. */
#include "supernet/slab_memory.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ops/kernels.h"
#include "supernet/step.h"
#include "tests/supernet/tiny_net.h"

typedef struct fixture {
    onp_context ctx;
    onp_error err;
    char dir[ONP_TEST_PATH], file[ONP_TEST_PATH];
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    onp_context_init(&f->ctx);
    assert_int_equal(onp_kernels_choose(&f->ctx, NULL, &f->err), ONP_OK);
    onp_test_dir_make(f->dir);
    onp_test_path(f->file, f->dir, "weights");
    *state = f;
    return 0;
}

static int files_in(const char *dir)
{
    int n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d))
        n += e->d_name[0] != '.' ? 1 : 0;
    (void)closedir(d);
    return n;
}

static int teardown(void **state)
{
    fixture *f = *state;
    assert_int_equal(files_in(f->dir), 0);
    onp_test_dir_remove(f->dir);
    free(f);
    return 0;
}

static onp_supernet *make(fixture *f, const char *file, size_t resident_bytes)
{
    onp_position positions[TINY_POSITIONS];
    onp_supernet *net = NULL;
    tiny_positions(TINY_MBCONV, positions, 9, 8);
    if (onp_supernet_new_mapped(&f->ctx, positions, TINY_POSITIONS, TINY_EPS, 7, file,
                                resident_bytes, &net, &f->err) != ONP_OK)
        fail_msg("%s", f->err.msg);
    return net;
}

/* Steps along drawn paths, each one announced before. */
static void train(fixture *f, onp_supernet *net, int n_steps)
{
    static const onp_sgd sgd = {.lr = 0.05, .momentum = 0.9, .decay = 4e-5};
    const onp_rng rng = onp_rng_make(3, ONP_RNG_TEST);
    const onp_block *first = &net->positions[0].candidate[0];
    onp_step *step = NULL;
    assert_int_equal(onp_step_new(&f->ctx, net, 4, &step, &f->err), ONP_OK);
    for (int64_t i = 0; i < 4L * first->in_h * first->in_w * first->in_c; i++)
        onp_step_images(step)[i] = (float)onp_rng_normal(rng, (uint64_t)i, 0, 0);
    for (int i = 0; i < n_steps; i++) {
        int32_t path[ONP_MAX_POSITIONS];
        onp_step_result r;
        onp_supernet_draw(net, rng, (uint64_t)i, path);
        onp_supernet_want(net, path);
        assert_int_equal(onp_step_train(step, 4, path, &sgd, 0.1, &r, &f->err), ONP_OK);
    }
    onp_step_free(step);
}

static void assert_same_weights(const onp_supernet *a, const onp_supernet *b)
{
    assert_int_equal(a->memory.bytes, b->memory.bytes);
    assert_memory_equal(a->memory.data, b->memory.data, a->memory.bytes);
}

static void test_same_bits(void **state)
{
    fixture *f = *state;
    onp_supernet *memory = make(f, NULL, 0), *mapped = make(f, f->file, 0);
    assert_false(memory->memory.mapped);
    assert_true(mapped->memory.mapped);
    assert_int_equal(files_in(f->dir), 0); /* nameless from the start: a kill leaves nothing */
    assert_same_weights(memory, mapped);
    train(f, memory, 12);
    train(f, mapped, 12);
    assert_same_weights(memory, mapped);
    onp_supernet_free(memory);
    onp_supernet_free(mapped);
}

/* A limit of a few pages: each step evicts what the one before it took, which is counted. */
static void test_same_bits_within_a_limit(void **state)
{
    fixture *f = *state;
    const size_t limits[] = {1, (size_t)6 * 4096, ONP_GIB};
    for (size_t i = 0; i < ONP_COUNT(limits); i++) {
        onp_supernet *memory = make(f, NULL, limits[i]), *mapped = make(f, f->file, limits[i]);
        int32_t path[ONP_MAX_POSITIONS];
        train(f, memory, 12);
        train(f, mapped, 12);
        size_t resident = 0, all = 0, last = 0;
        onp_supernet_draw(mapped, onp_rng_make(3, ONP_RNG_TEST), 11, path);
        for (int32_t k = 0; k < TINY_POSITIONS; k++)
            for (int c = 0; c < mapped->positions[k].n; c++) {
                const size_t bytes =
                    ((size_t)mapped->slabs[k][c].floats * 2 * sizeof(float) + 4095) / 4096 * 4096;
                all += bytes;
                resident += mapped->used[k][c] > 0 ? bytes : 0;
                last += c == path[k] ? bytes : 0;
            }
        assert_int_equal(all, mapped->memory.bytes);
        assert_int_equal(resident, mapped->resident);
        assert_true(resident <= limits[i] || resident == last);
        onp_supernet_unuse(mapped, 1, 0); /* whether in memory or not */
        onp_supernet_drop(mapped, 1, 0);
        onp_supernet_drop(memory, 1, 0);
        assert_same_weights(memory, mapped);
        onp_supernet_free(memory);
        onp_supernet_free(mapped);
    }
}

/* What was dropped reads as zero, its neighbours keep their numbers. */
static void test_drop(void **state)
{
    fixture *f = *state;
    onp_supernet *memory = make(f, NULL, 0), *mapped = make(f, f->file, 0);
    train(f, memory, 3);
    train(f, mapped, 3);
    onp_supernet_drop(memory, 2, 1);
    onp_supernet_drop(mapped, 2, 1);
    assert_true(mapped->slabs[2][1].floats > 0);
    assert_true(mapped->slabs[2][1].weights[0] == 0 && mapped->slabs[2][1].momentum[0] == 0);
    assert_same_weights(memory, mapped);
    onp_supernet_free(memory);
    onp_supernet_free(mapped);
}

/* A file system that is full, or a limit on files: an error before the first weight. */
static void test_no_room(void **state)
{
    fixture *f = *state;
    onp_slab_memory m = {0};
    struct rlimit old, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){.rlim_cur = ONP_MIB, .rlim_max = old.rlim_max};
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction before;
    assert_int_equal(sigaction(SIGXFSZ, &ignore, &before), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const onp_status st = onp_slab_memory_open(f->file, 2 * ONP_MIB, &m, &f->err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(sigaction(SIGXFSZ, &before, NULL), 0);
    assert_int_equal(st, ONP_E_IO);
    onp_assert_contains(f->err.msg, f->file);
    onp_assert_contains(f->err.msg, "no room for 2097152 bytes");
    onp_assert_contains(f->err.msg, strerror(EFBIG));
    assert_null(m.data);
    assert_int_equal(onp_slab_memory_open(f->file, SIZE_MAX / 4, &m, &f->err), ONP_E_IO);
    onp_assert_contains(f->err.msg, "bytes are free");
    assert_int_equal(onp_status_exit_code(ONP_E_IO), 1);
}

static void test_no_folder(void **state)
{
    fixture *f = *state;
    onp_slab_memory m = {0};
    char file[ONP_TEST_PATH], longer[5000];
    onp_test_path(file, f->dir, "missing/weights");
    assert_int_equal(onp_slab_memory_open(file, ONP_MIB, &m, &f->err), ONP_E_IO);
    onp_assert_contains(f->err.msg, strerror(ENOENT));
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(onp_slab_memory_open(longer, ONP_MIB, &m, &f->err), ONP_E_IO);
    onp_assert_contains(f->err.msg, "path is too long");
    onp_slab_memory_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_same_bits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_same_bits_within_a_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_drop, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_folder, setup, teardown),
    };
    return cmocka_run_group_tests_name("slab_memory", tests, NULL, NULL);
}
