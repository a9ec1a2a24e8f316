/* SPDX-License-Identifier: Apache-2.0 */
/* Struct to YAML by the table. libyaml's emitter decides on quotes. */
#include "base/yaml_doc.h"

#include <yaml.h>

typedef struct sink {
    yaml_emitter_t emitter;
    onp_strbuf scalar; /* scratch */
    bool failed;       /* of memory: nothing else can fail */
} sink;

static int append(void *user, unsigned char *text, size_t size)
{
    onp_strbuf *out = user;
    onp_strbuf_add(out, (const char *)text, size);
    return !out->failed;
}

/* Takes the event. `made`: what libyaml's initialiser of it returned. */
static void emit(sink *s, yaml_event_t *e, int made)
{
    if (made && s->failed)
        yaml_event_delete(e);
    else if (!made || !yaml_emitter_emit(&s->emitter, e))
        s->failed = true;
}

static void emit_scalar(sink *s, const char *text, yaml_scalar_style_t style)
{
    yaml_event_t e;
    /* libyaml's signature lacks const; it copies */
    yaml_char_t *value = (yaml_char_t *)(uintptr_t)text;
    emit(s, &e, yaml_scalar_event_initialize(&e, NULL, NULL, value, -1, 1, 1, style));
}

static void emit_map_start(sink *s, bool in_flow)
{
    yaml_event_t e;
    yaml_mapping_style_t style = in_flow ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE;
    emit(s, &e, yaml_mapping_start_event_initialize(&e, NULL, NULL, 1, style));
}

static void emit_map_end(sink *s)
{
    yaml_event_t e;
    emit(s, &e, yaml_mapping_end_event_initialize(&e));
}

static const void *slot_of(const void *in, const onp_yaml_field *f)
{
    return (const char *)in + f->offset;
}

/* Whether the field holds something that reads back. */
static bool is_given(const onp_yaml_field *f, const void *in)
{
    const onp_yaml_target *target = slot_of(in, f);
    switch (f->type) {
    case ONP_YAML_STRING:
    case ONP_YAML_PATH:
        return *(char *const *)slot_of(in, f) != NULL;
    case ONP_YAML_TARGET:
        return target->ns > 0 || target->share > 0;
    case ONP_YAML_DURATION:
        return *(const int64_t *)slot_of(in, f) > 0 && onp_yaml_in_range(f, slot_of(in, f));
    case ONP_YAML_MAP:
        for (const onp_yaml_field *g = f->fields; g->key != NULL; g++)
            if (f->optional && g->def == NULL && !g->optional && !is_given(g, slot_of(in, f)))
                return false;
        return true;
    default:
        return onp_yaml_in_range(f, slot_of(in, f));
    }
}

static void emit_fields(sink *s, const onp_yaml_field *fields, const void *in, bool in_flow);

static void emit_list(sink *s, const onp_yaml_field *f, const void *in)
{
    const char *items = *(char *const *)slot_of(in, f);
    size_t count = *(const size_t *)(const void *)((const char *)in + f->count_offset);
    yaml_event_t e;
    emit(s, &e, yaml_sequence_start_event_initialize(&e, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE));
    for (size_t i = 0; i < count; i++)
        emit_fields(s, f->fields, items + i * f->elem_size, true);
    emit(s, &e, yaml_sequence_end_event_initialize(&e));
}

static void emit_text(sink *s, const char *text)
{
    bool quote = onp_yaml_is_null(text, true);
    emit_scalar(s, text, quote ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_ANY_SCALAR_STYLE);
}

static void emit_value(sink *s, const onp_yaml_field *f, const void *in, bool in_flow)
{
    if (f->type == ONP_YAML_MAP) {
        emit_fields(s, f->fields, slot_of(in, f), in_flow);
    } else if (f->type == ONP_YAML_LIST) {
        emit_list(s, f, in);
    } else if (f->type == ONP_YAML_STRING || f->type == ONP_YAML_PATH) {
        emit_text(s, *(char *const *)slot_of(in, f));
    } else {
        onp_strbuf_reset(&s->scalar);
        onp_yaml_scalar_write(f, slot_of(in, f), &s->scalar);
        s->failed = s->failed || s->scalar.failed;
        emit_scalar(s, s->scalar.text, YAML_PLAIN_SCALAR_STYLE);
    }
}

static void emit_fields(sink *s, const onp_yaml_field *fields, const void *in, bool in_flow)
{
    emit_map_start(s, in_flow);
    for (const onp_yaml_field *f = fields; f->key != NULL; f++) {
        if (!is_given(f, in))
            continue;
        emit_scalar(s, f->key, YAML_PLAIN_SCALAR_STYLE);
        emit_value(s, f, in, in_flow);
    }
    emit_map_end(s);
}

onp_status onp_yaml_emit(const onp_yaml_field *fields, const void *in, onp_strbuf *out,
                         onp_error *err)
{
    sink s = {.failed = false};
    yaml_event_t e;
    if (!yaml_emitter_initialize(&s.emitter))
        return onp_fail(err, ONP_E_NOMEM, "out of memory for YAML");
    onp_strbuf_init(&s.scalar, out->ctx);
    yaml_emitter_set_output(&s.emitter, append, out);
    yaml_emitter_set_unicode(&s.emitter, 1);
    yaml_emitter_set_width(&s.emitter, -1);
    emit(&s, &e, yaml_stream_start_event_initialize(&e, YAML_UTF8_ENCODING));
    emit(&s, &e, yaml_document_start_event_initialize(&e, NULL, NULL, NULL, 1));
    emit_fields(&s, fields, in, false);
    emit(&s, &e, yaml_document_end_event_initialize(&e, 1));
    emit(&s, &e, yaml_stream_end_event_initialize(&e));
    yaml_emitter_delete(&s.emitter);
    onp_strbuf_reset(&s.scalar);
    if (s.failed)
        return onp_fail(err, ONP_E_NOMEM, "out of memory for YAML");
    return ONP_OK;
}
