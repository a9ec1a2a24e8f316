/* SPDX-License-Identifier: Apache-2.0 */
/* Cores that are alike, and which of them threads are bound to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "latency/measure/device_internal.h"
#include "latency/measure/kernel_files.h"

/* Highest clock and capacity of any core: more is nonsense. */
#define MAX_KHZ      ((int64_t)100 * 1000 * 1000)
#define MAX_CAPACITY ((int64_t)1 << 20)

static bool read_cores(const char *root, const char *path, onp_cores *out)
{
    char text[512];
    return onp_kernel_text(root, path, text, sizeof text) &&
           onp_cores_parse(text, out, NULL) == ONP_OK;
}

static int64_t core_int(const char *root, int core, const char *file, int64_t most)
{
    char path[128];
    (void)snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/%s", core, file);
    const int64_t value = onp_kernel_int(root, path, 0);
    return value > 0 && value <= most ? value : 0;
}

/* ---- parts: what /proc/cpuinfo says of each core ---- */

typedef struct core_parts {
    uint16_t implementer[ONP_CORES_MAX], part[ONP_CORES_MAX];
    bool x86;
    onp_cores big, small; /* of x86: cpu_core, cpu_atom */
} core_parts;

static uint16_t small_number(const char *text)
{
    const long value = strtol(text, NULL, 0);
    return value > 0 && value <= UINT16_MAX ? (uint16_t)value : 0;
}

static void read_parts(const char *root, core_parts *parts)
{
    char line[256];
    const char *value;
    size_t budget = ONP_KERNEL_FILE_BUDGET;
    int core = -1;
    memset(parts, 0, sizeof *parts);
    FILE *f = onp_kernel_file_open(root, "/proc/cpuinfo");
    while (f != NULL && onp_kernel_file_line(f, line, sizeof line, &budget)) {
        if ((value = onp_kernel_after(line, "processor")) != NULL) {
            const long number = strtol(value, NULL, 10);
            core = number >= 0 && number < ONP_CORES_MAX ? (int)number : -1;
        } else if (core >= 0 && (value = onp_kernel_after(line, "CPU implementer")) != NULL) {
            parts->implementer[core] = small_number(value);
        } else if (core >= 0 && (value = onp_kernel_after(line, "CPU part")) != NULL) {
            parts->part[core] = small_number(value);
        } else if (onp_kernel_after(line, "vendor_id") != NULL) {
            parts->x86 = true;
        }
    }
    if (f != NULL)
        (void)fclose(f);
    (void)read_cores(root, "/sys/devices/cpu_core/cpus", &parts->big);
    (void)read_cores(root, "/sys/devices/cpu_atom/cpus", &parts->small);
}

static void name_part(const core_parts *parts, int core, char out[ONP_DEVICE_NAME])
{
    if (onp_cores_has(&parts->big, core) || onp_cores_has(&parts->small, core))
        (void)snprintf(out, ONP_DEVICE_NAME, "%s",
                       onp_cores_has(&parts->big, core) ? "core" : "atom");
    else if (parts->part[core] != 0)
        (void)snprintf(out, ONP_DEVICE_NAME, "0x%02x/0x%03x", parts->implementer[core],
                       parts->part[core]);
}

/* ---- clusters ---- */

