/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Task few-shot: each device in turn is new, and ten of its networks have been measured, drawn at
 * random, twenty times. The other devices are known by additive tables fitted to all their
 * networks; a device at another batch size (NAME_32 beside NAME_1) is no other device. A line has
 * the means over the draws, of all networks but the ten, for the method
 * (latency/predict/transfer.h) and for the baseline: ridge on the sources' predictions, then ridge
 * on the one-hot residual.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/philox.h"
#include "bench/predict.h"
#include "latency/predict/linalg.h"
#include "latency/predict/transfer.h"
#include "latency/table/networks.h"

enum { N_SHOTS = 10, N_DRAWS = 20 };

/* Of the baseline: by trial the strongest, with standardised predictions. */
#define RIDGE_SOURCES 3.0
#define RIDGE_CHOICES 10.0
#define RIDGE_TABLE   1e-3 /* of the sources' tables: only settles what their sum leaves open */
#define EXACT         1e-4 /* an additive table that leaves less than this was never measured */

typedef struct few_shot {
    const onp_context *ctx;
    const onp_networks *nets;
    size_t n_terms;       /* of a table: all choices of all positions, and a constant */
    double *tables;       /* [n_devices][n_terms] */
    double *additive;     /* [n_devices][n]: what the tables say */
    double *table_mape;   /* [n_devices] */
    double *source;       /* [n][sources] */
    double *measured;     /* [n]: with the ten only */
    double *ns, *lo, *hi; /* [n] */
    double *truth, *held, *held_lo, *held_hi; /* of the networks but the ten */
    size_t *runs;                             /* networks that run on the target */
} few_shot;

/* ---- additive tables ---- */

static size_t term(const onp_networks *nets, size_t i, int32_t p)
{
    return (size_t)p * (size_t)nets->n_codes +
           (size_t)nets->codes[i * (size_t)nets->n_positions + (size_t)p];
}

static double table_sum(const few_shot *f, const double *table, size_t i)
{
    double sum = table[f->n_terms - 1];
    for (int32_t p = 0; p < f->nets->n_positions; p++)
        sum += table[term(f->nets, i, p)];
    return sum;
}

/* Ridge regression of a device's times on the one-hot choices, by the normal equations. */
static onp_status fit_table(few_shot *f, size_t device, double *gram, onp_error *err)
{
    const onp_networks *nets = f->nets;
    const size_t n = f->n_terms;
    const double *ns = nets->ns + device * nets->n;
    double *table = f->tables + device * n, error = 0;
    size_t count = 0, terms[64];
    memset(gram, 0, n * n * sizeof *gram);
    for (size_t i = 0; i < nets->n; i++) {
        if (!(ns[i] > 0))
            continue;
        size_t k = 0;
        for (int32_t p = 0; p < nets->n_positions; p++)
            terms[k++] = term(nets, i, p);
        terms[k++] = n - 1;
        for (size_t a = 0; a < k; a++) {
            table[terms[a]] += ns[i];
            for (size_t b = 0; b < k; b++)
                gram[terms[a] * n + terms[b]] += 1;
        }
    }
    for (size_t a = 0; a < n; a++)
        gram[a * n + a] += RIDGE_TABLE;
    ONP_TRY(onp_cholesky(gram, (int)n, err));
    onp_cholesky_solve(gram, (int)n, table, 1);
    for (size_t i = 0; i < nets->n; i++) {
        const double v = table_sum(f, table, i);
        f->additive[device * nets->n + i] = v > 1 ? v : 1; /* a sum below a nanosecond is none */
        if (ns[i] > 0) {
            error += fabs(v / ns[i] - 1);
            count++;
        }
    }
    f->table_mape[device] = count > 0 ? error / (double)count : 0;
    return ONP_OK;
}

