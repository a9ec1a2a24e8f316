/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/measure/driver.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/progress.h"
#include "latency/measure/block_graph.h"
#include "latency/measure/process.h"
#include "latency/measure/protocol.h"

#define SECOND_NS      ((int64_t)1000000000)
#define CV_MAX_THREADS 0.08
#define SPARE_ALIVE    10 /* words of life beyond one a second: a link delivers them in heaps */
#define SLOW_LINK      (64 * ONP_KIB) /* bytes a second that any link carries */
#define AGENT          "onepath-agent"

struct onp_runner {
    const onp_context *ctx;
    onp_process process; /* pid 0: it failed and was ended */
    onp_runner_options options;
    onp_runner_facts facts;
    int64_t last_id;
    char name[128]; /* for errors */
    onp_strbuf request, onnx;
    onp_encode_fn encode;
    void *encode_user;
};

/* Ends the runner; the text of err is put into a sentence with its name and its last words. */
static onp_status give_up(onp_runner *r, onp_status st, onp_error *err)
{
    onp_process_end(&r->process, 0);
    return onp_process_failed(&r->process, r->name, st, err);
}

static onp_status decode(const char *line, size_t length, onp_message *answer, onp_error *err)
{
    onp_status st = onp_message_decode(line, length, "answer", answer, err);
    if (st != ONP_E_FORMAT)
        return st;
    char seen[41];
    (void)snprintf(seen, sizeof seen, "%.*s", (int)(length < 40 ? length : 40), line);
    for (char *c = seen; *c != '\0'; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    return onp_fail_prefix(err, ONP_E_DEVICE, "\"%s\" is no answer: ", seen);
}

/* Sends text, if any, and waits for a line: within the time for all and, of a runner that says when
 * it is alive, soon (after a long text, which may take its time on the way). */
static onp_status talk(onp_runner *r, const char *text, size_t text_length, int64_t deadline_ns,
                       const char **line, size_t *length, onp_error *err)
{
    const int64_t on_the_way_ns = (int64_t)(text_length / SLOW_LINK) * SECOND_NS;
    const int64_t soon_ns = onp_now_ns() + r->options.silence_ns + on_the_way_ns;
    const bool soon = r->facts.alive && soon_ns < deadline_ns;
    const int64_t until_ns = soon ? soon_ns : deadline_ns;
    onp_status st =
        text != NULL ? onp_process_ask(&r->process, text, text_length, until_ns, line, length, err)
                     : onp_process_next(&r->process, until_ns, line, length, err);
    if (st != ONP_OK && soon && onp_now_ns() >= soon_ns)
        return onp_fail(err, ONP_E_DEVICE, "was not heard of for %.3g s, as if it hung",
                        (double)(r->options.silence_ns + on_the_way_ns) / 1e9);
    return st;
}

/* Sends r->request and takes the answer apart; *answer is the caller's (onp_message_reset). Words
 * of life before it, of which there may be one a second, are passed over. */
static onp_status ask(onp_runner *r, int64_t timeout_ns, onp_message *answer, onp_error *err)
{
    const char *line;
    size_t length;
    const int64_t start_ns = onp_now_ns(), deadline_ns = start_ns + timeout_ns;
    ONP_TRY(talk(r, r->request.text, r->request.length, deadline_ns, &line, &length, err));
    ONP_TRY(decode(line, length, answer, err));
    for (int64_t n_alive = 1; answer->kind == ONP_MESSAGE_ALIVE; n_alive++) {
        onp_message_reset(answer);
        const int64_t seconds = (onp_now_ns() - start_ns) / SECOND_NS;
        if (n_alive > seconds + SPARE_ALIVE)
            return onp_fail(err, ONP_E_DEVICE,
                            "said %" PRId64 " times in %" PRId64 " s that it is alive", n_alive,
                            seconds);
        ONP_TRY(talk(r, NULL, 0, deadline_ns, &line, &length, err));
        ONP_TRY(decode(line, length, answer, err));
    }
    return ONP_OK;
}

static onp_status wrong_kind(const onp_message *answer, const char *wanted, onp_error *err)
{
    const char *text = "";
    if (answer->kind == ONP_MESSAGE_ERROR)
        ONP_TRY(onp_message_error_text(answer, &text, err));
    return onp_fail(err, ONP_E_DEVICE, "answered \"%s\", wanted \"%s\"%s%s",
                    onp_message_name(answer->kind), wanted, text[0] != '\0' ? ": " : "", text);
}

/* ---- hello ---- */

static onp_status take_hello(onp_runner *r, const onp_message *answer, onp_error *err)
{
    if (answer->kind != ONP_MESSAGE_HELLO)
        return wrong_kind(answer, "hello", err);
    ONP_TRY(onp_message_version(answer, err));
    return onp_message_facts(answer, &r->facts, err);
}

static onp_status say_hello(onp_runner *r, onp_error *err)
{
    onp_message answer = {0};
    ONP_TRY(onp_message_add_hello(NULL, &r->request, err));
    onp_status st = ask(r, r->options.hello_timeout_ns, &answer, err);
    if (st == ONP_OK)
        st = take_hello(r, &answer, err);
    onp_message_reset(&answer);
    return st == ONP_OK ? ONP_OK : give_up(r, st, err);
}

onp_status onp_runner_open(const onp_context *ctx, const char *const *argv,
                           const onp_runner_options *options, onp_runner **out, onp_error *err)
{
    onp_runner *r = onp_alloc(ctx, 1, sizeof *r);
    if (r == NULL)
        return onp_fail(err, ONP_E_NOMEM, "runner %s: out of memory", argv[0]);
    r->ctx = ctx;
    if (options != NULL)
        r->options = *options;
    if (r->options.hello_timeout_ns == 0)
        r->options.hello_timeout_ns = 20 * SECOND_NS;
    if (r->options.slack_ns == 0)
        r->options.slack_ns = 60 * SECOND_NS;
    if (r->options.silence_ns == 0)
        r->options.silence_ns = 10 * SECOND_NS;
    (void)snprintf(r->name, sizeof r->name, "%s",
                   r->options.name != NULL ? r->options.name : argv[0]);
    onp_strbuf_init(&r->request, ctx);
    onp_strbuf_init(&r->onnx, ctx);
    onp_status st = onp_process_start(ctx, argv, ONP_PROTOCOL_MAX_LINE, &r->process, err);
    if (st == ONP_OK)
        st = say_hello(r, err);
    if (st == ONP_OK)
        *out = r;
    else
        onp_runner_close(r);
    return st;
}

/* ---- the agent of this machine ---- */

/* As execvp finds a program; *path is untouched when it does not. */
static bool find_in_path(char *path, size_t size)
{
    const char *at = getenv("PATH");
    while (at != NULL && at[0] != '\0') {
        const int length = (int)strcspn(at, ":");
        char name[4096];
        const int n = snprintf(name, sizeof name, "%.*s/" AGENT, length, at);
        if (length > 0 && n > 0 && (size_t)n < sizeof name && (size_t)n < size &&
            access(name, X_OK) == 0) {
            memcpy(path, name, (size_t)n + 1);
            return true;
        }
        at += length + (at[length] == ':');
    }
    return false;
}

onp_status onp_runner_find_agent(char *path, size_t size, onp_error *err)
{
    char folder[4096];
    onp_status st = onp_program_dir(folder, sizeof folder, err);
    if (st == ONP_OK)
        st = onp_path_join(path, size, folder, AGENT, err);
    if (st != ONP_OK)
        return onp_fail_prefix(err, ONP_E_DEVICE, AGENT ": ");
    if (access(path, X_OK) == 0)
        return ONP_OK;
    const int failure = errno;
    if (find_in_path(path, size))
        return ONP_OK;
    return onp_fail(err, ONP_E_DEVICE,
                    "%s: %s; it belongs beside the program, or where $PATH leads", path,
                    strerror(failure));
}

const onp_runner_facts *onp_runner_get_facts(const onp_runner *r)
{
    return &r->facts;
}

const onp_context *onp_runner_context(const onp_runner *r)
{
    return r->ctx;
}

bool onp_runner_is_alive(const onp_runner *r)
{
    return r->process.pid != 0;
}

onp_stop_rule onp_runner_stop_rule(const onp_runner *r, const onp_stop_rule *rule)
{
    onp_stop_rule wanted = rule != NULL ? *rule : (onp_stop_rule){0};
    if (wanted.cv_max <= 0.0 && r->facts.threads > 1)
        wanted.cv_max = CV_MAX_THREADS;
    return onp_stop_rule_resolve(&wanted);
}

/* ---- measure ---- */

static onp_status take_result(onp_runner *r, const onp_message *answer, const onp_stop_rule *rule,
                              onp_timing *out, bool *refused, onp_error *err)
{
    if (answer->kind == ONP_MESSAGE_ERROR && answer->id == r->last_id) {
        const char *text = NULL;
        ONP_TRY(onp_message_error_text(answer, &text, err));
        *refused = true;
        return onp_fail(err, ONP_E_DEVICE, "runner %.60s: cannot measure this: %.300s", r->name,
                        text);
    }
    if (answer->kind != ONP_MESSAGE_RESULT)
        return wrong_kind(answer, "result", err);
    if (answer->id != r->last_id)
        return onp_fail(err, ONP_E_DEVICE,
                        "answered question %" PRId64 ", wanted an answer to %" PRId64, answer->id,
                        r->last_id);
    return onp_message_result(r->ctx, answer, rule, out, err);
}

void onp_runner_set_encoder(onp_runner *r, onp_encode_fn fn, void *user)
{
    r->encode = fn;
    r->encode_user = user;
}

static onp_status write_onnx(onp_runner *r, const onp_graph *g, const onp_stop_rule *rule,
                             onp_error *err)
{
    if (r->encode == NULL)
        return onp_fail(err, ONP_E_USAGE, "runner %s: takes ONNX only, which is not written here",
                        r->name);
    onp_strbuf_reset(&r->onnx);
    ONP_TRY(r->encode(r->encode_user, g, &r->onnx, err));
    return onp_message_add_measure_onnx(r->last_id, r->onnx.text, r->onnx.length, rule, &r->request,
                                        err);
}

static onp_status write_request(onp_runner *r, const onp_graph *g, const onp_stop_rule *rule,
                                bool stamps, onp_error *err)
{
    r->last_id = r->last_id % ONP_PROTOCOL_MAX_ID + 1;
    onp_strbuf_reset(&r->request);
    if (r->facts.takes_graph)
        ONP_TRY(onp_message_add_measure(r->last_id, g, rule, stamps, &r->request, err));
    else
        ONP_TRY(write_onnx(r, g, rule, err));
    if (r->request.length > ONP_PROTOCOL_MAX_LINE)
        return onp_fail(err, ONP_E_RANGE, "runner %s: a request of %zu bytes, wanted at most %zu",
                        r->name, r->request.length, (size_t)ONP_PROTOCOL_MAX_LINE);
    return ONP_OK;
}

/* Can r be asked for this? n_groups: of the stamps wanted, 0 without. */
static onp_status check_request(const onp_runner *r, const onp_graph *g, const onp_stop_rule *rule,
                                bool stamps, int32_t *n_groups, onp_error *err)
{
    *n_groups = 0;
    ONP_TRY(onp_stop_rule_check(rule, err));
    if (!onp_runner_is_alive(r))
        return onp_fail(err, ONP_E_DEVICE, "runner %s: has failed before", r->name);
    if (!stamps)
        return ONP_OK;
    if (!r->facts.stamps)
        return onp_fail(err, ONP_E_USAGE, "runner %s: cannot stamp the bounds of blocks", r->name);
    return onp_measure_groups(g, n_groups, err);
}

static onp_status check_groups(const onp_timing *t, int32_t n_groups, onp_error *err)
{
    if (t->n_groups == (size_t)n_groups)
        return ONP_OK;
    return onp_fail(err, ONP_E_DEVICE, "answered stamps of %zu groups, wanted %" PRId32,
                    t->n_groups, n_groups);
}

onp_status onp_runner_measure(onp_runner *r, const onp_graph *g, const onp_measure_options *options,
                              onp_timing *out, onp_error *err)
{
    const bool stamps = options != NULL && options->stamps;
    const onp_stop_rule rule = onp_runner_stop_rule(r, options != NULL ? options->rule : NULL);
    int32_t n_groups;
    ONP_TRY(check_request(r, g, &rule, stamps, &n_groups, err));
    ONP_TRY(write_request(r, g, &rule, stamps, err));
    onp_message answer = {0};
    onp_timing timing = {0};
    bool refused = false;
    onp_status st = ask(r, rule.time_max_ns + r->options.slack_ns, &answer, err);
    if (st == ONP_OK)
        st = take_result(r, &answer, &rule, &timing, &refused, err);
    onp_message_reset(&answer);
    if (st == ONP_OK)
        st = check_groups(&timing, n_groups, err);
    if (st == ONP_OK)
        *out = timing;
    else
        onp_timing_reset(r->ctx, &timing);
    return st == ONP_OK || refused ? st : give_up(r, st, err);
}

void onp_runner_close(onp_runner *r)
{
    if (r == NULL)
        return;
    if (r->process.pid != 0) {
        static const char bye[] = ONP_PROTOCOL_BYE;
        const char *line;
        size_t length;
        onp_status st = onp_process_ask(&r->process, bye, sizeof bye - 1, onp_now_ns() + SECOND_NS,
                                        &line, &length, NULL);
        onp_process_end(&r->process, st == ONP_OK ? SECOND_NS : 0); /* whatever it answered */
    }
    onp_strbuf_reset(&r->request);
    onp_strbuf_reset(&r->onnx);
    onp_free(r->ctx, r);
}
