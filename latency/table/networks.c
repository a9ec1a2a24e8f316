/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/networks.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "latency/table/import_internal.h"
#include "latency/table/pickle.h"

enum {
    FBNET_LAYERS = 22,
    FBNET_CHOICES = 9,
    OFA_STAGES = 5,
    OFA_BLOCKS = 20, /* four a stage */
    OFA_LEAST = 128, /* resolutions, in steps of 4 */
    OFA_RESOLUTIONS = 33,
    MAX_TEXT = 128
};

/* Networks and problems while a source is read. */
typedef struct reader {
    onp_networks *nets;
    const char *file;
    onp_strbuf *problems; /* NULL: only the first is kept */
    size_t n_problems, capacity;
    onp_error first;
    onp_error *err;
} reader;

static void problem(reader *r, size_t line, const char *fmt, ...) ONP_PRINTF(3, 4);
static void problem(reader *r, size_t line, const char *fmt, ...)
{
    char text[300];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (r->n_problems++ == 0)
        (void)onp_fail(&r->first, ONP_E_FORMAT, "%s:%zu: error: %s", r->file, line, text);
    if (r->problems != NULL && r->n_problems <= 1000)
        onp_strbuf_addf(r->problems, "%s:%zu: error: %s\n", r->file, line, text);
}

static onp_status no_memory(reader *r)
{
    return onp_fail(r->err, ONP_E_NOMEM, "%s: out of memory", r->file);
}

/* ---- spaces ---- */

static void set_space(onp_networks *nets, bool ofa)
{
    nets->space = ofa ? "once-for-all" : "fbnet";
    nets->n_positions = ofa ? 1 + OFA_BLOCKS : FBNET_LAYERS;
    nets->n_codes = ofa ? OFA_RESOLUTIONS : FBNET_CHOICES;
}

/* n digits, each in least..most, and no more. */
static bool are_digits(const char *text, size_t n, char least, char most)
{
    size_t i = 0;
    while (text[i] >= least && text[i] <= most)
        i++;
    return i == n && text[n] == '\0';
}

static bool read_fbnet(const char *ops, int32_t *codes)
{
    if (!are_digits(ops, FBNET_LAYERS, '0', '0' + FBNET_CHOICES - 1))
        return false;
    for (int i = 0; i < FBNET_LAYERS; i++)
        codes[i] = ops[i] - '0';
    return true;
}

/* 0: a block beyond its stage's depth; else 1..9 for kernel 3, 5, 7 and expand 3, 4, 6. */
static int32_t ofa_code(char kernel, char expand)
{
    const int32_t e = expand == '3' ? 0 : expand == '4' ? 1 : expand == '6' ? 2 : -1;
    return e < 0 || (kernel - '0') % 2 == 0 ? -1 : 1 + 3 * ((kernel - '3') / 2) + e;
}

static bool read_ofa(long r, const char *d, const char *ks, const char *e, int32_t *codes)
{
    if (r < OFA_LEAST || r >= OFA_LEAST + 4 * OFA_RESOLUTIONS || r % 4 != 0 ||
        !are_digits(d, OFA_STAGES, '1', '4') || !are_digits(ks, OFA_BLOCKS, '3', '7') ||
        !are_digits(e, OFA_BLOCKS, '3', '6'))
        return false;
    codes[0] = (int32_t)(r - OFA_LEAST) / 4;
    for (int i = 0; i < OFA_BLOCKS; i++) {
        const bool runs = i % 4 < d[i / 4] - '0';
        const int32_t code = ofa_code(ks[i], e[i]);
        if (code < 0)
            return false;
        codes[1 + i] = runs ? code : 0;
    }
    return true;
}

