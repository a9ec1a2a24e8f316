/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the importers and import.c: an importer parses a text and hands over rows and problems.
 *
 *     onp_import_row row = {.line = 3, .count = 982, .mean_ns = 4083756, .cv = 0.12};
 *     onp_block_key(&block, row.key);
 *     ONP_TRY(onp_import_add(sink, &row, err));
 */
#ifndef ONP_LATENCY_TABLE_IMPORT_INTERNAL_H
#define ONP_LATENCY_TABLE_IMPORT_INTERNAL_H

#include "base/json.h"
#include "graph/block.h"
#include "latency/table/import.h"

typedef struct onp_import_row {
    char key[ONP_BLOCK_KEY];
    int line, column;
    int64_t count; /* of the values that mean_ns is the mean of */
    int64_t mean_ns;
    double cv;             /* standard deviation of one value / mean_ns; 0: unknown */
    int64_t lo_ns, hi_ns;  /* 95 % interval of mean_ns; both 0: unknown */
    int64_t normalized_ns; /* at the clock that the file names; 0: unknown */
    onp_quality quality;
    char method[ONP_ESTIMATE_TEXT]; /* what the file says of how it came about; "": nothing */
} onp_import_row;

/* A network that was measured whole; key, interval and method are empty. */
typedef struct onp_import_network {
    onp_import_row row;
    onp_block *blocks; /* NULL: text says what it is */
    int32_t n_blocks;
    char *text, *space; /* space: NULL: unknown */
} onp_import_network;

typedef struct onp_import_sink {
    const onp_context *ctx;
    const char *file; /* stands in problems */
    onp_import_row *rows;
    size_t n_rows, rows_capacity;
    onp_import_network *networks;
    size_t n_networks, networks_capacity;
    onp_strbuf problems;
    size_t n_problems;
    size_t n_left_out; /* rows that the file's authors made, not measured */
    onp_error first;   /* the first problem */
    json_t *origin;    /* what the file says of its platform, kept with the run; NULL: nothing */
} onp_import_sink;

/* A row; copied. */
onp_status onp_import_add(onp_import_sink *sink, const onp_import_row *row,
                          onp_error *err) ONP_MUST_USE;
/* A network; its memory is taken, on error too. */
onp_status onp_import_add_network(onp_import_sink *sink, onp_import_network *net,
                                  onp_error *err) ONP_MUST_USE;
void onp_import_network_clear(const onp_context *ctx, onp_import_network *net);
/* A bad row; parsing goes on. */
void onp_import_problem(onp_import_sink *sink, int line, int column, const char *fmt, ...)
    ONP_PRINTF(4, 5);

/* A file that yields nothing usable is ONP_E_FORMAT, whatever the layer below calls it: sets and
 * returns that, the text stays. */
onp_status onp_import_unreadable(onp_error *err);

#define ONP_IMPORT_MAX_MS 1e6 /* a quarter of an hour for one block is no latency */

/* A key of the published tables. Errors: ONP_E_FORMAT, ONP_E_RANGE, ONP_E_SHAPE. */
onp_status onp_import_read_key(const char *key, onp_block *out, onp_error *err) ONP_MUST_USE;
/* The head of a network whose table has it in three rows. */
typedef enum onp_import_part {
    ONP_PART_POOL,
    ONP_PART_FIRST,
    ONP_PART_LAST,
    ONP_PART_COUNT,
    ONP_PART_NONE = ONP_PART_COUNT /* a whole block */
} onp_import_part;
typedef struct onp_import_head {
    bool seen[ONP_PART_COUNT];
    onp_block blocks[ONP_PART_COUNT]; /* of the last, in_c and out_c only */
    onp_import_row rows[ONP_PART_COUNT];
} onp_import_head;
void onp_import_head_add(onp_import_head *h, onp_import_part part, const onp_block *block,
                         const onp_import_row *row, onp_import_sink *sink);
/* The head's row, where there were parts: the sum of the three. */
onp_status onp_import_head_end(const onp_import_head *h, onp_import_sink *sink,
                               onp_error *err) ONP_MUST_USE;

/* The same for a key of Once-for-All; of a part, the block has shapes only. */
onp_status onp_import_read_ofa_key(const char *key, onp_block *out, onp_import_part *part,
                                   onp_error *err) ONP_MUST_USE;
onp_status onp_import_read_hidden_key(const char *key, onp_block *out,
                                      onp_error *err) ONP_MUST_USE; /* whole blocks only */
/* Of an older form: "56x56x24-28x28x40-expand:3-kernel:5-stride:2"; a block that keeps its shape
 * has a shortcut. */
onp_status onp_import_read_short_key(const char *key, onp_block *out, onp_error *err) ONP_MUST_USE;
/* Of TF-NAS, "MBInvertedResBlock_112_16_0_24_k3_s2_relu"; the hidden width is still to be set. */
onp_status onp_import_read_width_key(const char *key, onp_block *out, onp_error *err) ONP_MUST_USE;
/* Completes an mbconv that is given by its hidden width. */
onp_status onp_import_complete_width(onp_block *b, int32_t hidden, onp_error *err) ONP_MUST_USE;
/* Of lines, without the empty ones that editors leave at the end. */
size_t onp_import_size(const char *text, size_t size);

/* 95 % interval of the mean of `count` measurements of this cv, or of the rounded mean alone. */
void onp_import_set_interval(onp_import_row *row);
/* A finite decimal number without rest; text may be NULL. */
bool onp_import_read_real(const char *text, double *out);
/* Whether a time is at least a nanosecond and no more than the most. Errors: ONP_E_FORMAT. */
onp_status onp_import_check_ms(const char *name, double ms, onp_error *err) ONP_MUST_USE;

typedef struct onp_importer {
    const char *format;
    const char *unit; /* of the file's times */
    const char
        *spread; /* what the file's spread is, and what its keys' expand means; NULL: it has */
    const char *expand; /* none */
    /* Errors: ONP_E_FORMAT when the text as a whole is unreadable, ONP_E_NOMEM. */
    onp_status (*parse)(onp_import_sink *sink, const char *text, size_t size, onp_error *err);
} onp_importer;

extern const onp_importer onp_import_proxylessnas, onp_import_csv, onp_import_jsonl,
    onp_import_yaml, onp_import_ofa, onp_import_tfnas;

#endif
