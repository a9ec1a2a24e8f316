/* SPDX-License-Identifier: Apache-2.0 */
/* Text to tree by the events of libyaml, which keep what its own documents lose: anchors, aliases,
 * tags and quotes. */
#include "base/yaml_doc.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/file.h"

typedef struct onp_yaml_chunk {
    struct onp_yaml_chunk *next;
    size_t used, size; /* bytes after this header */
} chunk;

typedef struct frame {
    onp_yaml_node *node;
    const char *key; /* of a map: read, its value is next */
    int key_line, key_column;
} frame;

typedef struct loader {
    onp_yaml_doc *doc;
    int depth, n_documents;
    frame stack[ONP_YAML_MAX_DEPTH];
    onp_error *err;
} loader;

/* Memory that lives as long as the document; NULL when there is none. */
static void *take(onp_yaml_doc *doc, size_t size)
{
    size = (size + 15) / 16 * 16;
    chunk *c = doc->chunks;
    if (c == NULL || c->size - c->used < size) {
        size_t capacity = size > 16 * ONP_KIB ? size : 16 * ONP_KIB;
        c = onp_alloc(doc->ctx, 1, ONP_ALIGN + capacity);
        if (c == NULL)
            return NULL;
        *c = (chunk){.next = doc->chunks, .size = capacity};
        doc->chunks = c;
    }
    void *p = (char *)c + ONP_ALIGN + c->used;
    c->used += size;
    return p;
}

static const char *take_text(onp_yaml_doc *doc, const char *text, size_t length)
{
    char *copy = take(doc, length + 1);
    if (copy != NULL)
        memcpy(copy, text, length); /* chunks are zeroed: the NUL is there */
    return copy;
}

static onp_status fail_at(loader *l, const yaml_mark_t *mark, const char *text)
{
    return onp_fail(l->err, ONP_E_CONFIG, "%s:%zu:%zu: error: %s", l->doc->name, mark->line + 1,
                    mark->column + 1, text);
}

static onp_status fail_memory(const onp_yaml_doc *doc, onp_error *err)
{
    return onp_fail(err, ONP_E_NOMEM, "%s: out of memory after %zu values", doc->name,
                    doc->n_nodes);
}

static onp_yaml_node *new_child(onp_yaml_doc *doc, onp_yaml_node *parent, onp_yaml_kind kind)
{
    onp_yaml_node *n = take(doc, sizeof *n);
    if (n == NULL)
        return NULL;
    n->kind = kind;
    doc->n_nodes++;
    if (parent == NULL)
        doc->root = n;
    else if (parent->last == NULL)
        parent->first = n;
    else
        parent->last->next = n;
    if (parent != NULL) {
        parent->last = n;
        parent->n_children++;
    }
    return n;
}

/* Adds a node below the open one, under its pending key. */
static onp_status add_node(loader *l, const yaml_event_t *e, onp_yaml_kind kind,
                           onp_yaml_node **out)
{
    frame *top = l->depth > 0 ? &l->stack[l->depth - 1] : NULL;
    if (top == NULL && kind != ONP_YAML_NODE_MAP)
        return fail_at(l, &e->start_mark, "the file is not a map, wanted \"key: value\"");
    if (l->doc->n_nodes >= ONP_YAML_MAX_NODES)
        return fail_at(l, &e->start_mark, "more than a million values");
    onp_yaml_node *n = new_child(l->doc, top != NULL ? top->node : NULL, kind);
    if (n == NULL)
        return fail_memory(l->doc, l->err);
    n->line = (int)e->start_mark.line + 1;
    n->column = (int)e->start_mark.column + 1;
    if (top != NULL && top->node->kind == ONP_YAML_NODE_MAP) {
        n->key = top->key;
        n->key_line = top->key_line;
        n->key_column = top->key_column;
        top->key = NULL;
    }
    *out = n;
    return ONP_OK;
}

static bool key_is_next(const loader *l)
{
    const frame *top = l->depth > 0 ? &l->stack[l->depth - 1] : NULL;
    return top != NULL && top->node->kind == ONP_YAML_NODE_MAP && top->key == NULL;
}

