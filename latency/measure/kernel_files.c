/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/measure/kernel_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH 768

/* Not blocking: a FIFO or a device in the place of a file must not hold us. */
static FILE *open_file(const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat s;
    FILE *f = NULL;
    if (fd >= 0 && fstat(fd, &s) == 0 && S_ISREG(s.st_mode))
        f = fdopen(fd, "r");
    if (fd >= 0 && f == NULL)
        (void)close(fd);
    return f;
}

FILE *onp_kernel_file_open(const char *root, const char *fmt, ...)
{
    char path[PATH];
    const int n = snprintf(path, sizeof path, "%s", root);
    if (n < 0 || n >= PATH)
        return NULL;
    va_list ap;
    va_start(ap, fmt);
    const int more = vsnprintf(path + n, sizeof path - (size_t)n, fmt, ap);
    va_end(ap);
    return more < 0 || n + more >= PATH ? NULL : open_file(path);
}

bool onp_kernel_file_line(FILE *f, char *line, size_t size, size_t *budget)
{
    size_t n = 0;
    int c = EOF;
    for (; *budget > 0 && (c = getc(f)) != EOF && c != '\n'; --*budget)
        if (n + 1 < size)
            line[n++] = (char)(c != '\0' ? c : ' ');
    line[n] = '\0';
    return c == '\n' || n > 0;
}

void onp_kernel_clean(const char *text, char *out, size_t size)
{
    size_t n = 0;
    for (; *text != '\0' && n + 1 < size; text++)
        if (*text > ' ' && *text < 0x7f)
            out[n++] = *text;
        else if (n > 0 && out[n - 1] != ' ')
            out[n++] = ' ';
    while (n > 0 && out[n - 1] == ' ')
        n--;
    out[n] = '\0';
}

const char *onp_kernel_after(const char *line, const char *key)
{
    const size_t n = strlen(key);
    if (strncmp(line, key, n) != 0)
        return NULL;
    line += n + strspn(line + n, " \t");
    return *line == ':' ? line + 1 : NULL;
}

/* key NULL: any line. */
static bool find_line(const char *root, const char *path, const char *key, char *text, size_t size)
{
    char line[512];
    size_t budget = ONP_KERNEL_FILE_BUDGET;
    text[0] = '\0';
    FILE *f = onp_kernel_file_open(root, "%s", path);
    while (f != NULL && text[0] == '\0' && onp_kernel_file_line(f, line, sizeof line, &budget)) {
        const char *value = key != NULL ? onp_kernel_after(line, key) : line;
        if (value != NULL)
            onp_kernel_clean(value, text, size);
        if (key == NULL)
            break;
    }
    if (f != NULL)
        (void)fclose(f);
    return text[0] != '\0';
}

bool onp_kernel_text(const char *root, const char *path, char *text, size_t size)
{
    return find_line(root, path, NULL, text, size);
}

bool onp_kernel_value(const char *root, const char *path, const char *key, char *text, size_t size)
{
    return find_line(root, path, key, text, size);
}

int64_t onp_kernel_int(const char *root, const char *path, int64_t none)
{
    char text[32], *end = NULL;
    if (!onp_kernel_text(root, path, text, sizeof text))
        return none;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    return errno != 0 || *end != '\0' || end == text ? none : value;
}