static onp_status fit_tables(few_shot *f, onp_error *err)
{
    double *gram = onp_alloc(f->ctx, f->n_terms * f->n_terms, sizeof *gram);
    onp_status st = gram != NULL ? ONP_OK : onp_fail(err, ONP_E_NOMEM, "out of memory");
    for (size_t d = 0; d < f->nets->n_devices && st == ONP_OK; d++)
        st = fit_table(f, d, gram, err);
    onp_free(f->ctx, gram);
    return st;
}

/* ---- devices ---- */

/* Length of a device's name without its batch size, "_" and at most three digits. */
static size_t stem(const char *name)
{
    const char *last = strrchr(name, '_');
    const size_t digits = last != NULL ? strspn(last + 1, "0123456789") : 0;
    return last != NULL && digits > 0 && digits <= 3 && last[1 + digits] == '\0'
               ? (size_t)(last - name)
               : strlen(name);
}

static bool same_device(const char *a, const char *b)
{
    return stem(a) == stem(b) && strncmp(a, b, stem(a)) == 0;
}

static size_t n_others(const onp_networks *nets, size_t target)
{
    size_t n = 0;
    for (size_t d = 0; d < nets->n_devices; d++)
        n += !same_device(nets->devices[d], nets->devices[target]);
    return n;
}

/* What the other devices' tables say, network by network; returns how many devices. */
static int take_sources(few_shot *f, size_t target)
{
    const onp_networks *nets = f->nets;
    size_t others[ONP_NETWORKS_MAX_DEVICES], k = 0;
    for (size_t d = 0; d < nets->n_devices; d++)
        if (!same_device(nets->devices[d], nets->devices[target]))
            others[k++] = d;
    for (size_t d = 0; d < nets->n_devices && n_others(nets, target) == 0; d++)
        if (d != target) /* names that differ in a number only: better those than none */
            others[k++] = d;
    for (size_t i = 0; i < nets->n; i++)
        for (size_t s = 0; s < k; s++)
            f->source[i * k + s] = f->additive[others[s] * nets->n + i];
    return (int)k;
}

/* ---- the baseline ---- */

/* Into standard scores over all networks. */
static void standardise(double *x, size_t n, int k)
{
    for (int s = 0; s < k; s++) {
        double sum = 0, squares = 0;
        for (size_t i = 0; i < n; i++)
            sum += x[i * (size_t)k + (size_t)s];
        const double mean = sum / (double)n;
        for (size_t i = 0; i < n; i++) {
            const double d = x[i * (size_t)k + (size_t)s] - mean;
            squares += d * d;
        }
        const double sd = sqrt(squares / (double)n);
        for (size_t i = 0; i < n; i++) {
            double *v = &x[i * (size_t)k + (size_t)s];
            *v = sd > 0 ? (*v - mean) / sd : 0;
        }
    }
}

/* Ridge on the one-hot residual, in its dual form: shared choices are the products. */
static onp_status add_residual(const few_shot *f, const size_t *shots, const double *residual,
                               double *ns, onp_error *err)
{
    const onp_networks *nets = f->nets;
    const size_t positions = (size_t)nets->n_positions;
    double gram[N_SHOTS * N_SHOTS], dual[N_SHOTS];
    for (int a = 0; a < N_SHOTS; a++)
        for (int b = 0; b < N_SHOTS; b++) {
            double shared = a == b ? RIDGE_CHOICES : 0;
            for (size_t p = 0; p < positions; p++)
                shared +=
                    nets->codes[shots[a] * positions + p] == nets->codes[shots[b] * positions + p];
            gram[a * N_SHOTS + b] = shared;
        }
    memcpy(dual, residual, sizeof dual);
    ONP_TRY(onp_cholesky(gram, N_SHOTS, err));
    onp_cholesky_solve(gram, N_SHOTS, dual, 1);
    for (size_t i = 0; i < nets->n; i++)
        for (int a = 0; a < N_SHOTS; a++)
            for (size_t p = 0; p < positions; p++)
                if (nets->codes[i * positions + p] == nets->codes[shots[a] * positions + p])
                    ns[i] += dual[a];
    return ONP_OK;
}

