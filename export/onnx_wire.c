/* SPDX-License-Identifier: Apache-2.0 */
#include "export/onnx_wire.h"

enum wire_type { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

typedef struct cursor {
    const uint8_t *at, *end;
} cursor;

typedef struct checker {
    size_t n_fields;
    const char *why;
} checker;

static bool fails(checker *c, const char *why)
{
    c->why = why;
    return false;
}

static bool read_varint(cursor *c, uint64_t *out)
{
    *out = 0;
    for (int shift = 0; shift < 64 && c->at < c->end; shift += 7) {
        const uint8_t byte = *c->at++;
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return true;
    }
    return false;
}

static bool is_text(const ProtobufCFieldDescriptor *field)
{
    return field == NULL || field->type == PROTOBUF_C_TYPE_STRING ||
           field->type == PROTOBUF_C_TYPE_BYTES;
}

/* A message within another: its numbers of fields with a part of its own that is there already. */
typedef struct level {
    const ProtobufCMessageDescriptor *message;
    cursor in;
    int depth;
    uint64_t seen;
} level;

static bool check_message(checker *c, level l);

/* protobuf-c would merge the second of such parts into the first: nobody writes that. */
static bool is_second(level *l, const ProtobufCFieldDescriptor *field)
{
    const uint64_t bit = field->id < 64 ? (uint64_t)1 << field->id : 0;
    const bool second = field->label != PROTOBUF_C_LABEL_REPEATED && (l->seen & bit) != 0;
    l->seen |= bit;
    return second;
}

/* Text and bytes are copied as they are; of packed numbers each byte may become eight. */
static bool check_bytes(checker *c, level *l, const ProtobufCFieldDescriptor *field, cursor body)
{
    if (is_text(field))
        return true;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return is_second(l, field)
                   ? fails(c, "a part that is there twice")
                   : check_message(c, (level){field->descriptor, body, l->depth + 1, 0});
    c->n_fields += (size_t)(body.end - body.at);
    return true;
}

/* The bytes of the field at l->in, which is moved behind it. */
static bool read_field(checker *c, level *l, uint64_t *tag, cursor *body)
{
    uint64_t length = 0;
    cursor *in = &l->in;
    if (!read_varint(in, tag) || *tag > UINT32_MAX || *tag >> 3 == 0)
        return fails(c, "a field without a number");
    body->at = in->at;
    switch (*tag & 7) {
    case WIRE_VARINT:
        if (!read_varint(in, &length))
            return fails(c, "a number that is cut off");
        length = 0;
        break;
    case WIRE_64:
        length = 8;
        break;
    case WIRE_32:
        length = 4;
        break;
    case WIRE_BYTES:
        if (!read_varint(in, &length))
            return fails(c, "a length that is cut off");
        body->at = in->at;
        break;
    default:
        return fails(c, "a field of an unknown type");
    }
    if (length > (size_t)(in->end - in->at))
        return fails(c, "a field longer than what is left");
    in->at += length;
    body->end = in->at;
    return true;
}

static bool check_message(checker *c, level l)
{
    if (l.depth > ONP_ONNX_MAX_DEPTH)
        return fails(c, "messages nested too deep");
    while (l.in.at < l.in.end) {
        uint64_t tag = 0;
        cursor body;
        if (!read_field(c, &l, &tag, &body))
            return false;
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field(l.message, (unsigned)(tag >> 3));
        if ((tag & 7) == WIRE_BYTES && !check_bytes(c, &l, field, body))
            return false;
        if (++c->n_fields > ONP_ONNX_MAX_FIELDS)
            return fails(c, "too many fields");
    }
    return true;
}

bool onp_onnx_wire_check(const ProtobufCMessageDescriptor *message, const uint8_t *data,
                         size_t size, const char **why)
{
    checker c = {.why = NULL};
    const bool fine = check_message(&c, (level){message, {data, data + size}, 0, 0});
    *why = c.why;
    return fine;
}
