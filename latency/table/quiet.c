/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/quiet.h"

#include <assert.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double onp_quiet_level(double *values, int32_t n)
{
    assert(n > 0);
    qsort(values, (size_t)n, sizeof *values, compare);
    return values[n / 10];
}
