/* SPDX-License-Identifier: Apache-2.0 */
/*
 * onepath: networks designed for one device, searched and run from C or C++.
 *
 *     onepath_context *ctx;
 *     onepath_model *m;
 *     onepath_error err;
 *     if (onepath_context_new(NULL, &ctx, &err) != ONEPATH_OK ||
 *         onepath_model_open(ctx, "runs/quickstart", NULL, &m, &err) != ONEPATH_OK ||
 *         onepath_model_classify_file(m, "cat.jpg", probabilities, &err) != ONEPATH_OK)
 *         fprintf(stderr, "%s\n", err.text);
 *
 * Link with `pkg-config --libs onepath`, or onepath::onepath after find_package(onepath).
 * examples/classify.c is a whole program.
 *
 * Errors. What can fail returns a status and, where err is not NULL, one line of text that names
 * the thing, the value seen and the value wanted. Outputs are then as they were, and nothing is
 * left behind. The library does not print, exit or abort; OpenBLAS and OpenMP, which it stands on,
 * end the process when they cannot start.
 *
 * Ownership. Arguments are borrowed for the call, except that everything made from a context
 * borrows the context: close models and tables before it. Each function that gives something says
 * what releases it; those accept NULL.
 *
 * Threads. A context is read-only once made: threads may share it, if its allocator and log allow
 * that. A model or a table is for one thread at a time; different ones may be used at the same
 * time. Each thread that computes gets its own team of OpenMP threads, so a program that calls from
 * several sets onepath_options.threads to 1. The calling thread's rounding mode and OpenMP settings
 * are put back; OpenMP threads of its team stay in the mode that flushes denormals to zero. A
 * process that has computed must not compute in a child of fork() without exec.
 *
 * ABI. A struct that the caller makes begins with `size`, to be set to sizeof of itself; members
 * are only ever added at the end, and those that an older caller does not have count as zero. All
 * zero, `size` too, is allowed and means the defaults; a struct with members set and `size` 0 is
 * refused. Structs that the library gives also grow at their end only. Values of enumerations do
 * not change.
 */
#ifndef ONEPATH_H
#define ONEPATH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ONEPATH_API __attribute__((visibility("default")))

/* ---- version ---- */

#define ONEPATH_VERSION_MAJOR 0
#define ONEPATH_VERSION_MINOR 1
#define ONEPATH_VERSION_PATCH 0
#define ONEPATH_VERSION       "0.1.0"

/* That of the library that runs: "0.1.0". */
ONEPATH_API const char *onepath_version(void);

/* ---- status ---- */

typedef enum onepath_status {
    ONEPATH_OK = 0,
    ONEPATH_E_FAIL = 1,         /* none of the others */
    ONEPATH_E_NOMEM = 2,        /* out of memory */
    ONEPATH_E_SHAPE = 3,        /* tensor shapes do not agree */
    ONEPATH_E_RANGE = 4,        /* a value out of range */
    ONEPATH_E_MISSING = 5,      /* a latency row or device is missing */
    ONEPATH_E_IO = 6,           /* input or output failed */
    ONEPATH_E_USAGE = 7,        /* a call that cannot be right */
    ONEPATH_E_CONFIG = 8,       /* an error in a configuration */
    ONEPATH_E_FORMAT = 9,       /* a file unreadable, truncated or unsupported */
    ONEPATH_E_BUDGET = 10,      /* no network of the space meets the budget */
    ONEPATH_E_OVER_BUDGET = 11, /* finished, but the network misses the budget */
    ONEPATH_E_DEVICE = 12,      /* device unreachable or too noisy */
    ONEPATH_E_INTERRUPTED = 13  /* stopped on request, checkpoint written */
} onepath_status;

typedef struct onepath_error {
    onepath_status status;
    char text[512]; /* one line, no newline at its end */
} onepath_error;

/* Static text of a status, never NULL. */
ONEPATH_API const char *onepath_status_text(onepath_status status);

/* ---- context ---- */

typedef struct onepath_context onepath_context;

typedef enum onepath_log_level {
    ONEPATH_LOG_DEBUG = 0,
    ONEPATH_LOG_INFO = 1,
    ONEPATH_LOG_WARN = 2,
    ONEPATH_LOG_ERROR = 3
} onepath_log_level;

