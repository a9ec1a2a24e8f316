/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables that onepath exported (export.h), as JSON lines or YAML. Both are taken as named members
 * with scalar values: those of "onepath_table" come first, then those of each block and network.
 * The blocks of a network are one text here, "stem in=...; mbconv in=...". Version 1 had neither
 * networks nor methods.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/yaml.h"
#include "latency/table/export.h"
#include "latency/table/import_internal.h"

#define HEAD      "onepath_table"
#define NETWORK   "network"
#define MAX_NS    ((int64_t)(ONP_IMPORT_MAX_MS * 1e6))
#define MAX_COUNT ((int64_t)1000000000)

#define MAX_BLOCKS 4096 /* more than any network has */
#define MAX_TEXT   1000

typedef enum member {
    MEDIAN,
    N,
    CV,
    QUALITY,
    LO,
    HI,
    NORMALIZED,
    SOURCE,
    METHOD,
    BLOCKS,
    TEXT,
    SPACE,
    N_MEMBERS
} member;
static const struct {
    const char *name;
    bool row, network; /* where it may stand */
} members[N_MEMBERS] = {
    [MEDIAN] = {"median_ns", true, true},
    [N] = {"n", true, true},
    [CV] = {"cv", true, true},
    [QUALITY] = {"quality", true, true},
    [LO] = {"lo_ns", true, false},
    [HI] = {"hi_ns", true, false},
    [NORMALIZED] = {"normalized_median_ns", true, false},
    [SOURCE] = {"source", true, false},
    [METHOD] = {"method", true, false},
    [BLOCKS] = {"blocks", false, true},
    [TEXT] = {"text", false, true},
    [SPACE] = {"space", false, true},
};

