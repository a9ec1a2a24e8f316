/* SPDX-License-Identifier: Apache-2.0 */
#include "base/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

enum { BAR = 20, LINE_MAX_BYTES = 512 };

struct onp_progress {
    const onp_context *ctx;
    int fd;
    bool quiet, terminal, color;
    bool active; /* between begin and end */
    char what[64], text[128];
    int64_t done, total, begun_ns, shown_ns;
};

int64_t onp_now_ns(void)
{
#ifdef CLOCK_MONOTONIC_RAW
    const clockid_t clock = CLOCK_MONOTONIC_RAW;
#else
    const clockid_t clock = CLOCK_MONOTONIC;
#endif
    struct timespec t = {0};
    (void)clock_gettime(clock, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

/* Nobody can be told that stderr does not take a line. */
static void put(const onp_progress *p, const char *text)
{
    for (size_t left = strlen(text); left > 0;) {
        ssize_t n = write(p->fd, text, left);
        if (n <= 0)
            return;
        text += n;
        left -= (size_t)n;
    }
}

static void format_time(int64_t ns, char *out, size_t size)
{
    int64_t s = (ns + SECOND / 2) / SECOND;
    if (s < 60)
        (void)snprintf(out, size, "%" PRId64 "s", s);
    else if (s < 3600)
        (void)snprintf(out, size, "%" PRId64 "m%02" PRId64 "s", s / 60, s % 60);
    else
        (void)snprintf(out, size, "%" PRId64 "h%02" PRId64 "m", s / 3600, s / 60 % 60);
}

/* "12/40, 1m20s left" */
static void format_counts(const onp_progress *p, int64_t now, char *out, size_t size)
{
    char left[32] = "";
    int used = p->total > 0 ? snprintf(out, size, "%" PRId64 "/%" PRId64, p->done, p->total)
                            : snprintf(out, size, "%" PRId64, p->done);
    if (p->active && p->done > 0 && p->done < p->total) {
        double rate = (double)(now - p->begun_ns) / (double)p->done;
        format_time((int64_t)(rate * (double)(p->total - p->done)), left, sizeof left);
        (void)snprintf(out + used, size - (size_t)used, ", %s left", left);
    }
}

static int terminal_width(const onp_progress *p)
{
    struct winsize w;
    return ioctl(p->fd, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : 80;
}

/* One line that is drawn over: cut at the width, since a wrapped line cannot be. */
static void draw_bar(onp_progress *p, int64_t now)
{
    char counts[96], plain[LINE_MAX_BYTES / 2], line[LINE_MAX_BYTES], bar[BAR + 1];
    int filled = p->total > 0 ? (int)((double)p->done / (double)p->total * BAR) : 0;
    memset(bar, '-', BAR);
    memset(bar, '#', (size_t)(filled < 0 ? 0 : filled > BAR ? BAR : filled));
    bar[BAR] = '\0';
    format_counts(p, now, counts, sizeof counts);
    (void)snprintf(plain, sizeof plain, "[%s] %s  %s", bar, counts, p->text);
    int room = terminal_width(p) - (int)strlen(p->what) - 2;
    (void)snprintf(line, sizeof line, "\r\033[K%s%s%s %.*s", p->color ? "\033[1m" : "", p->what,
                   p->color ? "\033[0m" : "", room > 0 ? room : 0, plain);
    put(p, line);
}

static void put_line(onp_progress *p, int64_t now)
{
    char counts[96], line[LINE_MAX_BYTES];
    format_counts(p, now, counts, sizeof counts);
    (void)snprintf(line, sizeof line, "%s: %s%s%s\n", p->what, counts,
                   p->text[0] != '\0' ? "  " : "", p->text);
    put(p, line);
}

static void show(onp_progress *p, int64_t now)
{
    p->shown_ns = now;
    if (p->terminal)
        draw_bar(p, now);
    else
        put_line(p, now);
}

onp_progress *onp_progress_new(const onp_context *ctx, int fd, bool quiet)
{
    onp_progress *p = onp_alloc(ctx, 1, sizeof *p);
    if (p == NULL)
        return NULL;
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    p->ctx = ctx;
    p->fd = fd;
    p->quiet = quiet;
    p->terminal = isatty(fd) && term != NULL && strcmp(term, "dumb") != 0;
    p->color = no_color == NULL || no_color[0] == '\0';
    return p;
}

void onp_progress_free(onp_progress *p)
{
    if (p == NULL)
        return;
    onp_progress_end(p);
    onp_free(p->ctx, p);
}

void onp_progress_begin(onp_progress *p, const char *what, int64_t total)
{
    if (p == NULL || p->quiet)
        return;
    onp_progress_end(p);
    int64_t now = onp_now_ns();
    (void)snprintf(p->what, sizeof p->what, "%s", what);
    p->text[0] = '\0';
    p->active = true;
    p->done = 0;
    p->total = total;
    p->begun_ns = p->shown_ns = now;
    if (p->terminal)
        show(p, now);
}

void onp_progress_step(onp_progress *p, int64_t done, const char *fmt, ...)
{
    if (p == NULL || !p->active)
        return;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(p->text, sizeof p->text, fmt, ap);
    va_end(ap);
    p->done = done;
    int64_t now = onp_now_ns();
    if (now - p->shown_ns >= (p->terminal ? SECOND / 10 : 10 * SECOND))
        show(p, now);
}

void onp_progress_end(onp_progress *p)
{
    if (p == NULL || !p->active)
        return;
    int64_t now = onp_now_ns();
    char took[32];
    p->active = false;
    format_time(now - p->begun_ns, took, sizeof took);
    (void)snprintf(p->text, sizeof p->text, "in %s", took);
    if (p->terminal)
        put(p, "\r\033[K");
    put_line(p, now);
}

void onp_progress_line(onp_progress *p, const char *line)
{
    if (p == NULL || p->quiet)
        return;
    if (p->active && p->terminal)
        put(p, "\r\033[K");
    put(p, line);
    put(p, "\n");
    if (p->active && p->terminal)
        show(p, onp_now_ns());
}