/* scores: standardised sources. */
static onp_status predict_baseline(const few_shot *f, const double *scores, int k,
                                   const size_t *shots, double *ns, onp_error *err)
{
    double a[N_SHOTS * ONP_NETWORKS_MAX_DEVICES], b[N_SHOTS], weights[ONP_NETWORKS_MAX_DEVICES];
    double mean = 0;
    for (int r = 0; r < N_SHOTS; r++) {
        memcpy(a + r * k, scores + shots[r] * (size_t)k, (size_t)k * sizeof *a);
        mean += f->measured[shots[r]] / N_SHOTS;
    }
    for (int r = 0; r < N_SHOTS; r++)
        b[r] = f->measured[shots[r]] - mean;
    ONP_TRY(onp_least_squares(f->ctx, a, N_SHOTS, k, b, RIDGE_SOURCES, weights, err));
    for (size_t i = 0; i < f->nets->n; i++) {
        ns[i] = mean;
        for (int s = 0; s < k; s++)
            ns[i] += weights[s] * scores[i * (size_t)k + (size_t)s];
    }
    for (int r = 0; r < N_SHOTS; r++)
        b[r] = f->measured[shots[r]] - ns[shots[r]];
    return add_residual(f, shots, b, ns, err);
}

/* ---- draws ---- */

/* Ten different ones of the networks that run on the target, to the front of f->runs (R. Fisher,
 * F. Yates, 1938). */
static void draw(const few_shot *f, size_t n_runs, uint64_t seed, uint32_t number, size_t *shots)
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    for (size_t i = 0; i < N_SHOTS; i++) {
        const uint32_t counter[4] = {(uint32_t)i, number, 0, 0};
        uint32_t bits[4];
        onp_philox4x32(counter, key, bits);
        const size_t j = i + (size_t)((uint64_t)bits[0] * (n_runs - i) >> 32);
        const size_t swap = f->runs[i];
        f->runs[i] = f->runs[j];
        f->runs[j] = swap;
        shots[i] = f->runs[i];
    }
}

/* Of all networks that run but the ten, which come first in f->runs. */
static onp_status compare(few_shot *f, size_t target, size_t n_runs, bool intervals,
                          onp_agreement *out, onp_error *err)
{
    for (size_t i = N_SHOTS; i < n_runs; i++) {
        const size_t at = f->runs[i], to = i - N_SHOTS;
        f->truth[to] = f->nets->ns[target * f->nets->n + at];
        f->held[to] = f->ns[at];
        f->held_lo[to] = f->lo[at];
        f->held_hi[to] = f->hi[at];
    }
    return onp_agreement_take(f->ctx, f->held, intervals ? f->held_lo : NULL,
                              intervals ? f->held_hi : NULL, f->truth, n_runs - N_SHOTS, out, err);
}

static void add_up(onp_agreement *sum, const onp_agreement *a)
{
    sum->n = a->n;
    sum->mape += a->mape / N_DRAWS;
    sum->bias += a->bias / N_DRAWS;
    sum->within5 += a->within5 / N_DRAWS;
    sum->within10 += a->within10 / N_DRAWS;
    sum->spearman += a->spearman / N_DRAWS;
    sum->coverage += a->coverage / N_DRAWS;
}

typedef struct device_result {
    onp_agreement method, baseline;
    int n_sources;
} device_result;

static onp_status run_draw(few_shot *f, size_t target, int k, const double *scores, size_t n_runs,
                           const size_t *shots, device_result *out, onp_error *err)
{
    const onp_networks *nets = f->nets;
    const onp_transfer_input in = {.n = nets->n,
                                   .n_sources = k,
                                   .source_ns = f->source,
                                   .n_positions = nets->n_positions,
                                   .n_codes = nets->n_codes,
                                   .codes = nets->codes,
                                   .measured_ns = f->measured};
    onp_agreement a;
    memset(f->measured, 0, nets->n * sizeof *f->measured);
    for (int i = 0; i < N_SHOTS; i++)
        f->measured[shots[i]] = nets->ns[target * nets->n + shots[i]];
    ONP_TRY(onp_transfer_predict(f->ctx, &in, f->ns, f->lo, f->hi, err));
    ONP_TRY(compare(f, target, n_runs, true, &a, err));
    add_up(&out->method, &a);
    ONP_TRY(predict_baseline(f, scores, k, shots, f->ns, err));
    ONP_TRY(compare(f, target, n_runs, false, &a, err));
    add_up(&out->baseline, &a);
    return ONP_OK;
}

