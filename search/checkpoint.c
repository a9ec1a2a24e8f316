/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A checkpoint: one safetensors file, replaced atomically. Metadata: the cursor and the hash of
 * what it belongs to. Tensors: weights and momentum of every candidate that is alive, alpha and
 * Adam's second moments of every position, statistics of batch norms where training keeps them.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/safetensors.h"
#include "search/trainer.h"

#define FORMAT "onepath-checkpoint-1"

typedef struct cursor_field {
    const char *name;
    size_t offset;
    bool real;
} cursor_field;

static const cursor_field cursor_fields[] = {
    {"stage", offsetof(onp_cursor, stage), false},
    {"epoch", offsetof(onp_cursor, epoch), false},
    {"batch", offsetof(onp_cursor, batch), false},
    {"tick", offsetof(onp_cursor, tick), false},
    {"loss_sum", offsetof(onp_cursor, loss_sum), true},
    {"hits", offsetof(onp_cursor, hits), false},
    {"images", offsetof(onp_cursor, images), false},
    {"arch_loss_sum", offsetof(onp_cursor, arch_loss_sum), true},
    {"arch_steps", offsetof(onp_cursor, arch_steps), false},
};

static void tensor_name(char name[64], const char *what, int32_t position, int candidate)
{
    (void)snprintf(name, 64, "%s.%d.%d", what, position, candidate);
}

static onp_status save_meta(const onp_trainer *t, onp_st_writer *w, onp_error *err)
{
    char text[64];
    ONP_TRY(onp_st_writer_meta(w, "format", FORMAT, err));
    ONP_TRY(onp_st_writer_meta(w, "belongs_to", t->net_hash, err));
    (void)snprintf(text, sizeof text, "%" PRId64, t->net->n_arch_steps);
    ONP_TRY(onp_st_writer_meta(w, "n_arch_steps", text, err));
    for (size_t i = 0; i < ONP_COUNT(cursor_fields); i++) {
        const cursor_field *f = &cursor_fields[i];
        const char *at = (const char *)&t->cursor + f->offset;
        if (f->real) /* hexadecimal: every bit */
            (void)snprintf(text, sizeof text, "%a", *(const double *)(const void *)at);
        else
            (void)snprintf(text, sizeof text, "%" PRId64, *(const int64_t *)(const void *)at);
        ONP_TRY(onp_st_writer_meta(w, f->name, text, err));
    }
    return ONP_OK;
}

static onp_status save_tensors(const onp_trainer *t, onp_st_writer *w, onp_error *err)
{
    const onp_supernet *net = t->net;
    char name[64];
    if (t->stats != NULL)
        ONP_TRY(onp_st_writer_add(w, "statistics", ONP_ST_F32, &t->n_stats, 1, t->stats, err));
    for (int32_t i = 0; i < net->n_positions; i++) {
        const int64_t n = net->positions[i].n;
        tensor_name(name, "alpha", i, 0);
        ONP_TRY(onp_st_writer_add(w, name, ONP_ST_F64, &n, 1, net->alpha[i], err));
        tensor_name(name, "second", i, 0);
        ONP_TRY(onp_st_writer_add(w, name, ONP_ST_F64, &n, 1, net->second[i], err));
        for (int c = 0; c < n; c++) {
            const onp_slab *slab = &net->slabs[i][c];
            const uint8_t *alive = (const uint8_t *)&net->alive[i][c];
            const int64_t one = 1;
            tensor_name(name, "alive", i, c);
            ONP_TRY(onp_st_writer_add(w, name, ONP_ST_U8, &one, 1, alive, err));
            if (slab->weights == NULL || !net->alive[i][c])
                continue;
            tensor_name(name, "weights", i, c);
            ONP_TRY(onp_st_writer_add(w, name, ONP_ST_F32, &slab->floats, 1, slab->weights, err));
            tensor_name(name, "momentum", i, c);
            ONP_TRY(onp_st_writer_add(w, name, ONP_ST_F32, &slab->floats, 1, slab->momentum, err));
        }
    }
    return ONP_OK;
}

/* Weights in a file pass through memory one candidate after the other: its momentum, the second of
 * its tensors, is written. */
static void written(void *user, const void *data, size_t size_bytes)
{
    onp_supernet *net = user;
    (void)size_bytes;
    for (int32_t i = 0; i < net->n_positions; i++)
        for (int c = 0; c < net->positions[i].n; c++)
            if (net->slabs[i][c].weights != NULL && net->slabs[i][c].momentum == data)
                onp_supernet_unuse(net, i, c);
}

