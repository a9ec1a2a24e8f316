/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* pipe2 */
#include "latency/measure/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/parallel.h"
#include "base/progress.h"
#include "latency/measure/advice.h"
#include "latency/measure/environment.h"

#define SHOWN_SAID 160 /* bytes of its last words in an error */
#define LOOK_AGAIN_MS                                                                              \
    1000 /* after so long whether it has ended; its children may hold the pipes                    \
          */
#define MILLISECOND_NS ((int64_t)1000000)
#define KILLED_NS      (5000 * MILLISECOND_NS) /* in which a process that was killed is gone */

extern char **environ;

/* ---- start ---- */

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static onp_status cannot_start(const char *program, int failure, onp_error *err)
{
    char what[128];
    (void)snprintf(what, sizeof what, "%.80s: cannot be started", program);
    const char *advice = failure == ENOENT ? onp_advice(what) : NULL;
    return onp_fail(err, ONP_E_DEVICE, "runner %s: cannot be started: %s%s%s%s", program,
                    strerror(failure), advice != NULL ? " (" : "", advice != NULL ? advice : "",
                    advice != NULL ? ")" : "");
}

static onp_status spawn(const char *const *argv, char **environment, const int child[3], pid_t *pid,
                        onp_error *err)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, defaults;
    (void)sigemptyset(&none);
    (void)sigemptyset(&defaults);
    (void)sigaddset(&defaults, SIGPIPE); /* we may ignore it; it must not */
    int failed = posix_spawn_file_actions_init(&files);
    if (failed == 0 && (failed = posix_spawnattr_init(&attr)) != 0)
        (void)posix_spawn_file_actions_destroy(&files);
    if (failed != 0)
        return onp_fail(err, ONP_E_NOMEM, "runner %s: %s", argv[0], strerror(failed));
    for (int fd = 0; fd < 3 && failed == 0; fd++)
        failed = posix_spawn_file_actions_adddup2(&files, child[fd], fd);
    if (failed == 0)
        failed = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                     POSIX_SPAWN_SETSIGDEF);
    if (failed == 0)
        failed = posix_spawnattr_setpgroup(&attr, 0);
    if (failed == 0)
        failed = posix_spawnattr_setsigmask(&attr, &none);
    if (failed == 0)
        failed = posix_spawnattr_setsigdefault(&attr, &defaults);
    onp_parallel_unbind(); /* the runner chooses its own processors */
    if (failed == 0)       /* posix_spawn does not write to argv; its type is older than const */
        failed =
            posix_spawnp(pid, argv[0], &files, &attr, (char *const *)(uintptr_t)argv, environment);
    onp_parallel_rebind();
    (void)posix_spawn_file_actions_destroy(&files);
    (void)posix_spawnattr_destroy(&attr);
    if (failed != 0)
        return cannot_start(argv[0], failed, err);
    return ONP_OK;
}

static bool not_blocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

/* input: the child's end, used up; the parent's is p->in_fd, or -1. */
static onp_status start(const onp_context *ctx, const char *const *argv, int input, int in_fd,
                        size_t max_line, onp_process *p, onp_error *err)
{
    onp_process q = {.in_fd = in_fd};
    int out[2] = {-1, -1}, said[2] = {-1, -1};
    char **environment = NULL;
    onp_status st = onp_environment_clean(ctx, environ, &environment, err);
    if (st != ONP_OK)
        st = onp_fail_prefix(err, st, "runner %s: ", argv[0]);
    else if (pipe2(out, O_CLOEXEC) != 0 || pipe2(said, O_CLOEXEC) != 0 || !not_blocking(out[0]) ||
             !not_blocking(said[0]))
        st = onp_fail(err, ONP_E_IO, "runner %s: pipe: %s", argv[0], strerror(errno));
    else
        st = spawn(argv, environment, (const int[3]){input, out[1], said[1]}, &q.pid, err);
    onp_free(ctx, environment);
    close_fd(&input);
    close_fd(&out[1]);
    close_fd(&said[1]);
    if (st != ONP_OK) {
        close_fd(&q.in_fd);
        close_fd(&out[0]);
        close_fd(&said[0]);
        return st;
    }
    q.out_fd = out[0];
    q.err_fd = said[0];
    onp_line_reader_init(&q.out, ctx, max_line);
    *p = q;
    return ONP_OK;
}

onp_status onp_process_start(const onp_context *ctx, const char *const *argv, size_t max_line,
                             onp_process *p, onp_error *err)
{
    *p = (onp_process){0};
    int in[2];
    /* a socket as its input: writing to one that was closed can be told not to raise SIGPIPE */
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) != 0)
        return onp_fail(err, ONP_E_IO, "runner %s: socketpair: %s", argv[0], strerror(errno));
    return start(ctx, argv, in[1], in[0], max_line, p, err);
}

onp_status onp_process_start_with(const onp_context *ctx, const char *const *argv,
                                  const char *input, size_t max_output, onp_process *p,
                                  onp_error *err)
{
    *p = (onp_process){0};
    const char *path = input != NULL ? input : "/dev/null";
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return onp_fail(err, ONP_E_IO, "%s: %s", path, strerror(errno));
    return start(ctx, argv, fd, -1, max_output, p, err);
}

