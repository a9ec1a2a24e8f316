/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* sched_getaffinity */
#include "latency/measure/facts.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/parallel.h"
#include "latency/measure/clock.h"
#include "ops/gemm.h"
#include "ops/kernels.h"

/* Copies the printable part of text without blanks at either end. */
static void set_text(char out[ONP_FACT], const char *text)
{
    size_t n = 0;
    for (; *text != '\0' && n + 1 < ONP_FACT; text++)
        if (*text > ' ' && *text < 0x7f)
            out[n++] = *text;
        else if (n > 0 && out[n - 1] != ' ')
            out[n++] = ' ';
    while (n > 0 && out[n - 1] == ' ')
        n--;
    out[n] = '\0';
}

/* First line of a small file that begins with `key`; what follows the key and a colon, or the
 * whole line when key is "". False: no such file or line. */
static bool read_line(const char *path, const char *key, char out[ONP_FACT])
{
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return false;
    char line[512];
    bool found = false;
    while (!found && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, key, strlen(key)) == 0) {
            const char *colon = key[0] != '\0' ? strchr(line, ':') : NULL;
            set_text(out, colon != NULL ? colon + 1 : line);
            found = out[0] != '\0';
        }
    (void)fclose(f);
    return found;
}

static void find_device(char out[ONP_FACT])
{
    struct utsname system;
    if (read_line("/proc/device-tree/model", "", out) ||
        read_line("/proc/cpuinfo", "model name", out))
        return;
    set_text(out, uname(&system) == 0 ? system.nodename : "unknown");
}

#if defined(__linux__)
static long max_khz(int cpu)
{
    char path[96], text[ONP_FACT];
    (void)snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cpufreq/cpuinfo_max_freq",
                   cpu);
    return read_line(path, "", text) ? strtol(text, NULL, 10) : 0;
}

/* Appends "4-7" or "4" to a comma list. */
static void add_range(char out[ONP_FACT], int first, int last)
{
    size_t used = strlen(out);
    const char *comma = used > 0 ? "," : "";
    if (first == last)
        (void)snprintf(out + used, ONP_FACT - used, "%s%d", comma, first);
    else
        (void)snprintf(out + used, ONP_FACT - used, "%s%d-%d", comma, first, last);
}

/* The cores that the threads are bound to are the first allowed ones (base/parallel.h). */
static void find_cluster(int threads, char out[ONP_FACT])
{
    cpu_set_t allowed;
    set_text(out, "any");
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return;
    char list[ONP_FACT] = "";
    bool alike = true;
    int first = -1, start = -1, n = 0;
    for (int cpu = 0; cpu <= CPU_SETSIZE; cpu++) {
        bool in = cpu < CPU_SETSIZE && CPU_ISSET((size_t)cpu, &allowed);
        if (in && first < 0)
            first = cpu;
        alike = alike && (!in || max_khz(cpu) == max_khz(first));
        bool used = in && n++ < threads;
        if (used && start < 0)
            start = cpu;
        if (!used && start >= 0) {
            add_range(list, start, cpu - 1);
            start = -1;
        }
    }
    if (!alike)
        set_text(out, list);
}
#else
static void find_cluster(int threads, char out[ONP_FACT])
{
    (void)threads;
    set_text(out, "any");
}
#endif

void onp_runner_facts_here(const onp_context *ctx, const char *device, int64_t batch,
                           onp_runner_facts *out)
{
    *out = (onp_runner_facts){.threads = onp_parallel_threads(), .batch = batch};
    if (device != NULL)
        set_text(out->device, device);
    else
        find_device(out->device);
    set_text(out->backend, "onepath");
    set_text(out->backend_version, ONEPATH_VERSION);
    set_text(out->kernel_set, ctx->kernels->name);
    set_text(out->kernel_hash, ONEPATH_KERNEL_HASH);
    set_text(out->blas_core, onp_blas_core());
    find_cluster((int)out->threads, out->cluster);
    set_text(out->precision, "f32");
    set_text(out->cache_mode, "isolated");
    struct utsname system;
    if (uname(&system) == 0)
        (void)snprintf(out->os, sizeof out->os, "%.40s %.80s %.30s", system.sysname, system.release,
                       system.machine);
    (void)read_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "", out->governor);
    set_text(out->compiler, ONEPATH_COMPILER);
    out->clock_khz = onp_clock_busy_khz();
}
