/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A search space: what a network may look like. Read from YAML, it becomes an ordered list of
 * positions (stem, fixed blocks, the blocks of the stages, mix, head), each with the blocks it may
 * hold, complete with their true maps. A path is one candidate per position.
 *
 *     onp_space *space;
 *     ONP_TRY(onp_space_load(ctx, "configs/spaces/mbconv-28.yaml", NULL, &space, err));
 *     int32_t path[ONP_MAX_POSITIONS];
 *     ONP_TRY_GOTO(onp_space_path_parse(space, "3x3e6", path, err));
 *     const onp_block *b = &space->positions[2].candidate[path[2]];
 *   done:
 *     onp_space_free(space);
 */
#ifndef ONP_SUPERNET_SPACE_H
#define ONP_SUPERNET_SPACE_H

#include "base/strbuf.h"
#include "base/yaml.h"
#include "supernet/position.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a space's file says; the ranges are checked. */
typedef enum onp_space_op {
    ONP_SPACE_MBCONV,
    ONP_SPACE_CONV,
    ONP_SPACE_SEPARABLE,
    ONP_SPACE_MAX_POOL,
    ONP_SPACE_AVG_POOL,
    ONP_SPACE_IDENTITY,
    ONP_SPACE_ZERO
} onp_space_op;

typedef struct onp_space_candidate {
    int op;                   /* onp_space_op */
    int64_t kernel, expand;   /* 0 where the op has none */
    int64_t dilation, groups; /* 1 where it has none */
    int activation;           /* 0: auto, the stage's (mbconv) or ReLU6; else onp_activation + 1 */
    bool squeeze_excite;      /* mbconv; else the stage's */
    int shortcut;             /* 0: auto, the input is added where shapes allow; 1: none */
    int64_t channels, stride; /* of a fixed block */
} onp_space_candidate;

typedef struct onp_space_stage {
    int64_t channels, blocks, stride; /* stride: of its first block */
    int activation;                   /* of its mbconv that have none of their own */
    bool squeeze_excite;
} onp_space_stage;

typedef struct onp_space_spec {
    int64_t schema;
    char *name;
    int64_t in_h, in_w, in_c;
    double
        width; /* multiplies the channels of stem, fixed blocks, stages and (above 1) mix, head */
    int stem_op;
    int64_t stem_kernel, stem_stride, stem_channels;
    onp_space_candidate *fixed, *candidates;
    size_t n_fixed, n_candidates;
    onp_space_stage *stages;
    size_t n_stages;
    int64_t mix_channels, classes;
    int64_t head_channels; /* of a linear layer before the last; 0: there is none */
    int stem_activation, mix_activation, head_activation; /* onp_activation */
} onp_space_spec;

typedef struct onp_space {
    const onp_context *ctx; /* borrowed */
    onp_space_spec spec;
    /* The first is the stem, the last the head. Candidates are in the order of the file, complete;
     * zero and identity are left out where the shape changes, pools where the channels do. A
     * position with one candidate is fixed. */
    onp_position *positions;
    int32_t n_positions;
    int32_t n_choices; /* positions with more than one candidate */
} onp_space;

/*
 * Reads a space. Every problem in it is appended to `problems` (may be NULL) as one line
 * "file:line:col: error: ...". *out: onp_space_free; ctx must outlive it. Errors: ONP_E_CONFIG (err
 * holds the first; a file that cannot be read or parsed is in err alone), ONP_E_NOMEM.
 */
onp_status onp_space_load(const onp_context *ctx, const char *path, onp_strbuf *problems,
                          onp_space **out, onp_error *err) ONP_MUST_USE;
/* The same from a document that may carry --set overrides; `name` stands in errors. */
onp_status onp_space_from_doc(const onp_context *ctx, const onp_yaml_doc *doc, const char *name,
                              onp_strbuf *problems, onp_space **out, onp_error *err) ONP_MUST_USE;
void onp_space_free(onp_space *s);

/*
 * Gives the space another input; all maps follow, and zero stays where the shape allows it. Errors:
 * ONP_E_RANGE naming what a map is too small for ("stages.3: stride 2 on a map of 1x1 leaves
 * nothing to shrink"), ONP_E_NOMEM; s is then unchanged.
 */
onp_status onp_space_set_input(onp_space *s, int64_t h, int64_t w, int64_t c,
                               onp_error *err) ONP_MUST_USE;

/* Gives the head as many classes as the data has. Errors: ONP_E_RANGE outside 2..65536; s is then
 * unchanged. */
onp_status onp_space_set_classes(onp_space *s, int64_t n_classes, onp_error *err) ONP_MUST_USE;

/* Number of choice vectors, the product of the candidate counts. exact (may be NULL): the same as
 * an integer, 0 when it does not fit 64 bits. */
double onp_space_n_vectors(const onp_space *s, uint64_t *exact);

/*
 * The distinct blocks of the space that cost something (zero and identity left out), in the order
 * of the network. blocks: onp_free. Errors: ONP_E_NOMEM.
 */
onp_status onp_space_blocks(const onp_context *ctx, const onp_space *s, onp_block **blocks,
                            int32_t *n, onp_error *err) ONP_MUST_USE;

/*
 * Reads a path: one candidate for all positions with a choice, or one for each of them, joined by
 * commas. A candidate is its short name ("3x3e6"), as the file has it or with what the stage adds
 * to it ("3x3e6-se-hswish"), or its index in the file's list, from 0. choice:
 * n_positions indices into the candidates of each position, 0 where it is fixed. Errors:
 * ONP_E_USAGE naming the block and what it may be; path is then undefined.
 */
onp_status onp_space_path_parse(const onp_space *s, const char *text, int32_t *path,
                                onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
