/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- writing ---- */

static json_t *shape_json(onp_shape s)
{
    return json_pack("[I,I,I,I]", (json_int_t)s.n, (json_int_t)s.h, (json_int_t)s.w,
                     (json_int_t)s.c);
}

static json_t *tids_json(const onp_tid *tids, int count)
{
    json_t *array = json_array();
    for (int i = 0; i < count; i++)
        if (json_array_append_new(array, json_integer(tids[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

/* The setters below take NULL objects and values: jansson answers -1 to either, and that is all
 * that has to be looked at. */
static int set_true(json_t *object, const char *key, bool value)
{
    return value ? json_object_set_new(object, key, json_true()) : 0;
}

static int set_int(json_t *object, const char *key, int32_t value, int32_t left_out)
{
    return value != left_out ? json_object_set_new(object, key, json_integer(value)) : 0;
}

static int set_real(json_t *object, const char *key, double value)
{
    return fabs(value) > 0.0 ? json_object_set_new(object, key, json_real(value)) : 0;
}

/* The key of a dropout, with its rate. */
static int set_key(json_t *object, const onp_attr *attr)
{
    if (!(attr->rate > 0))
        return 0;
    return json_object_set_new(
        object, "key",
        json_pack("[I,I]", (json_int_t)attr->key.key[0], (json_int_t)attr->key.key[1]));
}

static json_t *tensor_json(const onp_tensor *t)
{
    json_t *object = json_object();
    int failed = json_object_set_new(object, "shape", shape_json(t->shape));
    failed |= set_true(object, "external", t->external);
    failed |= set_true(object, "labels", t->labels);
    failed |= set_true(object, "keep", t->keep);
    if (failed == 0)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *node_json(const onp_node *node)
{
    json_t *object = json_object();
    int failed = json_object_set_new(object, "op", json_string(onp_op_get(node->op)->name));
    failed |= json_object_set_new(object, "in", tids_json(node->in, node->n_in));
    failed |= json_object_set_new(object, "out", tids_json(node->out, node->n_out));
    failed |= set_int(object, "kernel", node->attr.kernel, 0);
    failed |= set_int(object, "stride", node->attr.stride, 0);
    failed |= set_int(object, "dilation", node->attr.dilation, 0);
    failed |= set_int(object, "groups", node->attr.groups, 0);
    failed |= set_real(object, "eps", node->attr.eps);
    failed |= set_real(object, "smoothing", node->attr.smoothing);
    failed |= set_real(object, "rate", node->attr.rate);
    failed |= set_key(object, &node->attr);
    failed |= set_int(object, "group", node->group, ONP_NONE);
    if (failed == 0)
        return object;
    json_decref(object);
    return NULL;
}

onp_status onp_graph_to_json(const onp_graph *g, json_t **out, onp_error *err)
{
    ONP_TRY(onp_graph_status(g, err));
    json_t *tensors = json_array(), *nodes = json_array();
    int failed = 0;
    for (onp_tid t = 0; t < onp_graph_n_tensors(g); t++)
        failed |= json_array_append_new(tensors, tensor_json(onp_graph_tensor(g, t)));
    for (int32_t i = 0; i < onp_graph_n_nodes(g); i++)
        failed |= json_array_append_new(nodes, node_json(onp_graph_node(g, i)));
    json_t *root = json_pack("{s:o,s:o}", "tensors", tensors, "nodes", nodes);
    if (failed != 0 || root == NULL) {
        json_decref(root);
        return onp_fail(err, ONP_E_NOMEM, "graph: out of memory for its JSON");
    }
    *out = root;
    return ONP_OK;
}

/* ---- reading ---- */

/* What is read; `where` names the tensor or node at hand in errors. */
typedef struct reader {
    onp_graph *g;
    const json_t *tensors, *nodes;
    size_t next_tensor;
    char where[160];
} reader;

static onp_status known_keys(const json_t *object, const char *const *keys, size_t n_keys,
                             const char *where, onp_error *err)
{
    if (!json_is_object(object))
        return onp_fail(err, ONP_E_FORMAT, "%s: is not an object", where);
    size_t n_known = 0;
    for (size_t i = 0; i < n_keys; i++)
        n_known += json_object_get(object, keys[i]) != NULL;
    if (n_known == json_object_size(object))
        return ONP_OK;
    void *iter = json_object_iter((json_t *)(uintptr_t)object);
    for (; iter != NULL; iter = json_object_iter_next((json_t *)(uintptr_t)object, iter)) {
        bool known = false;
        for (size_t i = 0; i < n_keys; i++)
            known = known || strcmp(keys[i], json_object_iter_key(iter)) == 0;
        if (!known)
            break;
    }
    return onp_fail(err, ONP_E_FORMAT, "%s: key \"%.64s\" is unknown", where,
                    iter != NULL ? json_object_iter_key(iter) : "");
}

static onp_status get_flag(const json_t *object, const char *key, bool *out, const char *where,
                           onp_error *err)
{
    const json_t *value = json_object_get(object, key);
    if (value != NULL && !json_is_boolean(value))
        return onp_fail(err, ONP_E_FORMAT, "%s: key \"%s\" is not true or false", where, key);
    *out = json_is_true(value);
    return ONP_OK;
}

/* An attribute that may be left out: *out keeps its value then. */
static onp_status get_small(const json_t *object, const char *key, int64_t max, int32_t *out,
                            const char *where, onp_error *err)
{
    int64_t value = *out;
    if (json_object_get(object, key) != NULL)
        ONP_TRY(onp_json_get_int(object, key, 0, max, &value, where, err));
    *out = (int32_t)value;
    return ONP_OK;
}

static onp_status get_fraction(const json_t *object, const char *key, double *out,
                               const char *where, onp_error *err)
{
    double value = 0.0;
    if (json_object_get(object, key) != NULL)
        ONP_TRY(onp_json_get_real(object, key, &value, where, err));
    if (!(value >= 0.0 && value <= 1.0))
        return onp_fail(err, ONP_E_FORMAT, "%s: key \"%s\" is %g, wanted 0..1", where, key, value);
    *out = value;
    return ONP_OK;
}

/* Integers of an array, each from min to max; *count is how many there are, at most max_count. */
static onp_status get_ints(const json_t *object, const char *key, int64_t min, int64_t max,
                           int64_t *out, int max_count, int *count, const char *where,
                           onp_error *err)
{
    json_t *array = NULL;
    ONP_TRY(onp_json_get_array(object, key, &array, where, err));
    if (json_array_size(array) > (size_t)max_count)
        return onp_fail(err, ONP_E_FORMAT, "%s: key \"%s\" has %zu elements, wanted at most %d",
                        where, key, json_array_size(array), max_count);
    *count = (int)json_array_size(array);
    return onp_json_read_ints(array, key, min, max, out, where, err);
}

static onp_status get_shape(const json_t *object, onp_shape *out, const char *where, onp_error *err)
{
    int64_t d[4];
    int count;
    ONP_TRY(get_ints(object, "shape", 1, ONP_GRAPH_JSON_MAX_ELEMENTS, d, 4, &count, where, err));
    if (count != 4)
        return onp_fail(err, ONP_E_FORMAT, "%s: shape has %d sizes, wanted 4", where, count);
    int64_t product = d[0];
    for (int i = 1; i < 4; i++) {
        if (product > ONP_GRAPH_JSON_MAX_ELEMENTS / d[i])
            return onp_fail(err, ONP_E_FORMAT, "%s: has more than %" PRId64 " elements", where,
                            ONP_GRAPH_JSON_MAX_ELEMENTS);
        product *= d[i];
    }
    *out = (onp_shape){d[0], d[1], d[2], d[3]};
    return ONP_OK;
}

typedef struct tensor_text {
    onp_shape shape;
    bool external, labels, keep;
} tensor_text;

static onp_status get_tensor(reader *r, tensor_text *out, onp_error *err)
{
    static const char *const keys[] = {"shape", "external", "labels", "keep"};
    const json_t *object = json_array_get(r->tensors, r->next_tensor);
    (void)snprintf(r->where, sizeof r->where, "tensor %zu", r->next_tensor);
    r->next_tensor++;
    ONP_TRY(known_keys(object, keys, ONP_COUNT(keys), r->where, err));
    ONP_TRY(get_shape(object, &out->shape, r->where, err));
    ONP_TRY(get_flag(object, "external", &out->external, r->where, err));
    ONP_TRY(get_flag(object, "labels", &out->labels, r->where, err));
    return get_flag(object, "keep", &out->keep, r->where, err);
}

/* Tensors that no node makes, up to the one numbered `end`. */
static onp_status read_externals(reader *r, size_t end, onp_error *err)
{
    while (r->next_tensor < end) {
        tensor_text text;
        ONP_TRY(get_tensor(r, &text, err));
        if (!text.external)
            return onp_fail(err, ONP_E_FORMAT, "%s: is neither external nor the next node's output",
                            r->where);
        onp_shape vector = {1, 1, 1, text.shape.c};
        if (text.labels && !onp_shape_equal(text.shape, vector))
            return onp_fail(err, ONP_E_FORMAT, "%s: labels must be [1, 1, 1, n]", r->where);
        onp_tid t = text.labels ? onp_graph_labels(r->g, text.shape.c, NULL)
                                : onp_graph_external(r->g, text.shape, NULL);
        ONP_TRY(onp_graph_status(r->g, err));
        if (text.keep)
            onp_graph_keep(r->g, t);
    }
    return ONP_OK;
}

/* An output that the contract has just made must be what the list says of it. */
static onp_status read_output(reader *r, onp_error *err)
{
    const onp_tid t = (onp_tid)r->next_tensor;
    tensor_text text;
    ONP_TRY(get_tensor(r, &text, err));
    const onp_shape want = onp_graph_shape(r->g, t);
    if (text.labels || !onp_shape_equal(text.shape, want))
        return onp_fail(err, ONP_E_FORMAT,
                        "%s: does not fit its node, wanted shape [%" PRId64 ", %" PRId64
                        ", %" PRId64 ", %" PRId64 "] and no labels",
                        r->where, want.n, want.h, want.w, want.c);
    if (text.external)
        onp_graph_bind(r->g, t, NULL);
    if (text.keep)
        onp_graph_keep(r->g, t);
    return ONP_OK;
}

static onp_status get_op(const json_t *object, onp_op *out, const char *where, onp_error *err)
{
    const char *name = NULL;
    ONP_TRY(onp_json_get_string(object, "op", &name, where, err));
    onp_op op = onp_op_by_name(name);
    if (op == ONP_OP_COUNT || onp_op_get(op)->infer == NULL)
        return onp_fail(err, ONP_E_FORMAT, "%s: \"%.64s\" is not a forward operation", where, name);
    *out = op;
    return ONP_OK;
}

static onp_status get_key(const json_t *object, onp_rng *out, const char *where, onp_error *err)
{
    int64_t words[2] = {0, 0};
    int count = 2;
    if (json_object_get(object, "key") != NULL)
        ONP_TRY(get_ints(object, "key", 0, UINT32_MAX, words, 2, &count, where, err));
    if (count != 2)
        return onp_fail(err, ONP_E_FORMAT, "%s: key has %d words, wanted 2", where, count);
    *out = (onp_rng){{(uint32_t)words[0], (uint32_t)words[1]}};
    return ONP_OK;
}

static onp_status get_attr(const json_t *object, onp_attr *out, int32_t *group, const char *where,
                           onp_error *err)
{
    *out = (onp_attr){0};
    *group = ONP_NONE;
    ONP_TRY(get_small(object, "kernel", 31, &out->kernel, where, err));
    ONP_TRY(get_small(object, "stride", 4, &out->stride, where, err));
    ONP_TRY(get_small(object, "dilation", ONP_DILATION_MAX, &out->dilation, where, err));
    ONP_TRY(get_small(object, "groups", INT32_MAX, &out->groups, where, err));
    ONP_TRY(get_fraction(object, "eps", &out->eps, where, err));
    ONP_TRY(get_fraction(object, "smoothing", &out->smoothing, where, err));
    ONP_TRY(get_fraction(object, "rate", &out->rate, where, err));
    ONP_TRY(get_key(object, &out->key, where, err));
    return get_small(object, "group", INT32_MAX, group, where, err);
}

/* Labels are integers: they fit exactly where a loss reads them, and nothing else fits there. */
static onp_status check_labels(const reader *r, onp_op op, const onp_tid *in, int n_in,
                               onp_error *err)
{
    for (int k = 0; k < n_in; k++)
        if (onp_graph_tensor(r->g, in[k])->labels != (op == ONP_OP_SOFTMAX_CE && k == 1))
            return onp_fail(err, ONP_E_FORMAT, "%s: labels are input 1 of softmax-ce, nothing else",
                            r->where);
    return ONP_OK;
}

static onp_status read_node(reader *r, size_t index, onp_error *err)
{
    static const char *const keys[] = {"op",     "in",  "out",       "kernel", "stride", "dilation",
                                       "groups", "eps", "smoothing", "rate",   "key",    "group"};
    const json_t *object = json_array_get(r->nodes, index);
    (void)snprintf(r->where, sizeof r->where, "node %zu", index);
    ONP_TRY(known_keys(object, keys, ONP_COUNT(keys), r->where, err));
    onp_op op = ONP_OP_COUNT;
    onp_attr attr;
    int32_t group;
    ONP_TRY(get_op(object, &op, r->where, err));
    ONP_TRY(get_attr(object, &attr, &group, r->where, err));
    const int64_t last = (int64_t)json_array_size(r->tensors) - 1;
    int64_t in[ONP_OP_MAX_IN], out[ONP_OP_MAX_OUT];
    int n_in, n_out;
    ONP_TRY(get_ints(object, "in", 0, last, in, ONP_OP_MAX_IN, &n_in, r->where, err));
    ONP_TRY(get_ints(object, "out", 0, last, out, ONP_OP_MAX_OUT, &n_out, r->where, err));
    if (n_out != onp_op_get(op)->n_out || out[0] < (int64_t)r->next_tensor)
        return onp_fail(err, ONP_E_FORMAT, "%s: its outputs are not %d new tensors", r->where,
                        onp_op_get(op)->n_out);
    ONP_TRY(read_externals(r, (size_t)out[0], err));

    (void)snprintf(r->where, sizeof r->where, "node %zu", index);
    onp_tid tids[ONP_OP_MAX_IN];
    for (int k = 0; k < n_in; k++) {
        tids[k] = (onp_tid)in[k];
        if (in[k] >= out[0])
            return onp_fail(err, ONP_E_FORMAT,
                            "%s: input %d is tensor %" PRId64 ", which comes later", r->where, k,
                            in[k]);
    }
    ONP_TRY(check_labels(r, op, tids, n_in, err));
    onp_graph_set_group(r->g, group);
    (void)onp_graph_add(r->g, op, tids, n_in, &attr);
    onp_status st = onp_graph_status(r->g, err);
    if (st != ONP_OK) /* a shape that the contract refuses is here a fault of the file */
        return onp_fail_prefix(err, st == ONP_E_NOMEM ? st : ONP_E_FORMAT, "%s: ", r->where);
    for (int k = 0; k < n_out; k++) {
        if (out[k] != (int64_t)r->next_tensor)
            return onp_fail(err, ONP_E_FORMAT, "%s: output %d is tensor %" PRId64 ", wanted %zu",
                            r->where, k, out[k], r->next_tensor);
        ONP_TRY(read_output(r, err));
    }
    return ONP_OK;
}

static onp_status read_graph(reader *r, const json_t *root, onp_error *err)
{
    static const char *const keys[] = {"tensors", "nodes"};
    json_t *tensors = NULL, *nodes = NULL;
    ONP_TRY(known_keys(root, keys, ONP_COUNT(keys), "graph", err));
    ONP_TRY(onp_json_get_array(root, "tensors", &tensors, "graph", err));
    ONP_TRY(onp_json_get_array(root, "nodes", &nodes, "graph", err));
    if (json_array_size(tensors) > ONP_GRAPH_JSON_MAX_TENSORS)
        return onp_fail(err, ONP_E_FORMAT, "graph: has %zu tensors, wanted at most %d",
                        json_array_size(tensors), ONP_GRAPH_JSON_MAX_TENSORS);
    if (json_array_size(nodes) > ONP_GRAPH_JSON_MAX_NODES)
        return onp_fail(err, ONP_E_FORMAT, "graph: has %zu nodes, wanted at most %d",
                        json_array_size(nodes), ONP_GRAPH_JSON_MAX_NODES);
    r->tensors = tensors;
    r->nodes = nodes;
    for (size_t i = 0; i < json_array_size(nodes); i++)
        ONP_TRY(read_node(r, i, err));
    ONP_TRY(read_externals(r, json_array_size(tensors), err));
    onp_graph_set_group(r->g, ONP_NONE);
    return ONP_OK;
}

onp_status onp_graph_from_json(const onp_context *ctx, const json_t *root, const char *where,
                               onp_graph **out, onp_error *err)
{
    reader r = {.g = onp_graph_new(ctx, err)};
    if (r.g == NULL)
        return ONP_E_NOMEM;
    onp_status st = read_graph(&r, root, err);
    if (st != ONP_OK) {
        onp_graph_free(r.g);
        return onp_fail_prefix(err, st, "%s: ", where);
    }
    *out = r.g;
    return ONP_OK;
}