/* ---- talk ---- */

static void hear_stderr(onp_process *p)
{
    char chunk[512];
    ssize_t n;
    /* a bounded number of reads: one that writes without end must not hold us */
    for (int i = 0; i < 64 && (n = read(p->err_fd, chunk, sizeof chunk)) > 0; i++)
        for (ssize_t k = 0; k < n; k++)
            p->said[p->n_said++ % ONP_PROCESS_SAID] = chunk[k];
}

void onp_process_said(const onp_process *p, char *out, size_t out_size)
{
    size_t kept = p->n_said < ONP_PROCESS_SAID ? p->n_said : ONP_PROCESS_SAID;
    size_t want = kept < out_size - 1 ? kept : out_size - 1;
    size_t n = 0;
    for (size_t i = p->n_said - want; i < p->n_said; i++) {
        char c = p->said[i % ONP_PROCESS_SAID];
        if (c > ' ' && c < 0x7f)
            out[n++] = c;
        else if (n > 0 && out[n - 1] != ' ')
            out[n++] = ' ';
    }
    while (n > 0 && out[n - 1] == ' ')
        n--;
    out[n] = '\0';
}

onp_status onp_process_failed(const onp_process *p, const char *name, onp_status st, onp_error *err)
{
    if (st == ONP_E_NOMEM || err == NULL)
        return st == ONP_E_NOMEM ? st : ONP_E_DEVICE;
    char said[ONP_PROCESS_SAID + 1];
    onp_process_said(p, said, sizeof said);
    const size_t n = strlen(said);
    const char *end = n > SHOWN_SAID ? said + n - SHOWN_SAID : said;
    const onp_error what = *err;
    const char *advice = onp_advice(said);
    if (advice == NULL)
        advice = onp_advice(what.msg);
    return onp_fail(err, ONP_E_DEVICE, "runner %.60s: %.280s%s%s%s%s%s", name, what.msg,
                    end[0] != '\0' ? "; it said: " : "", end, advice != NULL ? " (" : "",
                    advice != NULL ? advice : "", advice != NULL ? ")" : "");
}

static bool has_ended(pid_t pid, siginfo_t *info)
{
    *info = (siginfo_t){0};
    return waitid(P_PID, (id_t)pid, info, WEXITED | WNOHANG | WNOWAIT) != 0 || info->si_pid != 0;
}

