/* SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"

#undef onp_fail
#undef onp_fail_prefix

#include <stdio.h>
#include <string.h>

#include "base/text.h"

static const struct {
    const char *text;
    int exit_code;
} status_table[] = {
#define ONP_X(code, text, exit_code) [code] = {text, exit_code},
    ONP_STATUS_LIST(ONP_X)
#undef ONP_X
};

static size_t table_index(onp_status st)
{
    size_t i = (size_t)st;
    return i < sizeof status_table / sizeof status_table[0] ? i : (size_t)ONP_E_FAIL;
}

const char *onp_status_text(onp_status st)
{
    return status_table[table_index(st)].text;
}

int onp_status_exit_code(onp_status st)
{
    return status_table[table_index(st)].exit_code;
}

onp_status onp_fail(onp_error *err, onp_status st, const char *fmt, ...)
{
    if (err != NULL) {
        char text[sizeof err->msg];
        va_list ap;
        va_start(ap, fmt);
        (void)vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        err->status = st;
        onp_text_make_plain(text, err->msg, sizeof err->msg);
    }
    return st;
}

onp_status onp_fail_prefix(onp_error *err, onp_status st, const char *fmt, ...)
{
    if (err != NULL) {
        char text[sizeof err->msg];
        va_list ap;
        va_start(ap, fmt);
        int n = vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        if (n >= 0 && (size_t)n < sizeof text)
            (void)snprintf(text + n, sizeof text - (size_t)n, "%s", err->msg);
        err->status = st;
        onp_text_make_plain(text, err->msg, sizeof err->msg);
    }
    return st;
}
