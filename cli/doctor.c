/* SPDX-License-Identifier: Apache-2.0 */
/* onepath doctor: what this machine is, what was built in, what is missing or slow. */
#include <inttypes.h>
#include <jansson.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <yaml.h>
#include <zlib.h>

#include "base/file.h"
#include "base/parallel.h"
#include "cli/configs.h"
#include "cli/verb.h"
#include "latency/measure/agent_binary.h"
#include "latency/measure/device.h"
#include "latency/measure/driver.h"
#include "ops/gemm.h"
#include "ops/kernels.h"

typedef enum level { FINE, WARNING, BROKEN } level;
static const char *const level_names[] = {"ok", "warning", "error"};

typedef struct doctor {
    onp_app *app;
    json_t *checks;
    int n[3]; /* of each level */
} doctor;

/* One finding. */
static void report(doctor *d, level l, const char *check, const char *fmt, ...) ONP_PRINTF(4, 5);
static void report(doctor *d, level l, const char *check, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    d->n[l]++;
    (void)json_array_append_new(d->checks, json_pack("{s:s, s:s, s:s}", "check", check, "status",
                                                     level_names[l], "text", text));
    if (!d->app->args->json)
        (void)printf("%-8s %-12s %s\n", level_names[l], check, text);
}

/* What follows `key` and its colon in the first such line of a small file; the first line when key
 * is "". False: not there. */
static bool read_fact(const char *path, const char *key, char *out, size_t out_size)
{
    char line[512];
    bool found = false;
    FILE *f = fopen(path, "re");
    while (f != NULL && !found && fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, key, strlen(key)) != 0)
            continue;
        const char *colon = key[0] != '\0' ? strchr(line, ':') : NULL;
        const char *start = colon != NULL ? colon + 1 : line;
        start += strspn(start, " \t");
        (void)snprintf(out, out_size, "%.*s", (int)strcspn(start, "\n"), start);
        found = out[0] != '\0';
    }
    if (f != NULL)
        (void)fclose(f);
    return found;
}

/* ---- the machine ---- */

static void check_machine(doctor *d)
{
    struct utsname u;
    onp_device here;
    onp_device_read("", &here);
    const char *model = here.board[0] != '\0' ? here.board : here.processor;
    if (uname(&u) == 0)
        report(d, FINE, "machine", "%s, %s %s %s", model[0] != '\0' ? model : "unknown processor",
               u.sysname, u.release, u.machine);
    report(d, FINE, "processors", "%d of %ld that are online", onp_parallel_processors(),
           sysconf(_SC_NPROCESSORS_ONLN));
    for (int i = here.n_clusters - 1; i >= 0 && here.n_clusters > 1; i--) {
        char cores[ONP_CORES_TEXT];
        onp_cores_text(&here.clusters[i].cores, cores);
        report(d, FINE, "cluster", "%s: cores %s, up to %" PRId64 " MHz", here.clusters[i].name,
               cores, here.clusters[i].max_khz / 1000);
    }
    const int64_t mc = onp_device_temperature_mc(&here);
    if (mc != ONP_UNKNOWN_MC)
        report(d, FINE, "temperature", "%.1f degrees Celsius", 1e-3 * (double)mc);
}

static void check_governor(doctor *d)
{
    onp_device here;
    onp_device_read("", &here);
    const char *governor = here.n_clusters > 0 ? here.clusters[here.n_clusters - 1].governor : "";
    if (governor[0] == '\0')
        report(d, FINE, "governor", "not readable here");
    else if (strcmp(governor, "performance") == 0)
        report(d, FINE, "governor", "performance");
    else
        report(d, WARNING, "governor",
               "%s: measured latencies vary less with performance (cpupower frequency-set -g "
               "performance)",
               governor);
}

static void check_memory(doctor *d)
{
    enum { WANTED_MIB = 2048 };
    char text[64];
    if (!read_fact("/proc/meminfo", "MemAvailable", text, sizeof text)) {
        report(d, FINE, "memory", "free memory is not readable here");
        return;
    }
    int64_t free_mib = strtoll(text, NULL, 10) / 1024;
    report(d, free_mib < WANTED_MIB ? WARNING : FINE, "memory", "%" PRId64 " MiB free%s", free_mib,
           free_mib < WANTED_MIB ? ", a search wants 2048" : "");
}

static void check_disk(doctor *d)
{
    enum { WANTED_MIB = 1024 };
    struct statvfs s;
    if (statvfs(".", &s) != 0) {
        report(d, FINE, "disk", "free space is not readable here");
        return;
    }
    uint64_t free_mib = (uint64_t)s.f_bavail * s.f_frsize / ONP_MIB;
    report(d, free_mib < WANTED_MIB ? WARNING : FINE, "disk",
           "%" PRIu64 " MiB free in the working folder%s", free_mib,
           free_mib < WANTED_MIB ? ", a run with its data wants 1024" : "");
}

/* ---- what was built in ---- */

static void check_kernels(doctor *d)
{
    char names[128] = "";
    onp_context ctx = d->app->ctx;
    onp_error err;
    for (int i = 0; onp_kernels_at(i) != NULL; i++) {
        size_t used = strlen(names);
        (void)snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "",
                       onp_kernels_at(i)->name);
    }
    if (onp_kernels_choose(&ctx, NULL, &err) != ONP_OK)
        report(d, BROKEN, "kernels", "%s", err.msg);
    else
        report(d, FINE, "kernels", "%s is used; this processor runs %s", ctx.kernels->name, names);
}

static bool has_avx512(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512f");
#else
    return false;
#endif
}

