/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/measure/agent.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "latency/measure/block_graph.h"
#include "latency/measure/engine_plan.h"
#include "latency/measure/heartbeat.h"
#include "latency/measure/line.h"
#include "latency/measure/protocol.h"
#include "latency/measure/synthetic.h"

#define BEAT_NS ((int64_t)1000000000)

typedef struct agent {
    const onp_context *ctx;
    onp_runner_facts facts;
    onp_engine engine;
    onp_time_source source;
    onp_heartbeat *heart;
    onp_strbuf answer;
    bool over;
} agent;

static onp_status time_prepared(const agent *a, const onp_graph *g, const onp_stop_rule *rule,
                                bool stamps, onp_timing *timing, onp_error *err)
{
    const onp_engine *e = &a->engine;
    onp_timed what = {.run = e->run, .run_group = e->run_group, .user = e->user};
    if (stamps)
        ONP_TRY(onp_measure_groups(g, &what.n_groups, err));
    return onp_timing_measure(a->ctx, &what, rule, &a->source, timing, err);
}

static onp_status measure_prepared(const agent *a, const onp_graph *g, const onp_stop_rule *rule,
                                   bool stamps, onp_timing *timing, onp_error *err)
{
    onp_status st = time_prepared(a, g, rule, stamps, timing, err);
    const onp_status released = a->engine.release(a->engine.user, st == ONP_OK ? err : NULL);
    if (st != ONP_OK)
        return st;
    if (released != ONP_OK)
        onp_timing_reset(a->ctx, timing);
    return released;
}

/* Memory of a graph's tensors in huge pages, where the system has them: which of its cache lines
 * collide is then the same in every run. */
static void *allocate_huge(void *user, size_t size)
{
    const size_t page = 2 * ONP_MIB;
    (void)user;
    if (size == 0 || size > SIZE_MAX - page)
        return NULL;
    const size_t rounded = (size + page - 1) / page * page;
    void *p = aligned_alloc(page, rounded);
    if (p != NULL)
        (void)madvise(p, rounded, MADV_HUGEPAGE); /* a wish */
    return p;
}

static void release_huge(void *user, void *p)
{
    (void)user;
    free(p);
}

static onp_status measure_graph(agent *a, onp_graph *g, const onp_stop_rule *rule, bool stamps,
                                onp_timing *timing, onp_error *err)
{
    if (onp_graph_n_nodes(g) == 0)
        return onp_fail(err, ONP_E_RANGE, "graph: has no nodes");
    if (stamps && a->engine.run_group == NULL)
        return onp_fail(err, ONP_E_RANGE, "stamps: this runner has none");
    float *memory = NULL;
    onp_context huge = *a->ctx;
    huge.alloc = allocate_huge;
    huge.release = release_huge;
    ONP_TRY(onp_synthetic_fill(&huge, g, 1, a->facts.batch, &memory, err));
    onp_status st = a->engine.prepare(a->engine.user, g, stamps, err);
    if (st == ONP_OK)
        st = measure_prepared(a, g, rule, stamps, timing, err);
    onp_free(&huge, memory);
    return st;
}

static onp_status measure(agent *a, const onp_message *request, onp_timing *timing, onp_error *err)
{
    onp_graph *g = NULL;
    onp_stop_rule rule;
    bool stamps;
    ONP_TRY(onp_message_measure(a->ctx, request, &g, &rule, &stamps, err));
    onp_status st = measure_graph(a, g, &rule, stamps, timing, err);
    onp_graph_free(g);
    return st;
}

static onp_status answer_measure(agent *a, const onp_message *request, onp_error *err)
{
    onp_timing timing = {0};
    onp_error failure = {0};
    onp_heartbeat_set(a->heart, true);
    onp_status st = measure(a, request, &timing, &failure);
    onp_heartbeat_set(a->heart, false);
    if (st != ONP_OK)
        return onp_message_add_error(request->id, &failure, &a->answer, err);
    st = onp_message_add_result(request->id, &timing, &a->answer, err);
    onp_timing_reset(a->ctx, &timing);
    return st;
}