static onp_status take_scalar(loader *l, const yaml_event_t *e)
{
    const char *value = (const char *)e->data.scalar.value;
    size_t length = e->data.scalar.length;
    if (memchr(value, '\0', length) != NULL)
        return fail_at(l, &e->start_mark, "text with a NUL character");
    const char *text = take_text(l->doc, value, length);
    if (text == NULL)
        return fail_memory(l->doc, l->err);
    if (key_is_next(l)) {
        frame *top = &l->stack[l->depth - 1];
        top->key = text;
        top->key_line = (int)e->start_mark.line + 1;
        top->key_column = (int)e->start_mark.column + 1;
        return ONP_OK;
    }
    onp_yaml_node *n = NULL;
    ONP_TRY(add_node(l, e, ONP_YAML_NODE_SCALAR, &n));
    n->text = text;
    n->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    return ONP_OK;
}

static onp_status open_node(loader *l, const yaml_event_t *e, onp_yaml_kind kind)
{
    if (key_is_next(l))
        return fail_at(l, &e->start_mark, "a key is a list or a map, wanted a word");
    if (l->depth == ONP_YAML_MAX_DEPTH)
        return fail_at(l, &e->start_mark, "nested deeper than 32 levels");
    onp_yaml_node *n = NULL;
    ONP_TRY(add_node(l, e, kind, &n));
    l->stack[l->depth++] = (frame){.node = n};
    return ONP_OK;
}

/* By key, then in file order. */
static int compare_entries(const void *a_, const void *b_)
{
    const onp_yaml_node *a = *(const onp_yaml_node *const *)a_;
    const onp_yaml_node *b = *(const onp_yaml_node *const *)b_;
    int order = strcmp(a->key, b->key);
    if (order != 0)
        return order;
    if (a->key_line != b->key_line)
        return a->key_line < b->key_line ? -1 : 1;
    return a->key_column < b->key_column ? -1 : a->key_column > b->key_column;
}

/* Sorts, because a file of a million keys is allowed. */
static onp_status find_duplicates(loader *l, const onp_yaml_node *map)
{
    onp_yaml_doc *doc = l->doc;
    size_t n = 0;
    size_t count = map->n_children; /* NOLINT(clang-analyzer-core.NullDereference): was opened */
    onp_yaml_node **entries = onp_alloc(doc->ctx, count, sizeof *entries);
    if (entries == NULL)
        return fail_memory(doc, l->err);
    for (onp_yaml_node *c = map->first; c != NULL; c = c->next)
        entries[n++] = c;
    qsort(entries, n, sizeof *entries, compare_entries);
    for (size_t i = 1; i < n; i++) {
        const onp_yaml_node *before = entries[i - 1];
        if (strcmp(before->key, entries[i]->key) != 0)
            continue;
        entries[i]->duplicate_of = before->duplicate_of != NULL ? before->duplicate_of : before;
        if (doc->duplicate == NULL || doc->duplicate->key_line > entries[i]->key_line)
            doc->duplicate = entries[i];
    }
    onp_free(doc->ctx, entries);
    return ONP_OK;
}

static onp_status take_event(loader *l, const yaml_event_t *e)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (e->type == YAML_SCALAR_EVENT)
        anchor = e->data.scalar.anchor, tag = e->data.scalar.tag;
    else if (e->type == YAML_MAPPING_START_EVENT)
        anchor = e->data.mapping_start.anchor, tag = e->data.mapping_start.tag;
    else if (e->type == YAML_SEQUENCE_START_EVENT)
        anchor = e->data.sequence_start.anchor, tag = e->data.sequence_start.tag;
    if (anchor != NULL || e->type == YAML_ALIAS_EVENT)
        return fail_at(l, &e->start_mark, "anchors (&) and aliases (*) are not supported");
    if (tag != NULL)
        return fail_at(l, &e->start_mark, "tags (!) are not supported");
    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (++l->n_documents > 1)
            return fail_at(l, &e->start_mark, "a second document, wanted one");
        return ONP_OK;
    case YAML_SCALAR_EVENT:
        return take_scalar(l, e);
    case YAML_MAPPING_START_EVENT:
        return open_node(l, e, ONP_YAML_NODE_MAP);
    case YAML_SEQUENCE_START_EVENT:
        return open_node(l, e, ONP_YAML_NODE_LIST);
    case YAML_MAPPING_END_EVENT:
        return find_duplicates(l, l->stack[--l->depth].node);
    case YAML_SEQUENCE_END_EVENT:
        l->depth--;
        return ONP_OK;
    default:
        return ONP_OK;
    }
}

/* libyaml gives a byte offset for characters it cannot read, and a mark for all else. */
static onp_status fail_syntax(loader *l, const yaml_parser_t *p, const char *text)
{
    if (p->error == YAML_MEMORY_ERROR)
        return fail_memory(l->doc, l->err);
    yaml_mark_t mark = p->problem_mark;
    if (p->error == YAML_READER_ERROR) {
        mark = (yaml_mark_t){0};
        for (size_t i = 0; i < p->problem_offset; i++) {
            mark.column = text[i] == '\n' ? 0 : mark.column + 1;
            mark.line += text[i] == '\n';
        }
    }
    return fail_at(l, &mark, p->problem != NULL ? p->problem : "not YAML");
}

