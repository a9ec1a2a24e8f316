/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables that onepath exported (export.h), as JSON lines or YAML. Both are taken as named members
 * with scalar values: those of "onepath_table" come first, then those of each block.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/yaml.h"
#include "latency/table/export.h"
#include "latency/table/import_internal.h"

#define HEAD      "onepath_table"
#define MAX_NS    ((int64_t)(ONP_IMPORT_MAX_MS * 1e6))
#define MAX_COUNT ((int64_t)1000000000)

typedef enum member { MEDIAN, LO, HI, N, CV, SOURCE, QUALITY, N_MEMBERS } member;
static const char *const member_names[N_MEMBERS] = {"median_ns", "lo_ns",  "hi_ns",  "n",
                                                    "cv",        "source", "quality"};

typedef struct reader {
    onp_import_sink *sink;
    onp_import_row row;
    bool seen[N_MEMBERS];
    bool head_done, in_head, open, bad; /* in_head: of HEAD; open: a row has begun; bad: it has a
                                           problem already */
} reader;

/* ---- the head ---- */

static onp_status begin_head(reader *r, onp_error *err)
{
    r->in_head = true;
    r->sink->origin = json_object();
    return r->sink->origin != NULL ? ONP_OK
                                   : onp_fail(err, ONP_E_NOMEM, "%s: out of memory", r->sink->file);
}

/* version and unit must be ours; the rest is kept as it is. */
static onp_status head_member(reader *r, const char *name, const char *text, onp_error *err)
{
    static const char *const wanted[][2] = {{"version", "1"}, {"unit", "ns"}};
    for (size_t i = 0; i < ONP_COUNT(wanted); i++)
        if (strcmp(name, wanted[i][0]) == 0 && strcmp(text, wanted[i][1]) != 0)
            return onp_fail(err, ONP_E_FORMAT, "%s: " HEAD ": %s is \"%.40s\", wanted %s",
                            r->sink->file, name, text, wanted[i][1]);
    if (json_object_set_new(r->sink->origin, name, json_string(text)) != 0)
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory", r->sink->file);
    return ONP_OK;
}

static onp_status end_head(reader *r, onp_error *err)
{
    if (!r->in_head)
        return ONP_OK;
    static const char *const required[] = {"version", "unit", "device"};
    for (size_t i = 0; i < ONP_COUNT(required); i++)
        if (json_object_get(r->sink->origin, required[i]) == NULL)
            return onp_fail(err, ONP_E_FORMAT, "%s: " HEAD ": %s is missing", r->sink->file,
                            required[i]);
    r->in_head = false;
    r->head_done = true;
    return ONP_OK;
}

static onp_status no_head(const reader *r, onp_error *err)
{
    return onp_fail(err, ONP_E_FORMAT, "%s: does not begin with " HEAD ": no table of onepath",
                    r->sink->file);
}

/* ---- rows ---- */

static void begin_row(reader *r, const char *key, int line, int column)
{
    onp_block block;
    onp_error why = {0};
    r->row = (onp_import_row){.line = line, .column = column, .count = 1};
    memset(r->seen, 0, sizeof r->seen);
    r->open = true;
    r->bad = false;
    if (onp_block_parse(key, &block, &why) != ONP_OK) {
        onp_import_problem(r->sink, line, column, "%s", why.msg);
        r->bad = true;
    } else if (onp_block_is_free(&block)) {
        onp_import_problem(r->sink, line, column, "%.120s costs nothing and has no row", key);
        r->bad = true;
    } else {
        onp_block_key(&block, r->row.key);
    }
}

static bool read_int(const char *text, int64_t min, int64_t max, int64_t *out)
{
    char *end = NULL;
    if (text[0] == '\0' || strlen(text) > 18 || text[strspn(text, "0123456789")] != '\0')
        return false;
    *out = strtoll(text, &end, 10);
    return *out >= min && *out <= max;
}

