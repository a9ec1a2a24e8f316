/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runner protocol: one JSON object a line, each way; docs/runner-protocol.md describes every
 * message. Encoders append a line with its newline; decoders check all they read.
 *
 *     onp_message m;
 *     ONP_TRY(onp_message_decode(line, length, "runner", &m, err));
 *     if (m.kind == ONP_MESSAGE_RESULT)
 *         ONP_TRY_GOTO(onp_message_result(ctx, &m, &timing, err));
 *   done:
 *     onp_message_reset(&m);
 */
#ifndef ONP_LATENCY_MEASURE_PROTOCOL_H
#define ONP_LATENCY_MEASURE_PROTOCOL_H

#include "graph/json.h"
#include "latency/measure/facts.h"
#include "latency/measure/timing.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_PROTOCOL_VERSION  2
#define ONP_PROTOCOL_MAX_LINE (16 * ONP_MIB)
#define ONP_PROTOCOL_MAX_ID   INT32_MAX

typedef enum onp_message_kind {
    ONP_MESSAGE_HELLO,
    ONP_MESSAGE_MEASURE,
    ONP_MESSAGE_RESULT,
    ONP_MESSAGE_ERROR,
    ONP_MESSAGE_ALIVE,
    ONP_MESSAGE_BYE,
    ONP_MESSAGE_KIND_COUNT
} onp_message_kind;
const char *onp_message_name(onp_message_kind kind);

typedef struct onp_message {
    onp_message_kind kind;
    int64_t id; /* of measure, result and error; else 0 */
    json_t *root;
    char where[64]; /* who sent it, for errors */
} onp_message;

/* Takes one line apart as far as kind and id. `who` stands in errors. Errors: ONP_E_FORMAT (no
 * JSON, no object, an unknown message, no id), ONP_E_NOMEM; *m is then all zero. */
onp_status onp_message_decode(const char *line, size_t length, const char *who, onp_message *m,
                              onp_error *err) ONP_MUST_USE;
void onp_message_reset(onp_message *m);

/* hello: the driver sends the version, the runner answers with version and facts. */
onp_status onp_message_add_hello(const onp_runner_facts *facts /* NULL: the driver's */,
                                 onp_strbuf *out, onp_error *err) ONP_MUST_USE;
/* Errors: ONP_E_FORMAT, saying both versions, when the other side speaks another one. */
onp_status onp_message_version(const onp_message *m, onp_error *err) ONP_MUST_USE;
/* The runner's facts. Errors: ONP_E_FORMAT (a required field is missing, a text is too long or has
 * control characters, it accepts neither graph nor onnx). */
onp_status onp_message_facts(const onp_message *m, onp_runner_facts *out,
                             onp_error *err) ONP_MUST_USE;

/* A rule as an object; the caller's (json_decref). NULL: no memory. */
json_t *onp_stop_rule_to_json(const onp_stop_rule *rule);

/* measure: a graph, or an ONNX model in its place, and a stop rule (with its defaults filled in);
 * stamps: the times of its node groups too. */
onp_status onp_message_add_measure(int64_t id, const onp_graph *g, const onp_stop_rule *rule,
                                   bool stamps, onp_strbuf *out, onp_error *err) ONP_MUST_USE;
onp_status onp_message_add_measure_onnx(int64_t id, const void *onnx, size_t size,
                                        const onp_stop_rule *rule, onp_strbuf *out,
                                        onp_error *err) ONP_MUST_USE;
/* *g is the caller's (onp_graph_free). Errors: ONP_E_FORMAT, ONP_E_RANGE (onp_stop_rule_check),
 * ONP_E_NOMEM. */
onp_status onp_message_measure(const onp_context *ctx, const onp_message *m, onp_graph **g,
                               onp_stop_rule *rule, bool *stamps, onp_error *err) ONP_MUST_USE;

onp_status onp_message_add_result(int64_t id, const onp_timing *t, onp_strbuf *out,
                                  onp_error *err) ONP_MUST_USE;
/*
 * Samples, stamps, clocks and counts, checked; statistics are computed here, not taken over. The
 * runner's verdict stands when it sends one, else samples are judged by `rule`. *t is then the
 * caller's (onp_timing_reset). Errors: ONP_E_FORMAT, ONP_E_NOMEM.
 */
onp_status onp_message_result(const onp_context *ctx, const onp_message *m,
                              const onp_stop_rule *rule, onp_timing *t,
                              onp_error *err) ONP_MUST_USE;

onp_status onp_message_add_error(int64_t id, const onp_error *error, onp_strbuf *out,
                                 onp_error *err) ONP_MUST_USE;
/* The text of an error; borrowed from m. */
onp_status onp_message_error_text(const onp_message *m, const char **text,
                                  onp_error *err) ONP_MUST_USE;

/* Always the same lines: alive, from a runner that measures, and bye, either way. */
#define ONP_PROTOCOL_ALIVE "{\"message\": \"alive\"}\n"
#define ONP_PROTOCOL_BYE   "{\"message\": \"bye\"}\n"

#ifdef __cplusplus
}
#endif
#endif
