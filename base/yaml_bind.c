/* SPDX-License-Identifier: Apache-2.0 */
/* Tree to struct by the table. Problems are counted and written down, and binding goes on; only a
 * lack of memory stops it. */
#include "base/yaml_doc.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/suggest.h"

/* Where we are in the document: a chain on the stack, written out only for a message. */
typedef struct place {
    const struct place *up; /* NULL: the root */
    const char *key;        /* NULL: item `index` of a list */
    size_t index;
} place;

typedef struct binder {
    const onp_yaml_doc *doc;
    onp_strbuf *problems;
    onp_error *err;
    size_t n_problems;
} binder;

enum { TEXT_MAX = 160 };

/* "search.prune", "stages.2"; "" for the root. */
static size_t write_place(const place *at, char *out, size_t size)
{
    if (at == NULL || at->up == NULL) {
        out[0] = '\0';
        return 0;
    }
    size_t used = write_place(at->up, out, size);
    const char *dot = used > 0 ? "." : "";
    int n = at->key != NULL ? snprintf(out + used, size - used, "%s%s", dot, at->key)
                            : snprintf(out + used, size - used, "%s%zu", dot, at->index);
    used += n > 0 ? (size_t)n : 0;
    return used < size ? used : size - 1;
}

static void report(binder *b, const onp_yaml_node *n, bool at_key, const char *fmt, ...)
    ONP_PRINTF(4, 5);
static void report(binder *b, const onp_yaml_node *n, bool at_key, const char *fmt, ...)
{
    if (++b->n_problems > ONP_YAML_MAX_PROBLEMS)
        return;
    onp_error line;
    char text[sizeof line.msg];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n->set_key != NULL)
        (void)onp_fail(&line, ONP_E_CONFIG, "--set %s: error: %s", n->set_key, text);
    else
        (void)onp_fail(&line, ONP_E_CONFIG, "%s:%d:%d: error: %s", b->doc->name,
                       at_key ? n->key_line : n->line, at_key ? n->key_column : n->column, text);
    if (b->n_problems == 1 && b->err != NULL)
        *b->err = line;
    if (b->problems != NULL)
        onp_strbuf_addf(b->problems, "%s\n", line.msg);
}

static void report_unknown(binder *b, const place *at, const onp_yaml_node *n,
                           const onp_yaml_field *fields)
{
    if (b->n_problems >= ONP_YAML_MAX_PROBLEMS) {
        b->n_problems++; /* without the cost of a suggestion nobody sees */
        return;
    }
    char where[TEXT_MAX], suggestion[TEXT_MAX];
    onp_suggestion near = {.seen = n->key};
    for (const onp_yaml_field *f = fields; f->key != NULL; f++)
        onp_suggest_consider(&near, f->key);
    onp_suggest_write(&near, "", suggestion, sizeof suggestion);
    size_t used = write_place(at, where, sizeof where);
    report(b, n, true, "unknown key \"%.64s\"%s%s%s", n->key, used > 0 ? " in " : "", where,
           suggestion);
}

static void describe_seen(const onp_yaml_node *n, char out[TEXT_MAX])
{
    int64_t i = 0;
    double r = 0;
    bool t = false;
    const onp_yaml_field as_int = {.type = ONP_YAML_INT}, as_real = {.type = ONP_YAML_REAL};
    const onp_yaml_field as_bool = {.type = ONP_YAML_BOOL};
    if (n->kind == ONP_YAML_NODE_MAP)
        (void)snprintf(out, TEXT_MAX, "a map");
    else if (n->kind == ONP_YAML_NODE_LIST)
        (void)snprintf(out, TEXT_MAX, "a list");
    else if (onp_yaml_is_null(n->text, n->plain))
        (void)snprintf(out, TEXT_MAX, "empty");
    else if (onp_yaml_scalar_read(&as_int, n->text, n->plain, &i) ||
             onp_yaml_scalar_read(&as_real, n->text, n->plain, &r))
        (void)snprintf(out, TEXT_MAX, "the number %.64s", n->text);
    else if (onp_yaml_scalar_read(&as_bool, n->text, n->plain, &t))
        (void)snprintf(out, TEXT_MAX, "%s", n->text);
    else
        (void)snprintf(out, TEXT_MAX, "the text \"%.64s\"", n->text);
}