typedef struct onepath_options {
    size_t size;
    /* Memory: both or none (malloc). alloc gives `bytes` bytes aligned as malloc's are, or NULL;
     * release gets what alloc gave, never NULL. Working memory of networks is mapped from the
     * system, and the libraries below (SQLite, JPEG, JSON, ...) use malloc. */
    void *(*alloc)(void *user, size_t bytes);
    void (*release)(void *user, void *p);
    void *alloc_user;
    /* Called in the thread of the call that has something to tell; NULL: silent. */
    void (*log)(void *user, onepath_log_level level, const char *line);
    void *log_user;
    /* Threads that a call computes with, at most 256; 0: what the process has begun with, else one
     * for each processor it may use. There is one number for a process: another one is refused. */
    int threads;
    /* "generic", "avx2", "avx512", "neon"; NULL: $ONEPATH_KERNELS, else the best that runs here. */
    const char *kernels;
} onepath_options;

/* options NULL: the defaults. *out: onepath_context_free. Errors: ONEPATH_E_USAGE (size, one of
 * alloc and release, an unknown kernel set), ONEPATH_E_RANGE (threads), ONEPATH_E_FAIL (another
 * number of threads in this process), ONEPATH_E_NOMEM. */
ONEPATH_API onepath_status onepath_context_new(const onepath_options *options,
                                               onepath_context **out, onepath_error *err);
ONEPATH_API void onepath_context_free(onepath_context *ctx);

/* ---- models ---- */

/* A finished network, ready to run: batch norms folded, weights packed, memory planned. */
typedef struct onepath_model onepath_model;

typedef struct onepath_model_options {
    size_t size;
    /* Images that are run at a time; 0: 1. A call may give more or fewer; memory grows with it, and
     * it decides about the last bits of a result. */
    int64_t batch;
} onepath_model_options;

/* folder: a run, or any folder with arch.json and model.safetensors. options may be NULL. *out:
 * onepath_model_close. Errors: ONEPATH_E_FORMAT (a file missing or damaged, or the two do not
 * belong together), ONEPATH_E_RANGE (batch outside 1..4096), ONEPATH_E_USAGE, ONEPATH_E_NOMEM. */
ONEPATH_API onepath_status onepath_model_open(onepath_context *ctx, const char *folder,
                                              const onepath_model_options *options,
                                              onepath_model **out, onepath_error *err);
ONEPATH_API void onepath_model_close(onepath_model *model);

typedef struct onepath_model_info {
    int32_t height, width, channels; /* of the input */
    int32_t n_classes;
    const char *const *class_names; /* [n_classes]; NULL: unnamed */
    /* Preprocessing: x = (byte / 255 - mean) / deviation, per channel. */
    double mean[4], deviation[4];
    const char *color_order; /* "RGB" or "gray" */
    /* Before that an image is brought to image_height x image_width, of which the network takes the
     * centre. fit: "crop" (the largest centred square) or "stretch", to a square of resize_side;
     * "none": images had that size. */
    int32_t image_height, image_width, resize_side;
    const char *fit;
    int64_t n_parameters; /* weights and biases of convolutions and linear layers, gamma and beta */
    int64_t n_macs;       /* multiply-accumulates of one image */
    size_t memory_bytes;  /* about: weights and working memory */
} onepath_model_info;

/* Never NULL; belongs to the model. */
ONEPATH_API const onepath_model_info *onepath_model_describe(const onepath_model *model);

/*
 * Runs the network on n >= 0 images. x: [n][height][width][channels], normalised as info says; this
 * order, channels last, is the one in which images are decoded. logits: [n][n_classes], before
 * softmax. Allocates nothing. Errors: ONEPATH_E_RANGE (n).
 */
ONEPATH_API onepath_status onepath_model_infer(onepath_model *model, const float *x, int64_t n,
                                               float *logits, onepath_error *err);

/*
 * Classifies one JPEG or PNG of any size: decoded, resized, cropped and normalised as the images
 * that the network was trained on. probabilities: [n_classes], their sum is 1. Errors:
 * ONEPATH_E_FORMAT (not such an image, or damaged; the text names the file), ONEPATH_E_IO,
 * ONEPATH_E_NOMEM.
 */
ONEPATH_API onepath_status onepath_model_classify_file(onepath_model *model, const char *path,
                                                       float *probabilities, onepath_error *err);
/* The same for the bytes of such a file. */
ONEPATH_API onepath_status onepath_model_classify_bytes(onepath_model *model, const void *data,
                                                        size_t size, float *probabilities,
                                                        onepath_error *err);

/* ---- latency tables ---- */

/* Measured latencies of blocks on devices: the file that `onepath profile` and searches fill. */
typedef struct onepath_table onepath_table;

/* The file must exist. *out: onepath_table_close. Errors: ONEPATH_E_FORMAT (missing, damaged,
 * another kind of file), ONEPATH_E_IO, ONEPATH_E_NOMEM. */
ONEPATH_API onepath_status onepath_table_open(onepath_context *ctx, const char *path,
                                              onepath_table **out, onepath_error *err);
ONEPATH_API void onepath_table_close(onepath_table *table);

