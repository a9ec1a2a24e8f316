/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/measure/target.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "latency/measure/remote.h"
#include "latency/measure/words.h"

/* ---- parse ---- */

static const char *const prefixes[] = {"local", "ssh:", "adb:", "exec:"};

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool onp_target_is_one(const char *text)
{
    return strcmp(text, "local") == 0 || strcmp(text, "adb") == 0 || begins_with(text, "ssh:") ||
           begins_with(text, "adb:") || begins_with(text, "exec:");
}

/* A host or serial: it becomes an argument of ssh or adb, which must not take it for an option. */
static onp_status take_address(onp_target *t, const char *what, const char *address, onp_error *err)
{
    const size_t n = strlen(address);
    if (n == 0)
        return onp_fail(err, ONP_E_USAGE, "target \"%s\": the %s is missing", t->text, what);
    if (address[0] == '-')
        return onp_fail(err, ONP_E_USAGE, "target \"%s\": a %s cannot begin with \"-\"", t->text,
                        what);
    if (n >= ONP_TARGET_ADDRESS)
        return onp_fail(err, ONP_E_USAGE, "target: a %s of %zu bytes, wanted less than %d", what, n,
                        ONP_TARGET_ADDRESS);
    if (!onp_text_is_plain(address) || strchr(address, ' ') != NULL)
        return onp_fail(err, ONP_E_USAGE,
                        "target \"%s\": a %s has no blanks and no control characters", t->text,
                        what);
    memcpy(t->words, address, n + 1);
    return ONP_OK;
}

/* ssh itself takes ssh://user@host:port */
static onp_status take_host(onp_target *t, const char *host, onp_error *err)
{
    const bool url = begins_with(host, "//");
    ONP_TRY(take_address(t, "host", host + (url ? 2 : 0), err));
    if (url)
        memcpy(t->words, t->text, strlen(t->text) + 1);
    return ONP_OK;
}

static onp_status take_command(onp_target *t, const char *command, onp_error *err)
{
    if (onp_words_split(command, t->words, sizeof t->words, &t->n_words, err) != ONP_OK)
        return onp_fail_prefix(err, ONP_E_USAGE, "target exec: ");
    if (t->n_words > ONP_TARGET_WORDS)
        return onp_fail(err, ONP_E_USAGE, "target exec: %zu words, wanted at most %d", t->n_words,
                        ONP_TARGET_WORDS);
    if (t->words[0] == '\0')
        return onp_fail(err, ONP_E_USAGE, "target exec: the name of the program is empty");
    return ONP_OK;
}

onp_status onp_target_parse(const char *text, onp_target *out, onp_error *err)
{
    onp_target t = {.kind = ONP_TARGET_LOCAL};
    if (!onp_target_is_one(text))
        return onp_fail(err, ONP_E_USAGE,
                        "target \"%.80s\": is not known, wanted local, ssh:HOST, adb[:SERIAL] or "
                        "exec:COMMAND",
                        text);
    if (strlen(text) >= sizeof t.text)
        return onp_fail(err, ONP_E_USAGE, "target \"%.40s...\": %zu bytes, wanted less than %zu",
                        text, strlen(text), sizeof t.text);
    memcpy(t.text, text, strlen(text) + 1);
    while (!begins_with(text, prefixes[t.kind]) && t.kind < ONP_TARGET_EXEC)
        t.kind++;
    const char *rest = strchr(text, ':');
    if (strcmp(text, "adb") == 0)
        t.kind = ONP_TARGET_ADB;
    else if (t.kind == ONP_TARGET_EXEC)
        ONP_TRY(take_command(&t, rest + 1, err));
    else if (t.kind == ONP_TARGET_ADB)
        ONP_TRY(take_address(&t, "serial", rest + 1, err));
    else if (t.kind == ONP_TARGET_SSH)
        ONP_TRY(take_host(&t, rest + 1, err));
    *out = t;
    return ONP_OK;
}

/* ---- start ---- */

#define MAX_ARGV (ONP_TARGET_WORDS + 16)

/* The argument vector of the other side; the words it points to live as long as the options. */
typedef struct arguments {
    const char *argv[MAX_ARGV]; /* NULL at its end */
    size_t n;
    char threads[24], batch[24], agent[4096];
} arguments;

static void add(arguments *a, const char *word)
{
    a->argv[a->n++] = word;
    a->argv[a->n] = NULL;
}

static void add_option(arguments *a, const char *name, const char *value)
{
    if (value == NULL)
        return;
    add(a, name);
    add(a, value);
}

