/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cores.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

bool onp_cores_has(const onp_cores *set, int core)
{
    return core >= 0 && core < ONP_CORES_MAX && (set->bits[core / 64] >> (core % 64) & 1) != 0;
}

void onp_cores_add(onp_cores *set, int core)
{
    set->bits[core / 64] |= UINT64_C(1) << (core % 64);
}

int onp_cores_next(const onp_cores *set, int from)
{
    for (int core = from; core < ONP_CORES_MAX; core++)
        if (onp_cores_has(set, core))
            return core;
    return -1;
}

int onp_cores_count(const onp_cores *set)
{
    int n = 0;
    for (int core = onp_cores_next(set, 0); core >= 0; core = onp_cores_next(set, core + 1))
        n++;
    return n;
}

onp_cores onp_cores_both(const onp_cores *a, const onp_cores *b)
{
    onp_cores both;
    for (int i = 0; i < ONP_CORES_MAX / 64; i++)
        both.bits[i] = a->bits[i] & b->bits[i];
    return both;
}

bool onp_cores_within(const onp_cores *part, const onp_cores *whole)
{
    const onp_cores both = onp_cores_both(part, whole);
    return memcmp(&both, part, sizeof both) == 0;
}

static const char *skip_blanks(const char *p)
{
    while (isspace((unsigned char)*p))
        p++;
    return p;
}

/* A number below ONP_CORES_MAX; NULL: none. */
static const char *take_core(const char *p, int *core)
{
    p = skip_blanks(p);
    if (!isdigit((unsigned char)*p))
        return NULL;
    for (*core = 0; isdigit((unsigned char)*p); p++) {
        *core = *core * 10 + (*p - '0');
        if (*core >= ONP_CORES_MAX)
            return NULL;
    }
    return skip_blanks(p);
}

static const char *take_range(const char *p, onp_cores *set)
{
    int first = 0, last;
    p = take_core(p, &first);
    last = first;
    if (p != NULL && *p == '-')
        p = take_core(p + 1, &last);
    if (p == NULL || last < first)
        return NULL;
    for (int core = first; core <= last; core++)
        onp_cores_add(set, core);
    return p;
}

onp_status onp_cores_parse(const char *text, onp_cores *out, onp_error *err)
{
    onp_cores set = {{0}};
    const char *p = take_range(text, &set);
    while (p != NULL && *p == ',')
        p = take_range(p + 1, &set);
    if (p == NULL || *p != '\0')
        return onp_fail(err, ONP_E_USAGE,
                        "cores \"%.64s\": wanted numbers and ranges below %d, as in 0-3,7", text,
                        ONP_CORES_MAX);
    *out = set;
    return ONP_OK;
}

void onp_cores_text(const onp_cores *set, char text[ONP_CORES_TEXT])
{
    size_t used = 0;
    text[0] = '\0';
    for (int first = onp_cores_next(set, 0), last; first >= 0;
         first = onp_cores_next(set, last + 1)) {
        char range[32];
        for (last = first; onp_cores_has(set, last + 1);)
            last++;
        (void)snprintf(range, sizeof range, last > first ? "%s%d-%d" : "%s%d", used > 0 ? "," : "",
                       first, last);
        if (used + strlen(range) + sizeof ",..." > ONP_CORES_TEXT) {
            (void)snprintf(text + used, ONP_CORES_TEXT - used, ",...");
            return;
        }
        used += (size_t)snprintf(text + used, ONP_CORES_TEXT - used, "%s", range);
    }
}
