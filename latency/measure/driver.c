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
#include "latency/measure/process.h"
#include "latency/measure/protocol.h"

#define SECOND_NS      ((int64_t)1000000000)
#define CV_MAX_THREADS 0.08
#define AGENT          "onepath-agent"

struct onp_runner {
    const onp_context *ctx;
    onp_process process; /* pid 0: it failed and was ended */
    onp_runner_options options;
    onp_runner_facts facts;
    int64_t last_id;
    char name[128]; /* for errors */
    onp_strbuf request;
};

/* Ends the runner; the text of err is put into a sentence with its name and its last words. */
static onp_status give_up(onp_runner *r, onp_status st, onp_error *err)
{
    onp_process_end(&r->process, 0);
    return onp_process_failed(&r->process, r->name, st, err);
}

/* Sends r->request and takes the answer apart; *answer is the caller's (onp_message_reset). */
static onp_status ask(onp_runner *r, int64_t timeout_ns, onp_message *answer, onp_error *err)
{
    const char *line;
    size_t length;
    ONP_TRY(onp_process_ask(&r->process, r->request.text, r->request.length,
                            onp_now_ns() + timeout_ns, &line, &length, err));
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
    (void)snprintf(r->name, sizeof r->name, "%s",
                   r->options.name != NULL ? r->options.name : argv[0]);
    onp_strbuf_init(&r->request, ctx);
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

static onp_status write_request(onp_runner *r, const onp_graph *g, const onp_stop_rule *rule,
                                onp_error *err)
{
    r->last_id = r->last_id % ONP_PROTOCOL_MAX_ID + 1;
    onp_strbuf_reset(&r->request);
    ONP_TRY(onp_message_add_measure(r->last_id, g, rule, &r->request, err));
    if (r->request.length > ONP_PROTOCOL_MAX_LINE)
        return onp_fail(err, ONP_E_RANGE, "runner %s: a request of %zu bytes, wanted at most %zu",
                        r->name, r->request.length, (size_t)ONP_PROTOCOL_MAX_LINE);
    return ONP_OK;
}

onp_status onp_runner_measure(onp_runner *r, const onp_graph *g, const onp_stop_rule *rule,
                              onp_timing *out, onp_error *err)
{
    const onp_stop_rule wanted = onp_runner_stop_rule(r, rule);
    ONP_TRY(onp_stop_rule_check(&wanted, err));
    if (!onp_runner_is_alive(r))
        return onp_fail(err, ONP_E_DEVICE, "runner %s: has failed before", r->name);
    ONP_TRY(write_request(r, g, &wanted, err));
    onp_message answer = {0};
    bool refused = false;
    onp_status st = ask(r, wanted.time_max_ns + r->options.slack_ns, &answer, err);
    if (st == ONP_OK)
        st = take_result(r, &answer, &wanted, out, &refused, err);
    onp_message_reset(&answer);
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
    onp_free(r->ctx, r);
}
