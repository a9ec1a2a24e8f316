/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where in a folder or archive the images are, and in which format, by names alone. Internal to
 * data/; data/survey.h says what is looked for.
 *
 *     onp_layout found;
 *     ONP_TRY(onp_layout_find(ctx, "flowers.tar.gz", &found, err));
 */
#ifndef ONP_DATA_LAYOUT_H
#define ONP_DATA_LAYOUT_H

#include <limits.h>

#include "base/context.h"

typedef struct onp_layout {
    const char *format;      /* one of onp_dataset_formats */
    char train[PATH_MAX];    /* absolute */
    char test[PATH_MAX];     /* "": none */
    char unused[PATH_MAX];   /* a validation folder beside train and test; "": none */
    bool test_has_no_labels; /* there is one, without class folders: it is not in `test` */
} onp_layout;

/* On failure *out is all zero. Errors: ONP_E_FORMAT (what was seen and what is wanted),
 * ONP_E_NOMEM. */
onp_status onp_layout_find(const onp_context *ctx, const char *path, onp_layout *out,
                           onp_error *err) ONP_MUST_USE;

#endif
