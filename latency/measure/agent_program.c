/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/measure/agent_program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#    include <sys/prctl.h>
#endif

#include "base/parallel.h"
#include "latency/measure/agent.h"
#include "latency/measure/device.h"
#include "latency/measure/environment.h"
#include "ops/kernels.h"

extern char **environ;

static const char about[] =
    "usage: %s [--threads N]%s [--batch N]\n"
    "       [--cluster NAME|LIST] [--device NAME]\n"
    "%s, one JSON object a line (docs/runner-protocol.md).\n"
    "  --threads N     threads, each bound to a core (1)\n"
    "  --cluster NAME  little, big, prime, or a list of cores such as 4-7 (the fastest)\n"
    "%s"
    "  --batch N       batch of the graphs (1)\n"
    "  --device NAME   name of this device (found out)\n";

typedef struct arguments {
    int64_t threads;
    const char *kernels, *cluster;
    onp_agent_options agent;
    bool help;
} arguments;

static onp_status parse_count(const char *option, const char *text, int64_t max, int64_t *out,
                              onp_error *err)
{
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < 1 || value > max)
        return onp_fail(err, ONP_E_USAGE, "%s is \"%s\", wanted 1..%lld", option, text,
                        (long long)max);
    *out = value;
    return ONP_OK;
}

static onp_status parse(const onp_agent_program *program, int argc, char **argv, arguments *out,
                        onp_error *err)
{
    *out = (arguments){.threads = 1, .agent = {.batch = 1}};
    for (int i = 1; i < argc; i += 2) {
        const char *option = argv[i], *value = argv[i + 1]; /* NULL behind the last */
        if (strcmp(option, "--help") == 0) {
            out->help = true;
            return ONP_OK;
        }
        if (value == NULL)
            return onp_fail(err, ONP_E_USAGE, "%s: unknown, or its value is missing", option);
        if (strcmp(option, "--threads") == 0)
            ONP_TRY(parse_count(option, value, ONP_MAX_THREADS, &out->threads, err));
        else if (strcmp(option, "--batch") == 0)
            ONP_TRY(parse_count(option, value, 65536, &out->agent.batch, err));
        else if (strcmp(option, "--kernels") == 0 && program->open == NULL)
            out->kernels = value;
        else if (strcmp(option, "--cluster") == 0)
            out->cluster = value;
        else if (strcmp(option, "--device") == 0)
            out->agent.device = value;
        else
            return onp_fail(err, ONP_E_USAGE, "unknown option %s", option);
    }
    return ONP_OK;
}

/* Answers go to a descriptor of their own, and standard output to standard error: nothing that a
 * library prints gets between the lines of the protocol. */
static onp_status take_stdout(int *answers, onp_error *err)
{
    *answers = fcntl(1, F_DUPFD_CLOEXEC, 3);
    if (*answers < 0 || dup2(2, 1) < 0)
        return onp_fail(err, ONP_E_IO, "standard output: %s", strerror(errno));
    return ONP_OK;
}

/* More threads than cores run unbound where all cores are alike; they measure what such use costs.
 */
static onp_status start_threads(int threads, const char *cluster, onp_error *err)
{
    onp_device device;
    onp_cores cores;
    onp_device_read("", &device);
    ONP_TRY(onp_device_choose(&device, cluster, threads, &cores, err));
    if (threads > onp_cores_count(&cores))
        return onp_parallel_start(threads, false, err);
    return onp_parallel_start_on(&cores, threads, err);
}

static onp_status serve_engine(const onp_agent_program *program, const onp_context *ctx,
                               const arguments *a, int answers, onp_error *err)
{
    onp_engine engine = {0};
    onp_agent_options options = a->agent;
    ONP_TRY(program->open(ctx, (int)a->threads, &engine, err));
    options.engine = &engine;
    onp_status st = onp_agent_serve(ctx, &options, 0, answers, err);
    program->close(engine.user);
    return st;
}

static onp_status serve(const onp_agent_program *program, const arguments *a, onp_error *err)
{
    onp_context ctx;
    onp_context_init(&ctx);
    int answers;
    ONP_TRY(take_stdout(&answers, err));
    ONP_TRY(onp_kernels_choose(&ctx, a->kernels, err));
    ONP_TRY(start_threads((int)a->threads, a->cluster, err));
    if (program->open != NULL)
        return serve_engine(program, &ctx, a, answers, err);
    return onp_agent_serve(&ctx, &a->agent, 0, answers, err);
}

static void print_usage(const onp_agent_program *program)
{
    const bool own = program->open == NULL;
    (void)printf(about, program->name, own ? " [--kernels NAME]" : "", program->about,
                 own ? "  --kernels NAME  generic, avx2, avx512, ... (the best of this processor)\n"
                     : "");
}

/* The runtime of the threads read its variables before this program began: it begins again without
 * them, with the same process id and open files. */
static onp_status start_clean(char **argv, onp_error *err)
{
    onp_context ctx;
    char **clean = NULL;
    const char *found = onp_environment_find(environ);
    if (found == NULL)
        return ONP_OK;
    onp_context_init(&ctx);
    ONP_TRY(onp_environment_clean(&ctx, environ, &clean, err));
    (void)execve("/proc/self/exe", argv, clean);
    onp_free(&ctx, clean);
    return onp_fail(err, ONP_E_FAIL, "cannot start again without %.*s (%s): unset it",
                    (int)strcspn(found, "="), found, strerror(errno));
}

int onp_agent_main(const onp_agent_program *program, int argc, char **argv)
{
#ifdef __linux__
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* without it, the end of standard input ends us */
#endif
    arguments a;
    onp_error err = {0};
    onp_status st = parse(program, argc, argv, &a, &err);
    if (st == ONP_OK && a.help) {
        print_usage(program);
        return 0;
    }
    if (st == ONP_OK)
        st = start_clean(argv, &err);
    if (st == ONP_OK)
        st = serve(program, &a, &err);
    if (st != ONP_OK)
        (void)fprintf(stderr, "%s: %s%s\n", program->name, err.msg,
                      st == ONP_E_USAGE ? " (see --help)" : "");
    return onp_status_exit_code(st);
}
