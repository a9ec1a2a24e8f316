/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a runner says of itself in its hello: the fields that make a platform, and facts of the run
 * that belong beside its measurements.
 *
 *     onp_runner_facts f;
 *     onp_runner_facts_here(ctx, NULL, 1, &f);     // of this process
 *     printf("%s, %s kernels\n", f.device, f.kernel_set);
 */
#ifndef ONP_LATENCY_MEASURE_FACTS_H
#define ONP_LATENCY_MEASURE_FACTS_H

#include "base/context.h"
#include "latency/measure/device.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_FACT 160 /* bytes of a text, its NUL too */

/* Cores of one kind. */
typedef struct onp_core_cluster {
    char cores[ONP_CORES_TEXT]; /* "4-7" */
    int64_t max_khz;            /* 0: not known */
    char name[ONP_DEVICE_NAME]; /* "big"; "": none */
} onp_core_cluster;

/* Texts: "" is unknown; numbers: 0 is unknown. */
typedef struct onp_runner_facts {
    /* the platform: rows with one differing field never mix */
    char device[ONP_FACT];
    char backend[ONP_FACT]; /* "onepath" */
    char backend_version[ONP_FACT];
    char kernel_set[ONP_FACT];  /* "generic", "avx2", ... */
    char kernel_hash[ONP_FACT]; /* of the kernels' sources, compiler and flags */
    char blas_core[ONP_FACT];
    char cluster[ONP_FACT];   /* "any" where all cores are alike, else the cores used: "4-7" */
    char precision[ONP_FACT]; /* "f32" */
    int64_t threads, batch;
    /* the run */
    char os[ONP_FACT];     /* "Linux 6.1.0-18-amd64 x86_64, Debian GNU/Linux 12 (bookworm)" */
    char kernel[ONP_FACT]; /* "6.1.0-18-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1" */
    char soc[ONP_FACT];    /* "SM8150" */
    char governor[ONP_FACT];
    char compiler[ONP_FACT];
    char allowed[ONP_FACT];     /* cores that the system lets it use: "0-7" */
    char serial_hash[ONP_FACT]; /* of the device's serial number: two units of one model differ */
    int64_t clock_khz;          /* of a busy core when the runner started */
    int64_t memory_kib;
    int64_t temperature_mc; /* the hottest zone then; ONP_UNKNOWN_MC: not known */
    int32_t n_clusters;     /* 0: not known */
    onp_core_cluster clusters[ONP_DEVICE_CLUSTERS];
    /* what it can do */
    bool takes_graph, takes_onnx; /* at least one */
    bool stamps;                  /* times of node groups */
    bool alive;                   /* says so every second while it measures */
} onp_runner_facts;

/*
 * The facts of this process, which has chosen kernels (ctx) and started its threads. device: NULL
 * is the processor's or the board's name. batch: that of the graphs it will measure.
 */
void onp_runner_facts_here(const onp_context *ctx, const char *device, int64_t batch,
                           onp_runner_facts *out);

#ifdef __cplusplus
}
#endif
#endif