static onp_status run_draws(few_shot *f, size_t target, uint64_t seed, device_result *out,
                            onp_error *err)
{
    const onp_networks *nets = f->nets;
    size_t n_runs = 0, shots[N_SHOTS];
    for (size_t i = 0; i < nets->n; i++)
        if (nets->ns[target * nets->n + i] > 0)
            f->runs[n_runs++] = i;
    if (n_runs < 2 * N_SHOTS)
        return onp_fail(err, ONP_E_MISSING, "%s: %zu networks run, wanted at least %d",
                        nets->devices[target], n_runs, 2 * N_SHOTS);
    const int k = out->n_sources = take_sources(f, target);
    if (k == 0)
        return onp_fail(err, ONP_E_MISSING, "%s: there is no other device", nets->devices[target]);
    double *scores = onp_alloc(f->ctx, nets->n * (size_t)k, sizeof *scores);
    if (scores == NULL)
        return onp_fail(err, ONP_E_NOMEM, "out of memory");
    memcpy(scores, f->source, nets->n * (size_t)k * sizeof *scores);
    standardise(scores, nets->n, k);
    onp_status st = ONP_OK;
    for (uint32_t number = 0; number < N_DRAWS && st == ONP_OK; number++) {
        draw(f, n_runs, seed, number, shots);
        st = run_draw(f, target, k, scores, n_runs, shots, out, err);
    }
    onp_free(f->ctx, scores);
    return st;
}

/* ---- lines ---- */

/* Most times are whole milliseconds. */
static bool is_coarse(const onp_networks *nets, size_t device)
{
    size_t whole = 0;
    for (size_t i = 0; i < nets->n; i++)
        whole += fmod(nets->ns[device * nets->n + i], 1e6) <= 0;
    return 10 * whole > 9 * nets->n;
}

static double rounded(double v)
{
    return round(1e6 * v) / 1e6;
}

static onp_status print_device(few_shot *f, const char *source, size_t device,
                               const device_result *r, onp_error *err)
{
    char set[512];
    const char *note = f->table_mape[device] < EXACT
                           ? "an exact sum of a table, not measured: says nothing of additivity"
                       : is_coarse(f->nets, device) ? "whole milliseconds: mostly noise"
                                                    : "measured";
    json_t *more = json_pack(
        "{s:f, s:f, s:i, s:i, s:i, s:f, s:s}", "baseline_mape", rounded(r->baseline.mape),
        "baseline_spearman", rounded(r->baseline.spearman), "sources", r->n_sources, "shots",
        N_SHOTS, "draws", N_DRAWS, "additive_mape", rounded(f->table_mape[device]), "note", note);
    if (more == NULL)
        return onp_fail(err, ONP_E_NOMEM, "out of memory");
    (void)snprintf(set, sizeof set, "%s: %s", source, f->nets->devices[device]);
    return bench_predict_print(f->ctx, "few-shot", set, &r->method, more, err);
}