static onp_status load_events(loader *l, yaml_parser_t *p, const char *text)
{
    for (bool more = true; more;) {
        yaml_event_t e;
        if (!yaml_parser_parse(p, &e))
            return fail_syntax(l, p, text);
        more = e.type != YAML_STREAM_END_EVENT;
        onp_status st = take_event(l, &e);
        yaml_event_delete(&e);
        ONP_TRY(st);
    }
    if (l->doc->root == NULL)
        return fail_at(l, &(yaml_mark_t){0}, "the file is empty, wanted \"key: value\"");
    return ONP_OK;
}

static onp_status new_doc(const onp_context *ctx, const char *name, onp_yaml_doc **out,
                          onp_error *err)
{
    char folder[PATH_MAX];
    ONP_TRY(onp_path_dir(folder, sizeof folder, name, err));
    onp_yaml_doc *doc = onp_alloc(ctx, 1, sizeof *doc);
    if (doc == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory", name);
    *doc = (onp_yaml_doc){.ctx = ctx};
    doc->name = take_text(doc, name, strlen(name));
    doc->folder = take_text(doc, folder, strlen(folder));
    if (doc->name == NULL || doc->folder == NULL) {
        onp_yaml_free(doc);
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory", name);
    }
    *out = doc;
    return ONP_OK;
}

onp_status onp_yaml_parse(const onp_context *ctx, const char *text, size_t size, const char *name,
                          onp_yaml_doc **out, onp_error *err)
{
    onp_yaml_doc *doc = NULL;
    ONP_TRY(new_doc(ctx, name, &doc, err));
    onp_status st = ONP_OK;
    yaml_parser_t parser;
    loader l = {.doc = doc, .err = err};
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* libyaml counts it as a column */
        text += 3;
        size -= 3;
    }
    if (!yaml_parser_initialize(&parser)) {
        st = fail_memory(doc, err);
    } else {
        yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
        st = load_events(&l, &parser, text);
        yaml_parser_delete(&parser);
    }
    if (st == ONP_OK)
        *out = doc;
    else
        onp_yaml_free(doc);
    return st;
}

onp_status onp_yaml_load(const onp_context *ctx, const char *path, onp_yaml_doc **out,
                         onp_error *err)
{
    char *text = NULL;
    size_t size = 0;
    onp_status st = onp_file_read(ctx, path, 16 * ONP_MIB, &text, &size, err);
    if (st == ONP_OK) {
        st = onp_yaml_parse(ctx, text, size, path, out, err);
        onp_free(ctx, text);
    } else if (st != ONP_E_NOMEM) {
        st = ONP_E_CONFIG; /* a config that is not there or no file is the user's mistake */
        if (err != NULL)
            err->status = st;
    }
    return st;
}

void onp_yaml_free(onp_yaml_doc *doc)
{
    if (doc == NULL)
        return;
    for (chunk *c = doc->chunks, *next; c != NULL; c = next) {
        next = c->next;
        onp_free(doc->ctx, c);
    }
    onp_free(doc->ctx, doc);
}

onp_yaml_node *onp_yaml_child(const onp_yaml_node *map, const char *key)
{
    for (onp_yaml_node *c = map->first; c != NULL; c = c->next)
        if (c->key != NULL && strcmp(c->key, key) == 0)
            return c;
    return NULL;
}

/* The child that one part of a dotted key names: an entry of a map, an item of a list. */
static onp_yaml_node *step(const onp_yaml_node *n, const char *part)
{
    if (n->kind != ONP_YAML_NODE_LIST)
        return onp_yaml_child(n, part);
    char *end = NULL;
    unsigned long index = strtoul(part, &end, 10);
    if (part[0] < '0' || part[0] > '9' || *end != '\0')
        return NULL;
    onp_yaml_node *c = n->first;
    while (c != NULL && index-- > 0)
        c = c->next;
    return c;
}

bool onp_yaml_has(const onp_yaml_doc *doc, const char *key)
{
    return onp_yaml_child(doc->root, key) != NULL;
}

