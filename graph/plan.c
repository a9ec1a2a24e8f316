/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/plan.h"

#include <string.h>
#include <sys/mman.h>

#include "base/parallel.h"
#include "graph/plan_internal.h"
#include "ops/kernels.h"

onp_status onp_plan_new(const onp_context *ctx, onp_plan **out, onp_error *err)
{
    onp_plan *p = onp_alloc(ctx, 1, sizeof *p);
    if (p == NULL)
        return onp_fail(err, ONP_E_NOMEM, "plan: out of memory");
    p->ctx = ctx;
    p->placer.ctx = p->orderer.ctx = ctx;
    *out = p;
    return ONP_OK;
}

static void unmap(float **memory, size_t *mapped)
{
    if (*memory != NULL)
        (void)munmap(*memory, *mapped);
    *memory = NULL;
    *mapped = 0;
}

/* The same number of pages, at a multiple of their size: not every system does that by itself. */
static void *map_aligned(size_t bytes, size_t page)
{
    char *p = mmap(NULL, bytes + page, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    const size_t before = (page - (uintptr_t)p % page) % page;
    if (before > 0)
        (void)munmap(p, before);
    (void)munmap(p + before + bytes, page - before);
    return p + before;
}

/* One mapping, huge pages where the system has them, committed on first touch; contents need not
 * survive growth. */
static onp_status reserve(float **memory, size_t *mapped, size_t bytes, onp_error *err)
{
    if (bytes <= *mapped)
        return ONP_OK;
    const size_t page = 2 * ONP_MIB;
    size_t want = (bytes + bytes / 4 + page - 1) / page * page;
    unmap(memory, mapped);
    void *p = map_aligned(want, page);
    if (p == NULL)
        return onp_fail(err, ONP_E_NOMEM, "plan: no memory for an arena of %zu MiB",
                        want / ONP_MIB);
    (void)madvise(p, want, MADV_HUGEPAGE); /* a wish: slower without, not wrong */
    *memory = p;
    *mapped = want;
    return ONP_OK;
}

void onp_plan_free(onp_plan *p)
{
    if (p == NULL)
        return;
    unmap(&p->arena, &p->arena_mapped);
    unmap(&p->scratch, &p->scratch_mapped);
    unmap(&p->packed, &p->packed_mapped);
    onp_free(p->ctx, p->calls);
    onp_free(p->ctx, p->buffers);
    onp_free(p->ctx, p->patches);
    onp_free(p->ctx, p->state);
    onp_free(p->ctx, p->takeovers);
    onp_free(p->ctx, p->home);
    onp_free(p->ctx, p->lives);
    onp_free(p->ctx, p->orders);
    onp_free(p->ctx, p->touches);
    onp_free(p->ctx, p->things);
    onp_placer_reset(&p->placer);
    onp_orderer_reset(&p->orderer);
    onp_free(p->ctx, p);
}

static void *buffer_address(const onp_plan *p, int32_t id)
{
    const onp_buffer *b = &p->buffers[id];
    return b->external != NULL ? b->external : p->arena + b->offset;
}

static void apply_patches(onp_plan *p)
{
    for (int32_t i = 0; i < p->n_patches; i++) {
        const onp_patch *patch = &p->patches[i];
        float *address = (float *)buffer_address(p, patch->buffer) + patch->extra;
        memcpy((char *)&p->calls[patch->call] + patch->field, &address, sizeof address);
    }
}

/* Floats of a call's packed weights in whole cache lines. */
static size_t packed_floats(const onp_call *call)
{
    return ((size_t)onp_call_packed_floats(call) + 15) / 16 * 16;
}

static onp_status pack_weights(onp_plan *p, onp_error *err)
{
    size_t floats = 0;
    for (int32_t i = 0; i < p->n_calls; i++)
        floats += packed_floats(&p->calls[i]);
    p->info.packed_bytes = floats * sizeof(float);
    ONP_TRY(reserve(&p->packed, &p->packed_mapped, p->info.packed_bytes, err));
    float *at = p->packed;
    for (int32_t i = 0; i < p->n_calls; i++) {
        onp_call *call = &p->calls[i];
        if (packed_floats(call) == 0)
            continue;
        onp_call_pack(p->ctx, call, at);
        call->packed = at;
        at += packed_floats(call);
    }
    return ONP_OK;
}

static onp_status make(onp_plan *p, const onp_graph *g, const onp_plan_options *options,
                       onp_error *err)
{
    static const onp_plan_options defaults;
    ONP_TRY(onp_graph_status(g, err));
    ONP_TRY(onp_plan_lower(p, g, options != NULL ? options : &defaults, err));
    const bool apart = onp_plan_keeps_groups_apart(p, g);
    ONP_TRY(onp_plan_place(p, options != NULL && options->order, err));
    p->info.groups_apart = apart;
    p->scratch_floats = 16;
    for (int32_t i = 0; i < p->n_calls; i++) {
        int64_t need = (onp_call_scratch_floats(&p->calls[i]) + 15) / 16 * 16;
        if (need > p->scratch_floats)
            p->scratch_floats = need;
    }
    /* an odd number of cache lines, so that threads' areas do not share cache sets */
    p->scratch_floats += 16;
    p->info.scratch_bytes =
        (size_t)p->scratch_floats * sizeof(float) * (size_t)onp_parallel_threads();
    ONP_TRY(reserve(&p->arena, &p->arena_mapped, p->info.arena_bytes, err));
    ONP_TRY(reserve(&p->scratch, &p->scratch_mapped, p->info.scratch_bytes, err));
    apply_patches(p);
    return options != NULL && options->inference ? pack_weights(p, err) : ONP_OK;
}

onp_status onp_plan_make(onp_plan *p, const onp_graph *g, const onp_plan_options *options,
                         onp_error *err)
{
    onp_status st = make(p, g, options, err);
    if (st != ONP_OK)
        p->n_calls = p->n_tensors = 0; /* half a plan runs nothing */
    return st;
}

void onp_plan_set_first_sample(onp_plan *p, int64_t first)
{
    for (int32_t i = 0; i < p->n_calls; i++)
        p->calls[i].first_sample = first;
}

void onp_plan_run_calls(const onp_plan *p, int32_t first, int32_t end)
{
    for (int32_t i = first; i < end; i++)
        onp_call_run(p->ctx, &p->calls[i], p->scratch, p->scratch_floats);
}

void onp_plan_run(const onp_plan *p)
{
    onp_plan_run_calls(p, 0, p->n_calls);
}

float *onp_plan_data(const onp_plan *p, onp_tid t)
{
    if (t < 0 || t >= p->n_tensors || p->state[t].buffer == ONP_NONE)
        return NULL;
    return buffer_address(p, p->state[t].buffer);
}

onp_plan_info onp_plan_get_info(const onp_plan *p)
{
    return p->info;
}

const onp_call *onp_plan_call(const onp_plan *p, int32_t i)
{
    return &p->calls[i];
}