/* What is wrong with a member, NULL when nothing is. */
static const char *read_member(onp_import_row *row, member m, const char *text)
{
    switch (m) {
    case MEDIAN:
        return read_int(text, 1, MAX_NS, &row->mean_ns) ? NULL : "wanted nanoseconds from 1";
    case LO:
        return read_int(text, 0, MAX_NS, &row->lo_ns) ? NULL : "wanted nanoseconds from 0";
    case HI:
        return read_int(text, 1, MAX_NS, &row->hi_ns) ? NULL : "wanted nanoseconds from 1";
    case N:
        return read_int(text, 1, MAX_COUNT, &row->count) ? NULL : "wanted a count from 1";
    case CV:
        return onp_import_read_real(text, &row->cv) && row->cv >= 0 && row->cv <= 1e6
                   ? NULL
                   : "wanted a number from 0";
    case SOURCE:
        for (int i = 0; i < ONP_SOURCE_DEFINITION; i++)
            if (strcmp(text, onp_estimate_source_name((onp_estimate_source)i)) == 0)
                return NULL;
        return "wanted measured, imported, interpolated or transferred";
    case QUALITY:
        for (int i = 0; i < ONP_QUALITY_FAILED; i++)
            if (strcmp(text, onp_quality_name((onp_quality)i)) == 0) {
                row->quality = (onp_quality)i;
                return NULL;
            }
        return "wanted ok, noisy, throttled or bimodal";
    case N_MEMBERS:
        break;
    }
    return NULL;
}

static void row_member(reader *r, const char *name, const char *text, int line, int column)
{
    if (r->bad)
        return;
    for (int i = 0; i < N_MEMBERS; i++) {
        if (strcmp(name, member_names[i]) != 0)
            continue;
        const char *wrong =
            text != NULL ? read_member(&r->row, (member)i, text) : "wanted a single value";
        r->seen[i] = true;
        r->bad = wrong != NULL;
        if (r->bad)
            onp_import_problem(r->sink, line, column, "%s is \"%.40s\", %s", name,
                               text != NULL ? text : "(a list or map)", wrong);
        return;
    }
    r->bad = true;
    onp_import_problem(r->sink, line, column, "unknown member \"%.40s\"", name);
}

static const char *check_row(const reader *r)
{
    const onp_import_row *row = &r->row;
    if (!r->seen[MEDIAN])
        return "median_ns is missing";
    if (!r->seen[QUALITY])
        return "quality is missing";
    if (r->seen[LO] != r->seen[HI])
        return "one of lo_ns and hi_ns is missing";
    if (r->seen[LO] && (row->lo_ns > row->mean_ns || row->hi_ns < row->mean_ns))
        return "median_ns is not between lo_ns and hi_ns";
    return NULL;
}

static onp_status end_row(reader *r, onp_error *err)
{
    const bool good = r->open && !r->bad;
    const char *wrong = good ? check_row(r) : NULL;
    r->open = false;
    if (wrong != NULL)
        onp_import_problem(r->sink, r->row.line, r->row.column, "%s: %s", r->row.key, wrong);
    return good && wrong == NULL ? onp_import_add(r->sink, &r->row, err) : ONP_OK;
}

/* ---- YAML ---- */

static onp_status visit(void *user, const char *key, const char *child, const char *scalar,
                        int line, int column, onp_error *err)
{
    reader *r = user;
    if (child != NULL && r->in_head)
        return head_member(r, child, scalar != NULL ? scalar : "", err);
    if (child != NULL) {
        row_member(r, child, scalar, line, column);
        return ONP_OK;
    }
    ONP_TRY(end_head(r, err));
    ONP_TRY(end_row(r, err));
    if (!r->head_done)
        return strcmp(key, HEAD) == 0 ? begin_head(r, err) : no_head(r, err);
    begin_row(r, key, line, column);
    return ONP_OK;
}

