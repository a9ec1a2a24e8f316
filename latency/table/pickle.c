/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pickle is a program for a stack machine; this one knows the opcodes that make plain data. What
 * a memo gives back is what cannot change any more (numbers, texts, names): a list or dict has one
 * place, so that data is a tree.
 */
#include "latency/table/pickle_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct item {
    json_t *value; /* owned; NULL: a mark */
    int depth;     /* of what is in it: 0, nothing */
} item;

typedef struct machine {
    const onp_context *ctx;
    const char *name;
    const unsigned char *start, *p, *end;
    size_t at; /* the opcode's byte */
    item *stack;
    size_t n, stack_capacity;
    json_t **memo; /* owned; NULL: nothing, or a list or dict */
    size_t n_memo, memo_capacity;
    size_t n_values;
    bool stopped;
    onp_error *err;
} machine;

static onp_status fail(machine *m, const char *what)
{
    return onp_fail(m->err, ONP_E_FORMAT, "%s: byte %zu of the pickle: %s", m->name, m->at, what);
}

static onp_status fail_memory(machine *m)
{
    return onp_fail(m->err, ONP_E_NOMEM, "%s: out of memory", m->name);
}

/* ---- the stack ---- */

/* value is taken; NULL (of a failed jansson call) is the lack of memory. */
static onp_status push(machine *m, json_t *value, int depth)
{
    void *stack = m->stack;
    onp_status st = value != NULL ? ONP_OK : fail_memory(m);
    if (st == ONP_OK && ++m->n_values > ONP_PICKLE_MAX_VALUES)
        st = fail(m, "more than a million values");
    if (st == ONP_OK && depth > ONP_PICKLE_MAX_DEPTH)
        st = fail(m, "more than 32 lists in one another");
    if (st == ONP_OK)
        st = onp_grow(m->ctx, &stack, &m->stack_capacity, m->n + 1, sizeof *m->stack, m->err);
    if (st != ONP_OK) {
        json_decref(value);
        return st;
    }
    m->stack = stack;
    m->stack[m->n++] = (item){value, depth};
    return ONP_OK;
}

static onp_status push_mark(machine *m)
{
    ONP_TRY(push(m, json_null(), 0));
    m->stack[m->n - 1].value = NULL;
    return ONP_OK;
}

static void drop(machine *m)
{
    json_decref(m->stack[--m->n].value);
}

/* The last n items are values. */
static onp_status want(machine *m, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (i >= m->n || m->stack[m->n - 1 - i].value == NULL)
            return fail(m, "the stack holds too little");
    return ONP_OK;
}

/* Index of the first item behind the last mark. */
static onp_status find_mark(machine *m, size_t *first)
{
    for (size_t i = m->n; i > 0; i--)
        if (m->stack[i - 1].value == NULL) {
            *first = i;
            return ONP_OK;
        }
    return fail(m, "there is no mark");
}

/* ---- reading ---- */

static onp_status take(machine *m, uint64_t n, const unsigned char **out)
{
    if (n > (uint64_t)(m->end - m->p))
        return fail(m, "the file ends in the middle of a value");
    *out = m->p;
    m->p += n;
    return ONP_OK;
}

/* n <= 8 bytes, little-endian. */
static onp_status take_unsigned(machine *m, int n, uint64_t *out)
{
    const unsigned char *bytes = NULL;
    ONP_TRY(take(m, (uint64_t)n, &bytes));
    *out = 0;
    for (int i = n - 1; i >= 0; i--)
        *out = *out << 8 | bytes[i];
    return ONP_OK;
}

enum { MAX_LINE = 256 };

/* A line of protocol 0, without its end. */
static onp_status take_line(machine *m, char line[MAX_LINE])
{
    const unsigned char *newline = memchr(m->p, '\n', (size_t)(m->end - m->p));
    const size_t n = newline != NULL ? (size_t)(newline - m->p) : 0;
    if (newline == NULL || n >= MAX_LINE || memchr(m->p, '\0', n) != NULL)
        return fail(m, "wanted a line of less than 256 bytes");
    memcpy(line, m->p, n);
    line[n] = '\0';
    m->p = newline + 1;
    return ONP_OK;
}