static void add_agent_options(arguments *a, const onp_target_options *o)
{
    (void)snprintf(a->threads, sizeof a->threads, "%" PRId64, o->threads != 0 ? o->threads : 1);
    (void)snprintf(a->batch, sizeof a->batch, "%" PRId64, o->batch != 0 ? o->batch : 1);
    add_option(a, "--threads", a->threads);
    add_option(a, "--batch", a->batch);
    add_option(a, "--kernels", o->kernels);
    add_option(a, "--cluster", o->cluster);
    add_option(a, "--device", o->device);
}

static onp_status open_local(const onp_context *ctx, const onp_target_options *o, onp_runner **out,
                             onp_error *err)
{
    arguments a = {.n = 0};
    if (o->agent == NULL)
        ONP_TRY(onp_runner_find_agent(a.agent, sizeof a.agent, err));
    add(&a, o->agent != NULL ? o->agent : a.agent);
    add_agent_options(&a, o);
    return onp_runner_open(ctx, a.argv, &o->runner, out, err);
}

static onp_status open_exec(const onp_context *ctx, const onp_target *t,
                            const onp_target_options *o, onp_runner **out, onp_error *err)
{
    arguments a = {.n = 0};
    const char *word = t->words;
    if (o->cluster != NULL)
        return onp_fail(
            err, ONP_E_USAGE,
            "%.80s: a command is not told of cluster \"%.64s\": choose its cores in it, "
            "as by its own --cluster or taskset -c",
            t->text, o->cluster);
    for (size_t i = 0; i < t->n_words; i++, word = onp_words_next(word))
        add(&a, word);
    return onp_runner_open(ctx, a.argv, &o->runner, out, err);
}

static onp_status start_remote(onp_remote *remote, const onp_target_options *o, onp_runner **out,
                               onp_error *err)
{
    arguments a = {.n = 0};
    onp_target_options wanted = *o;
    const char *argv[ONP_REMOTE_ARGV];
    onp_strbuf line;
    if (wanted.device == NULL && remote->device[0] != '\0')
        wanted.device = remote->device;
    add_agent_options(&a, &wanted);
    onp_strbuf_init(&line, remote->ctx);
    onp_remote_agent_line(remote, a.argv, a.n, &line);
    onp_status st = onp_strbuf_status(&line, err);
    onp_remote_argv(remote, line.text, argv);
    if (st == ONP_OK)
        st = onp_runner_open(remote->ctx, argv, &wanted.runner, out, err);
    onp_strbuf_reset(&line);
    return st;
}

static onp_status open_remote(const onp_context *ctx, const onp_target *t,
                              const onp_target_options *o, onp_runner **out, onp_error *err)
{
    onp_remote remote;
    onp_remote_init(&remote, ctx, t, o->ssh_config);
    onp_status st = onp_remote_look(&remote, err);
    if (st == ONP_OK)
        st = onp_remote_bring(&remote, o->agent, err);
    if (st == ONP_OK)
        st = start_remote(&remote, o, out, err);
    onp_remote_reset(&remote);
    return st;
}

/* Rows under another number of threads than was wanted would be found by nobody. */
static onp_status check_facts(const onp_target *t, const onp_target_options *o,
                              const onp_runner_facts *f, onp_error *err)
{
    if (o->threads > 0 && f->threads > 0 && f->threads != o->threads)
        return onp_fail(err, ONP_E_DEVICE,
                        "%.80s: uses %" PRId64 " threads, wanted %" PRId64
                        ": they must be the same here and in its own arguments",
                        t->text, f->threads, o->threads);
    const int64_t batch = o->batch > 0 ? o->batch : 1;
    if (f->batch > 0 && f->batch != batch)
        return onp_fail(err, ONP_E_DEVICE,
                        "%.80s: measures batches of %" PRId64 ", wanted %" PRId64, t->text,
                        f->batch, batch);
    return ONP_OK;
}

onp_status onp_runner_open_target(const onp_context *ctx, const onp_target *target,
                                  const onp_target_options *options, onp_runner **out,
                                  onp_error *err)
{
    onp_target_options o = options != NULL ? *options : (onp_target_options){.threads = 0};
    onp_runner *r = NULL;
    if (o.runner.name == NULL && target->kind != ONP_TARGET_LOCAL)
        o.runner.name = target->text;
    if (target->kind == ONP_TARGET_LOCAL)
        ONP_TRY(open_local(ctx, &o, &r, err));
    else if (target->kind == ONP_TARGET_EXEC)
        ONP_TRY(open_exec(ctx, target, &o, &r, err));
    else
        ONP_TRY(open_remote(ctx, target, &o, &r, err));
    onp_status st = check_facts(target, &o, onp_runner_get_facts(r), err);
    if (st == ONP_OK)
        *out = r;
    else
        onp_runner_close(r);
    return st;
}