bool onp_network_text_is_of(const char *space, const char *text)
{
    int32_t codes[1 + OFA_BLOCKS > FBNET_LAYERS ? 1 + OFA_BLOCKS : FBNET_LAYERS];
    char d[9], ks[25], e[25];
    long r = 0;
    int used = 0;
    if (strcmp(space, "fbnet") == 0)
        return read_fbnet(text, codes);
    return strcmp(space, "once-for-all") == 0 &&
           sscanf(text, "r=%4ld d=%8[0-9] ks=%24[0-9] e=%24[0-9]%n", &r, d, ks, e, &used) == 4 &&
           text[used] == '\0' && read_ofa(r, d, ks, e, codes);
}

/* ---- the networks ---- */

/* One more network, its codes all 0. */
static onp_status add_network(reader *r, int32_t **codes)
{
    onp_networks *nets = r->nets;
    const size_t positions = (size_t)nets->n_positions;
    if (nets->n >= ONP_NETWORKS_MAX)
        return onp_fail(r->err, ONP_E_FORMAT, "%s: more than %d networks", r->file,
                        ONP_NETWORKS_MAX);
    if (nets->n == r->capacity) {
        const size_t capacity = r->capacity == 0 ? 256 : 2 * r->capacity;
        int32_t *grown = onp_alloc(nets->ctx, capacity, positions * sizeof *grown);
        char **names = onp_alloc(nets->ctx, capacity, sizeof *names);
        if (grown == NULL || names == NULL) {
            onp_free(nets->ctx, grown);
            onp_free(nets->ctx, names);
            return no_memory(r);
        }
        if (nets->n > 0) {
            memcpy(grown, nets->codes, nets->n * positions * sizeof *grown);
            memcpy(names, nets->encodings, nets->n * sizeof *names);
        }
        onp_free(nets->ctx, nets->codes);
        onp_free(nets->ctx, nets->encodings);
        nets->codes = grown;
        nets->encodings = names;
        r->capacity = capacity;
    }
    *codes = nets->codes + nets->n * positions;
    return ONP_OK;
}

/* The last network gets its text and counts. */
static onp_status name_network(reader *r, const char *text)
{
    onp_networks *nets = r->nets;
    nets->encodings[nets->n] = onp_strdup(nets->ctx, text);
    if (nets->encodings[nets->n] == NULL)
        return no_memory(r);
    nets->n++;
    return ONP_OK;
}

static onp_status add_fbnet(reader *r, size_t line, const char *ops)
{
    int32_t *codes = NULL;
    ONP_TRY(add_network(r, &codes));
    if (!read_fbnet(ops, codes))
        problem(r, line, "the network is \"%.40s\", wanted 22 digits 0..8", ops);
    return name_network(r, ops);
}

static onp_status add_ofa(reader *r, size_t line, long size, const char *d, const char *ks,
                          const char *e)
{
    int32_t *codes = NULL;
    char text[MAX_TEXT];
    ONP_TRY(add_network(r, &codes));
    if (!read_ofa(size, d, ks, e, codes))
        problem(r, line,
                "the network is r=%ld d=%.8s ks=%.24s e=%.24s, wanted a resolution of 128..256 in "
                "steps of 4, 5 depths 1..4, 20 kernels 3, 5, 7 and 20 expansions 3, 4, 6",
                size, d, ks, e);
    (void)snprintf(text, sizeof text, "r=%ld d=%.8s ks=%.24s e=%.24s", size, d, ks, e);
    return name_network(r, text);
}

static onp_status add_device(reader *r, const char *name)
{
    onp_networks *nets = r->nets;
    if (nets->n_devices == ONP_NETWORKS_MAX_DEVICES)
        return onp_fail(r->err, ONP_E_FORMAT, "%s: more than %d devices", r->file,
                        ONP_NETWORKS_MAX_DEVICES);
    for (size_t i = 0; i < nets->n_devices; i++)
        if (strcmp(nets->devices[i], name) == 0)
            problem(r, 1, "device %.60s stands there twice", name);
    nets->devices[nets->n_devices] = onp_strdup(nets->ctx, name);
    if (nets->devices[nets->n_devices] == NULL)
        return no_memory(r);
    nets->n_devices++;
    return ONP_OK;
}

