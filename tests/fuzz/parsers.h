/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What reads files from outside, one function each, for fuzzing and for the test that replays the
 * corpus. A parser takes the bytes, in memory and as a file, to their end: it reads all that it
 * accepted, releases it, and aborts when a refusal has no message.
 *
 *     fuzz_input in;
 *     fuzz_input_open(&in);
 *     fuzz_input_set(&in, data, size);
 *     fuzz_image(&in);
 *     fuzz_input_close(&in);
 *
 * A new parser is one function and one line in FUZZ_PARSERS.
 */
#ifndef ONP_TESTS_FUZZ_PARSERS_H
#define ONP_TESTS_FUZZ_PARSERS_H

#include "base/context.h"

/* name, what the file is called where its name matters */
#define FUZZ_PARSERS(X)                                                                            \
    X(image, "image")                                                                              \
    X(archive, "images.tar.gz")                                                                    \
    X(idx, "train-images-idx3-ubyte.gz")                                                           \
    X(cifar, "test_batch.bin")                                                                     \
    X(pack, "pack")                                                                                \
    X(config, "config.yaml")                                                                       \
    X(space, "space.yaml")                                                                         \
    X(arch, "arch.json")                                                                           \
    X(model, "model.safetensors")                                                                  \
    X(block_key, "key")                                                                            \
    X(message, "line")                                                                             \
    X(lines, "lines")                                                                              \
    X(manifest, "manifest.json")                                                                   \
    X(checkpoint, "checkpoint.safetensors")                                                        \
    X(table, "latency.db")                                                                         \
    X(run, "run.db")                                                                               \
    X(import, "table")                                                                             \
    X(networks, "networks.csv")                                                                    \
    X(pickle, "pickle")                                                                            \
    X(target, "target")                                                                            \
    X(device, "device")                                                                            \
    X(onnx, "model.onnx")

typedef struct fuzz_input {
    onp_context ctx;
    char folder[64]; /* of this process, in memory where there is /dev/shm */
    char path[128];  /* the file, once set */
    const uint8_t *data;
    size_t size;
} fuzz_input;

void fuzz_input_open(fuzz_input *in);
/* data: borrowed until the next one; also written to in->folder / name. */
void fuzz_input_set(fuzz_input *in, const char *name, const uint8_t *data, size_t size);
void fuzz_input_close(fuzz_input *in);

/* Each returns whether it accepted the file to its end. */
#define FUZZ_DECLARE(name, file) bool fuzz_##name(fuzz_input *in);
FUZZ_PARSERS(FUZZ_DECLARE)
#undef FUZZ_DECLARE

/* The rule for a refusal: a status and a text that is not empty. Returns whether st is ONP_OK. */
bool fuzz_accepted(onp_status st, const onp_error *err);

#endif