typedef struct reader {
    onp_import_sink *sink;
    onp_import_network net; /* net.row: a block's row too */
    bool is_network;
    onp_estimate_source source;
    bool seen[N_MEMBERS];
    bool head_done, in_head, open, bad; /* in_head: of HEAD; open: a row or network has begun; bad:
                                           it has a problem already */
    size_t n_begun[2];                  /* rows, networks */
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
    if (strcmp(name, "version") == 0 && strcmp(text, "1") != 0 && strcmp(text, "2") != 0)
        return onp_fail(err, ONP_E_FORMAT, "%s: " HEAD ": version is \"%.40s\", wanted 1 or 2",
                        r->sink->file, text);
    if (strcmp(name, "unit") == 0 && strcmp(text, "ns") != 0)
        return onp_fail(err, ONP_E_FORMAT, "%s: " HEAD ": unit is \"%.40s\", wanted ns",
                        r->sink->file, text);
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

/* ---- rows and networks ---- */

static void begin(reader *r, bool is_network, int line, int column)
{
    onp_import_network_clear(r->sink->ctx, &r->net);
    r->net.row = (onp_import_row){.line = line, .column = column, .count = 1};
    memset(r->seen, 0, sizeof r->seen);
    r->source = ONP_SOURCE_IMPORTED;
    r->is_network = is_network;
    r->open = true;
    r->bad = false;
    r->n_begun[is_network]++;
}

static void begin_row(reader *r, const char *key, int line, int column)
{
    onp_block block;
    onp_error why = {0};
    begin(r, false, line, column);
    if (onp_block_parse(key, &block, &why) != ONP_OK) {
        onp_import_problem(r->sink, line, column, "%s", why.msg);
        r->bad = true;
    } else if (onp_block_is_free(&block)) {
        onp_import_problem(r->sink, line, column, "%.120s costs nothing and has no row", key);
        r->bad = true;
    } else {
        onp_block_key(&block, r->net.row.key);
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

static bool is_text(const char *text, size_t most)
{
    return text[0] != '\0' && strlen(text) <= most && onp_text_is_plain(text);
}

/* "KEY; KEY; ...": how many keys */
static size_t count_keys(const char *text)
{
    size_t n = 1;
    while ((text = strchr(text, ';')) != NULL) {
        text++;
        n++;
    }
    return n;
}

/* What is wrong, NULL when nothing is; why: more of it. */
static const char *read_blocks(reader *r, const char *text, onp_error *why)
{
    const size_t n = count_keys(text);
    if (n > MAX_BLOCKS)
        return "wanted at most 4096 blocks";
    onp_free(r->sink->ctx, r->net.blocks);
    r->net.blocks = onp_alloc(r->sink->ctx, n, sizeof *r->net.blocks);
    r->net.n_blocks = 0;
    if (r->net.blocks == NULL) {
        (void)onp_fail(why, ONP_E_NOMEM, "%s: out of memory", r->sink->file);
        return why->msg;
    }
    for (size_t i = 0; i < n; i++) {
        char key[ONP_BLOCK_KEY];
        const size_t length = strcspn(text, ";");
        (void)snprintf(key, sizeof key, "%.*s", length < sizeof key ? (int)length : 0, text);
        if (onp_block_parse(key, &r->net.blocks[i], why) != ONP_OK)
            return why->msg;
        text += length + strspn(text + length, "; ");
    }
    r->net.n_blocks = (int32_t)n;
    return NULL;
}

static const char *read_string(reader *r, const char *text, char **out, onp_error *why)
{
    if (!is_text(text, MAX_TEXT))
        return "wanted a plain text of 1 to 1000 bytes";
    onp_free(r->sink->ctx, *out);
    *out = onp_strdup(r->sink->ctx, text);
    if (*out == NULL)
        (void)onp_fail(why, ONP_E_NOMEM, "%s: out of memory", r->sink->file);
    return *out != NULL ? NULL : why->msg;
}

/* What is wrong with a member, NULL when nothing is; why: ONP_E_NOMEM, or a text that lasts. */
static const char *read_member(reader *r, member m, const char *text, onp_error *why)
{
    onp_import_row *row = &r->net.row;
    switch (m) {
    case MEDIAN:
        return read_int(text, 1, MAX_NS, &row->mean_ns) ? NULL : "wanted nanoseconds from 1";
    case LO:
        return read_int(text, 0, MAX_NS, &row->lo_ns) ? NULL : "wanted nanoseconds from 0";
    case HI:
        return read_int(text, 1, MAX_NS, &row->hi_ns) ? NULL : "wanted nanoseconds from 1";
    case NORMALIZED:
        return read_int(text, 1, MAX_NS, &row->normalized_ns) ? NULL : "wanted nanoseconds from 1";
    case N:
        return read_int(text, 1, MAX_COUNT, &row->count) ? NULL : "wanted a count from 1";
    case CV:
        return onp_import_read_real(text, &row->cv) && row->cv >= 0 && row->cv <= 1e6
                   ? NULL
                   : "wanted a number from 0";
    case SOURCE:
        for (int i = 0; i < ONP_SOURCE_DEFINITION; i++)
            if (strcmp(text, onp_estimate_source_name((onp_estimate_source)i)) == 0) {
                r->source = (onp_estimate_source)i;
                return NULL;
            }
        return "wanted measured, imported, interpolated, modelled or transferred";
    case QUALITY:
        for (int i = 0; i < ONP_QUALITY_FAILED; i++)
            if (strcmp(text, onp_quality_name((onp_quality)i)) == 0) {
                row->quality = (onp_quality)i;
                return NULL;
            }
        return "wanted ok, noisy, throttled or bimodal";
    case METHOD:
        (void)snprintf(row->method, sizeof row->method, "%s", text);
        return is_text(text, ONP_ESTIMATE_TEXT - 1) ? NULL
                                                    : "wanted a plain text of 1 to 119 bytes";
    case BLOCKS:
        return read_blocks(r, text, why);
    case TEXT:
        return read_string(r, text, &r->net.text, why);
    case SPACE:
        return read_string(r, text, &r->net.space, why);
    case N_MEMBERS:
        break;
    }
    return NULL;
}

static onp_status take_member(reader *r, const char *name, const char *text, int line, int column,
                              onp_error *err)
{
    onp_error why = {0};
    int m = 0;
    if (r->bad)
        return ONP_OK;
    while (m < N_MEMBERS && (strcmp(name, members[m].name) != 0 ||
                             !(r->is_network ? members[m].network : members[m].row)))
        m++;
    r->bad = m == N_MEMBERS;
    if (r->bad) {
        onp_import_problem(r->sink, line, column, "unknown member \"%.40s\"", name);
        return ONP_OK;
    }
    const char *wrong =
        text != NULL ? read_member(r, (member)m, text, &why) : "wanted a single value";
    if (why.status == ONP_E_NOMEM)
        return onp_fail(err, ONP_E_NOMEM, "%s", why.msg);
    r->seen[m] = true;
    r->bad = wrong != NULL;
    if (r->bad)
        onp_import_problem(r->sink, line, column, "%s is \"%.40s\", %s", name,
                           text != NULL ? text : "(a list or map)", wrong);
    return ONP_OK;
}

static const char *check_row(const reader *r)
{
    const onp_import_row *row = &r->net.row;
    if (!r->seen[MEDIAN])
        return "median_ns is missing";
    if (!r->seen[QUALITY])
        return "quality is missing";
    if (r->seen[LO] != r->seen[HI])
        return "one of lo_ns and hi_ns is missing";
    if (r->seen[LO] && (row->lo_ns > row->mean_ns || row->hi_ns < row->mean_ns))
        return "median_ns is not between lo_ns and hi_ns";
    if (r->is_network && r->seen[BLOCKS] == r->seen[TEXT])
        return "wanted one of blocks and text";
    if (r->seen[TEXT] && !r->seen[SPACE])
        return "text without space";
    return NULL;
}

/* "modelled, model of 61 rows": what an imported row was before. */
static void note_source(reader *r)
{
    char *method = r->net.row.method, all[2 * ONP_ESTIMATE_TEXT];
    if (r->source == ONP_SOURCE_IMPORTED)
        return;
    (void)snprintf(all, sizeof all, "%s%s%s", onp_estimate_source_name(r->source),
                   method[0] != '\0' ? ", " : "", method);
    onp_text_make_plain(all, method, ONP_ESTIMATE_TEXT); /* not cut inside a character */
}

static onp_status end_row(reader *r, onp_error *err)
{
    const bool good = r->open && !r->bad;
    const char *wrong = good ? check_row(r) : NULL;
    r->open = false;
    if (wrong != NULL)
        onp_import_problem(r->sink, r->net.row.line, r->net.row.column, "%s: %s",
                           r->is_network ? "network" : r->net.row.key, wrong);
    if (!good || wrong != NULL)
        return ONP_OK;
    note_source(r);
    return r->is_network ? onp_import_add_network(r->sink, &r->net, err)
                         : onp_import_add(r->sink, &r->net.row, err);
}

/* Heads of earlier versions do not say how much follows. */
static onp_status check_counts(const reader *r, onp_error *err)
{
    static const char *const names[] = {"rows", "networks"};
    for (int i = 0; i < 2; i++) {
        const char *text = json_string_value(json_object_get(r->sink->origin, names[i]));
        if (text != NULL && strtoull(text, NULL, 10) != r->n_begun[i])
            return onp_fail(err, ONP_E_FORMAT,
                            "%s: has %zu %s, wanted the %.20s of its " HEAD ": was it cut short?",
                            r->sink->file, r->n_begun[i], names[i], text);
    }
    return ONP_OK;
}

/* ---- YAML ---- */

static onp_status visit(void *user, const char *key, const char *child, const char *scalar,
                        int line, int column, onp_error *err)
{
    reader *r = user;
    if (child != NULL && r->in_head)
        return head_member(r, child, scalar != NULL ? scalar : "", err);
    if (child != NULL)
        return take_member(r, child, scalar, line, column, err);
    ONP_TRY(end_head(r, err));
    ONP_TRY(end_row(r, err));
    if (!r->head_done)
        return strcmp(key, HEAD) == 0 ? begin_head(r, err) : no_head(r, err);
    if (strncmp(key, NETWORK " ", sizeof NETWORK) == 0)
        begin(r, true, line, column);
    else
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
    if (st == ONP_OK)
        st = check_counts(&r, err);
    onp_import_network_clear(sink->ctx, &r.net);
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

/* A list of blocks is one text in YAML. */
static onp_status line_member(reader *r, const char *name, const json_t *value, int number,
                              onp_error *err)
{
    onp_strbuf list;
    char buffer[40];
    if (strcmp(name, members[BLOCKS].name) != 0 || json_array_size(value) == 0) /* 0: no array */
        return take_member(r, name, scalar_text(value, buffer), number, 1, err);
    onp_strbuf_init(&list, r->sink->ctx);
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *text = scalar_text(json_array_get(value, i), buffer);
        onp_strbuf_addf(&list, "%s%s", i > 0 ? "; " : "", text != NULL ? text : "?");
    }
    onp_status st = onp_strbuf_status(&list, err);
    if (st == ONP_OK)
        st = take_member(r, name, list.text, number, 1, err);
    onp_strbuf_reset(&list);
    return st;
}

static onp_status line_row(reader *r, json_t *object, int number, onp_error *err)
{
    const char *key = json_string_value(json_object_get(object, "block")), *name;
    const bool is_network = key == NULL && json_object_get(object, NETWORK) != NULL;
    json_t *value;
    if (key == NULL && !is_network) {
        onp_import_problem(r->sink, number, 1, "\"block\" is missing or no text");
        return ONP_OK;
    }
    if (is_network)
        begin(r, true, number, 1);
    else
        begin_row(r, key, number, 1);
    json_object_foreach(object, name, value)
    {
        if (strcmp(name, is_network ? NETWORK : "block") != 0)
            ONP_TRY(line_member(r, name, value, number, err));
    }
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
        if (sscanf(why.msg, ":1:%9d: %n", &column, &used) < 1)
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
    const char *const end = text + onp_import_size(text, size);
    onp_status st = ONP_OK;
    for (int number = 1; text < end && st == ONP_OK; number++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const size_t n = (size_t)((newline != NULL ? newline : end) - text);
        st = read_line(&r, text, n, number, err);
        text += n + (newline != NULL);
    }
    if (st == ONP_OK)
        st = check_counts(&r, err);
    onp_import_network_clear(sink->ctx, &r.net);
    return st;
}

const onp_importer onp_import_jsonl = {.format = "jsonl", .unit = "ns", .parse = parse_jsonl};
const onp_importer onp_import_yaml = {.format = "yaml", .unit = "ns", .parse = parse_yaml};
