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

static bool check_message(checker *c, const ProtobufCMessageDescriptor *message, cursor in,
                          int depth);

/* Text and bytes are copied as they are; of packed numbers each byte may become eight. */
static bool check_bytes(checker *c, const ProtobufCFieldDescriptor *field, cursor in, int depth)
{
    if (is_text(field))
        return true;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return check_message(c, field->descriptor, in, depth + 1);
    c->n_fields += (size_t)(in.end - in.at);
    return true;
}

static bool check_field(checker *c, const ProtobufCMessageDescriptor *message, cursor *in,
                        int depth)
{
    uint64_t tag = 0, value = 0;
    if (!read_varint(in, &tag) || tag > UINT32_MAX || tag >> 3 == 0)
        return fails(c, "a field without a number");
    const size_t left = (size_t)(in->end - in->at);
    switch (tag & 7) {
    case WIRE_VARINT:
        return read_varint(in, &value) || fails(c, "a number that is cut off");
    case WIRE_64:
    case WIRE_32:
        value = (tag & 7) == WIRE_64 ? 8 : 4;
        break;
    case WIRE_BYTES:
        if (!read_varint(in, &value))
            return fails(c, "a length that is cut off");
        break;
    default:
        return fails(c, "a field of an unknown type");
    }
    if (value > (size_t)(in->end - in->at))
        return fails(c, left == 0 ? "a field that is cut off" : "a field longer than its message");
    const cursor body = {in->at, in->at + value};
    in->at = body.end;
    if ((tag & 7) != WIRE_BYTES)
        return true;
    return check_bytes(c, protobuf_c_message_descriptor_get_field(message, (unsigned)(tag >> 3)),
                       body, depth);
}

static bool check_message(checker *c, const ProtobufCMessageDescriptor *message, cursor in,
                          int depth)
{
    if (depth > ONP_ONNX_MAX_DEPTH)
        return fails(c, "messages nested too deep");
    while (in.at < in.end) {
        c->n_fields++;
        if (!check_field(c, message, &in, depth))
            return false;
        if (c->n_fields > ONP_ONNX_MAX_FIELDS)
            return fails(c, "too many fields");
    }
    return true;
}

bool onp_onnx_wire_check(const ProtobufCMessageDescriptor *message, const uint8_t *data,
                         size_t size, const char **why)
{
    checker c = {.why = NULL};
    const bool fine = check_message(&c, message, (cursor){data, data + size}, 0);
    *why = c.why;
    return fine;
}
