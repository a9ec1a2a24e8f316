/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounds on a protobuf message before protobuf-c unpacks it: it takes memory for each field and
 * stack for each level of nesting, whatever the bytes ask for. Internal to export/.
 *
 *     if (onp_onnx_wire_check(&onnx__model_proto__descriptor, data, size, &why)) ...
 */
#ifndef ONP_EXPORT_ONNX_WIRE_H
#define ONP_EXPORT_ONNX_WIRE_H

#include <protobuf-c/protobuf-c.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ONP_ONNX_MAX_DEPTH  32
#define ONP_ONNX_MAX_FIELDS (1 << 20) /* of the whole file; packed numbers count as bytes */

/* Whether every field lies within its message, at most so many at most so deep. If not, *why is a
 * static text. */
bool onp_onnx_wire_check(const ProtobufCMessageDescriptor *message, const uint8_t *data,
                         size_t size, const char **why);

#endif