/* -1 is a network that does not run. */
static void set_time(reader *r, size_t line, size_t device, size_t network, double ms)
{
    onp_networks *nets = r->nets;
    onp_error why = {0};
    if (ms >= -1 && ms <= -1)
        return;
    if (onp_import_check_ms(nets->devices[device], ms, &why) != ONP_OK)
        problem(r, line, "%s", why.msg);
    else
        nets->ns[device * nets->n + network] = round(ms * 1e6);
}

static onp_status make_times(reader *r)
{
    onp_networks *nets = r->nets;
    nets->ns = onp_alloc(nets->ctx, nets->n * nets->n_devices, sizeof *nets->ns);
    return nets->ns != NULL ? ONP_OK : no_memory(r);
}

/* ---- CSV ---- */

enum { MAX_LINE = 4096, MAX_FIELDS = ONP_NETWORKS_MAX_DEVICES + 5 };

/* Cuts a line at its commas. */
static int split(char *line, char *fields[MAX_FIELDS])
{
    int n = 0;
    for (char *p = line; p != NULL && n < MAX_FIELDS;) {
        fields[n++] = p;
        p = strchr(p, ',');
        if (p != NULL)
            *p++ = '\0';
    }
    return n;
}

static onp_status read_heading(reader *r, char *fields[MAX_FIELDS], int n, int *first_device)
{
    static const char *const ofa[] = {"index", "r", "d", "ks", "e"};
    bool is_ofa = n > 5;
    for (int i = 0; is_ofa && i < 5; i++)
        is_ofa = strcmp(fields[i], ofa[i]) == 0;
    if (n > 1 && strcmp(fields[0], "index") == 0 && strcmp(fields[1], "onehot31") == 0)
        return onp_fail(r->err, ONP_E_FORMAT,
                        "%s: networks of NAS-Bench-201, which are of no space of blocks", r->file);
    if (!is_ofa && (n < 3 || strcmp(fields[0], "index") != 0 || strcmp(fields[1], "ops") != 0))
        return onp_fail(r->err, ONP_E_FORMAT,
                        "%s:1: error: wanted the heading \"index,ops,DEVICE...\" or "
                        "\"index,r,d,ks,e,DEVICE...\"",
                        r->file);
    set_space(r->nets, is_ofa);
    *first_device = is_ofa ? 5 : 2;
    r->nets->devices = onp_alloc(r->nets->ctx, ONP_NETWORKS_MAX_DEVICES, sizeof(char *));
    if (r->nets->devices == NULL)
        return no_memory(r);
    for (int i = *first_device; i < n; i++)
        ONP_TRY(add_device(r, fields[i]));
    return ONP_OK;
}

/* The next line of *text, NUL-terminated; false at the end. */
static bool next_line(char **text, char **line)
{
    *line = *text;
    if (**text == '\0')
        return false;
    *text += strcspn(*text, "\n");
    if (**text != '\0')
        *(*text)++ = '\0';
    const size_t n = strcspn(*line, "\r");
    (*line)[n] = '\0';
    return true;
}

static onp_status read_networks(reader *r, char *text, int n_fields, int first_device)
{
    char *line = NULL, *fields[MAX_FIELDS] = {0}, copy[MAX_LINE];
    for (size_t number = 2; next_line(&text, &line); number++) {
        if (strlen(line) >= sizeof copy)
            return onp_fail(r->err, ONP_E_FORMAT, "%s:%zu: error: a line of more than 4095 bytes",
                            r->file, number);
        (void)snprintf(copy, sizeof copy, "%s", line);
        const int n = split(copy, fields);
        if (n != n_fields)
            problem(r, number, "has %d fields, wanted %d", n, n_fields);
        else if (first_device == 2)
            ONP_TRY(add_fbnet(r, number, fields[1]));
        else
            ONP_TRY(
                add_ofa(r, number, strtol(fields[1], NULL, 10), fields[2], fields[3], fields[4]));
    }
    return ONP_OK;
}

