/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/measure/facts.h"

#include <stdio.h>
#include <sys/utsname.h>

#include "base/parallel.h"
#include "latency/measure/clock.h"
#include "latency/measure/device.h"
#include "latency/measure/kernel_files.h"
#include "ops/gemm.h"
#include "ops/kernels.h"

static void set_text(char out[ONP_FACT], const char *text)
{
    onp_kernel_clean(text, out, ONP_FACT);
}

static void find_name(const onp_device *d, char out[ONP_FACT])
{
    struct utsname system;
    const char *const names[] = {d->board, d->processor, d->soc,
                                 uname(&system) == 0 ? system.nodename : "", "unknown"};
    size_t i = 0;
    while (names[i][0] == '\0')
        i++;
    set_text(out, names[i]);
}

/* The cores used, where they are not as all others. */
static void find_cluster(const onp_device *d, char out[ONP_FACT])
{
    const onp_cores bound = onp_parallel_bound();
    set_text(out, "any");
    if (d->n_clusters > 1 && onp_cores_next(&bound, 0) >= 0)
        onp_cores_text(&bound, out);
}

/* That of the cores used. */
static const char *governor_of(const onp_device *d)
{
    const onp_cores bound = onp_parallel_bound();
    for (int i = 0; i < d->n_clusters; i++)
        if (onp_cores_within(&bound, &d->clusters[i].cores))
            return d->clusters[i].governor;
    return "";
}

static void set_run(const onp_device *d, onp_runner_facts *out)
{
    onp_cores_text(&d->allowed, out->allowed);
    set_text(out->serial_hash, d->serial_hash);
    set_text(out->kernel, d->kernel);
    set_text(out->soc, d->soc);
    out->memory_kib = d->memory_kib;
    out->temperature_mc = onp_device_temperature_mc(d);
    out->n_clusters = d->n_clusters;
    for (int i = 0; i < d->n_clusters; i++) {
        onp_cores_text(&d->clusters[i].cores, out->clusters[i].cores);
        out->clusters[i].max_khz = d->clusters[i].max_khz;
        (void)snprintf(out->clusters[i].name, sizeof out->clusters[i].name, "%s",
                       d->clusters[i].name);
    }
}

void onp_runner_facts_here(const onp_context *ctx, const char *device, int64_t batch,
                           onp_runner_facts *out)
{
    onp_device d;
    onp_parallel_unbind(); /* allowed is what the process may use, not what it chose */
    onp_device_read("", &d);
    onp_parallel_rebind();
    *out = (onp_runner_facts){.threads = onp_parallel_threads(), .batch = batch};
    if (device != NULL)
        set_text(out->device, device);
    else
        find_name(&d, out->device);
    set_text(out->backend, "onepath");
    set_text(out->backend_version, ONEPATH_VERSION);
    set_text(out->kernel_set, ctx->kernels->name);
    set_text(out->kernel_hash, ONEPATH_KERNEL_HASH);
    set_text(out->blas_core, onp_blas_core());
    find_cluster(&d, out->cluster);
    set_text(out->precision, "f32");
    struct utsname system;
    if (uname(&system) == 0)
        (void)snprintf(out->os, sizeof out->os, "%.20s %.60s %.20s%s%.50s", system.sysname,
                       system.release, system.machine, d.os[0] != '\0' ? ", " : "", d.os);
    set_text(out->governor, governor_of(&d));
    set_text(out->compiler, ONEPATH_COMPILER);
    out->clock_khz = onp_clock_busy_khz();
    set_run(&d, out);
    out->takes_graph = true;
}