/* ---- numbers, texts, bytes ---- */

static onp_status push_real(machine *m, double v)
{
    return isfinite(v) ? push(m, json_real(v), 0) : fail(m, "a number that is not finite");
}

static onp_status push_text(machine *m, const char *text, size_t n)
{
    json_t *value = json_stringn(text, n);
    if (value == NULL)
        return fail(m, "a text that is not UTF-8");
    return push(m, value, 0);
}

/* K, M, J: 1, 2 bytes, and 4 with a sign. */
static onp_status op_int(machine *m, int n)
{
    uint64_t v = 0;
    ONP_TRY(take_unsigned(m, n, &v));
    return push(m, json_integer(n == 4 ? (int32_t)(uint32_t)v : (json_int_t)v), 0);
}

/* Two's complement in as many bytes as the byte before them says. */
static onp_status op_long(machine *m, int ignored)
{
    uint64_t n = 0, v = 0;
    (void)ignored;
    ONP_TRY(take_unsigned(m, 1, &n));
    if (n > 8)
        return fail(m, "a number beyond 64 bits");
    ONP_TRY(take_unsigned(m, (int)n, &v));
    if (n > 0 && n < 8 && (v >> (8 * n - 1)) != 0)
        v |= UINT64_MAX << 8 * n;
    return push(m, json_integer((json_int_t)v), 0);
}

static onp_status op_float(machine *m, int ignored)
{
    const unsigned char *bytes = NULL;
    uint64_t bits = 0;
    double v = 0;
    (void)ignored;
    ONP_TRY(take(m, 8, &bytes));
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | bytes[i];
    memcpy(&v, &bits, sizeof v);
    return push_real(m, v);
}

/* I, L and F of protocol 0: decimal text. */
static onp_status op_decimal(machine *m, int kind)
{
    char line[MAX_LINE], *end = NULL;
    ONP_TRY(take_line(m, line));
    if (kind == 'I' && (strcmp(line, "00") == 0 || strcmp(line, "01") == 0))
        return push(m, json_boolean(line[1] == '1'), 0);
    errno = 0;
    const double real = kind == 'F' ? strtod(line, &end) : 0;
    const long long integer = kind != 'F' ? strtoll(line, &end, 10) : 0;
    if (kind == 'L' && *end == 'L')
        end++;
    if (end == line || *end != '\0' || (kind != 'F' && errno != 0))
        return fail(m, "a line that is no number");
    return kind == 'F' ? push_real(m, real) : push(m, json_integer(integer), 0);
}

/* Texts behind a length of so many bytes. */
static onp_status op_text(machine *m, int n_length)
{
    uint64_t n = 0;
    const unsigned char *text = NULL;
    ONP_TRY(take_unsigned(m, n_length, &n));
    ONP_TRY(take(m, n, &text));
    return push_text(m, (const char *)text, (size_t)n);
}

/* S (in quotes) and V of protocol 0, without escapes. */
static onp_status op_line(machine *m, int kind)
{
    char line[MAX_LINE];
    ONP_TRY(take_line(m, line));
    size_t n = strlen(line);
    if (strchr(line, '\\') != NULL)
        return fail(m, "a text with escapes");
    if (kind == 'V')
        return push_text(m, line, n);
    if (n < 2 || (line[0] != '\'' && line[0] != '"') || line[n - 1] != line[0])
        return fail(m, "a text without quotes");
    return push_text(m, line + 1, n - 2);
}

static onp_status op_bytes(machine *m, int n_length)
{
    uint64_t n = 0;
    const unsigned char *bytes = NULL;
    ONP_TRY(take_unsigned(m, n_length, &n));
    ONP_TRY(take(m, n, &bytes));
    if (n > ONP_PICKLE_MAX_VALUES - m->n_values)
        return fail(m, "more than a million values");
    m->n_values += n;
    return push(m, onp_pickle_bytes(bytes, (size_t)n), 1);
}

static onp_status op_constant(machine *m, int kind)
{
    return push(m, kind == 'N' ? json_null() : json_boolean(kind == 'T'), 0);
}

