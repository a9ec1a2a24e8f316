/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel's files may hold: parts of the input, a record separator between, as files of a
 * tree; the last part is the cluster that is asked for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "latency/measure/device.h"
#include "tests/fuzz/parsers.h"

static const char *const files[] = {"sys/devices/system/cpu/online",
                                    "proc/cpuinfo",
                                    "proc/self/status",
                                    "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq",
                                    "sys/devices/system/cpu/cpu1/cpu_capacity",
                                    "sys/devices/cpu_atom/cpus",
                                    "sys/class/thermal/thermal_zone0/type",
                                    "sys/class/thermal/thermal_zone0/temp",
                                    "proc/device-tree/compatible",
                                    "etc/os-release"};

/* The folders are made once; a file without a part is empty. */
static void put(const fuzz_input *in, const char *name, const char *part, size_t size)
{
    char path[256], dir[256];
    (void)snprintf(path, sizeof path, "%s/%s", in->folder, name);
    FILE *f = fopen(path, "we");
    if (f == NULL && onp_path_dir(dir, sizeof dir, path, NULL) == ONP_OK &&
        onp_dir_make(dir, NULL) == ONP_OK)
        f = fopen(path, "we");
    if (f == NULL)
        abort();
    if (size > 0)
        (void)fwrite(part, 1, size, f);
    (void)fclose(f);
}

static size_t length_of(const char *part, size_t left)
{
    const char *end = memchr(part, '\x1e', left);
    return end != NULL ? (size_t)(end - part) : left;
}

bool fuzz_device(fuzz_input *in)
{
    const char *at = (const char *)in->data;
    size_t left = in->size;
    for (size_t i = 0; i < ONP_COUNT(files); i++) {
        const size_t n = left > 0 ? length_of(at, left) : 0;
        put(in, files[i], at, n);
        at += n < left ? n + 1 : n;
        left -= n < left ? n + 1 : n;
    }
    char cluster[64] = "";
    if (left > 0)
        memcpy(cluster, at, left < sizeof cluster ? left : sizeof cluster - 1);
    onp_device d;
    onp_cores cores;
    onp_error err = {0};
    onp_device_read(in->folder, &d);
    (void)onp_device_temperature_mc(&d);
    return fuzz_accepted(
        onp_device_choose(&d, cluster[0] != '\0' ? cluster : NULL, 1, &cores, &err), &err);
}
