/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Block tables as CSV, as they are published with ProxylessNAS's successors: a heading, then a key
 * (import_key.c) and a time in milliseconds a line:
 *
 *     block_name,latency(ms)
 *     Conv-input:224x224x3-output:112x112x32,3.50596
 *
 * The second heading is anybody's ("cpu_b", "time"); one with a unit other than ms is refused. Each
 * row is one value of which neither count nor spread is known. Without a heading, keys are of the
 * older form:
 *
 *     56x56x24-28x28x40-expand:3-kernel:5-stride:2,3.01516
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "latency/table/import_internal.h"

enum { MAX_LINE = 256 };

/* Whether a heading's last word is a unit other than ms: "latency(us)", "time_us", "latency [s]".
 */
static bool has_other_unit(const char *heading)
{
    static const char *const units[] = {"ns", "us", "s", "sec", "seconds", "microseconds", "usec"};
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t end = strlen(heading), begin;
    while (end > 0 && strchr(letters, heading[end - 1]) == NULL)
        end--;
    for (begin = end; begin > 0 && strchr(letters, heading[begin - 1]) != NULL;)
        begin--;
    for (size_t i = 0; i < ONP_COUNT(units); i++)
        if (strlen(units[i]) == end - begin &&
            strncasecmp(heading + begin, units[i], end - begin) == 0)
            return true;
    return false;
}

/* The unit in "latency(us)" must be ms. */
static onp_status check_heading(const char *file, char *line, onp_error *err)
{
    static const char first[] = "block_name,";
    if (strncmp(line, first, sizeof first - 1) != 0)
        return onp_fail(err, ONP_E_FORMAT,
                        "%s:1:1: error: the heading is \"%.60s\", wanted \"block_name,...\"", file,
                        line);
    const char *unit = strchr(line, '(');
    if (strchr(line + sizeof first - 1, ',') != NULL ||
        (unit != NULL && strcmp(unit, "(ms)") != 0) || has_other_unit(line + sizeof first - 1))
        return onp_fail(err, ONP_E_FORMAT,
                        "%s:1:%zu: error: the heading is \"%.60s\", wanted one column of times in "
                        "ms after block_name",
                        file, sizeof first, line);
    return ONP_OK;
}

static onp_status read_row(onp_import_sink *sink, bool short_keys, char *line, int number,
                           onp_error *err)
{
    onp_import_row row = {.line = number, .column = 1, .count = 1};
    onp_block block;
    onp_error why = {0};
    double ms = 0;
    char *comma = strchr(line, ',');
    if (comma == NULL) {
        onp_import_problem(sink, number, 1, "%.120s: no value, wanted a block and a time", line);
        return ONP_OK;
    }
    *comma = '\0';
    if ((short_keys ? onp_import_read_short_key : onp_import_read_key)(line, &block, &why) !=
        ONP_OK) {
        onp_import_problem(sink, number, 1, "%.120s: %s", line, why.msg);
        return ONP_OK;
    }
    const int column = (int)(comma - line) + 2;
    if (!onp_import_read_real(comma + 1, &ms))
        onp_import_problem(sink, number, column, "the time is \"%.40s\", wanted a finite number",
                           comma + 1);
    else if (onp_import_check_ms("the time", ms, &why) != ONP_OK)
        onp_import_problem(sink, number, column, "%s", why.msg);
    else {
        onp_block_key(&block, row.key);
        row.mean_ns = llround(ms * 1e6);
        return onp_import_add(sink, &row, err);
    }
    return ONP_OK;
}

/* n bytes at text as a line without its end; what cannot be one is a problem. */
static bool take_line(onp_import_sink *sink, const char *text, size_t n, int number,
                      char line[MAX_LINE])
{
    if (n > 0 && text[n - 1] == '\r')
        n--;
    if (n >= MAX_LINE || memchr(text, '\0', n) != NULL) {
        onp_import_problem(sink, number, 1, "%s, wanted a block and a time",
                           n >= MAX_LINE ? "a line of more than 255 bytes" : "a NUL byte");
        return false;
    }
    memcpy(line, text, n);
    line[n] = '\0';
    return true;
}

static onp_status parse(onp_import_sink *sink, const char *text, size_t size, onp_error *err)
{
    char line[MAX_LINE];
    const char *const end = text + onp_import_size(text, size);
    const bool short_keys = size > 0 && text[0] >= '0' && text[0] <= '9'; /* a row, no heading */
    for (int number = 1; text < end; number++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const size_t n = (size_t)((newline != NULL ? newline : end) - text);
        if (!take_line(sink, text, n, number, line)) {
            if (number == 1)
                return ONP_OK; /* the problem says it; no heading, no table */
        } else if (number == 1 && !short_keys) {
            ONP_TRY(check_heading(sink->file, line, err));
        } else {
            ONP_TRY(read_row(sink, short_keys, line, number, err));
        }
        text += n + (newline != NULL);
    }
    return ONP_OK;
}

const onp_importer onp_import_csv = {
    .format = "csv", .unit = "ms", .expand = "ratio of hidden to input channels", .parse = parse};