/* ---- lists, tuples, dicts ---- */

static onp_status op_empty(machine *m, int kind)
{
    return push(m, kind == '{' ? json_object() : json_array(), 1);
}

/* The item at `from` becomes the last of the list. */
static onp_status append(machine *m, item *list, item *from)
{
    if (json_array_append(list->value, from->value) != 0)
        return fail_memory(m);
    if (from->depth >= list->depth)
        list->depth = from->depth + 1;
    return list->depth <= ONP_PICKLE_MAX_DEPTH ? ONP_OK
                                               : fail(m, "more than 32 lists in one another");
}

static onp_status set(machine *m, item *dict, const item *key, item *value)
{
    char number[24];
    const char *text = json_string_value(key->value);
    if (json_is_integer(key->value)) {
        (void)snprintf(number, sizeof number, "%" PRId64, (int64_t)json_integer_value(key->value));
        text = number;
    } else if (text == NULL || strlen(text) != json_string_length(key->value) ||
               onp_pickle_is_reserved(text)) {
        return fail(m, "a key that is neither text nor a whole number");
    }
    if (json_object_get(dict->value, text) != NULL)
        return fail(m, "a key that stands in its dict twice");
    if (json_object_set(dict->value, text, value->value) != 0)
        return fail_memory(m);
    if (value->depth >= dict->depth)
        dict->depth = value->depth + 1;
    return dict->depth <= ONP_PICKLE_MAX_DEPTH ? ONP_OK
                                               : fail(m, "more than 32 lists in one another");
}

/* Items from first on go into the container before them (before their mark), or into *into. */
static onp_status fill(machine *m, item *into, size_t first, bool is_dict)
{
    onp_status st = ONP_OK;
    if (is_dict && (m->n - first) % 2 != 0)
        return fail(m, "a key without a value");
    for (size_t i = first; i < m->n && st == ONP_OK; i += is_dict ? 2 : 1)
        st = is_dict ? set(m, into, &m->stack[i], &m->stack[i + 1]) : append(m, into, &m->stack[i]);
    while (m->n > first)
        drop(m);
    return st;
}

/* a, s: the last item, or key and value; e, u: all behind the mark. */
static onp_status op_fill(machine *m, int kind)
{
    const bool is_dict = kind == 's' || kind == 'u', marked = kind == 'e' || kind == 'u';
    size_t first = m->n;
    if (marked) {
        ONP_TRY(find_mark(m, &first));
    } else {
        ONP_TRY(want(m, is_dict ? 3 : 2));
        first = m->n - (is_dict ? 2 : 1);
    }
    const size_t place = first - (marked ? 2 : 1);
    const json_t *container = first >= (marked ? 2U : 1U) ? m->stack[place].value : NULL;
    if (is_dict ? !json_is_object(container) || onp_pickle_is_name(container)
                : !json_is_array(container))
        return fail(m, is_dict ? "there is no dict to fill" : "there is no list to fill");
    ONP_TRY(fill(m, &m->stack[place], first, is_dict));
    if (marked)
        drop(m);
    return ONP_OK;
}

/* l, t, d: all behind the mark; 1, 2, 3: a tuple of the last so many. */
static onp_status op_collect(machine *m, int kind)
{
    size_t first = m->n;
    const bool marked = kind > 3;
    if (marked) {
        ONP_TRY(find_mark(m, &first));
    } else {
        ONP_TRY(want(m, (size_t)kind));
        first -= (size_t)kind;
    }
    item made = {kind == 'd' ? json_object() : json_array(), 1};
    onp_status st = made.value != NULL ? fill(m, &made, first, kind == 'd') : fail_memory(m);
    if (st != ONP_OK) {
        json_decref(made.value);
        return st;
    }
    if (marked)
        drop(m);
    return push(m, made.value, made.depth);
}

static onp_status op_mark(machine *m, int ignored)
{
    (void)ignored;
    return push_mark(m);
}