/* How it ended, once its `side` has; it stays to be reaped by onp_process_end. */
static onp_status gone(const onp_process *p, const char *side, onp_error *err)
{
    siginfo_t info = {0};
    for (int i = 0; i < 100 && info.si_pid == 0; i++) {
        if (waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
            break;
        if (info.si_pid == 0)
            (void)nanosleep(&(struct timespec){.tv_nsec = 5 * MILLISECOND_NS}, NULL);
    }
    if (info.si_pid == 0)
        return onp_fail(err, ONP_E_DEVICE, "closed its %s", side);
    if (info.si_code == CLD_EXITED)
        return onp_fail(err, ONP_E_DEVICE, "ended with exit code %d", info.si_status);
    return onp_fail(err, ONP_E_DEVICE, "was ended by signal %d", info.si_status);
}

/* Waits until something can be read or written. */
static onp_status wait_ready(const onp_process *p, bool writing, int64_t deadline_ns,
                             struct pollfd fds[3], onp_error *err)
{
    fds[0] = (struct pollfd){.fd = p->out_fd, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = p->err_fd, .events = POLLIN};
    fds[2] = (struct pollfd){.fd = writing ? p->in_fd : -1, .events = POLLOUT};
    if (p->err_fd < 0)
        fds[1].fd = -1;
    int64_t left_ms = (deadline_ns - onp_now_ns()) / MILLISECOND_NS + 1;
    if (left_ms <= 0)
        return onp_fail(err, ONP_E_DEVICE, "did not answer in time");
    int n = poll(fds, 3, left_ms < LOOK_AGAIN_MS ? (int)left_ms : LOOK_AGAIN_MS);
    if (n < 0 && errno != EINTR)
        return onp_fail(err, ONP_E_IO, "poll: %s", strerror(errno));
    if (n <= 0)
        fds[0].revents = fds[1].revents = fds[2].revents = 0;
    return ONP_OK;
}

static onp_status write_some(onp_process *p, const char **text, size_t *length, onp_error *err)
{
    ssize_t n = send(p->in_fd, *text, *length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
        *text += n;
        *length -= (size_t)n;
        return ONP_OK;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return ONP_OK;
    return gone(p, "input", err);
}

static onp_status hear(onp_process *p, struct pollfd fds[3], onp_error *err)
{
    if ((fds[1].revents & POLLIN) != 0)
        hear_stderr(p);
    else if (fds[1].revents != 0)
        close_fd(&p->err_fd); /* its end; poll would report it again and again */
    if (fds[0].revents == 0)
        return ONP_OK;
    long got;
    ONP_TRY(onp_line_reader_fill(&p->out, p->out_fd, &got, err));
    return got == 0 ? gone(p, "output", err) : ONP_OK;
}

static onp_status talk(onp_process *p, const char *text, size_t length, int64_t deadline_ns,
                       const char **line, size_t *line_length, onp_error *err)
{
    struct pollfd fds[3];
    siginfo_t info;
    while (length > 0 || !onp_line_reader_next(&p->out, line, line_length)) {
        const bool ended = has_ended(p->pid, &info); /* asked first: its last words may be there */
        ONP_TRY(wait_ready(p, length > 0, deadline_ns, fds, err));
        ONP_TRY(hear(p, fds, err));
        if (ended && fds[0].revents == 0) /* a child may write to standard error for ever */
            return gone(p, "output", err);
        if (length > 0 && fds[2].revents != 0)
            ONP_TRY(write_some(p, &text, &length, err));
    }
    return ONP_OK;
}

/* Whatever the child did wrong is the device's failure. */
static onp_status as_device(onp_status st, onp_error *err)
{
    if (st == ONP_OK || st == ONP_E_NOMEM)
        return st;
    if (err != NULL)
        err->status = ONP_E_DEVICE;
    return ONP_E_DEVICE;
}

onp_status onp_process_ask(onp_process *p, const char *text, size_t length, int64_t deadline_ns,
                           const char **line, size_t *line_length, onp_error *err)
{
    const size_t left = onp_line_reader_left(&p->out);
    if (left > 0)
        return onp_fail(err, ONP_E_DEVICE, "sent %zu bytes that nobody asked for", left);
    return as_device(talk(p, text, length, deadline_ns, line, line_length, err), err);
}

onp_status onp_process_next(onp_process *p, int64_t deadline_ns, const char **line,
                            size_t *line_length, onp_error *err)
{
    return as_device(talk(p, NULL, 0, deadline_ns, line, line_length, err), err);
}

/* ---- wait ---- */

/* All of standard output. Its end is that of the process: a server that it left behind may hold the
 * pipe open. */
static onp_status hear_all(onp_process *p, int64_t deadline_ns, siginfo_t *info, onp_error *err)
{
    struct pollfd fds[3];
    bool open = true;
    long got;
    while (open) {
        const bool ended = has_ended(p->pid, info);
        const int64_t soon_ns = onp_now_ns() + 50 * MILLISECOND_NS;
        if (onp_now_ns() >= deadline_ns)
            return onp_fail(err, ONP_E_DEVICE, "did not end in time");
        ONP_TRY(wait_ready(p, false, soon_ns, fds, err));
        if ((fds[1].revents & POLLIN) != 0)
            hear_stderr(p);
        else if (fds[1].revents != 0)
            close_fd(&p->err_fd);
        if (fds[0].revents == 0) {
            open = !ended;
            continue;
        }
        ONP_TRY(onp_line_reader_fill(&p->out, p->out_fd, &got, err));
        open = got != 0;
    }
    return ONP_OK;
}

onp_status onp_process_wait(onp_process *p, int64_t deadline_ns, const char **output,
                            size_t *length, int *exit_code, onp_error *err)
{
    siginfo_t info;
    onp_status st = hear_all(p, deadline_ns, &info, err);
    while (st == ONP_OK && !has_ended(p->pid, &info)) {
        if (onp_now_ns() >= deadline_ns)
            st = onp_fail(err, ONP_E_DEVICE, "did not end in time");
        hear_stderr(p); /* a full pipe would hold it */
        (void)nanosleep(&(struct timespec){.tv_nsec = MILLISECOND_NS}, NULL);
    }
    if (st != ONP_OK)
        return as_device(st, err);
    *exit_code = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    *output = p->out.length > 0 ? p->out.data : "";
    *length = p->out.length;
    return ONP_OK;
}

/* ---- end ---- */

static bool ends_within(pid_t pid, int64_t patience_ns)
{
    const int64_t deadline = onp_now_ns() + patience_ns;
    siginfo_t info;
    while (!has_ended(pid, &info)) {
        if (onp_now_ns() >= deadline)
            return false;
        (void)nanosleep(&(struct timespec){.tv_nsec = MILLISECOND_NS}, NULL);
    }
    return true;
}

void onp_process_end(onp_process *p, int64_t patience_ns)
{
    if (p->pid <= 0)
        return;
    close_fd(&p->in_fd);
    (void)ends_within(p->pid, patience_ns);
    /* the group goes before its leader is reaped: until then no other group has this number */
    (void)kill(-p->pid, SIGKILL);
    (void)kill(p->pid, SIGKILL); /* it may have joined another group */
    /* one of another user (sudo) cannot be killed: it is left, and not waited for */
    if (ends_within(p->pid, KILLED_NS))
        while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR) {
        }
    if (p->err_fd >= 0)
        hear_stderr(p);
    close_fd(&p->out_fd);
    close_fd(&p->err_fd);
    onp_line_reader_reset(&p->out);
    p->pid = 0;
}
