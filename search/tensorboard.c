/* SPDX-License-Identifier: Apache-2.0 */
#include "search/tensorboard.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/strbuf.h"

#define PREFIX "events.out.tfevents."

enum { MAX_PATH = 1024, MAX_TAG = 200, MAX_EVENT = MAX_TAG + 64 };

struct onp_tensorboard {
    const onp_context *ctx;
    onp_rundb *db;
    int64_t last[ONP_RUNDB_SERIES_COUNT]; /* ids of the newest rows that are written */
    char path[MAX_PATH];
    int file;
    uint32_t crc_table[256];
    onp_strbuf records;
};

/* ---- CRC32C: the polynomial of Castagnoli, reflected ---- */

static void fill_crc_table(uint32_t table[256])
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++)
            c = (c & 1) != 0 ? (c >> 1) ^ 0x82f63b78U : c >> 1;
        table[i] = c;
    }
}

/* Masked: a CRC over data that hold CRCs is weak. */
static uint32_t masked_crc(const uint32_t table[256], const uint8_t *data, size_t n)
{
    uint32_t c = 0xffffffffU;
    for (size_t i = 0; i < n; i++)
        c = table[(c ^ data[i]) & 0xff] ^ (c >> 8);
    c = ~c;
    return ((c >> 15) | (c << 17)) + 0xa282ead8U;
}

/* ---- messages: field numbers of Event, Summary, Value and SessionLog ---- */

enum wire { VARINT = 0, DOUBLE = 1, BYTES = 2, FLOAT = 5 };
enum {
    EVENT_WALL_TIME = 1,
    EVENT_STEP = 2,
    EVENT_FILE_VERSION = 3,
    EVENT_SUMMARY = 5,
    EVENT_SESSION_LOG = 7,
    SUMMARY_VALUE = 1,
    VALUE_TAG = 1,
    VALUE_SIMPLE = 2,
    SESSION_STATUS = 1,
    SESSION_START = 1
};

typedef struct message {
    uint8_t bytes[MAX_EVENT];
    size_t n;
} message;

static void put_fixed(message *m, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        m->bytes[m->n++] = (uint8_t)(value >> (8 * i));
}

static void put_varint(message *m, uint64_t value)
{
    for (; value >= 128; value >>= 7)
        m->bytes[m->n++] = (uint8_t)(value | 128);
    m->bytes[m->n++] = (uint8_t)value;
}

static void put_key(message *m, int field, enum wire type)
{
    put_varint(m, (uint64_t)field << 3 | (uint64_t)type);
}

static void put_bytes(message *m, int field, const void *data, size_t n)
{
    put_key(m, field, BYTES);
    put_varint(m, n);
    memcpy(m->bytes + m->n, data, n);
    m->n += n;
}

static message event_at(int64_t step)
{
    message m = {.n = 0};
    struct timespec now;
    uint64_t bits;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    const double seconds = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    memcpy(&bits, &seconds, sizeof bits);
    put_key(&m, EVENT_WALL_TIME, DOUBLE);
    put_fixed(&m, bits, 8);
    put_key(&m, EVENT_STEP, VARINT);
    put_varint(&m, (uint64_t)step);
    return m;
}

static void add_record(onp_tensorboard *b, const message *event)
{
    message head = {.n = 0}, foot = {.n = 0};
    put_fixed(&head, event->n, 8);
    put_fixed(&head, masked_crc(b->crc_table, head.bytes, 8), 4);
    put_fixed(&foot, masked_crc(b->crc_table, event->bytes, event->n), 4);
    onp_strbuf_add(&b->records, (const char *)head.bytes, head.n);
    onp_strbuf_add(&b->records, (const char *)event->bytes, event->n);
    onp_strbuf_add(&b->records, (const char *)foot.bytes, foot.n);
}

/* The file's kind, and the step from which it replaces what others say. */
static void add_start(onp_tensorboard *b, int64_t step)
{
    static const char version[] = "brain.Event:2";
    message first = event_at(0), start = event_at(step), log = {.n = 0};
    put_bytes(&first, EVENT_FILE_VERSION, version, sizeof version - 1);
    add_record(b, &first);
    put_key(&log, SESSION_STATUS, VARINT);
    put_varint(&log, SESSION_START);
    put_bytes(&start, EVENT_SESSION_LOG, log.bytes, log.n);
    add_record(b, &start);
}