onp_status onp_trainer_save(onp_trainer *t, onp_error *err)
{
    onp_st_writer *w = NULL;
    ONP_TRY(onp_st_writer_new(t->ctx, t->checkpoint_path, &w, err));
    onp_st_writer_on_written(w, written, t->net);
    onp_status st = save_meta(t, w, err);
    if (st == ONP_OK)
        st = save_tensors(t, w, err);
    if (st == ONP_OK)
        st = onp_st_writer_commit(w, err);
    onp_st_writer_free(w);
    t->last_checkpoint_ns = onp_now_ns();
    return st;
}

static onp_status meta_text(const onp_st_file *f, const char *path, const char *key,
                            const char **out, onp_error *err)
{
    *out = onp_st_meta(f, key);
    if (*out == NULL)
        return onp_fail(err, ONP_E_FORMAT, "%s: metadata \"%s\" is missing", path, key);
    return ONP_OK;
}

static onp_status meta_int(const onp_st_file *f, const char *path, const char *key, int64_t *out,
                           onp_error *err)
{
    const char *text = NULL;
    ONP_TRY(meta_text(f, path, key, &text, err));
    char *end = NULL;
    *out = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || *out < 0 || *out == INT64_MAX)
        return onp_fail(err, ONP_E_FORMAT, "%s: metadata \"%s\" is \"%.40s\", wanted a count", path,
                        key, text);
    return ONP_OK;
}

static onp_status meta_real(const onp_st_file *f, const char *path, const char *key, double *out,
                            onp_error *err)
{
    const char *text = NULL;
    ONP_TRY(meta_text(f, path, key, &text, err));
    char *end = NULL;
    *out = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(*out))
        return onp_fail(err, ONP_E_FORMAT, "%s: metadata \"%s\" is \"%.40s\", wanted a number",
                        path, key, text);
    return ONP_OK;
}

static onp_status check_format(const onp_st_file *f, const char *path, onp_error *err)
{
    const char *text = NULL;
    ONP_TRY(meta_text(f, path, "format", &text, err));
    if (strcmp(text, FORMAT) != 0)
        return onp_fail(err, ONP_E_FORMAT, "%s: format is \"%s\", wanted \"%s\"", path, text,
                        FORMAT);
    return ONP_OK;
}

static onp_status load_cursor(const onp_trainer *t, const onp_st_file *f, onp_cursor *cursor,
                              onp_error *err)
{
    const char *path = t->checkpoint_path;
    for (size_t i = 0; i < ONP_COUNT(cursor_fields); i++) {
        const cursor_field *field = &cursor_fields[i];
        char *at = (char *)cursor + field->offset;
        ONP_TRY(field->real ? meta_real(f, path, field->name, (double *)(void *)at, err)
                            : meta_int(f, path, field->name, (int64_t *)(void *)at, err));
    }
    return onp_trainer_cursor_check(t, cursor, err);
}

static onp_status load_meta(const onp_trainer *t, const onp_st_file *f, onp_cursor *cursor,
                            int64_t *n_arch_steps, onp_error *err)
{
    const char *path = t->checkpoint_path, *text = NULL;
    const int64_t planned = onp_trainer_arch_steps(t);
    ONP_TRY(check_format(f, path, err));
    ONP_TRY(meta_text(f, path, "belongs_to", &text, err));
    if (strcmp(text, t->net_hash) != 0)
        return onp_fail(err, ONP_E_FORMAT, "%s: belongs to %.16s..., this run is %.16s...", path,
                        text, t->net_hash);
    ONP_TRY(meta_int(f, path, "n_arch_steps", n_arch_steps, err));
    if (*n_arch_steps > planned)
        return onp_fail(err, ONP_E_FORMAT,
                        "%s: metadata \"n_arch_steps\" is %" PRId64 ", wanted 0..%" PRId64, path,
                        *n_arch_steps, planned);
    return load_cursor(t, f, cursor, err);
}

static onp_status load_floats(const onp_st_file *f, const char *what, int32_t position,
                              int candidate, float *to, int64_t n, onp_error *err)
{
    char name[64];
    const void *data = NULL;
    tensor_name(name, what, position, candidate);
    ONP_TRY(onp_st_find(f, name, ONP_ST_F32, &n, 1, &data, err));
    memcpy(to, data, (size_t)n * sizeof *to);
    return ONP_OK;
}

