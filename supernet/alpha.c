/* SPDX-License-Identifier: Apache-2.0 */
#include "supernet/alpha.h"

#include <math.h>
#include <stddef.h>

#define ADAM_BETA2 0.999
#define ADAM_EPS   1e-8

static bool is_alive(const bool *alive, int i)
{
    return alive == NULL || alive[i];
}

void onp_alpha_softmax(const double *alpha, const bool *alive, int n, double *p)
{
    double largest = -HUGE_VAL, sum = 0;
    for (int i = 0; i < n; i++)
        if (is_alive(alive, i) && alpha[i] > largest)
            largest = alpha[i];
    for (int i = 0; i < n; i++) {
        p[i] = is_alive(alive, i) ? exp(alpha[i] - largest) : 0.0;
        sum += p[i];
    }
    for (int i = 0; i < n; i++)
        p[i] /= sum;
}

int onp_alpha_draw(const double *p, int n, double u)
{
    double sum = 0;
    int last = 0;
    for (int i = 0; i < n; i++) {
        if (p[i] <= 0)
            continue;
        sum += p[i];
        last = i;
        if (u < sum)
            break;
    }
    return last; /* rounding may leave the sum a little under 1: then the last possible one */
}

bool onp_alpha_draw_pair(const double *p, int n, double u, double v, int *a, int *b)
{
    double rest[ONP_MAX_CANDIDATES];
    *a = onp_alpha_draw(p, n, u);
    *b = -1;
    double sum = 0;
    for (int i = 0; i < n; i++) {
        rest[i] = i == *a ? 0.0 : p[i];
        sum += rest[i];
    }
    if (sum <= 0)
        return false;
    for (int i = 0; i < n; i++)
        rest[i] /= sum;
    *b = onp_alpha_draw(rest, n, v);
    return true;
}

void onp_alpha_gradient(const double *gate, const double *p, int n, double *grad)
{
    double mean = 0;
    for (int j = 0; j < n; j++)
        mean += p[j] * gate[j];
    for (int i = 0; i < n; i++)
        grad[i] += p[i] * (gate[i] - mean);
}

double onp_alpha_pair_gradient(double q_a, double gate_a, double gate_b)
{
    return q_a * (1.0 - q_a) * (gate_a - gate_b);
}

void onp_alpha_adam(double *alpha, double *second, const double *grad, const bool *alive, int n,
                    int64_t step, double lr)
{
    const double correction = 1.0 - pow(ADAM_BETA2, (double)step);
    for (int i = 0; i < n; i++) {
        if (!is_alive(alive, i))
            continue;
        second[i] = ADAM_BETA2 * second[i] + (1.0 - ADAM_BETA2) * grad[i] * grad[i];
        alpha[i] -= lr * grad[i] / (sqrt(second[i] / correction) + ADAM_EPS);
    }
}

static double log_sum_exp2(double x, double y)
{
    const double largest = x > y ? x : y;
    return largest + log(exp(x - largest) + exp(y - largest));
}

double onp_alpha_rescale(double *alpha, int a, int b, double old_a, double old_b)
{
    const double offset = log_sum_exp2(alpha[a], alpha[b]) - log_sum_exp2(old_a, old_b);
    alpha[a] -= offset;
    alpha[b] -= offset;
    return offset;
}

double onp_alpha_entropy(const double *p, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum -= p[i] * log(p[i] + 1e-8);
    return sum;
}
