/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What somebody's images are: which format, where the training and the test images lie, which
 * classes there are, how large the images are. Nothing is decoded: names and headers are read.
 *
 *     onp_survey s;
 *     ONP_TRY(onp_survey_take(ctx, "flowers.tar.gz", cache_dir, false, &s, err));
 *     // s.format "image-folder", s.train "/home/me/flowers.tar.gz/flowers/train", s.n_train 3200
 *     onp_survey_free(&s);
 *
 * Looked for, in a folder, in a .tar.gz, or in a folder that has one .tar.gz and no sub-folder:
 * IDX and CIFAR files by their names; a folder train/ (or training/) of class folders, with test/,
 * testing/, val/, valid/ or validation/ beside it; else class folders. A single folder on the way
 * is passed through.
 */
#ifndef ONP_DATA_SURVEY_H
#define ONP_DATA_SURVEY_H

#include <limits.h>

#include "base/strbuf.h"
#include "data/dataset.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_survey_class {
    char *name;              /* owned */
    int64_t n_train, n_test; /* readable images */
} onp_survey_class;

typedef struct onp_survey {
    const onp_context *ctx;    /* borrowed until free */
    const char *format;        /* one of onp_dataset_formats */
    char train[PATH_MAX];      /* absolute, as a configuration takes it */
    char test[PATH_MAX];       /* "": there is none */
    char unused[PATH_MAX];     /* a validation folder beside train and test; "": none */
    bool test_has_no_labels;   /* a test folder without class folders, which is not in `test` */
    onp_survey_class *classes; /* (n_classes), in the order of their labels */
    int32_t n_classes;
    int64_t n_train, n_test;       /* readable images in all */
    int64_t n_grey;                /* of all: one channel */
    int64_t h, w;                  /* the median of each; all images are so when one_size */
    int64_t least_side, most_side; /* of all heights and widths */
    int64_t short_side;            /* the median of each image's shorter side */
    bool one_size;
    int64_t n_bad;  /* image files whose header cannot be read */
    onp_strbuf bad; /* what is wrong with the first of them, a line each */
} onp_survey;

/*
 * Looks at path. cache_dir: made when missing; archives are unpacked there into nameless files, and
 * IDX and CIFAR files into pack files, which a search uses again. skip_bad: an image file whose
 * header cannot be read is counted instead of being an error. On failure *out is all zero. Errors:
 * ONP_E_FORMAT (nothing there, no class folders, a class without images, folders in class folders,
 * fewer than two classes, other classes to test than to train, an unreadable image: what was seen
 * and what is wanted), ONP_E_IO, ONP_E_NOMEM.
 */
onp_status onp_survey_take(const onp_context *ctx, const char *path, const char *cache_dir,
                           bool skip_bad, onp_survey *out, onp_error *err) ONP_MUST_USE;
void onp_survey_free(onp_survey *s); /* all zero is allowed, and what it becomes */

#ifdef __cplusplus
}
#endif
#endif