static onp_status load_candidate(onp_supernet *net, const onp_st_file *f, int32_t i, int c,
                                 onp_error *err)
{
    char name[64];
    const void *data = NULL;
    const int64_t one = 1;
    const onp_slab *slab = &net->slabs[i][c];
    tensor_name(name, "alive", i, c);
    ONP_TRY(onp_st_find(f, name, ONP_ST_U8, &one, 1, &data, err));
    net->alive[i][c] = *(const uint8_t *)data != 0;
    if (!net->alive[i][c]) {
        onp_supernet_drop(net, i, c);
        return ONP_OK;
    }
    if (slab->weights == NULL)
        return ONP_OK;
    ONP_TRY(load_floats(f, "weights", i, c, slab->weights, slab->floats, err));
    ONP_TRY(load_floats(f, "momentum", i, c, slab->momentum, slab->floats, err));
    onp_supernet_use(net, i, c);
    return ONP_OK;
}

/* Finite numbers from `least` up: what is not would turn every probability into NaN. */
static onp_status load_doubles(const onp_st_file *f, const char *path, const char *what, int32_t i,
                               int64_t n, double least, double *to, onp_error *err)
{
    char name[64];
    const void *data = NULL;
    tensor_name(name, what, i, 0);
    ONP_TRY(onp_st_find(f, name, ONP_ST_F64, &n, 1, &data, err));
    memcpy(to, data, (size_t)n * sizeof *to);
    for (int64_t k = 0; k < n; k++)
        if (!isfinite(to[k]) || to[k] < least)
            return onp_fail(err, ONP_E_FORMAT, "%s: %s[%" PRId64 "] is %g, wanted a number%s", path,
                            name, k, to[k], least == 0 ? " that is not negative" : "");
    return ONP_OK;
}

static onp_status load_stats(const onp_trainer *t, const onp_st_file *f, onp_error *err)
{
    const void *data = NULL;
    if (t->stats == NULL)
        return ONP_OK;
    ONP_TRY(onp_st_find(f, "statistics", ONP_ST_F32, &t->n_stats, 1, &data, err));
    memcpy(t->stats, data, (size_t)t->n_stats * sizeof *t->stats);
    return ONP_OK;
}

static onp_status load_tensors(onp_supernet *net, const onp_st_file *f, const char *path,
                               onp_error *err)
{
    for (int32_t i = 0; i < net->n_positions; i++) {
        const int n = net->positions[i].n;
        ONP_TRY(load_doubles(f, path, "alpha", i, n, -HUGE_VAL, net->alpha[i], err));
        ONP_TRY(load_doubles(f, path, "second", i, n, 0, net->second[i], err));
        for (int c = 0; c < n; c++)
            ONP_TRY(load_candidate(net, f, i, c, err));
        if (onp_supernet_n_alive(net, i) == 0)
            return onp_fail(err, ONP_E_FORMAT, "%s: no candidate of position %d is alive", path,
                            (int)i);
    }
    return ONP_OK;
}

onp_status onp_trainer_load(onp_trainer *t, onp_error *err)
{
    onp_st_file *f = NULL;
    ONP_TRY(onp_st_open(t->ctx, t->checkpoint_path, &f, err));
    onp_cursor cursor = {0};
    int64_t n_arch_steps = 0;
    onp_status st = load_meta(t, f, &cursor, &n_arch_steps, err);
    if (st == ONP_OK)
        st = load_tensors(t->net, f, t->checkpoint_path, err);
    if (st == ONP_OK)
        st = load_stats(t, f, err);
    if (st == ONP_OK) {
        t->cursor = cursor;
        t->net->n_arch_steps = n_arch_steps;
    }
    onp_st_close(f);
    return st;
}

onp_status onp_checkpoint_peek(const onp_context *ctx, const char *path, onp_checkpoint_info *out,
                               onp_error *err)
{
    *out = (onp_checkpoint_info){.found = onp_file_exists(path)};
    if (!out->found)
        return ONP_OK;
    onp_st_file *f = NULL;
    ONP_TRY(onp_st_open(ctx, path, &f, err));
    int64_t stage = 0;
    const char *belongs_to = "";
    onp_status st = check_format(f, path, err);
    if (st == ONP_OK)
        st = meta_int(f, path, "stage", &stage, err);
    if (st == ONP_OK)
        st = meta_int(f, path, "tick", &out->tick, err);
    if (st == ONP_OK)
        st = meta_text(f, path, "belongs_to", &belongs_to, err);
    if (st == ONP_OK && stage > ONP_STAGE_COUNT)
        st = onp_fail(err, ONP_E_FORMAT, "%s: stage is %" PRId64 ", wanted 0..%d", path, stage,
                      (int)ONP_STAGE_COUNT);
    out->stage = (onp_stage)stage;
    (void)snprintf(out->belongs_to, sizeof out->belongs_to, "%s", belongs_to);
    onp_st_close(f);
    return st;
}