static onp_status allocate(few_shot *f, onp_error *err)
{
    const size_t n = f->nets->n, devices = f->nets->n_devices;
    const struct {
        double **array;
        size_t size;
    } parts[] = {{&f->tables, devices * f->n_terms},
                 {&f->additive, devices * n},
                 {&f->table_mape, devices},
                 {&f->source, devices * n},
                 {&f->measured, n},
                 {&f->ns, n},
                 {&f->lo, n},
                 {&f->hi, n},
                 {&f->truth, n},
                 {&f->held, n},
                 {&f->held_lo, n},
                 {&f->held_hi, n}};
    size_t total = 0;
    for (size_t i = 0; i < ONP_COUNT(parts); i++)
        total += parts[i].size;
    double *room = onp_alloc(f->ctx, total, sizeof *room);
    f->runs = onp_alloc(f->ctx, n, sizeof *f->runs);
    if (room == NULL || f->runs == NULL) {
        onp_free(f->ctx, room);
        onp_free(f->ctx, f->runs);
        return onp_fail(err, ONP_E_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < ONP_COUNT(parts); i++) {
        *parts[i].array = room;
        room += parts[i].size;
    }
    return ONP_OK;
}

static onp_status run_set(const onp_context *ctx, const onp_networks *nets, const char *source,
                          uint64_t seed, onp_error *err)
{
    few_shot f = {.ctx = ctx, .nets = nets};
    f.n_terms = (size_t)nets->n_positions * (size_t)nets->n_codes + 1;
    ONP_TRY(allocate(&f, err));
    size_t n_run = 0;
    onp_status st = fit_tables(&f, err);
    for (size_t d = 0; d < nets->n_devices && st == ONP_OK; d++) {
        device_result r = {0};
        st = run_draws(&f, d, seed, &r, err);
        if (st == ONP_OK) {
            st = print_device(&f, source, d, &r, err);
            n_run++;
        } else if (st == ONP_E_MISSING) {
            onp_log(ctx, ONP_LOG_WARN, "%s: left out: %s", source, err->msg);
            st = ONP_OK;
        }
    }
    if (st == ONP_OK && n_run == 0)
        st = onp_fail(err, ONP_E_MISSING, "%s: no device to evaluate", source);
    onp_free(ctx, f.tables); /* the first of the one room */
    onp_free(ctx, f.runs);
    return st;
}

/* A file or folder that looks like one of networks, and is not: says why. */
static void say_why(const onp_context *ctx, const char *path, const onp_error *why)
{
    char latency[4096];
    struct stat info;
    const size_t n = strlen(path);
    (void)snprintf(latency, sizeof latency, "%s/latency", path);
    if (stat(latency, &info) == 0 || (n > 4 && strcmp(path + n - 4, ".csv") == 0))
        onp_log(ctx, ONP_LOG_WARN, "left out: %s", why->msg);
}

/* A folder as it is, or a CSV in it. */
static onp_status run_folder(const onp_context *ctx, const char *folder, uint64_t seed, bool *found,
                             onp_error *err)
{
    onp_networks *nets = NULL;
    const char *name = strrchr(folder, '/');
    name = name != NULL && name[1] != '\0' ? name + 1 : folder;
    if (onp_import_networks(ctx, folder, NULL, &nets, err) == ONP_OK) {
        *found = true;
        onp_status st = run_set(ctx, nets, name, seed, err);
        onp_networks_free(nets);
        return st;
    }
    say_why(ctx, folder, err);
    const bench_folders one = {.paths = &folder, .n = 1};
    bench_files files;
    ONP_TRY(bench_predict_files(ctx, &one, &files, err));
    onp_status st = ONP_OK;
    for (size_t i = 0; i < files.n && st == ONP_OK; i++) {
        if (onp_import_networks(ctx, files.paths[i], NULL, &nets, err) != ONP_OK) {
            say_why(ctx, files.paths[i], err);
            continue;
        }
        *found = true;
        st = run_set(ctx, nets, bench_predict_name(files.paths[i]), seed, err);
        onp_networks_free(nets);
    }
    bench_predict_files_free(&files);
    return st;
}

onp_status bench_predict_few_shot(const onp_context *ctx, const bench_folders *folders,
                                  onp_error *err)
{
    bool found = false;
    for (int i = 0; i < folders->n; i++)
        ONP_TRY(run_folder(ctx, folders->paths[i], folders->seed, &found, err));
    return found ? ONP_OK
                 : onp_fail(err, ONP_E_MISSING,
                            "no folder or CSV of whole networks on several devices");
}
