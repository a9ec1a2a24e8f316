/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration of a search as a person would write it: what was found on top, a comment at
 * each value that was chosen.
 *
 *     onp_init_write(command, &survey, &choice, &facts, &text);
 */
#ifndef ONP_CLI_INIT_WRITE_H
#define ONP_CLI_INIT_WRITE_H

#include "base/strbuf.h"
#include "cli/init_choose.h"

typedef struct onp_init_facts {
    const char *latency; /* as given, checked */
    int64_t seed;
    bool skip_bad;
} onp_init_facts;

/* Appends to out; a failure sticks there. Texts must be UTF-8 without control characters. */
void onp_init_write(const onp_survey *s, const onp_init_choice *c, const onp_init_facts *f,
                    onp_strbuf *out);

#endif
