/* SPDX-License-Identifier: Apache-2.0 */
/* Devices as trees of files: phones, boards, a virtual machine, and what no kernel writes. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/parallel.h"
#include "latency/measure/device.h"
#include "tests/test_support.h"

static char root[ONP_TEST_PATH];

static int set_up(void **state)
{
    (void)state;
    onp_test_dir_make(root);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    onp_test_dir_remove(root);
    return 0;
}

static void put(const char *path, const char *text)
{
    char whole[ONP_TEST_PATH], dir[ONP_TEST_PATH];
    onp_test_path(whole, root, path);
    assert_int_equal(onp_path_dir(dir, sizeof dir, whole, NULL), ONP_OK);
    assert_int_equal(onp_dir_make(dir, NULL), ONP_OK);
    onp_test_write(whole, text, strlen(text));
}

/* Cores first..last with their clocks; capacity and governor may be NULL. */
static void put_cores(int first, int last, const char *max_khz, const char *now_khz,
                      const char *capacity, const char *governor)
{
    for (int core = first; core <= last; core++) {
        char path[128];
        const char *const files[] = {"cpufreq/cpuinfo_max_freq", "cpufreq/scaling_cur_freq",
                                     "cpu_capacity", "cpufreq/scaling_governor"};
        const char *const texts[] = {max_khz, now_khz, capacity, governor};
        for (size_t i = 0; i < ONP_COUNT(files); i++)
            if (texts[i] != NULL) {
                (void)snprintf(path, sizeof path, "sys/devices/system/cpu/cpu%d/%s", core,
                               files[i]);
                put(path, texts[i]);
            }
    }
}

static void put_zone(int zone, const char *type, const char *temp)
{
    char path[128];
    (void)snprintf(path, sizeof path, "sys/class/thermal/thermal_zone%d/type", zone);
    put(path, type);
    (void)snprintf(path, sizeof path, "sys/class/thermal/thermal_zone%d/temp", zone);
    if (temp != NULL)
        put(path, temp);
}

/* One prime, three big, four little cores, as adb shell shows them. */
static void put_phone(const char *allowed)
{
    char status[256];
    put("sys/devices/system/cpu/online", "0-7\n");
    put_cores(0, 3, "1785600\n", "1228800\n", "261\n", "schedutil\n");
    put_cores(4, 6, "2419200\n", "710400\n", "871\n", "schedutil\n");
    put_cores(7, 7, "2841600\n", "825600\n", "1024\n", "performance\n");
    put("proc/cpuinfo",
        "processor\t: 0\nBogoMIPS\t: 38.40\nCPU implementer\t: 0x51\nCPU part\t: 0x805\n\n"
        "processor\t: 1\nCPU implementer\t: 0x51\nCPU part\t: 0x805\n\n"
        "processor\t: 2\nCPU implementer\t: 0x51\nCPU part\t: 0x805\n\n"
        "processor\t: 3\nCPU implementer\t: 0x51\nCPU part\t: 0x805\n\n"
        "processor\t: 4\nCPU implementer\t: 0x51\nCPU part\t: 0x804\n\n"
        "processor\t: 5\nCPU implementer\t: 0x51\nCPU part\t: 0x804\n\n"
        "processor\t: 6\nCPU implementer\t: 0x51\nCPU part\t: 0x804\n\n"
        "processor\t: 7\nCPU implementer\t: 0x51\nCPU part\t: 0x804\n\n"
        "Hardware\t: Qualcomm Technologies, Inc SM8150\n");
    (void)snprintf(status, sizeof status, "Name:\tsh\nCpus_allowed:\tff\nCpus_allowed_list:\t%s\n",
                   allowed);
    put("proc/self/status", status);
    put("proc/meminfo", "MemTotal:        5730612 kB\nMemFree:          123 kB\n");
    put_zone(0, "battery\n", "31000\n");
    put_zone(1, "cpu-0-0-usr\n", "41000\n");
    put_zone(2, "cpu-1-3-usr\n", "45500\n");
    put_zone(3, "cpu-1-1-usr\n", NULL);
    put_zone(4, "gpuss-0-usr\n", "60000\n");
}

static void expect_cluster(const onp_device *d, int i, const char *name, const char *cores,
                           int64_t max_khz)
{
    char text[ONP_CORES_TEXT];
    onp_cores_text(&d->clusters[i].cores, text);
    assert_string_equal(d->clusters[i].name, name);
    assert_string_equal(text, cores);
    assert_int_equal(d->clusters[i].max_khz, max_khz);
}