static onp_status op_pop(machine *m, int to_mark)
{
    size_t first = m->n;
    if (to_mark) {
        ONP_TRY(find_mark(m, &first));
        first--;
    } else if (m->n == 0) {
        return fail(m, "the stack holds too little");
    } else {
        first--;
    }
    while (m->n > first)
        drop(m);
    return ONP_OK;
}

/* ---- the memo ---- */

/* 0: the next one; 'p': a line; else so many bytes. */
static onp_status take_index(machine *m, int n, size_t *out)
{
    uint64_t index = m->n_memo;
    if (n == 'p') {
        char line[MAX_LINE], *end = NULL;
        ONP_TRY(take_line(m, line));
        index = strtoull(line, &end, 10);
        if (end == line || *end != '\0')
            return fail(m, "a line that is no number");
    } else if (n > 0) {
        ONP_TRY(take_unsigned(m, n, &index));
    }
    if (index >= ONP_PICKLE_MAX_VALUES)
        return fail(m, "more than a million values");
    *out = (size_t)index;
    return ONP_OK;
}

static onp_status op_put(machine *m, int n)
{
    size_t index = 0;
    void *memo = m->memo;
    ONP_TRY(take_index(m, n, &index));
    ONP_TRY(want(m, 1));
    ONP_TRY(onp_grow(m->ctx, &memo, &m->memo_capacity, index + 1, sizeof *m->memo, m->err));
    m->memo = memo;
    for (; m->n_memo <= index; m->n_memo++)
        m->memo[m->n_memo] = NULL;
    const item *last = &m->stack[m->n - 1];
    json_decref(m->memo[index]);
    m->memo[index] = last->depth == 0 ? json_incref(last->value) : NULL;
    return ONP_OK;
}

static onp_status op_get(machine *m, int n)
{
    size_t index = 0;
    ONP_TRY(take_index(m, n, &index));
    if (index >= m->n_memo || m->memo[index] == NULL)
        return fail(m, "refers to nothing, or to a list or dict a second time");
    return push(m, json_incref(m->memo[index]), 0);
}

/* ---- Python's names ---- */

static onp_status op_global(machine *m, int ignored)
{
    char module[MAX_LINE], member[MAX_LINE];
    (void)ignored;
    ONP_TRY(take_line(m, module));
    ONP_TRY(take_line(m, member));
    json_t *name = NULL;
    ONP_TRY(onp_pickle_name(m->name, m->at, module, member, &name, m->err));
    return push(m, name, 0);
}

static onp_status op_stack_global(machine *m, int ignored)
{
    (void)ignored;
    ONP_TRY(want(m, 2));
    const char *module = json_string_value(m->stack[m->n - 2].value);
    const char *member = json_string_value(m->stack[m->n - 1].value);
    json_t *name = NULL;
    if (module == NULL || member == NULL)
        return fail(m, "a name that is no text");
    ONP_TRY(onp_pickle_name(m->name, m->at, module, member, &name, m->err));
    drop(m);
    drop(m);
    return push(m, name, 0);
}

/* R: a name and its arguments; b: a made thing and its state. */
static onp_status op_apply(machine *m, int kind)
{
    ONP_TRY(want(m, 2));
    json_t *made = NULL;
    const item *thing = &m->stack[m->n - 2], *arguments = &m->stack[m->n - 1];
    const int depth = arguments->depth;
    if (kind == 'R')
        ONP_TRY(onp_pickle_call(m->name, m->at, thing->value, arguments->value, &made, m->err));
    else
        ONP_TRY(onp_pickle_build(m->name, m->at, thing->value, arguments->value, &made, m->err));
    drop(m);
    drop(m);
    const bool is_container =
        (json_is_array(made) || json_is_object(made)) && !onp_pickle_is_name(made);
    return push(m, made, is_container ? depth : 0);
}

/* ---- the program ---- */

static onp_status op_proto(machine *m, int ignored)
{
    uint64_t version = 0;
    (void)ignored;
    ONP_TRY(take_unsigned(m, 1, &version));
    return version <= 4 ? ONP_OK : fail(m, "a protocol beyond 4");
}