static void report_wrong(binder *b, const place *at, const onp_yaml_node *n,
                         const onp_yaml_field *f, const char *wanted)
{
    char where[TEXT_MAX], seen[TEXT_MAX], suggestion[TEXT_MAX];
    onp_suggestion near = {.seen = n->text};
    if (f->type == ONP_YAML_CHOICE && n->kind == ONP_YAML_NODE_SCALAR)
        for (size_t i = 0; f->choices[i] != NULL; i++)
            onp_suggest_consider(&near, f->choices[i]);
    onp_suggest_write(&near, "", suggestion, sizeof suggestion);
    (void)write_place(at, where, sizeof where);
    describe_seen(n, seen);
    report(b, n, false, "%s is %s, wanted %s%s", where, seen, wanted, suggestion);
}

static void report_type(binder *b, const place *at, const onp_yaml_node *n, const onp_yaml_field *f)
{
    char wanted[256];
    onp_yaml_describe(f, wanted, sizeof wanted);
    report_wrong(b, at, n, f, wanted);
}

static void *slot_of(void *out, size_t offset)
{
    return (char *)out + offset;
}

static onp_status no_memory(const binder *b)
{
    return onp_fail(b->err, ONP_E_NOMEM, "%s: out of memory for the configuration", b->doc->name);
}

/* A path of the file (or a default) is seen from the file's folder, one of --set from here. */
static onp_status bind_text(binder *b, const onp_yaml_field *f, const char *text, bool from_set,
                            void *slot)
{
    const char *folder = f->type == ONP_YAML_PATH && !from_set ? b->doc->folder : "";
    size_t size = strlen(folder) + strlen(text) + 2;
    char *copy = onp_alloc(b->doc->ctx, size, 1);
    if (copy == NULL)
        return no_memory(b);
    *(char **)slot = copy;
    return onp_path_join(copy, size, folder, text, b->err);
}

static bool is_text(const onp_yaml_field *f)
{
    return f->type == ONP_YAML_STRING || f->type == ONP_YAML_PATH;
}

static onp_status bind_scalar(binder *b, const place *at, const onp_yaml_node *n,
                              const onp_yaml_field *f, void *slot)
{
    bool is_scalar = n->kind == ONP_YAML_NODE_SCALAR && !onp_yaml_is_null(n->text, n->plain);
    if (is_scalar && is_text(f))
        return bind_text(b, f, n->text, n->set_key != NULL, slot);
    if (!is_scalar || !onp_yaml_scalar_read(f, n->text, n->plain, slot)) {
        report_type(b, at, n, f);
    } else if (!onp_yaml_in_range(f, slot)) {
        char range[TEXT_MAX];
        onp_yaml_describe_range(f, range, sizeof range);
        report_wrong(b, at, n, f, range);
    }
    return ONP_OK;
}

static onp_status bind_map(binder *b, const place *at, const onp_yaml_node *map,
                           const onp_yaml_field *fields, void *out, bool is_item);

static onp_status bind_list(binder *b, const place *at, const onp_yaml_node *list,
                            const onp_yaml_field *f, void *out)
{
    char *items = onp_alloc(b->doc->ctx, list->n_children, f->elem_size);
    if (items == NULL)
        return no_memory(b);
    *(void **)slot_of(out, f->offset) = items;
    *(size_t *)slot_of(out, f->count_offset) = list->n_children;
    const onp_yaml_field as_map = {.type = ONP_YAML_MAP};
    place item = {.up = at};
    for (const onp_yaml_node *c = list->first; c != NULL; c = c->next, item.index++) {
        if (c->kind == ONP_YAML_NODE_MAP)
            ONP_TRY(bind_map(b, &item, c, f->fields, items + item.index * f->elem_size, true));
        else
            report_type(b, &item, c, &as_map);
    }
    return ONP_OK;
}

static onp_status bind_value(binder *b, const place *at, const onp_yaml_node *n,
                             const onp_yaml_field *f, void *out)
{
    if (f->type == ONP_YAML_MAP && n->kind == ONP_YAML_NODE_MAP)
        return bind_map(b, at, n, f->fields, slot_of(out, f->offset), false);
    if (f->type == ONP_YAML_LIST && n->kind == ONP_YAML_NODE_LIST)
        return bind_list(b, at, n, f, out);
    if (f->type != ONP_YAML_MAP && f->type != ONP_YAML_LIST)
        return bind_scalar(b, at, n, f, slot_of(out, f->offset));
    report_type(b, at, n, f);
    return ONP_OK;
}

