/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/contract.h"

static bool shape_valid(onp_shape s)
{
    const int64_t dims[] = {s.n, s.h, s.w, s.c};
    int64_t count = 1;
    for (size_t d = 0; d < ONP_COUNT(dims); d++) {
        if (dims[d] < 1 || dims[d] > ONP_SHAPE_MAX_COUNT / count)
            return false;
        count *= dims[d];
    }
    return true;
}

onp_status onp_contract_inputs(onp_op op, const onp_shape *in, int n_in, onp_error *err)
{
    const onp_op_def *def = onp_op_get(op);
    if (n_in < def->min_in || n_in > def->max_in)
        return onp_fail(err, ONP_E_SHAPE, "%s: %d inputs, expected %d to %d", def->name, n_in,
                        def->min_in, def->max_in);
    for (int i = 0; i < n_in; i++)
        if (!shape_valid(in[i]))
            return onp_fail(err, ONP_E_SHAPE,
                            "%s: input %d is " ONP_SHAPE_FMT
                            ", expected 1 or more in each place and %" PRId64 " elements at most",
                            def->name, i, ONP_SHAPE_ARG(in[i]), ONP_SHAPE_MAX_COUNT);
    return ONP_OK;
}

onp_status onp_contract_equal(onp_op op, const char *what, onp_shape seen, onp_shape want,
                              onp_error *err)
{
    if (onp_shape_equal(seen, want))
        return ONP_OK;
    return onp_fail(err, ONP_E_SHAPE, "%s: %s is " ONP_SHAPE_FMT ", expected " ONP_SHAPE_FMT,
                    onp_op_get(op)->name, what, ONP_SHAPE_ARG(seen), ONP_SHAPE_ARG(want));
}

static onp_status check_window(const char *name, const onp_attr *attr, onp_error *err)
{
    /* padding of kernel / 2 centres odd kernels only */
    if (attr->kernel < 1 || attr->kernel % 2 == 0)
        return onp_fail(err, ONP_E_RANGE, "%s: kernel is %d, expected an odd number", name,
                        attr->kernel);
    if (attr->stride < 1 || attr->stride > ONP_STRIDE_MAX)
        return onp_fail(err, ONP_E_RANGE, "%s: stride is %d, expected 1 to %d", name, attr->stride,
                        ONP_STRIDE_MAX);
    if (attr->dilation < 0 || attr->dilation > ONP_DILATION_MAX)
        return onp_fail(err, ONP_E_RANGE, "%s: dilation is %d, expected 1 to %d", name,
                        attr->dilation, ONP_DILATION_MAX);
    return ONP_OK;
}

onp_status onp_contract_pool(onp_op op, const onp_shape *in, int n_in, const onp_attr *attr,
                             onp_shape *out, onp_error *err)
{
    ONP_TRY(onp_contract_inputs(op, in, n_in, err));
    const char *name = onp_op_get(op)->name;
    const int64_t s = attr->stride;
    /* a window starts at most its padding before its place and so always meets the map */
    if (attr->kernel < 1)
        return onp_fail(err, ONP_E_RANGE, "%s: kernel is %d, expected at least 1", name,
                        attr->kernel);
    if (s < 1 || s > ONP_STRIDE_MAX)
        return onp_fail(err, ONP_E_RANGE, "%s: stride is %d, expected 1 to %d", name, attr->stride,
                        ONP_STRIDE_MAX);
    *out = (onp_shape){in[0].n, (in[0].h + s - 1) / s, (in[0].w + s - 1) / s, in[0].c};
    return ONP_OK;
}

onp_status onp_contract_convolution(onp_op op, const onp_shape *in, int n_in, const onp_attr *attr,
                                    onp_shape want_w, onp_shape *out, onp_error *err)
{
    const char *name = onp_op_get(op)->name;
    ONP_TRY(check_window(name, attr, err));
    ONP_TRY(onp_contract_equal(op, "kernel", in[1], want_w, err));
    if (n_in > 2)
        ONP_TRY(onp_contract_equal(op, "bias", in[2], (onp_shape){1, 1, 1, want_w.c}, err));

    const int64_t s = attr->stride;
    const onp_shape y = {in[0].n, (in[0].h + s - 1) / s, (in[0].w + s - 1) / s, want_w.c};
    if (!shape_valid(y))
        return onp_fail(err, ONP_E_SHAPE,
                        "%s: the output would be " ONP_SHAPE_FMT ", expected %" PRId64
                        " elements at most",
                        name, ONP_SHAPE_ARG(y), ONP_SHAPE_MAX_COUNT);
    *out = y;
    return ONP_OK;
}
