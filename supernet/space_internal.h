/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that read a space and make its positions share. */
#ifndef ONP_SUPERNET_SPACE_INTERNAL_H
#define ONP_SUPERNET_SPACE_INTERNAL_H

#include "supernet/space.h"

enum {
    ONP_SPACE_MAX_STAGES = 16,
    ONP_SPACE_MAX_BLOCKS = 24,
    ONP_SPACE_MAX_FIXED = 32,
    ONP_SPACE_MAX_SIZE = 65536
};

typedef struct onp_space_reader {
    const onp_yaml_doc *doc; /* NULL: no file, err gets the first problem */
    const char *name;
    onp_strbuf *problems;
    onp_error *err;
    size_t n_problems;
    onp_space *s;
    int32_t h, w, c; /* the map behind the last position */
} onp_space_reader;

/* Of the file, into an onp_space_spec. */
extern const onp_yaml_field onp_space_fields[];

void onp_space_problem(onp_space_reader *r, const char *key, const char *fmt, ...) ONP_PRINTF(3, 4);
/* The checks that the table cannot make. */
void onp_space_check_spec(onp_space_reader *r);

/* Whether a candidate may stand where the map or the number of channels changes: zero and identity
 * need both the same, pools the channels. */
bool onp_space_fits(const onp_space_candidate *c, bool same_map, bool same_channels);
/* The block of a candidate in a stage (NULL: in none), without sizes. */
onp_block onp_space_block_of(const onp_space_candidate *c, const onp_space_stage *stage);

/* Where candidate `index` of the file stands in a position with a choice, or -1 when it is left out
 * there. */
int32_t onp_space_place(const onp_space *s, const onp_position *p, int index);

#endif