typedef struct onepath_estimate {
    size_t size;
    double latency_ns; /* sum of the rows of its blocks, each a median */
    int64_t n_rows;
    int64_t n_noisy;    /* of these, measured with more noise than they should be */
    char platform[128]; /* device and backend that the rows are of */
} onepath_estimate;

/*
 * What a network takes on a device by the rows of the table. network: an arch.json, or a folder
 * that has one. device: a name of the table, or the first 8 or more digits of a platform's
 * signature. out->size is set by the caller. Errors: ONEPATH_E_MISSING (the device, or rows: the
 * text names them; there is no default), ONEPATH_E_USAGE (several platforms of that name),
 * ONEPATH_E_FORMAT, ONEPATH_E_IO, ONEPATH_E_NOMEM.
 */
ONEPATH_API onepath_status onepath_table_estimate(onepath_table *table, const char *network,
                                                  const char *device, onepath_estimate *out,
                                                  onepath_error *err);

/* ---- search ---- */

typedef enum onepath_phase {
    ONEPATH_PHASE_PROFILE = 0, /* blocks without a latency are measured */
    ONEPATH_PHASE_WARMUP = 1,  /* weights of sampled paths */
    ONEPATH_PHASE_SEARCH = 2,  /* weights and path probabilities */
    ONEPATH_PHASE_TRAIN = 3    /* the network found */
} onepath_phase;

/* Where a search is. A number that the phase does not have is NaN, a count 0. */
typedef struct onepath_progress {
    onepath_phase phase;
    int64_t step, steps;        /* done of the phase: blocks when profiling, else weight steps */
    int64_t epoch, epochs;      /* from 1 */
    double loss, accuracy;      /* on training images, mean of this epoch so far */
    double validation_accuracy; /* at the last step of an epoch of warm-up and search */
    double expected_latency_ns; /* warm-up and search: over all paths, by their probabilities */
} onepath_progress;

typedef struct onepath_search_options {
    size_t size;
    const char *config;      /* YAML file; needed */
    const char *run_dir;     /* folder of the run, made or resumed; needed */
    const char *db;          /* latency table, made when missing; NULL: latency.db beside config */
    const char *const *sets; /* [n_sets] overrides of keys: "search.epochs=2" */
    size_t n_sets;
    int fresh;            /* not 0: begin anew; an old folder is renamed, never deleted */
    int allow_other_bits; /* not 0: resume under another build, kernel set or BLAS core */
    int allow_imported;   /* not 0: use latency rows that were imported */
    /* Program that measures on this machine; NULL: onepath-agent beside the program that runs, else
     * where PATH has it. */
    const char *agent;
    double seconds_per_block; /* time to measure a block that has no row yet; 0: 0.8 */
    /* Called after every step, in the thread of the call; NULL: not. Not 0 asks to stop: a
     * checkpoint is written, the search returns ONEPATH_E_INTERRUPTED, and the same call goes on
     * from there with the same result as one that was not stopped. */
    int (*progress)(void *user, const onepath_progress *at);
    void *progress_user;
} onepath_search_options;

typedef struct onepath_search_result {
    size_t size;
    double test_accuracy; /* share of right answers, 0 .. 1 */
    int64_t test_images;
    double target_ns;
    double initial_expected_ns, expected_ns; /* over all paths, at the start and at the end */
    double predicted_ns;                     /* of the network found, by the table */
    /* Of the whole network on this machine: median, its 95 % interval and the number of samples; 0
     * where the target is another device. */
    double measured_ns, measured_lo_ns, measured_hi_ns;
    int64_t n_samples;
    int64_t n_parameters, n_macs;
    int meets_budget; /* measured, or predicted where it was not */
} onepath_search_result;

/*
 * A whole search, as `onepath search` does it: latencies, warm-up, search, derivation, training,
 * test, measurement, ONNX, report. run_dir is then a model for onepath_model_open. result (may be
 * NULL; its size is set by the caller) is filled when the search returns ONEPATH_OK or
 * ONEPATH_E_OVER_BUDGET. Other errors: ONEPATH_E_CONFIG (the text is the first problem, the log has
 * all), ONEPATH_E_USAGE (options, or a run of another configuration), ONEPATH_E_RANGE,
 * ONEPATH_E_BUDGET, ONEPATH_E_MISSING, ONEPATH_E_DEVICE, ONEPATH_E_INTERRUPTED, ONEPATH_E_FORMAT,
 * ONEPATH_E_FAIL (another process holds the folder), ONEPATH_E_IO, ONEPATH_E_NOMEM.
 */
ONEPATH_API onepath_status onepath_search(onepath_context *ctx,
                                          const onepath_search_options *options,
                                          onepath_search_result *result, onepath_error *err);

#ifdef __cplusplus
}
#endif
#endif
