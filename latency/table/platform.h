/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A platform: a device and all else that fixes a latency. Its signature is what rows hang on; two
 * platforms with one differing field never share a row.
 *
 *     onp_platform p = {.device = "this-machine", .backend = "onepath", .threads = 1, .batch = 1};
 *     char signature[ONP_SHA256_HEX];
 *     ONP_TRY(onp_platform_signature(ctx, &p, signature, err));
 */
#ifndef ONP_LATENCY_TABLE_PLATFORM_H
#define ONP_LATENCY_TABLE_PLATFORM_H

#include "base/file.h"
#include "base/strbuf.h"

#ifdef __cplusplus
extern "C" {
#endif

/* NULL and 0 mean unknown; texts are borrowed. The build and the system are not here: they belong
 * to a run. */
typedef struct onp_platform {
    const char *device;  /* required */
    const char *backend; /* required; "import:FORMAT" for a table from elsewhere */
    const char *backend_version;
    const char *kernel_set;  /* "generic", "avx2", ... */
    const char *kernel_hash; /* of the kernels' source and compiler flags */
    const char *blas_core;
    const char *cluster;    /* core cluster: "big", "0-3", ... */
    const char *precision;  /* "f32", ... */
    const char *cache_mode; /* "isolated", "chain" */
    int64_t threads;
    int64_t batch;
} onp_platform;

/*
 * Appends the canonical JSON: one line, keys sorted, unknown fields left out.
 * Errors: ONP_E_RANGE (device or backend missing or empty, a negative number, text that is not
 * UTF-8), ONP_E_NOMEM.
 */
onp_status onp_platform_json(const onp_platform *p, onp_strbuf *out, onp_error *err) ONP_MUST_USE;

/* SHA-256 of that JSON. Same errors; the signature is then unchanged. */
onp_status onp_platform_signature(const onp_context *ctx, const onp_platform *p,
                                  char signature[ONP_SHA256_HEX], onp_error *err) ONP_MUST_USE;

/* What tells platforms of one device apart, as far as it is known: "onepath 0.5, avx2 kernels, BLAS
 * Haswell, threads 1, cores any, f32, batch 1, chain". Into out, cut to fit. */
void onp_platform_describe(const onp_platform *p, char *out, size_t out_size);

/* Whether two platforms agree in all that both of them know, the names of their devices apart. */
bool onp_platform_agrees(const onp_platform *a, const onp_platform *b);

#ifdef __cplusplus
}
#endif
#endif