/* The lines are those that read_networks() took. */
static void read_times(reader *r, char *text, int first_device)
{
    char *line = NULL, *fields[MAX_FIELDS] = {0};
    for (size_t i = 0; i < r->nets->n && next_line(&text, &line); i++) {
        (void)split(line, fields);
        for (size_t d = 0; d < r->nets->n_devices; d++) {
            double ms = 0;
            if (onp_import_read_real(fields[(size_t)first_device + d], &ms))
                set_time(r, i + 2, d, i, ms);
            else
                problem(r, i + 2, "the time is \"%.40s\", wanted a finite number",
                        fields[(size_t)first_device + d]);
        }
    }
}

/* text is changed. next_line() cuts it, so times are read from a copy. */
static onp_status read_csv(reader *r, char *text)
{
    char *line = NULL, *fields[MAX_FIELDS] = {0}, *rest = text;
    int first_device = 0;
    if (!next_line(&rest, &line))
        return onp_fail(r->err, ONP_E_FORMAT, "%s: is empty", r->file);
    const int n = split(line, fields);
    if (n == MAX_FIELDS)
        return onp_fail(r->err, ONP_E_FORMAT, "%s: more than %d devices", r->file,
                        ONP_NETWORKS_MAX_DEVICES);
    ONP_TRY(read_heading(r, fields, n, &first_device));
    char *copy = onp_strdup(r->nets->ctx, rest);
    if (copy == NULL)
        return no_memory(r);
    onp_status st = read_networks(r, rest, n, first_device);
    if (st == ONP_OK && r->nets->n > 0 && r->n_problems == 0) {
        st = make_times(r);
        if (st == ONP_OK)
            read_times(r, copy, first_device);
    }
    onp_free(r->nets->ctx, copy);
    return st;
}

/* ---- .pt ---- */

/* A list of small numbers as digits. */
static bool to_digits(const json_t *list, char *text, size_t size)
{
    const size_t n = json_array_size(list);
    if (n == 0 || n >= size)
        return false;
    for (size_t i = 0; i < n; i++) {
        const json_int_t v = json_integer_value(json_array_get(list, i));
        if (!json_is_integer(json_array_get(list, i)) || v < 0 || v > 9)
            return false;
        text[i] = (char)('0' + v);
    }
    text[n] = '\0';
    return true;
}

static onp_status add_pickled(reader *r, size_t line, const json_t *value, bool ofa)
{
    char d[MAX_TEXT], ks[MAX_TEXT], e[MAX_TEXT];
    if (!ofa && to_digits(value, d, sizeof d))
        return add_fbnet(r, line, d);
    const json_t *size = json_object_get(value, "r");
    if (json_is_array(size)) /* [204] in some */
        size = json_array_get(size, 0);
    if (ofa && json_is_integer(size) && to_digits(json_object_get(value, "d"), d, sizeof d) &&
        to_digits(json_object_get(value, "ks"), ks, sizeof ks) &&
        to_digits(json_object_get(value, "e"), e, sizeof e))
        return add_ofa(r, line, (long)json_integer_value(size), d, ks, e);
    problem(r, line, "is no network, wanted a list of digits, or r, d, ks and e");
    return ONP_OK;
}

static onp_status load_pickle(reader *r, const char *path, json_t **out)
{
    char *data = NULL;
    size_t size = 0;
    *out = NULL;
    onp_status st = onp_file_read(r->nets->ctx, path, ONP_PICKLE_MAX_BYTES, &data, &size, r->err);
    if (st != ONP_OK)
        return st == ONP_E_IO ? onp_import_unreadable(r->err) : st;
    st = onp_pickle_load(r->nets->ctx, path, data, size, out, r->err);
    onp_free(r->nets->ctx, data);
    return st;
}