static onp_status parse_yaml(onp_import_sink *sink, const char *text, size_t size, onp_error *err)
{
    onp_yaml_doc *doc = NULL;
    reader r = {.sink = sink};
    onp_status st = onp_yaml_parse(sink->ctx, text, size, sink->file, &doc, err);
    if (st == ONP_OK)
        st = onp_yaml_walk(doc, visit, &r, err);
    if (st == ONP_OK)
        st = end_head(&r, err);
    if (st == ONP_OK)
        st = end_row(&r, err);
    onp_yaml_free(doc);
    return st == ONP_E_CONFIG ? onp_import_unreadable(err) : st;
}

/* ---- JSON lines ---- */

/* A scalar as the text that it is in YAML; NULL when it is none. */
static const char *scalar_text(const json_t *value, char buffer[40])
{
    if (json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value))
        return json_string_value(value);
    if (json_is_integer(value))
        (void)snprintf(buffer, 40, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        (void)snprintf(buffer, 40, "%.17g", json_real_value(value));
    else
        return NULL;
    return buffer;
}

static onp_status line_head(reader *r, json_t *object, onp_error *err)
{
    json_t *head = json_object_get(object, HEAD), *value;
    const char *name;
    char buffer[40];
    if (!json_is_object(head) || json_object_size(object) != 1)
        return no_head(r, err);
    ONP_TRY(begin_head(r, err));
    json_object_foreach(head, name, value)
    {
        const char *text = scalar_text(value, buffer);
        ONP_TRY(head_member(r, name, text != NULL ? text : "", err));
    }
    return end_head(r, err);
}

static onp_status line_row(reader *r, json_t *object, int number, onp_error *err)
{
    const char *key = json_string_value(json_object_get(object, "block")), *name;
    json_t *value;
    char buffer[40];
    if (key == NULL) {
        onp_import_problem(r->sink, number, 1, "\"block\" is missing or no text");
        return ONP_OK;
    }
    begin_row(r, key, number, 1);
    json_object_foreach(object, name, value) if (strcmp(name, "block") != 0)
        row_member(r, name, scalar_text(value, buffer), number, 1);
    return end_row(r, err);
}

/* A line that is no JSON object is a problem, unless it is the first. */
static onp_status read_line(reader *r, const char *text, size_t n, int number, onp_error *err)
{
    onp_error why = {0};
    json_t *object = NULL;
    onp_status st = onp_json_parse(text, n, "", &object, &why);
    if (st == ONP_OK && !json_is_object(object))
        st = onp_fail(&why, ONP_E_FORMAT, "no JSON object");
    if (st == ONP_OK)
        st = number == 1 ? line_head(r, object, err) : line_row(r, object, number, err);
    else if (st == ONP_E_FORMAT && number > 1) {
        int column = 1, used = 0; /* the message begins ":1:COLUMN: " */
        if (sscanf(why.msg, ":1:%d: %n", &column, &used) < 1)
            column = 1;
        onp_import_problem(r->sink, number, column, "%.200s", why.msg + used);
        st = ONP_OK;
    } else {
        st = st == ONP_E_FORMAT ? no_head(r, err) : onp_fail(err, st, "%s", why.msg);
    }
    json_decref(object);
    return st;
}

static onp_status parse_jsonl(onp_import_sink *sink, const char *text, size_t size, onp_error *err)
{
    reader r = {.sink = sink};
    const char *const end = text + size;
    for (int number = 1; text < end; number++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const size_t n = (size_t)((newline != NULL ? newline : end) - text);
        ONP_TRY(read_line(&r, text, n, number, err));
        text += n + (newline != NULL);
    }
    return ONP_OK;
}

const onp_importer onp_import_jsonl = {.format = "jsonl", .unit = "ns", .parse = parse_jsonl};
const onp_importer onp_import_yaml = {.format = "yaml", .unit = "ns", .parse = parse_yaml};