static bool are_alike(const onp_device_cluster *a, const onp_device_cluster *b, bool x86)
{
    return strcmp(a->part, b->part) == 0 &&
           (x86 || (a->max_khz == b->max_khz && a->capacity == b->capacity));
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void add_core(onp_device *d, const core_parts *parts, int core)
{
    onp_device_cluster one = {.max_khz =
                                  core_int(d->root, core, "cpufreq/cpuinfo_max_freq", MAX_KHZ),
                              .capacity = core_int(d->root, core, "cpu_capacity", MAX_CAPACITY)};
    name_part(parts, core, one.part);
    int i = 0;
    while (i < d->n_clusters && !are_alike(&d->clusters[i], &one, parts->x86))
        i++;
    if (i == ONP_DEVICE_CLUSTERS)
        i--; /* more kinds than any device has */
    if (i == d->n_clusters)
        d->clusters[d->n_clusters++] = one;
    onp_device_cluster *cluster = &d->clusters[i];
    cluster->max_khz = larger(cluster->max_khz, one.max_khz);
    cluster->capacity = larger(cluster->capacity, one.capacity);
    onp_cores_add(&cluster->cores, core);
}

static int slower_first(const void *a_, const void *b_)
{
    const onp_device_cluster *a = a_, *b = b_;
    if (a->capacity != b->capacity && a->capacity > 0 && b->capacity > 0)
        return a->capacity < b->capacity ? -1 : 1;
    if (a->max_khz != b->max_khz)
        return a->max_khz < b->max_khz ? -1 : 1;
    return onp_cores_next(&a->cores, 0) < onp_cores_next(&b->cores, 0) ? -1 : 1;
}

static void name_clusters(onp_device *d)
{
    const int n = d->n_clusters;
    for (int i = 0; i < n; i++) {
        char *name = d->clusters[i].name;
        if (n == 1 || i == 0)
            (void)snprintf(name, ONP_DEVICE_NAME, "%s", n == 1 ? "single" : "little");
        else if (n > 2 && i == n - 1)
            (void)snprintf(name, ONP_DEVICE_NAME, "prime");
        else if (i == 1)
            (void)snprintf(name, ONP_DEVICE_NAME, "big");
        else
            (void)snprintf(name, ONP_DEVICE_NAME, "big%d", i);
    }
}

void onp_device_read_clusters(onp_device *d)
{
    core_parts parts;
    onp_cores online = {{0}};
    char text[512];
    if (d->root[0] == '\0')
        d->allowed = onp_parallel_began_with(); /* threads may be bound by now, and no /proc */
    else if (onp_kernel_value(d->root, "/proc/self/status", "Cpus_allowed_list", text,
                              sizeof text) &&
             onp_cores_parse(text, &d->allowed, NULL) != ONP_OK)
        memset(&d->allowed, 0, sizeof d->allowed);
    if (!read_cores(d->root, "/sys/devices/system/cpu/online", &online))
        (void)read_cores(d->root, "/sys/devices/system/cpu/present", &online);
    read_parts(d->root, &parts);
    for (int core = onp_cores_next(&online, 0); core >= 0; core = onp_cores_next(&online, core + 1))
        add_core(d, &parts, core);
    qsort(d->clusters, (size_t)d->n_clusters, sizeof d->clusters[0], slower_first);
    name_clusters(d);
    for (int i = 0; i < d->n_clusters; i++) {
        onp_device_cluster *cluster = &d->clusters[i];
        const int core = onp_cores_next(&cluster->cores, 0);
        cluster->now_khz = core_int(d->root, core, "cpufreq/scaling_cur_freq", MAX_KHZ);
        char path[128];
        (void)snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor",
                       core);
        (void)onp_kernel_text(d->root, path, cluster->governor, sizeof cluster->governor);
    }
}

/* ---- the choice ---- */

/* "little 0-3, big 4-7" */
static void list_clusters(const onp_device *d, char *out, size_t size)
{
    size_t used = 0;
    (void)snprintf(out, size, "none are known");
    for (int i = 0; i < d->n_clusters && used < size; i++) {
        char cores[ONP_CORES_TEXT];
        onp_cores_text(&d->clusters[i].cores, cores);
        used += (size_t)snprintf(out + used, size - used, "%s%s %s", i > 0 ? ", " : "",
                                 d->clusters[i].name, cores);
    }
}

static onp_status named_cores(const onp_device *d, const char *what, onp_cores *out, onp_error *err)
{
    for (int i = 0; i < d->n_clusters; i++)
        if (strcmp(d->clusters[i].name, what) == 0) {
            *out = d->clusters[i].cores;
            return ONP_OK;
        }
    if (onp_cores_parse(what, out, NULL) == ONP_OK)
        return ONP_OK;
    char known[512];
    list_clusters(d, known, sizeof known);
    return onp_fail(err, ONP_E_USAGE,
                    "cluster \"%.64s\": wanted a name or a list of cores such as 4-7; here: %s",
                    what, known);
}

/* The fastest cluster of which something is allowed; everything where all are alike. */
static onp_cores fastest_cores(const onp_device *d)
{
    for (int i = d->n_clusters - 1; i >= 0 && d->n_clusters > 1; i--) {
        const onp_cores both = onp_cores_both(&d->clusters[i].cores, &d->allowed);
        if (onp_cores_next(&both, 0) >= 0)
            return both;
    }
    return d->allowed;
}

onp_status onp_device_choose(const onp_device *d, const char *what, int threads, onp_cores *out,
                             onp_error *err)
{
    char text[ONP_CORES_TEXT], allowed[ONP_CORES_TEXT], known[512];
    onp_cores cores = fastest_cores(d);
    if (what != NULL)
        ONP_TRY(named_cores(d, what, &cores, err));
    onp_cores_text(&cores, text);
    onp_cores_text(&d->allowed, allowed);
    if (!onp_cores_within(&cores, &d->allowed))
        return onp_fail(err, ONP_E_USAGE,
                        "cluster %.64s: cores %s are wanted, and this process may run on %s only "
                        "(Cpus_allowed_list of /proc/self/status)",
                        what, text, allowed[0] != '\0' ? allowed : "unknown ones");
    list_clusters(d, known, sizeof known);
    const int n = onp_cores_count(&cores);
    if (threads > n && (what != NULL || d->n_clusters > 1))
        return onp_fail(
            err, ONP_E_USAGE, "cluster %s: %d threads, and only %d core%s (%s); clusters: %s",
            what != NULL ? what : "fastest", threads, n, n == 1 ? "" : "s", text, known);
    *out = cores;
    return ONP_OK;
}