/* The file of networks: a pickle of a list of lists, or of a dict with "arch". */
static onp_status read_archs(reader *r, const json_t *root)
{
    const json_t *list = json_is_object(root) ? json_object_get(root, "arch") : root, *value;
    const bool ofa = json_is_object(json_array_get(list, 0));
    size_t i = 0;
    set_space(r->nets, ofa);
    json_array_foreach(list, i, value) ONP_TRY(add_pickled(r, i + 1, value, ofa));
    return ONP_OK;
}

static bool is_archs(const json_t *root)
{
    const json_t *list = json_is_object(root) ? json_object_get(root, "arch") : root;
    const json_t *first = json_array_get(list, 0);
    return json_is_object(first) || json_is_array(first);
}

static void read_device(reader *r, size_t device, const json_t *root)
{
    const json_t *value;
    size_t i = 0;
    if (json_array_size(root) != r->nets->n) {
        problem(r, 1, "has %zu times, wanted one for each of %zu networks", json_array_size(root),
                r->nets->n);
        return;
    }
    json_array_foreach(root, i, value) if (json_is_number(value))
        set_time(r, i + 1, device, i, json_number_value(value));
    else problem(r, i + 1, "is no number");
}

/* ---- folders ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of the .pt files of a folder without their ending, sorted; at most as many as there can be
 * devices. */
static onp_status list_pickles(reader *r, const char *folder, char **names, size_t *n)
{
    DIR *d = opendir(folder);
    *n = 0;
    if (d == NULL)
        return onp_fail(r->err, ONP_E_FORMAT, "%s: %s", folder, strerror(errno));
    onp_status st = ONP_OK;
    for (const struct dirent *e; st == ONP_OK && (e = readdir(d)) != NULL;) {
        const size_t length = strlen(e->d_name);
        if (length < 4 || strcmp(e->d_name + length - 3, ".pt") != 0)
            continue;
        if (*n == ONP_NETWORKS_MAX_DEVICES)
            st = onp_fail(r->err, ONP_E_FORMAT, "%s: more than %d .pt files", folder,
                          ONP_NETWORKS_MAX_DEVICES);
        else if ((names[*n] = onp_strdup(r->nets->ctx, e->d_name)) == NULL)
            st = no_memory(r);
        else
            names[(*n)++][length - 3] = '\0';
    }
    (void)closedir(d);
    if (*n > 0)
        qsort(names, *n, sizeof *names, by_text);
    return st;
}

static onp_status join(reader *r, char out[PATH_MAX], const char *folder, const char *name,
                       const char *suffix)
{
    const int n = snprintf(out, PATH_MAX, "%s/%s%s", folder, name, suffix);
    return n < PATH_MAX ? ONP_OK
                        : onp_fail(r->err, ONP_E_FORMAT, "%s: the path is too long", folder);
}

/* The .pt file of the folder that holds networks. */
static onp_status find_archs(reader *r, const char *folder)
{
    char *names[ONP_NETWORKS_MAX_DEVICES] = {0}, path[PATH_MAX];
    size_t n = 0;
    bool found = false;
    onp_status st = list_pickles(r, folder, names, &n);
    for (size_t i = 0; i < n && st == ONP_OK && !found; i++) {
        json_t *root = NULL;
        st = join(r, path, folder, names[i], ".pt");
        if (st == ONP_OK)
            st = load_pickle(r, path, &root);
        found = st == ONP_OK && is_archs(root);
        if (found)
            st = read_archs(r, root);
        json_decref(root);
    }
    for (size_t i = 0; i < n; i++)
        onp_free(r->nets->ctx, names[i]);
    if (st == ONP_OK && !found)
        st = onp_fail(r->err, ONP_E_FORMAT, "%s: no .pt file of networks", folder);
    return st;
}

