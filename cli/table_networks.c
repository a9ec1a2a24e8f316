/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table_networks.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supernet/arch.h"

enum { MAX_FOLDERS = 1000 };

/* Folders of networks, by name. */
typedef struct folders {
    const onp_context *ctx;
    char *names[MAX_FOLDERS];
    size_t n;
} folders;

static bool has_network(const char *path, const char *name)
{
    char file[PATH_MAX];
    const int n = snprintf(file, sizeof file, "%s/%s/net.config", path, name);
    return name[0] != '.' && n < (int)sizeof file && onp_file_exists(file);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Those of path that hold a net.config; a path that is no folder has none. */
static onp_status list_folders(const char *path, folders *f, onp_error *err)
{
    DIR *dir = opendir(path);
    onp_status st = ONP_OK;
    for (const struct dirent *e; dir != NULL && st == ONP_OK && (e = readdir(dir)) != NULL;) {
        if (!has_network(path, e->d_name))
            continue;
        if (f->n == MAX_FOLDERS)
            st = onp_fail(err, ONP_E_FORMAT, "%s: more than %d networks", path, MAX_FOLDERS);
        else if ((f->names[f->n] = onp_strdup(f->ctx, e->d_name)) == NULL)
            st = onp_fail(err, ONP_E_NOMEM, "%s: out of memory", path);
        else
            f->n++;
    }
    if (dir != NULL)
        (void)closedir(dir);
    if (f->n > 0)
        qsort(f->names, f->n, sizeof *f->names, by_name);
    return st;
}

/* "pixel2_lat-25ms_..." is pixel2, 25; "tx2_gpu16-35ms_..." is tx2_gpu16, 35. */
static bool read_name(const char *name, char *device, size_t size, double *ms)
{
    const char *lat = strstr(name, "_lat-"), *gpu = strstr(name, "_gpu");
    const char *dash = lat != NULL ? lat + 4 : gpu != NULL ? strchr(gpu, '-') : NULL;
    const char *end = lat != NULL ? lat : dash;
    char *after = NULL;
    if (dash == NULL || end == name || (size_t)(end - name) >= size)
        return false;
    *ms = strtod(dash + 1, &after);
    (void)snprintf(device, size, "%.*s", (int)(end - name), name);
    return after != dash + 1 && strncmp(after, "ms", 2) == 0 && *ms > 0 && *ms < 1e6;
}

/* ---- one network ---- */

static onp_status join(char out[PATH_MAX], const char *path, const char *name, const char *file,
                       onp_error *err)
{
    const int n = snprintf(out, PATH_MAX, "%s/%s/%s", path, name, file);
    return n < PATH_MAX ? ONP_OK : onp_fail(err, ONP_E_FORMAT, "%s: the path is too long", path);
}

/* The network at the size of image that its run.config says. */
static onp_status load_arch(const onp_context *ctx, const char *path, const char *name,
                            onp_arch **out, onp_error *err)
{
    char net[PATH_MAX], run[PATH_MAX];
    json_t *config = NULL, *arch = NULL;
    onp_strbuf text;
    int64_t side = 0;
    onp_strbuf_init(&text, ctx);
    onp_status st = join(net, path, name, "net.config", err);
    if (st == ONP_OK)
        st = join(run, path, name, "run.config", err);
    if (st == ONP_OK)
        st = onp_json_load_file(ctx, run, ONP_MIB, &config, err);
    if (st == ONP_OK)
        st = onp_json_get_int(config, "image_size", 1, 65536, &side, run, err);
    if (st == ONP_OK)
        st = onp_json_load_file(ctx, net, 16 * ONP_MIB, &arch, err);
    if (st == ONP_OK && json_object_set_new(arch, "resolution", json_integer(side)) != 0)
        st = onp_fail(err, ONP_E_FORMAT, "%s: is no JSON object", net);
    if (st == ONP_OK)
        st = onp_json_dump(arch, 0, &text, err);
    if (st == ONP_OK)
        st = onp_arch_parse(ctx, text.text, text.length, net, out, err);
    onp_strbuf_reset(&text);
    json_decref(config);
    json_decref(arch);
    return st;
}

static onp_status copy_blocks(onp_networks *nets, const onp_arch *arch, onp_error *err)
{
    const size_t n = (size_t)arch->n_blocks;
    onp_block *blocks = onp_alloc(nets->ctx, n, sizeof *blocks);
    if (blocks == NULL)
        return onp_fail(err, ONP_E_NOMEM, "networks: out of memory");
    memcpy(blocks, arch->blocks, n * sizeof *blocks);
    nets->blocks[nets->n] = blocks;
    nets->n_blocks[nets->n] = arch->n_blocks;
    return ONP_OK;
}

static onp_status find_device(onp_networks *nets, const char *name, size_t *out, onp_error *err)
{
    for (*out = 0; *out < nets->n_devices; (*out)++)
        if (strcmp(nets->devices[*out], name) == 0)
            return ONP_OK;
    if (nets->n_devices == ONP_NETWORKS_MAX_DEVICES)
        return onp_fail(err, ONP_E_FORMAT, "networks of more than %d devices",
                        ONP_NETWORKS_MAX_DEVICES);
    nets->devices[*out] = onp_strdup(nets->ctx, name);
    if (nets->devices[*out] == NULL)
        return onp_fail(err, ONP_E_NOMEM, "networks: out of memory");
    nets->n_devices++;
    return ONP_OK;
}

/* room: how many networks there may be; a row of ns is so long until they are counted. */
static onp_status add_network(onp_networks *nets, size_t room, const char *path, const char *name,
                              onp_error *err)
{
    char device[128];
    double ms = 0;
    size_t d = 0;
    onp_arch *arch = NULL;
    if (!read_name(name, device, sizeof device, &ms)) {
        onp_log(nets->ctx, ONP_LOG_INFO, "%s: its name says no latency: passed over", name);
        return ONP_OK;
    }
    ONP_TRY(find_device(nets, device, &d, err));
    ONP_TRY(load_arch(nets->ctx, path, name, &arch, err));
    onp_status st = copy_blocks(nets, arch, err);
    if (st == ONP_OK)
        nets->ns[d * room + nets->n++] = 1e6 * ms;
    onp_arch_free(arch);
    return st;
}

/* ---- all of them ---- */

static onp_status allocate(onp_networks *nets, size_t n, onp_error *err)
{
    nets->blocks = onp_alloc(nets->ctx, n, sizeof *nets->blocks);
    nets->n_blocks = onp_alloc(nets->ctx, n, sizeof *nets->n_blocks);
    nets->devices = onp_alloc(nets->ctx, ONP_NETWORKS_MAX_DEVICES, sizeof *nets->devices);
    nets->ns = onp_alloc(nets->ctx, n * ONP_NETWORKS_MAX_DEVICES, sizeof *nets->ns);
    const bool all =
        nets->blocks != NULL && nets->n_blocks != NULL && nets->devices != NULL && nets->ns != NULL;
    return all ? ONP_OK : onp_fail(err, ONP_E_NOMEM, "networks: out of memory");
}

/* Every bad network is told; the first is the error. */
static onp_status add_networks(onp_networks *nets, const char *path, const folders *f,
                               onp_strbuf *problems, onp_error *err)
{
    size_t n_bad = 0;
    onp_error first = {0};
    ONP_TRY(allocate(nets, f->n, err));
    for (size_t i = 0; i < f->n; i++) {
        onp_error why = {0};
        onp_status st = add_network(nets, f->n, path, f->names[i], &why);
        if (st == ONP_E_NOMEM)
            return onp_fail(err, st, "%s", why.msg);
        if (st == ONP_OK)
            continue;
        onp_strbuf_addf(problems, "%s\n", why.msg);
        if (n_bad++ == 0)
            first = why;
    }
    if (n_bad > 0)
        return onp_fail(err, ONP_E_FORMAT, "%zu bad networks, nothing imported; the first: %s",
                        n_bad, first.msg);
    if (nets->n == 0)
        return onp_fail(err, ONP_E_FORMAT, "%s: no name of a folder says a latency", path);
    for (size_t d = 1; d < nets->n_devices; d++)
        memmove(nets->ns + d * nets->n, nets->ns + d * f->n, nets->n * sizeof *nets->ns);
    return ONP_OK;
}

static onp_status read_folders(onp_app *app, const char *path, const folders *f,
                               onp_strbuf *problems, onp_networks **out, onp_error *err)
{
    onp_networks *nets = onp_alloc(&app->ctx, 1, sizeof *nets);
    if (nets == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory", path);
    nets->ctx = &app->ctx;
    nets->space = "specialized";
    onp_status st = add_networks(nets, path, f, problems, err);
    if (st == ONP_OK)
        *out = nets;
    else
        onp_networks_free(nets);
    return st;
}

onp_status onp_table_read_networks(onp_app *app, const char *path, onp_networks **out,
                                   onp_error *err)
{
    onp_strbuf problems;
    *out = NULL;
    folders *f = onp_alloc(&app->ctx, 1, sizeof *f);
    if (f == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory", path);
    f->ctx = &app->ctx;
    onp_strbuf_init(&problems, &app->ctx);
    onp_status st = list_folders(path, f, err);
    if (st == ONP_OK)
        st = f->n > 0 ? read_folders(app, path, f, &problems, out, err)
                      : onp_import_networks(&app->ctx, path, &problems, out, err);
    if (st != ONP_OK)
        onp_app_report(app, &problems);
    onp_strbuf_reset(&problems);
    for (size_t i = 0; i < f->n; i++)
        onp_free(&app->ctx, f->names[i]);
    onp_free(&app->ctx, f);
    return st;
}