static onp_status answer(agent *a, const onp_message *request, onp_error *err)
{
    switch (request->kind) {
    case ONP_MESSAGE_HELLO:
        ONP_TRY(onp_message_version(request, err));
        return onp_message_add_hello(&a->facts, &a->answer, err);
    case ONP_MESSAGE_MEASURE:
        return answer_measure(a, request, err);
    case ONP_MESSAGE_BYE:
        a->over = true;
        onp_strbuf_adds(&a->answer, ONP_PROTOCOL_BYE);
        return onp_strbuf_status(&a->answer, err);
    case ONP_MESSAGE_RESULT:
    case ONP_MESSAGE_ERROR:
    case ONP_MESSAGE_ALIVE:
    case ONP_MESSAGE_KIND_COUNT:
        break;
    }
    return onp_fail(err, ONP_E_FORMAT, "driver: sent \"%s\", which only a runner sends",
                    onp_message_name(request->kind));
}

static onp_status take_line(agent *a, const char *line, size_t length, onp_error *err)
{
    onp_message request;
    onp_status st = onp_message_decode(line, length, "driver", &request, err);
    if (st == ONP_OK)
        st = answer(a, &request, err);
    onp_message_reset(&request);
    return st;
}

/* The answer to a line goes out, an error too: the driver then knows why this runner ends. */
static onp_status serve_line(agent *a, const char *line, size_t length, int out_fd, onp_error *err)
{
    onp_error failure = {0};
    onp_strbuf_reset(&a->answer);
    onp_status st = take_line(a, line, length, &failure);
    if (st != ONP_OK) {
        onp_strbuf_reset(&a->answer);
        ONP_TRY(onp_message_add_error(0, &failure, &a->answer, err));
    }
    ONP_TRY(onp_line_write(out_fd, a->answer.text, a->answer.length, err));
    return st != ONP_OK ? onp_fail(err, st, "%s", failure.msg) : ONP_OK;
}

static onp_status serve(agent *a, onp_line_reader *in, int in_fd, int out_fd, onp_error *err)
{
    while (!a->over) {
        const char *line;
        size_t length;
        long got;
        if (onp_line_reader_next(in, &line, &length)) {
            ONP_TRY(serve_line(a, line, length, out_fd, err));
            continue;
        }
        ONP_TRY(onp_line_reader_fill(in, in_fd, &got, err));
        if (got == 0)
            return ONP_OK;
    }
    return ONP_OK;
}

static onp_status start(agent *a, const onp_agent_options *options, int out_fd, onp_error *err)
{
    onp_runner_facts_here(a->ctx, options->device, options->batch > 0 ? options->batch : 1,
                          &a->facts);
    a->facts.alive = true;
    a->facts.stamps = a->engine.run_group != NULL;
    if (a->engine.facts != NULL)
        a->engine.facts(a->engine.user, &a->facts);
    ONP_TRY(onp_time_source_open(a->ctx, &a->source, err));
    return onp_heartbeat_start(a->ctx, out_fd, ONP_PROTOCOL_ALIVE, BEAT_NS, &a->heart, err);
}

static onp_status serve_with(agent *a, const onp_agent_options *options, int in_fd, int out_fd,
                             onp_error *err)
{
    onp_line_reader in;
    onp_line_reader_init(&in, a->ctx, ONP_PROTOCOL_MAX_LINE);
    onp_strbuf_init(&a->answer, a->ctx);
    onp_status st = start(a, options, out_fd, err);
    if (st == ONP_OK)
        st = serve(a, &in, in_fd, out_fd, err);
    onp_heartbeat_stop(a->heart);
    onp_time_source_close(a->ctx, &a->source);
    onp_strbuf_reset(&a->answer);
    onp_line_reader_reset(&in);
    return st;
}

onp_status onp_agent_serve(const onp_context *ctx, const onp_agent_options *options, int in_fd,
                           int out_fd, onp_error *err)
{
    onp_engine own = {0};
    if (options->engine == NULL)
        ONP_TRY(onp_engine_plan_new(ctx, &own, err));
    agent a = {.ctx = ctx, .engine = options->engine != NULL ? *options->engine : own};
    onp_status st = serve_with(&a, options, in_fd, out_fd, err);
    onp_engine_plan_free(&own);
    return st;
}