/* The default of a key that is absent. Optional maps take theirs all the way down. */
static onp_status bind_default(binder *b, const onp_yaml_field *f, void *out)
{
    if (f->type == ONP_YAML_MAP) {
        for (const onp_yaml_field *g = f->fields; g->key != NULL; g++)
            ONP_TRY(bind_default(b, g, slot_of(out, f->offset)));
    } else if (f->def != NULL && is_text(f)) {
        return bind_text(b, f, f->def, false, slot_of(out, f->offset));
    } else if (f->def != NULL && !onp_yaml_scalar_read(f, f->def, true, slot_of(out, f->offset))) {
        return onp_fail(b->err, ONP_E_FAIL, "key \"%s\": its table has the default \"%s\"", f->key,
                        f->def);
    }
    return ONP_OK;
}

static const onp_yaml_field *find_field(const onp_yaml_field *fields, const char *key)
{
    for (const onp_yaml_field *f = fields; f->key != NULL; f++)
        if (strcmp(f->key, key) == 0)
            return f;
    return NULL;
}

static onp_status bind_entry(binder *b, const place *at, const onp_yaml_node *n,
                             const onp_yaml_field *fields, void *out, bool is_item)
{
    const onp_yaml_field *f = find_field(fields, n->key);
    const place here = {.up = at, .key = n->key};
    if (f == NULL) {
        report_unknown(b, at, n, fields);
        return ONP_OK;
    }
    if (n->duplicate_of != NULL) {
        char where[TEXT_MAX];
        (void)write_place(&here, where, sizeof where);
        report(b, n, true, "duplicate key \"%s\", first on line %d", where,
               n->duplicate_of->key_line);
        return ONP_OK;
    }
    if (f->line_offset != 0 && !(is_item && f == fields))
        *(int *)slot_of(out, f->line_offset) = n->key_line;
    return bind_value(b, &here, n, f, out);
}

static onp_status bind_map(binder *b, const place *at, const onp_yaml_node *map,
                           const onp_yaml_field *fields, void *out, bool is_item)
{
    if (is_item && fields->line_offset != 0)
        *(int *)slot_of(out, fields->line_offset) = map->line;
    for (const onp_yaml_node *n = map->first; n != NULL; n = n->next)
        ONP_TRY(bind_entry(b, at, n, fields, out, is_item));
    for (const onp_yaml_field *f = fields; f->key != NULL; f++) {
        if (onp_yaml_child(map, f->key) != NULL)
            continue;
        if (f->def != NULL || f->optional) {
            ONP_TRY(bind_default(b, f, out));
            continue;
        }
        char where[TEXT_MAX], wanted[256];
        onp_yaml_describe(f, wanted, sizeof wanted);
        size_t used = write_place(at, where, sizeof where);
        report(b, map, map->key != NULL, "missing key \"%s\"%s%s, wanted %s", f->key,
               used > 0 ? " in " : "", where, wanted);
    }
    return ONP_OK;
}

onp_status onp_yaml_bind(const onp_yaml_doc *doc, const onp_yaml_field *fields, void *out,
                         onp_strbuf *problems, onp_error *err)
{
    binder b = {.doc = doc, .problems = problems, .err = err};
    const place root = {0};
    ONP_TRY(bind_map(&b, &root, doc->root, fields, out, false));
    if (b.n_problems > ONP_YAML_MAX_PROBLEMS && problems != NULL)
        onp_strbuf_addf(problems, "%s: %zu more errors\n", doc->name,
                        b.n_problems - ONP_YAML_MAX_PROBLEMS);
    return b.n_problems > 0 ? ONP_E_CONFIG : ONP_OK;
}

void onp_yaml_release(const onp_context *ctx, const onp_yaml_field *fields, void *out)
{
    for (const onp_yaml_field *f = fields; f->key != NULL; f++) {
        void *slot = slot_of(out, f->offset);
        if (f->type == ONP_YAML_MAP)
            onp_yaml_release(ctx, f->fields, slot);
        if (f->type != ONP_YAML_LIST && !is_text(f))
            continue;
        char *block = *(char **)slot;
        if (f->type == ONP_YAML_LIST) {
            size_t *count = slot_of(out, f->count_offset);
            for (size_t i = 0; i < *count; i++)
                onp_yaml_release(ctx, f->fields, block + i * f->elem_size);
            *count = 0;
        }
        onp_free(ctx, block);
        *(char **)slot = NULL;
    }
}