/* The node of a dotted key, or the nearest one that holds it. */
static const onp_yaml_node *find_near(const onp_yaml_doc *doc, const char *dotted_key)
{
    char part[256];
    const onp_yaml_node *n = doc->root;
    for (const char *p = dotted_key; p != NULL;) {
        size_t length = strcspn(p, ".");
        if (length >= sizeof part)
            break;
        memcpy(part, p, length);
        part[length] = '\0';
        const onp_yaml_node *child = step(n, part);
        if (child == NULL)
            break;
        n = child;
        p = p[length] == '.' ? p + length + 1 : NULL;
    }
    return n;
}

void onp_yaml_problem(const onp_yaml_doc *doc, const char *dotted_key, const char *text,
                      onp_error *out)
{
    const onp_yaml_node *n = find_near(doc, dotted_key);
    if (n->set_key != NULL)
        (void)onp_fail(out, ONP_E_CONFIG, "--set %s: error: %s", n->set_key, text);
    else
        (void)onp_fail(out, ONP_E_CONFIG, "%s:%d:%d: error: %s: %s", doc->name,
                       n->key != NULL ? n->key_line : n->line,
                       n->key != NULL ? n->key_column : n->column, dotted_key, text);
}

/* The next part of --set's key, made where it is missing. */
static onp_status set_step(onp_yaml_doc *doc, onp_yaml_node **at, const char *part, bool last,
                           const char *set_key, onp_error *err)
{
    if ((*at)->kind == ONP_YAML_NODE_SCALAR)
        return onp_fail(err, ONP_E_USAGE, "--set %s: \"%s\" is below a value, wanted a map",
                        set_key, part);
    onp_yaml_node *child = step(*at, part);
    if (child == NULL) {
        if ((*at)->kind == ONP_YAML_NODE_LIST)
            return onp_fail(err, ONP_E_USAGE,
                            "--set %s: \"%s\" is no item of a list of %zu (the first is 0)",
                            set_key, part, (*at)->n_children);
        child = new_child(doc, *at, last ? ONP_YAML_NODE_SCALAR : ONP_YAML_NODE_MAP);
        if (child == NULL)
            return fail_memory(doc, err);
        child->key = part;
        child->set_key = set_key;
    }
    *at = child;
    return ONP_OK;
}

onp_status onp_yaml_set(onp_yaml_doc *doc, const char *assignment, onp_error *err)
{
    const char *equals = strchr(assignment, '=');
    if (equals == NULL || equals == assignment)
        return onp_fail(err, ONP_E_USAGE, "--set %s: wanted KEY=VALUE", assignment);
    const char *set_key = take_text(doc, assignment, (size_t)(equals - assignment));
    const char *value = take_text(doc, equals + 1, strlen(equals + 1));
    if (set_key == NULL || value == NULL)
        return fail_memory(doc, err);
    onp_yaml_node *n = doc->root;
    int depth = 0;
    for (const char *p = set_key; p != NULL;) {
        size_t length = strcspn(p, ".");
        bool last = p[length] == '\0';
        const char *part = take_text(doc, p, length);
        if (part == NULL)
            return fail_memory(doc, err);
        if (length == 0 || ++depth >= ONP_YAML_MAX_DEPTH)
            return onp_fail(err, ONP_E_USAGE, "--set %s: wanted a key such as search.epochs",
                            set_key);
        ONP_TRY(set_step(doc, &n, part, last, set_key, err));
        p = last ? NULL : p + length + 1;
    }
    n->kind = ONP_YAML_NODE_SCALAR;
    n->plain = true;
    n->text = value;
    n->set_key = set_key;
    n->line = n->column = n->key_line = n->key_column = 0;
    n->first = n->last = NULL;
    n->n_children = 0;
    return ONP_OK;
}

onp_status onp_yaml_walk(const onp_yaml_doc *doc, onp_yaml_visit visit, void *user, onp_error *err)
{
    const onp_yaml_node *d = doc->duplicate;
    if (d != NULL)
        return onp_fail(err, ONP_E_CONFIG,
                        "%s:%d:%d: error: duplicate key \"%.64s\", first on line %d", doc->name,
                        d->key_line, d->key_column, d->key, d->duplicate_of->key_line);
    for (const onp_yaml_node *n = doc->root->first; n != NULL; n = n->next) {
        ONP_TRY(visit(user, n->key, NULL, n->text, n->key_line, n->key_column, err));
        if (n->kind != ONP_YAML_NODE_MAP)
            continue;
        for (const onp_yaml_node *c = n->first; c != NULL; c = c->next)
            ONP_TRY(visit(user, n->key, c->key, c->text, c->key_line, c->key_column, err));
    }
    return ONP_OK;
}