static onp_status op_frame(machine *m, int ignored)
{
    uint64_t n = 0;
    (void)ignored;
    ONP_TRY(take_unsigned(m, 8, &n));
    return n <= (uint64_t)(m->end - m->p) ? ONP_OK : fail(m, "a frame beyond the file");
}

static onp_status op_stop(machine *m, int ignored)
{
    (void)ignored;
    m->stopped = true;
    return ONP_OK;
}

static const struct {
    onp_status (*run)(machine *m, int argument);
    int argument;
} opcodes[256] = {
    [0x80] = {op_proto, 0},     [0x95] = {op_frame, 0},      ['.'] = {op_stop, 0},
    ['('] = {op_mark, 0},       ['0'] = {op_pop, 0},         ['1'] = {op_pop, 1},
    ['N'] = {op_constant, 'N'}, [0x88] = {op_constant, 'T'}, [0x89] = {op_constant, 'F'},
    ['I'] = {op_decimal, 'I'},  ['L'] = {op_decimal, 'L'},   ['F'] = {op_decimal, 'F'},
    ['K'] = {op_int, 1},        ['M'] = {op_int, 2},         ['J'] = {op_int, 4},
    [0x8a] = {op_long, 0},      ['G'] = {op_float, 0},       ['S'] = {op_line, 'S'},
    ['V'] = {op_line, 'V'},     ['U'] = {op_text, 1},        ['T'] = {op_text, 4},
    [0x8c] = {op_text, 1},      ['X'] = {op_text, 4},        [0x8d] = {op_text, 8},
    ['C'] = {op_bytes, 1},      ['B'] = {op_bytes, 4},       [')'] = {op_empty, ')'},
    [']'] = {op_empty, ']'},    ['}'] = {op_empty, '{'},     ['a'] = {op_fill, 'a'},
    ['e'] = {op_fill, 'e'},     ['s'] = {op_fill, 's'},      ['u'] = {op_fill, 'u'},
    ['l'] = {op_collect, 'l'},  ['t'] = {op_collect, 't'},   ['d'] = {op_collect, 'd'},
    [0x85] = {op_collect, 1},   [0x86] = {op_collect, 2},    [0x87] = {op_collect, 3},
    ['p'] = {op_put, 'p'},      ['q'] = {op_put, 1},         ['r'] = {op_put, 4},
    [0x94] = {op_put, 0},       ['g'] = {op_get, 'p'},       ['h'] = {op_get, 1},
    ['j'] = {op_get, 4},        ['c'] = {op_global, 0},      [0x93] = {op_stack_global, 0},
    ['R'] = {op_apply, 'R'},    ['b'] = {op_apply, 'b'},
};

static onp_status run(machine *m)
{
    while (!m->stopped) {
        const unsigned char *code = NULL;
        m->at = (size_t)(m->p - m->start);
        ONP_TRY(take(m, 1, &code));
        if (opcodes[*code].run == NULL)
            return onp_fail(m->err, ONP_E_FORMAT,
                            "%s: byte %zu of the pickle: opcode 0x%02x makes no plain data",
                            m->name, m->at, *code);
        ONP_TRY(opcodes[*code].run(m, opcodes[*code].argument));
    }
    m->at = (size_t)(m->p - m->start);
    if (m->p != m->end)
        return fail(m, "bytes behind the end");
    if (m->n != 1 || m->stack[0].value == NULL)
        return fail(m, "the stack does not hold one value at the end");
    return ONP_OK;
}

onp_status onp_unpickle(const onp_context *ctx, const char *name, const char *data, size_t size,
                        json_t **out, onp_error *err)
{
    const unsigned char *bytes = (const unsigned char *)data;
    machine m = {
        .ctx = ctx, .name = name, .start = bytes, .p = bytes, .end = bytes + size, .err = err};
    onp_status st = run(&m);
    if (st == ONP_OK)
        *out = json_incref(m.stack[0].value);
    while (m.n > 0)
        drop(&m);
    for (size_t i = 0; i < m.n_memo; i++)
        json_decref(m.memo[i]);
    onp_free(ctx, m.stack);
    onp_free(ctx, m.memo);
    return st;
}
