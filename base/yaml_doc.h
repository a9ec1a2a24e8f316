/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of base/yaml.h: the tree that yaml_doc.c makes and yaml_bind.c reads, and the text of
 * scalars, which bind and emit share.
 *
 *     const onp_yaml_node *n = onp_yaml_child(doc->root, "seed");
 *     if (n != NULL && n->kind == ONP_YAML_NODE_SCALAR)
 *         ok = onp_yaml_scalar_read(field, n->text, n->plain, &seed);
 */
#ifndef ONP_BASE_YAML_DOC_H
#define ONP_BASE_YAML_DOC_H

#include "base/yaml.h"

enum { ONP_YAML_MAX_DEPTH = 32, ONP_YAML_MAX_NODES = 1000000, ONP_YAML_MAX_PROBLEMS = 1000 };

typedef enum onp_yaml_kind {
    ONP_YAML_NODE_SCALAR,
    ONP_YAML_NODE_MAP,
    ONP_YAML_NODE_LIST
} onp_yaml_kind;

typedef struct onp_yaml_node {
    onp_yaml_kind kind;
    bool plain;                               /* SCALAR: not quoted */
    const char *text;                         /* SCALAR */
    const char *key;                          /* NULL for the root and for items of a list */
    int line, column, key_line, key_column;   /* 1-based; 0 when it came by --set */
    const char *set_key;                      /* the dotted key when it came by --set, else NULL */
    const struct onp_yaml_node *duplicate_of; /* an earlier entry of the map has this key */
    struct onp_yaml_node *first, *last, *next;
    size_t n_children;
} onp_yaml_node;

struct onp_yaml_doc {
    const onp_context *ctx;
    const char *name, *folder;
    onp_yaml_node *root;
    const onp_yaml_node *duplicate; /* the first found, or NULL */
    struct onp_yaml_chunk *chunks;  /* nodes and texts live here */
    size_t n_nodes;
};

/* The entry of a map with this key, or NULL. */
onp_yaml_node *onp_yaml_child(const onp_yaml_node *map, const char *key);

/* What YAML calls null: nothing, "~" or "null", not quoted. */
bool onp_yaml_is_null(const char *text, bool plain);

/* Converts the text of an INT, REAL, BOOL, CHOICE, DURATION or TARGET; false leaves slot as it is.
 * Numbers and booleans must be plain. */
bool onp_yaml_scalar_read(const onp_yaml_field *field, const char *text, bool plain, void *slot);
/* Appends the text that reads back as the value in slot. */
void onp_yaml_scalar_write(const onp_yaml_field *field, const void *slot, onp_strbuf *out);
/* Whether an INT, REAL or DURATION is in its field's range; true for all else. */
bool onp_yaml_in_range(const onp_yaml_field *field, const void *slot);

/* What a field wants, for messages: "an integer", "one of a, b". */
void onp_yaml_describe(const onp_yaml_field *field, char *out, size_t size);
/* What a range wants: "1..31", "at least 0". */
void onp_yaml_describe_range(const onp_yaml_field *field, char *out, size_t size);

#endif
