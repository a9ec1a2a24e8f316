/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/dropout.h"
#include "ops/kernels/ref/ref.h"

/* y = x / (1 - rate) where the mask keeps it, else 0 */
void onp_ref_dropout_f64(const onp_ref_args *a)
{
    const onp_shape s = a->in_shape[0];
    const int64_t sample = s.h * s.w * s.c;
    for (int64_t n = 0; n < s.n; n++)
        for (int64_t i = 0; i < sample; i++) {
            uint32_t words[4];
            onp_dropout_words(a->attr->key, n, i / 4, words);
            const bool kept = words[i % 4] >= onp_dropout_threshold(a->attr->rate);
            a->out[0][n * sample + i] = kept ? a->in[0][n * sample + i] / (1 - a->attr->rate) : 0;
        }
}
