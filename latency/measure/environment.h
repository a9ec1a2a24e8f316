/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment without what steers the threads of a runtime: how many threads measure, and
 * where, is an argument, and a latency must not depend on the shell it was started from.
 *
 *     char **clean = NULL;
 *     ONP_TRY(onp_environment_clean(ctx, environ, &clean, err));
 *     posix_spawn(&pid, argv[0], ..., argv, clean);
 *     onp_free(ctx, clean);
 */
#ifndef ONP_LATENCY_MEASURE_ENVIRONMENT_H
#define ONP_LATENCY_MEASURE_ENVIRONMENT_H

#include "base/context.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The first of these variables ("NAME=value") in an environment, NULL: none. They are those of
 * OpenMP (OMP_, GOMP_, KMP_, LIBOMP_) but for OMP_TOOL*, which loads checkers, and those of BLAS
 * (OPENBLAS_, GOTO_, MKL_NUM_THREADS) but for OPENBLAS_CORETYPE, which chooses kernels and is named
 * in the platform. */
const char *onp_environment_find(char *const *environment);

/* *out: the others, borrowed, NULL at its end; the array is the caller's (onp_free). Errors:
 * ONP_E_NOMEM. */
onp_status onp_environment_clean(const onp_context *ctx, char *const *environment, char ***out,
                                 onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