static onp_status read_devices(reader *r, const char *folder)
{
    onp_networks *nets = r->nets;
    char path[PATH_MAX];
    nets->devices = onp_alloc(nets->ctx, ONP_NETWORKS_MAX_DEVICES, sizeof(char *));
    if (nets->devices == NULL)
        return no_memory(r);
    ONP_TRY(list_pickles(r, folder, nets->devices, &nets->n_devices));
    if (nets->n_devices == 0 || nets->n == 0)
        return ONP_OK;
    ONP_TRY(make_times(r));
    for (size_t d = 0; d < nets->n_devices; d++) {
        json_t *root = NULL;
        ONP_TRY(join(r, path, folder, nets->devices[d], ".pt"));
        ONP_TRY(load_pickle(r, path, &root));
        r->file = path;
        read_device(r, d, root);
        r->file = folder;
        json_decref(root);
    }
    return ONP_OK;
}

static onp_status read_folder(reader *r, const char *folder)
{
    char latency[PATH_MAX];
    ONP_TRY(join(r, latency, folder, "latency", ""));
    ONP_TRY(find_archs(r, folder));
    onp_status st = read_devices(r, latency);
    r->file = folder;
    return st;
}

/* ---- the call ---- */

static onp_status read_file(reader *r, const char *path)
{
    char *text = NULL;
    size_t size = 0;
    onp_status st = onp_file_read(r->nets->ctx, path, ONP_IMPORT_MAX_BYTES, &text, &size, r->err);
    if (st != ONP_OK)
        return st == ONP_E_IO ? onp_import_unreadable(r->err) : st;
    if (memchr(text, '\0', size) != NULL)
        st = onp_fail(r->err, ONP_E_FORMAT, "%s: a NUL byte, wanted a CSV", path);
    else
        st = read_csv(r, text);
    onp_free(r->nets->ctx, text);
    return st;
}

static onp_status settle(const reader *r)
{
    if (r->n_problems == 1)
        return onp_fail(r->err, ONP_E_FORMAT, "%s", r->first.msg);
    if (r->n_problems > 1)
        return onp_fail(r->err, ONP_E_FORMAT, "%zu bad rows, nothing imported; the first: %s",
                        r->n_problems, r->first.msg);
    if (r->nets->n == 0 || r->nets->n_devices == 0)
        return onp_fail(r->err, ONP_E_FORMAT, "%s: no networks, or no device", r->file);
    return ONP_OK;
}

onp_status onp_import_networks(const onp_context *ctx, const char *path, onp_strbuf *problems,
                               onp_networks **out, onp_error *err)
{
    struct stat info;
    *out = NULL;
    if (stat(path, &info) != 0)
        return onp_fail(err, ONP_E_FORMAT, "%s: %s", path, strerror(errno));
    reader r = {.file = path, .problems = problems, .err = err};
    r.nets = onp_alloc(ctx, 1, sizeof *r.nets);
    if (r.nets == NULL)
        return no_memory(&r);
    r.nets->ctx = ctx;
    onp_status st = S_ISDIR(info.st_mode) ? read_folder(&r, path) : read_file(&r, path);
    if (st == ONP_OK)
        st = settle(&r);
    if (st == ONP_OK)
        *out = r.nets;
    else
        onp_networks_free(r.nets);
    return st;
}

void onp_networks_free(onp_networks *nets)
{
    if (nets == NULL)
        return;
    for (size_t i = 0; nets->encodings != NULL && i < nets->n; i++)
        onp_free(nets->ctx, nets->encodings[i]);
    for (size_t i = 0; nets->devices != NULL && i < nets->n_devices; i++)
        onp_free(nets->ctx, nets->devices[i]);
    for (size_t i = 0; nets->blocks != NULL && i < nets->n; i++)
        onp_free(nets->ctx, nets->blocks[i]);
    onp_free(nets->ctx, nets->encodings);
    onp_free(nets->ctx, nets->blocks);
    onp_free(nets->ctx, nets->n_blocks);
    onp_free(nets->ctx, nets->codes);
    onp_free(nets->ctx, nets->devices);
    onp_free(nets->ctx, nets->ns);
    onp_free(nets->ctx, nets);
}
