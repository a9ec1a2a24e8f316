/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML into plain structs through constant tables, by libyaml. One pass collects *all* errors, each
 * as "file:line:col: error: ..." with a "did you mean" where a key is nearly known. Unknown keys,
 * duplicate keys, wrong types, bad units and values out of range are errors; anchors, aliases and
 * tags are refused; depth and size are bounded.
 *
 *     static const onp_yaml_field prune_fields[] = {
 *         {.key = "below", .type = ONP_YAML_REAL, .offset = offsetof(cfg, below), .def = "0.02",
 *          .min = 0, .max = 1},
 *         {.key = NULL}};
 *     onp_yaml_doc *doc;
 *     ONP_TRY(onp_yaml_load(ctx, path, &doc, err));
 *     ONP_TRY_GOTO(onp_yaml_bind(doc, fields, &config, &problems, err));
 */
#ifndef ONP_BASE_YAML_H
#define ONP_BASE_YAML_H

#include "base/strbuf.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_yaml_doc onp_yaml_doc;

typedef enum onp_yaml_type {
    ONP_YAML_INT,      /* int64_t */
    ONP_YAML_REAL,     /* double; integers too */
    ONP_YAML_BOOL,     /* bool: true or false */
    ONP_YAML_STRING,   /* char * (onp_free by onp_yaml_release) */
    ONP_YAML_PATH,     /* char *: relative paths joined to the folder of the file */
    ONP_YAML_CHOICE,   /* int: index into `choices` */
    ONP_YAML_DURATION, /* int64_t nanoseconds: 3ms, 800us, 1.5s, 20ns; a bare number is an error
                          that asks for a unit */
    ONP_YAML_TARGET,   /* onp_yaml_target: a duration or a share such as 60% */
    ONP_YAML_MAP,      /* nested struct described by `fields`, at `offset` */
    ONP_YAML_LIST      /* sequence of maps described by `fields`, each `elem_size`: void *array at
                          `offset`, size_t count      at `count_offset` (released by onp_yaml_release) */
} onp_yaml_type;

typedef struct onp_yaml_target {
    int64_t ns;   /* > 0 when a time was given, else 0 */
    double share; /* > 0 when a share was given (0.6 for 60%), else 0 */
} onp_yaml_target;

/*
 * One key of a map. A key that is absent takes `def` (YAML scalar text, not checked against the
 * range, so that 0 can stand for "not given"); without one it is an error, unless `optional`: then
 * strings and paths are NULL, lists are empty, scalars stay zero, and a map takes its fields'
 * defaults, those it has.
 */
typedef struct onp_yaml_field {
    const char *key; /* NULL ends the table */
    onp_yaml_type type;
    bool optional;
    size_t offset;
    const char *def;
    double min, max;                     /* INT, REAL, DURATION (ns): inclusive; both 0: no range */
    const char *const *choices;          /* CHOICE: NULL-terminated */
    const struct onp_yaml_field *fields; /* MAP, LIST */
    size_t elem_size, count_offset;      /* LIST */
    size_t line_offset; /* when not 0 (so not the first member): int at this offset gets the 1-based
                           line of the key, 0 when it is absent or set by --set (the first field of
                           a LIST element: the line of the item, always) */
} onp_yaml_field;

/* Parses the file; its root must be a map. ctx must outlive the document. Errors: ONP_E_CONFIG with
 * file:line:col (syntax; a missing file too), ONP_E_NOMEM. A file larger than 16 MiB, deeper than
 * 32 levels or of more than a million values is refused. Duplicate keys are left to bind and walk.
 */
onp_status onp_yaml_load(const onp_context *ctx, const char *path, onp_yaml_doc **out,
                         onp_error *err) ONP_MUST_USE;
/* The same from memory; `name` stands in errors and its folder resolves paths. */
onp_status onp_yaml_parse(const onp_context *ctx, const char *text, size_t size, const char *name,
                          onp_yaml_doc **out, onp_error *err) ONP_MUST_USE;
void onp_yaml_free(onp_yaml_doc *doc);

/*
 * Overrides or adds one scalar before binding: "search.loss.lambda=0", "data.limit=6000". The value
 * is a YAML plain scalar; errors about it name "--set KEY". Items of lists go by their index from 0
 * ("stages.2.blocks=3"). A key that no table knows is found by bind. A relative path given this way
 * is relative to the working folder. Errors: ONP_E_USAGE (no '=', empty key, the path runs through
 * a scalar, no such item), ONP_E_NOMEM.
 */
onp_status onp_yaml_set(onp_yaml_doc *doc, const char *assignment, onp_error *err) ONP_MUST_USE;

/* True when the root is a map that has this key. Tells a CONFIG (space:) from a SPACE (stages:). */
bool onp_yaml_has(const onp_yaml_doc *doc, const char *key);

/* What is wrong with the value of a dotted key ("search.prune.below", "stages.2.blocks", items from
 * 0), for problems found later: "FILE:LINE:COLUMN: error: KEY: text", at what holds the key when
 * the file does not have it, or "--set KEY: error: text" when the value came by --set. */
void onp_yaml_problem(const onp_yaml_doc *doc, const char *dotted_key, const char *text,
                      onp_error *out);

/*
 * Fills `out` (zeroed by the caller) by the table. Every problem is appended to `problems` as one
 * line (may be NULL; after a thousand they are only counted). Errors: ONP_E_CONFIG if there was any
 * (err holds the first), ONP_E_NOMEM. `out` is then still to be released.
 */
onp_status onp_yaml_bind(const onp_yaml_doc *doc, const onp_yaml_field *fields, void *out,
                         onp_strbuf *problems, onp_error *err) ONP_MUST_USE;
/* Frees strings and lists that bind made in `out`. */
void onp_yaml_release(const onp_context *ctx, const onp_yaml_field *fields, void *out);

/*
 * Appends the filled struct as YAML, every key with its value (the effective configuration), so
 * that reading it back binds to the same values; paths are written as they are. What was not given
 * is left out: a NULL string, a value outside its range, a map that lacks a required value. Errors:
 * ONP_E_NOMEM.
 */
onp_status onp_yaml_emit(const onp_yaml_field *fields, const void *in, onp_strbuf *out,
                         onp_error *err) ONP_MUST_USE;

/* "3ms" to 3000000. ONP_E_CONFIG names the text and the units when it is not a positive time. */
onp_status onp_duration_parse(const char *text, int64_t *ns, onp_error *err) ONP_MUST_USE;
/* "3ms", "60%". ONP_E_CONFIG names the text and what is wanted. */
onp_status onp_yaml_target_parse(const char *text, onp_yaml_target *out,
                                 onp_error *err) ONP_MUST_USE;

/*
 * Generic walk over the document, for files that are data rather than configuration (latency
 * tables). Calls `visit` for each entry of the root map in file order, with child_key NULL, and
 * after an entry that is a map for each of its entries in turn. scalar is NULL for a map or a list;
 * the position is the key's. Stops at the first failure. Errors: ONP_E_CONFIG when there is a
 * duplicate key (before the first visit), else what visit returns.
 */
typedef onp_status (*onp_yaml_visit)(void *user, const char *key, const char *child_key,
                                     const char *scalar, int line, int column, onp_error *err);
onp_status onp_yaml_walk(const onp_yaml_doc *doc, onp_yaml_visit visit, void *user,
                         onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
