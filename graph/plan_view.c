/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/plan_view.h"

#include <time.h>

#include "graph/plan_internal.h"

int32_t onp_plan_n_buffers(const onp_plan *p)
{
    return p->n_buffers;
}

onp_buffer_view onp_plan_buffer_view(const onp_plan *p, int32_t buffer)
{
    const onp_buffer *b = &p->buffers[buffer];
    const bool placed = b->external == NULL && b->first <= b->last;
    return (onp_buffer_view){.bytes = (size_t)b->floats * sizeof(float),
                             .offset = placed ? (size_t)b->offset * sizeof(float) : 0,
                             .first = b->first,
                             .last = b->last,
                             .placed = placed};
}

int32_t onp_plan_tensor_buffer(const onp_plan *p, onp_tid t)
{
    return t >= 0 && t < p->n_tensors ? p->state[t].buffer : ONP_NONE;
}

int32_t onp_plan_tensor_writer(const onp_plan *p, onp_tid t)
{
    return t >= 0 && t < p->n_tensors ? p->state[t].writer : ONP_NONE;
}

int32_t onp_plan_tensor_coef(const onp_plan *p, onp_tid t)
{
    return t >= 0 && t < p->n_tensors ? p->state[t].coef : ONP_NONE;
}

int32_t onp_plan_n_accesses(const onp_plan *p)
{
    return p->n_patches;
}

static bool is_rows(size_t field)
{
    return field == offsetof(onp_call, a.x) || field == offsetof(onp_call, a.q) ||
           field == offsetof(onp_call, b.x) || field == offsetof(onp_call, b.q) ||
           field == offsetof(onp_call, mask.x) || field == offsetof(onp_call, mask.q) ||
           field == offsetof(onp_call, add) || field == offsetof(onp_call, y);
}

static bool is_write(const onp_call *call, size_t field)
{
    const bool grads = call->kind == ONP_CALL_GRAD_MERGE;
    if (field == offsetof(onp_call, stats))
        return call->kind == ONP_CALL_MOMENTS_MERGE;
    if (field == offsetof(onp_call, dgamma) || field == offsetof(onp_call, dbeta))
        return grads;
    if (field == offsetof(onp_call, partial))
        return call->sums != ONP_SUMS_NONE;
    return field == offsetof(onp_call, y) || field == offsetof(onp_call, dw) ||
           field == offsetof(onp_call, coef) || field == offsetof(onp_call, splits);
}

onp_access onp_plan_access(const onp_plan *p, int32_t i)
{
    const onp_patch *patch = &p->patches[i];
    const size_t field = patch->field;
    onp_access_role role = is_rows(field) ? ONP_ACCESS_ROWS : ONP_ACCESS_VECTOR;
    if (field == offsetof(onp_call, coef))
        role = ONP_ACCESS_COEF;
    else if (field == offsetof(onp_call, partial))
        role = ONP_ACCESS_PARTIAL;
    else if (field == offsetof(onp_call, splits))
        role = ONP_ACCESS_SPLITS;
    return (onp_access){patch->call, patch->buffer, role, is_write(&p->calls[patch->call], field)};
}

static double now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

void onp_plan_run_timed(const onp_plan *p, double *ns)
{
    for (int32_t i = 0; i < p->n_calls; i++) {
        const double begin = now_ns();
        onp_call_run(p->ctx, &p->calls[i], p->scratch, p->scratch_floats);
        ns[i] = now_ns() - begin;
    }
}