static void expect_choice(const onp_device *d, const char *what, int threads, const char *cores)
{
    onp_cores got;
    onp_error err = {0};
    char text[ONP_CORES_TEXT];
    if (onp_device_choose(d, what, threads, &got, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    onp_cores_text(&got, text);
    assert_string_equal(text, cores);
}

static void expect_refusal(const onp_device *d, const char *what, int threads, const char *message)
{
    onp_cores got;
    onp_error err = {0};
    assert_int_equal(onp_device_choose(d, what, threads, &got, &err), ONP_E_USAGE);
    onp_assert_contains(err.msg, message);
}

static void test_phone(void **state)
{
    (void)state;
    onp_device d;
    put_phone("0-7");
    onp_device_read(root, &d);
    assert_int_equal(d.n_clusters, 3);
    expect_cluster(&d, 0, "little", "0-3", 1785600);
    expect_cluster(&d, 1, "big", "4-6", 2419200);
    expect_cluster(&d, 2, "prime", "7", 2841600);
    assert_int_equal(d.clusters[1].now_khz, 710400);
    assert_int_equal(d.clusters[2].capacity, 1024);
    assert_string_equal(d.clusters[0].governor, "schedutil");
    assert_string_equal(d.clusters[2].governor, "performance");
    assert_string_equal(d.clusters[0].part, "0x51/0x805");
    assert_string_equal(d.soc, "Qualcomm Technologies, Inc SM8150");
    assert_string_equal(d.serial_hash, "");
    assert_int_equal(d.memory_kib, 5730612);
    /* the hottest of the processor's zones; a zone that cannot be read is not at 0 degrees */
    assert_int_equal(d.n_zones, 5);
    assert_string_equal(d.zones[3].type, "cpu-1-1-usr");
    assert_true(d.zones[3].temperature_mc == ONP_UNKNOWN_MC);
    assert_int_equal(d.thermometer, 2);
    assert_int_equal(onp_device_temperature_mc(&d), 45500);
    put_zone(2, "cpu-1-3-usr\n", "52300\n");
    assert_int_equal(onp_device_temperature_mc(&d), 52300);
}

static void test_choices(void **state)
{
    (void)state;
    onp_device d;
    put_phone("0-7");
    onp_device_read(root, &d);
    expect_choice(&d, NULL, 1, "7");
    expect_choice(&d, "big", 3, "4-6");
    expect_choice(&d, "little", 4, "0-3");
    expect_choice(&d, "4-7", 4, "4-7");
    expect_choice(&d, "2", 1, "2");
    expect_refusal(&d, "prime", 2,
                   "cluster prime: 2 threads, and only 1 core (7); clusters: little 0-3, big 4-6, "
                   "prime 7");
    expect_refusal(&d, NULL, 4, "cluster fastest: 4 threads, and only 1 core (7)");
    expect_refusal(&d, "huge", 1,
                   "cluster \"huge\": wanted a name or a list of cores such as 4-7; here: little "
                   "0-3, big 4-6, prime 7");
    expect_refusal(&d, "6-9", 1, "cores 6-9 are wanted, and this process may run on 0-7 only");
}

/* A shell in the background set: the fastest of what is allowed, and no other by name. */
static void test_cpuset(void **state)
{
    (void)state;
    onp_device d;
    put_phone("0-4");
    onp_device_read(root, &d);
    expect_choice(&d, NULL, 1, "4");
    expect_choice(&d, "little", 4, "0-3");
    expect_refusal(&d, "prime", 1, "cores 7 are wanted, and this process may run on 0-4 only");
    expect_refusal(&d, "big", 1, "cores 4-6 are wanted");
}

static void test_board(void **state)
{
    (void)state;
    onp_device d, other;
    put("sys/devices/system/cpu/online", "0-3\n");
    put_cores(0, 3, "1800000\n", "600000\n", NULL, "ondemand\n");
    put("proc/cpuinfo",
        "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n\nprocessor\t: 1\n"
        "CPU implementer\t: 0x41\nCPU part\t: 0xd08\n\nprocessor\t: 2\nCPU implementer\t: 0x41\n"
        "CPU part\t: 0xd08\n\nprocessor\t: 3\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n\n"
        "Hardware\t: BCM2835\nSerial\t\t: 10000000abcdef01\n");
    put("proc/self/status", "Cpus_allowed_list:\t0-3\n");
    put("proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4");
    put("proc/sys/kernel/osrelease", "6.1.0-18-arm64\n");
    put("proc/sys/kernel/version", "#1 SMP Debian 6.1.76-1 (2024-02-01)\n");
    put("etc/os-release", "NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
    put_zone(0, "cpu-thermal\n", "48686\n");
    onp_device_read(root, &d);
    assert_int_equal(d.n_clusters, 1);
    expect_cluster(&d, 0, "single", "0-3", 1800000);
    assert_string_equal(d.clusters[0].part, "0x41/0xd08");
    assert_string_equal(d.board, "Raspberry Pi 4 Model B Rev 1.4");
    assert_string_equal(d.soc, "BCM2835");
    assert_string_equal(d.kernel, "6.1.0-18-arm64 #1 SMP Debian 6.1.76-1 (2024-02-01)");
    assert_string_equal(d.os, "Debian GNU/Linux 12 (bookworm)");
    assert_int_equal(onp_device_temperature_mc(&d), 48686);
    expect_choice(&d, NULL, 8, "0-3");
    expect_choice(&d, "single", 4, "0-3");
    expect_refusal(&d, "0", 2, "2 threads, and only 1 core");
    /* another unit is another hash, and neither tells its number */
    assert_int_equal(strlen(d.serial_hash), 16);
    assert_null(strstr(d.serial_hash, "abcdef01"));
    put("proc/device-tree/serial-number", "10000000abcdef02");
    onp_device_read(root, &other);
    assert_string_not_equal(d.serial_hash, other.serial_hash);
    put("proc/device-tree/serial-number", "0000000000000000");
    onp_device_read(root, &other);
    assert_string_equal(other.serial_hash, "");
}

static void test_virtual_machine(void **state)
{
    (void)state;
    onp_device d;
    put("sys/devices/system/cpu/online", "0-1\n");
    put("proc/cpuinfo", "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC\n\n"
                        "processor\t: 1\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC\n");
    put("proc/self/status", "Cpus_allowed_list:\t0-1\n");
    onp_device_read(root, &d);
    assert_int_equal(d.n_clusters, 1);
    expect_cluster(&d, 0, "single", "0-1", 0);
    assert_string_equal(d.processor, "AMD EPYC");
    assert_string_equal(d.clusters[0].governor, "");
    assert_int_equal(d.n_zones, 0);
    assert_true(onp_device_temperature_mc(&d) == ONP_UNKNOWN_MC);
    expect_choice(&d, NULL, 1, "0-1");
}

/* Each core's highest clock is its own there; two kinds are known by the kernel's lists. */
static void test_x86(void **state)
{
    (void)state;
    onp_device d;
    put("sys/devices/system/cpu/online", "0-5\n");
    put("proc/cpuinfo", "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: x\n");
    put("proc/self/status", "Cpus_allowed_list:\t0-5\n");
    put_cores(0, 0, "5700000\n", NULL, NULL, NULL);
    put_cores(1, 3, "5500000\n", NULL, NULL, NULL);
    put_cores(4, 5, "4300000\n", NULL, NULL, NULL);
    onp_device_read(root, &d);
    assert_int_equal(d.n_clusters, 1);
    expect_cluster(&d, 0, "single", "0-5", 5700000);
    put("sys/devices/cpu_core/cpus", "0-3\n");
    put("sys/devices/cpu_atom/cpus", "4-5\n");
    onp_device_read(root, &d);
    assert_int_equal(d.n_clusters, 2);
    expect_cluster(&d, 0, "little", "4-5", 4300000);
    expect_cluster(&d, 1, "big", "0-3", 5700000);
    assert_string_equal(d.clusters[0].part, "atom");
}

static void test_four_kinds(void **state)
{
    (void)state;
    onp_device d;
    put("sys/devices/system/cpu/online", "0-7\n");
    put_cores(0, 1, "2265600\n", NULL, "350\n", NULL);
    put_cores(2, 4, "3148800\n", NULL, "880\n", NULL);
    put_cores(5, 6, "2956800\n", NULL, "830\n", NULL);
    put_cores(7, 7, "3302400\n", NULL, "1024\n", NULL);
    put("proc/self/status", "Cpus_allowed_list:\t0-7\n");
    onp_device_read(root, &d);
    assert_int_equal(d.n_clusters, 4);
    expect_cluster(&d, 0, "little", "0-1", 2265600);
    expect_cluster(&d, 1, "big", "5-6", 2956800);
    expect_cluster(&d, 2, "big2", "2-4", 3148800);
    expect_cluster(&d, 3, "prime", "7", 3302400);
}

static void test_nothing(void **state)
{
    (void)state;
    onp_device d;
    onp_cores got;
    char longer[2 * ONP_DEVICE_ROOT];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    const char *const roots[] = {root, "/does/not/exist", longer};
    for (size_t i = 0; i < ONP_COUNT(roots); i++) {
        onp_device_read(roots[i], &d);
        assert_int_equal(d.n_clusters, 0);
        assert_int_equal(d.n_zones, 0);
        assert_string_equal(d.board, "");
        assert_string_equal(d.serial_hash, "");
        assert_int_equal(d.memory_kib, 0);
        assert_true(onp_device_temperature_mc(&d) == ONP_UNKNOWN_MC);
        assert_int_equal(onp_device_choose(&d, NULL, 1, &got, NULL), ONP_OK);
        assert_int_equal(onp_cores_count(&got), 0);
        expect_refusal(&d, "big", 1, "here: none are known");
        expect_refusal(&d, "0", 1, "may run on unknown ones only");
    }
}

/* A line without end, folders and FIFOs in the place of files, numbers that are none. */
static void test_hostile(void **state)
{
    (void)state;
    enum { HUGE_BYTES = 3 << 20 };
    onp_device d;
    char path[ONP_TEST_PATH];
    static char huge[HUGE_BYTES];
    memset(huge, '7', sizeof huge - 1);
    put("proc/cpuinfo", huge);
    put("proc/meminfo", huge);
    put("etc/os-release", huge);
    put("sys/devices/system/cpu/online", "0-1023\n");
    put("proc/device-tree/model", "evil\x1b[2J\n");
    put("proc/self/status", "Cpus_allowed_list:\t5-2\n");
    put_cores(0, 0, "fast\n", "-5\n", "1e9\n", "\x01\x02\n");
    put_cores(1, 1, "99999999999999999999999\n", "12 monkeys\n", "-1\n", huge);
    put_cores(2, 2, "9000000000\n", "", "0x10\n", NULL);
    for (int i = 0; i < 3 * ONP_DEVICE_CLUSTERS; i++) {
        char khz[32];
        (void)snprintf(khz, sizeof khz, "%d\n", 1000 * (i + 1));
        put_cores(10 + i, 10 + i, khz, NULL, NULL, NULL);
    }
    put_zone(0, "cpu\n", "0\n");
    put_zone(1, "cpu\n", "-274000\n");
    put_zone(2, "cpu\n", "9999999\n");
    put_zone(3, "cpu\n", "warm\n");
    put_zone(4, huge, "40000\n");
    onp_test_path(path, root, "sys/class/thermal/thermal_zone5");
    assert_int_equal(mkdir(path, 0755), 0);
    onp_test_path(path, root, "sys/class/thermal/thermal_zone5/type");
    assert_int_equal(mkfifo(path, 0644), 0);
    onp_test_path(path, root, "sys/devices/soc0");
    assert_int_equal(mkdir(path, 0755), 0);
    onp_test_path(path, root, "sys/devices/soc0/machine");
    assert_int_equal(mkdir(path, 0755), 0);
    onp_device_read(root, &d);
    assert_int_equal(d.n_clusters, ONP_DEVICE_CLUSTERS);
    int cores = 0;
    for (int i = 0; i < d.n_clusters; i++) {
        cores += onp_cores_count(&d.clusters[i].cores);
        assert_true(d.clusters[i].max_khz >= 0 && d.clusters[i].max_khz < 1000000);
        assert_int_equal(d.clusters[i].capacity, 0);
    }
    assert_int_equal(cores, ONP_CORES_MAX);
    assert_string_equal(d.board, "evil [2J");
    assert_string_equal(d.soc, "");
    assert_int_equal(onp_cores_count(&d.allowed), 0);
    assert_int_equal(d.n_zones, 5);
    for (int i = 0; i < 4; i++)
        assert_true(d.zones[i].temperature_mc == ONP_UNKNOWN_MC);
    assert_true(onp_device_temperature_mc(&d) == ONP_UNKNOWN_MC);
    put_zone(3, "cpu\n", "41\n"); /* an old kernel's degrees */
    onp_device_read(root, &d);
    assert_int_equal(onp_device_temperature_mc(&d), 41000);
}

/* This machine: what is known agrees with what the process may use. */
static void test_here(void **state)
{
    (void)state;
    onp_device d;
    onp_cores got;
    onp_device_read("", &d);
    const onp_cores allowed = onp_parallel_allowed();
    assert_memory_equal(&d.allowed, &allowed, sizeof allowed);
    assert_int_equal(onp_device_choose(&d, NULL, 1, &got, NULL), ONP_OK);
    assert_true(onp_cores_count(&got) >= 1 && onp_cores_within(&got, &allowed));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_phone),           TEST(test_choices), TEST(test_cpuset),     TEST(test_board),
        TEST(test_virtual_machine), TEST(test_x86),     TEST(test_four_kinds), TEST(test_nothing),
        TEST(test_hostile),         TEST(test_here)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
