/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A data set: labelled images of one size, decoded once into a pack file that is mapped read-only.
 *
 *     onp_source source = {.format = "idx", .part = ONP_PART_TRAIN, .path = folder,
 *                          .cache_dir = cache};
 *     onp_dataset ds;
 *     ONP_TRY(onp_dataset_open(ctx, &source, &ds, err));
 *     const uint8_t *image = ds.images + (size_t)i * onp_dataset_image_bytes(&ds);
 *     onp_dataset_close(&ds);
 *
 * The pack file's name is a hash of the source's bytes and options, so that a changed source gives
 * another file. A format is one source file and one line in ONP_FORMAT_LIST (see data/format.h).
 */
#ifndef ONP_DATA_DATASET_H
#define ONP_DATA_DATASET_H

#include "base/file.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What no data set may exceed; checked before anything is allocated. */
#define ONP_DATA_MAX_IMAGES   ((int64_t)1 << 28)
#define ONP_DATA_MAX_SIDE     4096
#define ONP_DATA_MAX_CHANNELS 4
#define ONP_DATA_MAX_CLASSES  65536
#define ONP_DATA_MAX_BYTES    ((int64_t)1 << 40)

/* identifier, name in configs */
#define ONP_FORMAT_LIST(X)                                                                         \
    X(idx, "idx")                                                                                  \
    X(image_folder, "image-folder")                                                                \
    X(cifar_10, "cifar-10")                                                                        \
    X(cifar_100, "cifar-100")                                                                      \
    X(generated, "generated")

/* The names, ended by NULL: what a config may choose from. */
extern const char *const onp_dataset_formats[];

/* How an image becomes a square: its middle is cut out, or it is stretched. */
typedef enum onp_fit { ONP_FIT_CROP, ONP_FIT_STRETCH } onp_fit;
extern const char *const onp_fit_names[]; /* "crop", "stretch", NULL */

typedef enum onp_part { ONP_PART_TRAIN, ONP_PART_TEST } onp_part;

/*
 * Where a data set comes from; strings are borrowed for the call.
 *
 * idx: path is a folder with {train|t10k}-images-idx{3|4}-ubyte and {train|t10k}-labels-idx1-ubyte,
 * each plain or with .gz. image-folder: path is a folder with one sub-folder of JPEG and PNG files
 * per class, or such a folder in a .tar.gz ("images.tar.gz", "images.tar.gz/train"); classes and
 * images are in the order of their names, part plays no role. cifar-10, cifar-100: path is a
 * folder, or a .tar.gz, with data_batch_1.bin ... and test_batch.bin (train.bin and test.bin, fine
 * labels) and batches.meta.txt (fine_label_names.txt) as their authors distribute them. generated:
 * no path; see data/generate.h.
 */
typedef struct onp_source {
    const char *format; /* one of onp_dataset_formats */
    onp_part part;
    const char *path;
    const char *cache_dir; /* folder of pack files, made when missing */
    int n_classes;    /* labels must be below it (image-folder: so many class folders there must
                         be); 0: what is found. Give the training set's for the test set */
    int64_t n_images; /* generated: how many; 0: 20,000 to train, 4,000 to test */
    uint64_t seed;    /* generated */
    /* image-folder: how files become images, see data/prepare.h */
    int side;      /* squares of this side; 0: as they are, all of one size */
    onp_fit fit;   /* with a side */
    int channels;  /* 1 or 3; 0: 3 when one is in colour. For a test set: the training set's */
    bool skip_bad; /* leaves files out that cannot be read, see onp_dataset */
} onp_source;

/* Read-only to all but open and close; threads may share it. */
typedef struct onp_dataset {
    int64_t n;
    int h, w, c, n_classes;
    const uint8_t *images;    /* (n, h, w, c) */
    const int32_t *labels;    /* (n), each in 0 .. n_classes-1 */
    const char **class_names; /* (n_classes) */
    const char *skipped;      /* what is wrong with the files left out: n_skipped texts, each of
                                 which names its file and ends with NUL */
    int64_t n_skipped;
    char hash[ONP_SHA256_HEX];
    onp_mapped_file file;   /* what images and labels point into */
    const onp_context *ctx; /* borrowed until close */
} onp_dataset;

/*
 * Maps the pack file of the source, making it first when it is not in the cache. One in the cache
 * that is truncated, foreign or of another version is replaced, with a warning in the log. The log
 * says which files were left out too.
 * On failure *out is all zero.
 * Errors: ONP_E_CONFIG (unknown format, option out of range), ONP_E_FORMAT (the source is missing
 * or not what it should be: the file, the value seen and the value wanted), ONP_E_IO, ONP_E_NOMEM.
 */
onp_status onp_dataset_open(const onp_context *ctx, const onp_source *source, onp_dataset *out,
                            onp_error *err) ONP_MUST_USE;
void onp_dataset_close(onp_dataset *ds); /* all zero is allowed, and what it becomes */

/* h * w * c */
size_t onp_dataset_image_bytes(const onp_dataset *ds);

#ifdef __cplusplus
}
#endif
#endif
