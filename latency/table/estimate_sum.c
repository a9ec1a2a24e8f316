/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/estimate_sum.h"

#include <math.h>
#include <string.h>

typedef struct missing_keys {
    onp_strbuf text;
    size_t n;
} missing_keys;

/* Whether an earlier used term has the key of term i. */
static bool is_repeated(const onp_weighted_key *terms, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (terms[j].weight > 0 && strcmp(terms[j].key, terms[i].key) == 0)
            return true;
    }
    return false;
}

static onp_status add_term(onp_store *s, int64_t platform, const onp_weighted_key *term,
                           onp_estimate_total *total, onp_error *err)
{
    onp_estimate e;
    ONP_TRY(onp_store_estimate_get(s, platform, term->key, &e, err));
    total->sum_ns += term->weight * (double)e.median_ns;
    if (e.source == ONP_SOURCE_DEFINITION)
        return ONP_OK;
    total->n_ops += term->weight;
    total->n_rows++;
    total->n_noisy += e.quality != ONP_QUALITY_OK;
    total->n_predicted += e.source != ONP_SOURCE_MEASURED && e.source != ONP_SOURCE_IMPORTED;
    total->n_stale += e.stale_reason[0] != '\0';
    return ONP_OK;
}

static onp_status fail_missing(onp_store *s, int64_t platform, const missing_keys *missing,
                               onp_error *err)
{
    char label[128];
    ONP_TRY(onp_strbuf_status(&missing->text, err));
    onp_store_platform_label(s, platform, label, sizeof label);
    return onp_fail(err, ONP_E_MISSING, "%s: %s: %zu missing: %s", onp_store_path(s), label,
                    missing->n, missing->text.text);
}

onp_status onp_estimate_sum(onp_store *s, int64_t platform, const onp_weighted_key *terms, size_t n,
                            onp_key_visit missing, void *user, onp_estimate_total *out,
                            onp_error *err)
{
    onp_estimate_total total = {0};
    missing_keys lost = {.n = 0};
    onp_status st = ONP_OK;
    onp_strbuf_init(&lost.text, onp_store_context(s));
    for (size_t i = 0; i < n; i++) {
        const onp_weighted_key *term = &terms[i];
        if (!isfinite(term->weight) || term->weight < 0) {
            st = onp_fail(err, ONP_E_RANGE, "block \"%s\": weight is %g, wanted 0 or more",
                          term->key, term->weight);
            goto done;
        }
        if (term->weight == 0)
            continue;
        st = add_term(s, platform, term, &total, err);
        if (st != ONP_OK && st != ONP_E_MISSING)
            goto done;
        if (st == ONP_OK || is_repeated(terms, i))
            continue;
        onp_strbuf_addf(&lost.text, "%s%s", lost.n++ > 0 ? "; " : "", term->key);
        if (missing != NULL)
            missing(user, term->key);
    }
    st = lost.n > 0 ? fail_missing(s, platform, &lost, err) : ONP_OK;
    if (st == ONP_OK)
        *out = total;
done:
    onp_strbuf_reset(&lost.text);
    return st;
}

onp_status onp_estimate_blocks(onp_store *s, int64_t platform, const onp_block *blocks, int32_t n,
                               onp_key_visit missing, void *user, onp_estimate_total *out,
                               onp_error *err)
{
    const onp_context *ctx = onp_store_context(s);
    onp_weighted_key *terms = onp_alloc(ctx, (size_t)n, sizeof *terms);
    char(*keys)[ONP_BLOCK_KEY] = onp_alloc(ctx, (size_t)n, sizeof *keys);
    onp_status st =
        terms != NULL && keys != NULL ? ONP_OK : onp_fail(err, ONP_E_NOMEM, "out of memory");
    for (int32_t i = 0; st == ONP_OK && i < n; i++) {
        onp_block_key(&blocks[i], keys[i]);
        terms[i] = (onp_weighted_key){.key = keys[i], .weight = 1};
    }
    if (st == ONP_OK)
        st = onp_estimate_sum(s, platform, terms, (size_t)n, missing, user, out, err);
    onp_free(ctx, terms);
    onp_free(ctx, keys);
    return st;
}
