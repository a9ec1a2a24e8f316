/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/measure/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "latency/measure/device_internal.h"
#include "latency/measure/kernel_files.h"

/* ---- names ---- */

static void read_names(onp_device *d)
{
    char release[ONP_DEVICE_TEXT / 2], version[ONP_DEVICE_TEXT / 2 - 1], quoted[ONP_DEVICE_TEXT];
    const char *root = d->root;
    (void)onp_kernel_text(root, "/proc/device-tree/model", d->board, sizeof d->board);
    if (!onp_kernel_text(root, "/sys/devices/soc0/machine", d->soc, sizeof d->soc) &&
        !onp_kernel_value(root, "/proc/cpuinfo", "Hardware", d->soc, sizeof d->soc) &&
        onp_kernel_text(root, "/proc/device-tree/compatible", quoted, sizeof quoted)) {
        const char *last = strrchr(quoted, ' '); /* NULs between names were read as blanks */
        (void)snprintf(d->soc, sizeof d->soc, "%s", last != NULL ? last + 1 : quoted);
    }
    (void)onp_kernel_value(root, "/proc/cpuinfo", "model name", d->processor, sizeof d->processor);
    (void)onp_kernel_text(root, "/proc/sys/kernel/osrelease", release, sizeof release);
    (void)onp_kernel_text(root, "/proc/sys/kernel/version", version, sizeof version);
    (void)snprintf(quoted, sizeof quoted, "%s %s", release, version);
    onp_kernel_clean(quoted, d->kernel, sizeof d->kernel);
}

/* PRETTY_NAME="Debian GNU/Linux 12 (bookworm)" */
static void read_os(onp_device *d)
{
    static const char key[] = "PRETTY_NAME=";
    char line[ONP_DEVICE_TEXT];
    size_t budget = ONP_KERNEL_FILE_BUDGET;
    FILE *f = onp_kernel_file_open(d->root, "/etc/os-release");
    while (f != NULL && d->os[0] == '\0' && onp_kernel_file_line(f, line, sizeof line, &budget)) {
        if (strncmp(line, key, strlen(key)) != 0)
            continue;
        char *name = line + strlen(key) + (line[strlen(key)] == '"');
        name[strcspn(name, "\"")] = '\0';
        onp_kernel_clean(name, d->os, sizeof d->os);
    }
    if (f != NULL)
        (void)fclose(f);
}

/* Which unit of a model this is, without telling its number. */
static void read_serial(onp_device *d)
{
    static const char salt[] = "onepath device ";
    char text[sizeof salt + ONP_DEVICE_TEXT], hex[ONP_SHA256_HEX];
    char *serial = text + sizeof salt - 1;
    memcpy(text, salt, sizeof salt);
    if (!onp_kernel_text(d->root, "/proc/device-tree/serial-number", serial, ONP_DEVICE_TEXT) &&
        !onp_kernel_text(d->root, "/sys/devices/soc0/serial_number", serial, ONP_DEVICE_TEXT) &&
        !onp_kernel_value(d->root, "/proc/cpuinfo", "Serial", serial, ONP_DEVICE_TEXT) &&
        !onp_kernel_text(d->root, "/sys/class/dmi/id/product_serial", serial, ONP_DEVICE_TEXT))
        return;
    if (strspn(serial, "0 ") == strlen(serial))
        return; /* a number that was never written */
    onp_sha256(text, strlen(text), hex);
    (void)snprintf(d->serial_hash, sizeof d->serial_hash, "%.16s", hex);
}

/* ---- temperatures ---- */

/* Below -40 C and above 150 C nothing computes: a sensor that is off or broken. Old kernels count
 * in whole degrees. */
static int64_t zone_temperature(const char *root, int zone)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/sys/class/thermal/thermal_zone%d/temp", zone);
    int64_t value = onp_kernel_int(root, path, ONP_UNKNOWN_MC);
    if (value == 0 || value < -40000 || value > 150000)
        return ONP_UNKNOWN_MC;
    return value > -150 && value <= 150 ? value * 1000 : value;
}

/* What zones of processors are called, best first; a prefix, in any case. */
static const char *const zone_names[] = {"cpu",   "x86_pkg", "big", "mtktscpu",
                                         "tsens", "soc",     "apc", "acpitz"};

static int zone_rank(const char *type)
{
    int rank = 0;
    for (; rank < (int)ONP_COUNT(zone_names); rank++)
        if (strncasecmp(type, zone_names[rank], strlen(zone_names[rank])) == 0)
            break;
    return rank;
}

/* The hottest of the best kind: idle cores' zones say nothing of the busy one's. */
static void read_zones(onp_device *d)
{
    int best = (int)ONP_COUNT(zone_names);
    int64_t hottest = ONP_UNKNOWN_MC;
    d->thermometer = -1;
    for (int i = 0; i < ONP_DEVICE_ZONES; i++) {
        char path[64];
        onp_device_zone *zone = &d->zones[d->n_zones];
        (void)snprintf(path, sizeof path, "/sys/class/thermal/thermal_zone%d/type", i);
        if (!onp_kernel_text(d->root, path, zone->type, sizeof zone->type))
            continue;
        zone->temperature_mc = zone_temperature(d->root, i);
        const int rank = zone_rank(zone->type);
        if (zone->temperature_mc != ONP_UNKNOWN_MC &&
            (rank < best || (rank == best && zone->temperature_mc > hottest))) {
            best = rank;
            hottest = zone->temperature_mc;
            d->thermometer = best < (int)ONP_COUNT(zone_names) ? i : -1;
        }
        d->n_zones++;
    }
}

int64_t onp_device_temperature_mc(const onp_device *d)
{
    return d->thermometer >= 0 ? zone_temperature(d->root, d->thermometer) : ONP_UNKNOWN_MC;
}

/* ---- all ---- */

void onp_device_read(const char *root, onp_device *out)
{
    char text[ONP_DEVICE_TEXT];
    memset(out, 0, sizeof *out);
    out->thermometer = -1;
    if (strlen(root) >= sizeof out->root)
        return;
    memcpy(out->root, root, strlen(root) + 1);
    onp_device_read_clusters(out);
    read_names(out);
    read_os(out);
    read_serial(out);
    read_zones(out);
    if (onp_kernel_value(root, "/proc/meminfo", "MemTotal", text, sizeof text)) {
        const long long kib = strtoll(text, NULL, 10);
        out->memory_kib = kib > 0 ? kib : 0;
    }
}
