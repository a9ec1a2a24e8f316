/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls for tests: memory with guards behind every output, operands whose values are known in
 * double, and a run with scratch whose end is guarded for each thread.
 *
 *     call_case t;
 *     call_case_init(&t, table, seed);
 *     call_tensor x = call_operand(&t, &call.a, rows, c, CALL_AFFINE | CALL_CLAMP);
 *     call.y = call_output(&t, count);
 *     call_run(&t, &call);                        // fails the test when a guard was touched
 *     call_close(call.y, wanted, sums, count, roundings);
 *     call_case_reset(&t);
 */
#ifndef ONP_TESTS_OPS_CALL_CASE_H
#define ONP_TESTS_OPS_CALL_CASE_H

#include "ops/call.h"
#include "ops/kernels.h"
#include "tests/test_support.h"

#define CALL_MAX_BLOCKS 160

typedef struct call_case {
    onp_context ctx;
    uint64_t seed;
    void *block[CALL_MAX_BLOCKS];
    int n_blocks;
    struct {
        const float *at;
        int64_t floats;
    } guard[CALL_MAX_BLOCKS];
    int n_guards;
} call_case;

/* Parts of an operand; FORWARD ones have AFFINE and CLAMP only. */
enum { CALL_AFFINE = 1, CALL_CLAMP = 2, CALL_GRAD = 4, CALL_BACKWARD = 8 };
extern const int call_forward_parts[4], call_backward_parts[8];

/* What an operand is worth, and the sums of the absolute values of its products. */
typedef struct call_tensor {
    double *value, *sum;
} call_tensor;

void call_case_init(call_case *t, const onp_kernels *kernels, uint64_t seed);
void call_case_reset(call_case *t);

/* Normal numbers around mean. */
float *call_numbers(call_case *t, int64_t n, double mean);
double *call_doubles(call_case *t, const float *x, int64_t n);
double *call_absolute(call_case *t, const double *x, int64_t n);
double *call_zeros(call_case *t, int64_t n);
/* n floats that hold no number, guards behind them. */
float *call_output(call_case *t, int64_t n);

/* A random operand; what its mask compares stays away from lo and hi. */
call_tensor call_operand(call_case *t, onp_operand *o, int64_t rows, int64_t c, int parts);

/* Gives the call memory for splits, and for partial sums of `sums`; with GRAD a mask and
 * statistics too. */
void call_prepare(call_case *t, onp_call *call, onp_sums_kind sums);
void call_run(call_case *t, const onp_call *call);

/* |value - wanted| <= roundings * eps * sum, entry by entry. */
void call_close(const float *value, const double *wanted, const double *sum, int64_t n,
                double roundings);
/* The merged sums of a call that was prepared and run, against the reference of batch norm. */
void call_check_sums(call_case *t, const onp_call *call);

#endif