static onp_status add_scalar(void *user, int64_t tick, const char *tag, double value,
                             onp_error *err)
{
    message event = event_at(tick), summary = {.n = 0}, scalar = {.n = 0};
    const float simple = (float)value;
    const size_t n = strlen(tag);
    uint32_t bits;
    (void)err;
    memcpy(&bits, &simple, sizeof bits);
    put_bytes(&scalar, VALUE_TAG, tag, n < MAX_TAG ? n : MAX_TAG);
    put_key(&scalar, VALUE_SIMPLE, FLOAT);
    put_fixed(&scalar, bits, 4);
    put_bytes(&summary, SUMMARY_VALUE, scalar.bytes, scalar.n);
    put_bytes(&event, EVENT_SUMMARY, summary.bytes, summary.n);
    add_record(user, &event);
    return ONP_OK;
}

/* ---- files ---- */

static onp_status fail_file(const onp_tensorboard *b, onp_error *err)
{
    return onp_fail(err, ONP_E_IO, "%s: %s", b->path, strerror(errno));
}

/* How many event files the folder has. */
static onp_status count_files(const char *dir, int *out, onp_error *err)
{
    DIR *folder = opendir(dir);
    *out = 0;
    if (folder == NULL)
        return onp_fail(err, ONP_E_IO, "%s: %s", dir, strerror(errno));
    for (const struct dirent *e; (e = readdir(folder)) != NULL;)
        *out += strncmp(e->d_name, PREFIX, sizeof PREFIX - 1) == 0;
    (void)closedir(folder);
    return ONP_OK;
}

/* Readers take the files of a folder in the order of their names. */
static onp_status make_file(onp_tensorboard *b, const char *dir, int number, onp_error *err)
{
    char name[64];
    (void)snprintf(name, sizeof name, PREFIX "%010lld.onepath.%04d", (long long)time(NULL), number);
    ONP_TRY(onp_path_join(b->path, sizeof b->path, dir, name, err));
    b->file = open(b->path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
    return b->file >= 0 ? ONP_OK : fail_file(b, err);
}

static onp_status flush_records(onp_tensorboard *b, onp_error *err)
{
    ONP_TRY(onp_strbuf_status(&b->records, err));
    for (size_t done = 0; done < b->records.length;) {
        const ssize_t n = write(b->file, b->records.text + done, b->records.length - done);
        if (n < 0 && errno != EINTR)
            return fail_file(b, err);
        done += n > 0 ? (size_t)n : 0;
    }
    onp_strbuf_reset(&b->records);
    return ONP_OK;
}

onp_status onp_tensorboard_update(onp_tensorboard *b, onp_error *err)
{
    if (b == NULL)
        return ONP_OK;
    for (int i = 0; i < ONP_RUNDB_SERIES_COUNT; i++)
        ONP_TRY(
            onp_rundb_scalars_after(b->db, (onp_rundb_series)i, &b->last[i], add_scalar, b, err));
    return flush_records(b, err);
}

static onp_status skip_scalar(void *user, int64_t tick, const char *tag, double value,
                              onp_error *err)
{
    (void)user, (void)tick, (void)tag, (void)value, (void)err;
    return ONP_OK;
}

static onp_status begin(onp_tensorboard *b, const char *dir, int64_t tick, onp_error *err)
{
    int n_files = 0;
    ONP_TRY(onp_dir_make(dir, err));
    ONP_TRY(count_files(dir, &n_files, err));
    ONP_TRY(make_file(b, dir, n_files, err));
    add_start(b, n_files > 0 ? tick + 1 : 0);
    for (int i = 0; n_files > 0 && i < ONP_RUNDB_SERIES_COUNT; i++) /* these stand there already */
        ONP_TRY(
            onp_rundb_scalars_after(b->db, (onp_rundb_series)i, &b->last[i], skip_scalar, b, err));
    return onp_tensorboard_update(b, err);
}

onp_status onp_tensorboard_open(const onp_context *ctx, const char *dir, onp_rundb *db,
                                int64_t tick, onp_tensorboard **out, onp_error *err)
{
    onp_tensorboard *b = onp_alloc(ctx, 1, sizeof *b);
    *out = NULL;
    if (b == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory", dir);
    b->ctx = ctx;
    b->db = db;
    b->file = -1;
    fill_crc_table(b->crc_table);
    onp_strbuf_init(&b->records, ctx);
    onp_status st = begin(b, dir, tick, err);
    if (st == ONP_OK)
        *out = b;
    else
        onp_tensorboard_close(b);
    return st;
}

void onp_tensorboard_close(onp_tensorboard *b)
{
    if (b == NULL)
        return;
    if (b->file >= 0)
        (void)close(b->file);
    onp_strbuf_reset(&b->records);
    onp_free(b->ctx, b);
}