static void check_blas(doctor *d)
{
    const char *core = onp_blas_core(), *preset = getenv("OPENBLAS_CORETYPE");
    if (onp_blas_is_openmp())
        report(d, FINE, "blas", "core %s: %s", core, onp_blas_config());
    else
        report(d, BROKEN, "blas",
               "OpenBLAS is not of the OpenMP flavour, it would start threads of its own: install "
               "libopenblas-openmp-dev and build again (%s)",
               onp_blas_config());
    if (preset != NULL)
        report(d, WARNING, "blas-core",
               "OPENBLAS_CORETYPE=%s is set: the kernels are for that processor; unset it", preset);
    else if (has_avx512() && (strcmp(core, "Haswell") == 0 || strcmp(core, "Zen") == 0))
        report(d, WARNING, "blas-core",
               "OpenBLAS took its kernels for %s, without the AVX-512 that this processor has",
               core);
}

/* Two OpenMP runtimes in one process make threads against each other. */
static void check_openmp(doctor *d)
{
    bool gomp = false, omp = false;
    char line[1024];
    FILE *f = fopen("/proc/self/maps", "re");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        gomp = gomp || strstr(line, "/libgomp.") != NULL;
        omp = omp || strstr(line, "/libomp") != NULL || strstr(line, "/libiomp") != NULL;
    }
    if (f != NULL)
        (void)fclose(f);
    if (gomp && omp)
        report(d, WARNING, "openmp",
               "libgomp and libomp are both loaded: build with GCC, or with OpenBLAS for libomp");
    else
        report(d, FINE, "openmp", "%s", gomp ? "libgomp" : omp ? "libomp" : "linked statically");
}

static void check_agent(doctor *d)
{
    char path[ONP_APP_PATH];
    onp_error err;
    if (onp_runner_find_agent(path, sizeof path, &err) != ONP_OK)
        report(d, BROKEN, "agent", "%s: nothing can be measured", err.msg);
    else
        report(d, FINE, "agent", "%s", path);
}

/* Those that are copied to devices: only who has one needs them. */
static void check_device_agents(doctor *d)
{
    char path[ONP_APP_PATH];
    onp_error err;
    const char *arch;
    for (size_t i = 0; (arch = onp_agent_binary_arch(i)) != NULL; i++)
        if (onp_agent_binary_find(arch, path, sizeof path, &err) == ONP_OK)
            report(d, FINE, "agent", "for devices, %s: %s", arch, path);
        else
            report(d, FINE, "agent", "for devices, %s: none (cmake --preset agent-%s makes it)",
                   arch, arch);
}

/* A file beside the program, or at another place as seen from it. */
static bool find_beside(const char *name, const char *installed, char *out, size_t size)
{
    char folder[ONP_APP_PATH];
    if (onp_program_dir(folder, sizeof folder, NULL) != ONP_OK)
        return false;
    return (onp_path_join(out, size, folder, name, NULL) == ONP_OK && onp_file_exists(out)) ||
           (onp_path_join(out, size, folder, installed, NULL) == ONP_OK && onp_file_exists(out));
}

/* Other runtimes to measure with, as --target takes them: only who ships one needs it. */
static void check_runners(doctor *d)
{
    char path[ONP_APP_PATH];
    if (find_beside("onepath-runner-xnnpack", "onepath-runner-xnnpack", path, sizeof path))
        report(d, FINE, "runner", "XNNPACK: exec:%s", path);
    else
        report(d, FINE, "runner", "XNNPACK: none (built with libxnnpack-dev, libpthreadpool-dev)");
    if (find_beside("runners/onnxruntime.js", "../share/onepath/runners/onnxruntime.js", path,
                    sizeof path))
        report(d, FINE, "runner", "ONNX Runtime: exec:node %s (npm install onnxruntime-node)",
               path);
}

static void check_spaces(doctor *d)
{
    char path[ONP_APP_PATH];
    onp_error err;
    if (onp_configs_space("mbconv-cifar", path, sizeof path, &err) != ONP_OK)
        report(d, WARNING, "spaces", "%s: none to start from", err.msg);
    else
        report(d, FINE, "spaces", "%s", path);
}

static void check_libraries(doctor *d)
{
#if defined(__clang__)
    const char *compiler = __VERSION__;
#else
    const char *compiler = "GCC " __VERSION__;
#endif
    report(d, FINE, "onepath", "%s, compiled by %s", ONEPATH_VERSION, compiler);
    report(d, FINE, "libraries", "SQLite %s, libyaml %s, Jansson %s, zlib %s", sqlite3_libversion(),
           yaml_get_version_string(), jansson_version_str(), zlibVersion());
}

/* ---- the verb ---- */

static const onp_option options[] = {ONP_OPTION_END};

static void (*const checks[])(doctor *d) = {
    check_machine,       check_kernels, check_blas,   check_openmp,    check_governor, check_agent,
    check_device_agents, check_runners, check_spaces, check_libraries, check_memory,   check_disk,
};

static onp_status run(onp_app *app, const void *args, onp_error *err)
{
    (void)args;
    doctor d = {.app = app, .checks = json_array()};
    for (size_t i = 0; i < ONP_COUNT(checks); i++)
        checks[i](&d);
    json_t *root = json_pack("{s:b, s:i, s:i, s:o}", "ok", d.n[BROKEN] == 0, "errors", d.n[BROKEN],
                             "warnings", d.n[WARNING], "checks", d.checks);
    if (app->args->json)
        ONP_TRY(onp_app_print(app, root, err));
    else
        json_decref(root);
    return d.n[BROKEN] == 0 ? ONP_OK
                            : onp_fail(err, ONP_E_FAIL, "%d of the checks failed", d.n[BROKEN]);
}

const onp_verb onp_verb_doctor = {
    .name = "doctor",
    .operands = "",
    .summary = "what this machine is, what is built in, what is missing or slow",
    .options = options,
    .args_size = sizeof(onp_args),
    .run = run,
};
