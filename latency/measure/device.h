/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel's files say of the device: its clusters of cores, clocks, temperatures, names.
 * What cannot be read is unknown, never 0 degrees or a guess; nothing here fails for a missing or a
 * hostile file.
 *
 *     onp_device d;
 *     onp_cores cores;
 *     onp_device_read("", &d);
 *     ONP_TRY(onp_device_choose(&d, "big", 1, &cores, err));
 *     ONP_TRY(onp_parallel_start_on(&cores, 1, err));
 *     printf("%.1f C\n", 1e-3 * (double)onp_device_temperature_mc(&d));
 */
#ifndef ONP_LATENCY_MEASURE_DEVICE_H
#define ONP_LATENCY_MEASURE_DEVICE_H

#include "base/context.h"
#include "base/cores.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_DEVICE_TEXT     160
#define ONP_DEVICE_NAME     32
#define ONP_DEVICE_CLUSTERS 8
#define ONP_DEVICE_ZONES    128
#define ONP_DEVICE_ROOT     512
#define ONP_UNKNOWN_MC      INT64_MIN /* a temperature that cannot be read */

/* Cores that are alike: by implementer and part, highest clock and capacity on Arm; on x86, whose
 * cores each have a highest clock of their own, by the kernel's lists of cpu_core and cpu_atom. */
typedef struct onp_device_cluster {
    /* "single"; "little", "big"; "little", "big", "prime"; with more, "big2", ... before "prime" */
    char name[ONP_DEVICE_NAME];
    onp_cores cores;
    int64_t max_khz, now_khz, capacity; /* 0: unknown; now: when it was read, of the first core */
    char governor[ONP_DEVICE_NAME];     /* of the first core */
    char part[ONP_DEVICE_NAME];         /* "0x41/0xd0b": implementer and part; "core", "atom" */
} onp_device_cluster;

typedef struct onp_device_zone {
    char type[ONP_DEVICE_NAME];
    int64_t temperature_mc; /* thousandths of a degree Celsius when it was read, ONP_UNKNOWN_MC */
} onp_device_zone;

/* Texts: "" is unknown; numbers: 0 is unknown. */
typedef struct onp_device {
    char root[ONP_DEVICE_ROOT];
    int n_clusters; /* slowest first; 0: unknown */
    onp_device_cluster clusters[ONP_DEVICE_CLUSTERS];
    onp_cores allowed; /* for this process: Cpus_allowed_list */
    int n_zones;
    onp_device_zone zones[ONP_DEVICE_ZONES];
    int thermometer; /* number of the thermal zone that stands for the processor; -1: none */
    char board[ONP_DEVICE_TEXT];     /* "Raspberry Pi 4 Model B Rev 1.4" */
    char soc[ONP_DEVICE_TEXT];       /* "SM8150", "brcm,bcm2711" */
    char processor[ONP_DEVICE_TEXT]; /* "AMD EPYC" */
    char os[ONP_DEVICE_TEXT];        /* "Debian GNU/Linux 12 (bookworm)" */
    char kernel[ONP_DEVICE_TEXT];    /* "6.1.0-18-arm64 #1 SMP Debian 6.1.76-1": changes with it */
    char serial_hash[ONP_DEVICE_NAME]; /* 16 hex digits of a hash of the serial number */
    int64_t memory_kib;
} onp_device;

/* Reads the files below root ("" for this machine's own). A root that is too long reads nothing. */
void onp_device_read(const char *root, onp_device *out);

/* The chosen zone's temperature now, ONP_UNKNOWN_MC where there is none. Some 10 us. */
int64_t onp_device_temperature_mc(const onp_device *d);

/*
 * The cores to bind so many threads to. what: a cluster's name, a list of cores, or NULL for the
 * fastest cluster that this process may use (all allowed cores where all are alike or nothing is
 * known). Errors: ONP_E_USAGE when there is no such cluster (those there are listed), when a core
 * is not allowed, and when there are more threads than cores.
 */
onp_status onp_device_choose(const onp_device *d, const char *what, int threads, onp_cores *out,
                             onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
