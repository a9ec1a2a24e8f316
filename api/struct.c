/* SPDX-License-Identifier: Apache-2.0 */
/* Structs that begin with their size, between a caller and a library of different ages. */
#include <string.h>

#include "api/internal.h"

static bool is_zero(const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

static size_t size_of(const void *s)
{
    size_t size;
    memcpy(&size, s, sizeof size);
    return size;
}

onp_status onp_api_take(const void *from, size_t known, const char *what, void *to, onp_error *err)
{
    if (from == NULL)
        return ONP_OK;
    const size_t size = size_of(from);
    const unsigned char *bytes = from;
    if (size == 0 && !is_zero(bytes, known))
        return onp_fail(err, ONP_E_USAGE, "%s: its size is 0, wanted sizeof of the struct", what);
    if (size > known && !is_zero(bytes + known, size - known))
        return onp_fail(err, ONP_E_USAGE,
                        "%s: has members set that onepath " ONEPATH_VERSION " does not know", what);
    memcpy(to, from, size < known ? size : known);
    return ONP_OK;
}

onp_status onp_api_can_give(const void *to, const char *what, onp_error *err)
{
    if (to != NULL && size_of(to) < sizeof(size_t))
        return onp_fail(err, ONP_E_USAGE, "%s: its size is %zu, wanted sizeof of the struct", what,
                        size_of(to));
    return ONP_OK;
}

void onp_api_give(const void *from, size_t known, void *to)
{
    const size_t size = size_of(to), head = sizeof size;
    const size_t end = size < known ? size : known;
    memcpy((char *)to + head, (const char *)from + head, end - head);
}
