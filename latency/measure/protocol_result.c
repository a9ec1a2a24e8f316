/* SPDX-License-Identifier: Apache-2.0 */
/* What a runner measured. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "latency/measure/protocol_internal.h"

#define MAX_SAMPLE_NS ((int64_t)1000000 * 1000000000) /* eleven days: more is nonsense */
#define LEAST_STAMPS  0.5                             /* of a sample, that its stamps add up to */
#define MOST_STAMPS   1.05

/* ---- write ---- */

/* An array of n elements made by item(values, i); NULL: no memory. */
static json_t *array_json(const int64_t *values, size_t n, json_t *(*item)(int64_t))
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++)
        if (json_array_append_new(array, item(values[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static json_t *int_json(int64_t value)
{
    return json_integer(value);
}

static json_t *stamps_json(const onp_timing *t)
{
    json_t *groups = json_array();
    for (size_t g = 0; g < t->n_groups; g++)
        if (json_array_append_new(groups, array_json(onp_timing_group(t, g), t->n, int_json)) !=
            0) {
            json_decref(groups);
            return NULL;
        }
    return groups;
}

static json_t *rejected_json(const onp_timing *t)
{
    json_t *object = json_object();
    for (int r = 0; r < ONP_REJECT_COUNT; r++)
        if (t->rejected[r] != 0 && json_object_set_new(object, onp_reject_name((onp_reject)r),
                                                       json_integer(t->rejected[r])) != 0) {
            json_decref(object);
            return NULL;
        }
    return object;
}

/* Keys whose values are not always known. */
static bool add_known(json_t *root, const onp_timing *t)
{
    int failed = 0;
    if (t->temperature_mc != NULL)
        failed |= json_object_set_new(root, "temperature_mc",
                                      array_json(t->temperature_mc, t->n, onp_message_temperature));
    if (t->cores[0] != '\0')
        failed |= json_object_set_new(root, "cores", json_string(t->cores));
    if (t->n_groups > 0)
        failed |= json_object_set_new(root, "stamps_ns", stamps_json(t));
    return failed == 0;
}

onp_status onp_message_add_result(int64_t id, const onp_timing *t, onp_strbuf *out, onp_error *err)
{
    json_t *root = json_pack(
        "{s:s,s:I,s:o,s:o,s:I,s:I,s:o,s:f,s:s,s:s}", "message", "result", "id", (json_int_t)id,
        "samples_ns", array_json(t->samples_ns, t->n, int_json), "clock_khz",
        array_json(t->clock_khz, t->n, int_json), "inner_reps", (json_int_t)t->inner_reps,
        "n_rejected", (json_int_t)t->n_rejected, "rejected", rejected_json(t), "overhead_ns",
        t->overhead_ns, "quality", onp_timing_quality_name(t->quality), "reason", t->reason);
    if (root != NULL && !add_known(root, t)) {
        json_decref(root);
        root = NULL;
    }
    return onp_message_add_line(root, out, err);
}

/* ---- read ---- */

static onp_status check_count(const json_t *array, const char *key, size_t n, const char *where,
                              onp_error *err)
{
    if (json_array_size(array) == n)
        return ONP_OK;
    return onp_fail(err, ONP_E_FORMAT, "%s: \"%s\" has %zu elements, wanted %zu", where, key,
                    json_array_size(array), n);
}

static onp_status get_ints(const onp_message *m, const char *key, int64_t min, int64_t max,
                           size_t n, int64_t *out, onp_error *err)
{
    json_t *array = NULL;
    ONP_TRY(onp_json_get_array(m->root, key, &array, m->where, err));
    ONP_TRY(check_count(array, key, n, m->where, err));
    return onp_json_read_ints(array, key, min, max, out, m->where, err);
}

static onp_status get_temperatures(const onp_context *ctx, const onp_message *m, onp_timing *t,
                                   onp_error *err)
{
    json_t *array = NULL;
    if (json_object_get(m->root, "temperature_mc") == NULL)
        return ONP_OK;
    ONP_TRY(onp_json_get_array(m->root, "temperature_mc", &array, m->where, err));
    ONP_TRY(check_count(array, "temperature_mc", t->n, m->where, err));
    t->temperature_mc = onp_alloc(ctx, t->n, sizeof *t->temperature_mc);
    if (t->temperature_mc == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: no memory for %zu samples", m->where, t->n);
    for (size_t i = 0; i < t->n; i++)
        if (!onp_message_read_temperature(json_array_get(array, i), &t->temperature_mc[i]))
            return onp_fail(err, ONP_E_FORMAT,
                            "%s: element %zu of \"temperature_mc\" is no temperature", m->where, i);
    return ONP_OK;
}

/* Each is its share: rows made of others would be no latencies. What stands in no block may lack; a
 * clock of whole microseconds may lose one of them in each group. */
static onp_status check_sum_of_stamps(const onp_message *m, const onp_timing *t, onp_error *err)
{
    const double n = (double)t->n, ticks_ns = 1000.0 * (double)t->n_groups;
    double whole = 0.0, parts = 0.0;
    for (size_t i = 0; i < t->n; i++)
        whole += (double)t->samples_ns[i] / n;
    for (size_t i = 0; i < t->n_groups * t->n; i++)
        parts += (double)t->stamps_ns[i] / n;
    if (parts >= LEAST_STAMPS * whole - ticks_ns && parts <= MOST_STAMPS * whole + ticks_ns)
        return ONP_OK;
    return onp_fail(err, ONP_E_FORMAT,
                    "%s: \"stamps_ns\" add up to %.0f ns on average, \"samples_ns\" are %.0f ns: "
                    "wanted %.0f to %.0f %% of them",
                    m->where, parts, whole, 100.0 * LEAST_STAMPS, 100.0 * MOST_STAMPS);
}

static onp_status get_stamps(const onp_message *m, onp_timing *t, onp_error *err)
{
    for (size_t g = 0; g < t->n_groups; g++) {
        const json_t *array = json_array_get(json_object_get(m->root, "stamps_ns"), g);
        if (!json_is_array(array))
            return onp_fail(err, ONP_E_FORMAT, "%s: element %zu of \"stamps_ns\" is not an array",
                            m->where, g);
        ONP_TRY(check_count(array, "stamps_ns", t->n, m->where, err));
        ONP_TRY(onp_json_read_ints(array, "stamps_ns", 0, MAX_SAMPLE_NS, t->stamps_ns + g * t->n,
                                   m->where, err));
    }
    return t->n_groups > 0 ? check_sum_of_stamps(m, t, err) : ONP_OK;
}

/* Reasons of a later version count in n_rejected only. */
static onp_status get_rejected(const onp_message *m, onp_timing *t, onp_error *err)
{
    json_t *rejected = NULL;
    ONP_TRY(onp_message_get_optional(m->root, "n_rejected", 0, INT32_MAX, 0, &t->n_rejected,
                                     m->where, err));
    if (json_object_get(m->root, "rejected") == NULL)
        return ONP_OK;
    ONP_TRY(onp_json_get_object(m->root, "rejected", &rejected, m->where, err));
    int64_t left = t->n_rejected;
    for (int r = 0; r < ONP_REJECT_COUNT; r++) {
        ONP_TRY(onp_message_get_optional(rejected, onp_reject_name((onp_reject)r), 0, left, 0,
                                         &t->rejected[r], m->where, err));
        left -= t->rejected[r];
    }
    return ONP_OK;
}

static onp_status get_quality(const onp_message *m, onp_timing *t, onp_error *err)
{
    const char *name = NULL;
    if (json_object_get(m->root, "quality") == NULL)
        return ONP_OK; /* as judged here */
    ONP_TRY(onp_json_get_string(m->root, "quality", &name, m->where, err));
    for (int q = 0; q < ONP_TIMING_QUALITY_COUNT; q++)
        if (strcmp(name, onp_timing_quality_name((onp_timing_quality)q)) == 0) {
            t->quality = (onp_timing_quality)q;
            return onp_message_get_text(m->root, "reason", 0, sizeof t->reason, t->reason, m->where,
                                        err);
        }
    return onp_fail(err, ONP_E_FORMAT, "%s: quality \"%.64s\" is unknown", m->where, name);
}

static onp_status judge(const onp_context *ctx, const onp_message *m, const onp_stop_rule *rule,
                        onp_timing *t, onp_error *err)
{
    int64_t *scratch = onp_alloc(ctx, 2 * t->n, sizeof *scratch);
    if (scratch == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: no memory for %zu samples", m->where, t->n);
    onp_timing_judge(t, rule, scratch);
    onp_free(ctx, scratch);
    return get_quality(m, t, err);
}

static onp_status get_result(const onp_context *ctx, const onp_message *m,
                             const onp_stop_rule *rule, onp_timing *t, onp_error *err)
{
    ONP_TRY(get_ints(m, "samples_ns", 1, MAX_SAMPLE_NS, t->n, t->samples_ns, err));
    if (json_object_get(m->root, "clock_khz") != NULL) /* else all 0: not known */
        ONP_TRY(get_ints(m, "clock_khz", 0, ONP_MESSAGE_MAX_KHZ, t->n, t->clock_khz, err));
    ONP_TRY(get_temperatures(ctx, m, t, err));
    ONP_TRY(get_stamps(m, t, err));
    ONP_TRY(onp_message_get_text(m->root, "cores", 0, sizeof t->cores, t->cores, m->where, err));
    ONP_TRY(onp_message_get_optional(m->root, "inner_reps", 1, INT64_MAX, 1, &t->inner_reps,
                                     m->where, err));
    ONP_TRY(get_rejected(m, t, err));
    if (json_object_get(m->root, "overhead_ns") != NULL)
        ONP_TRY(onp_json_get_real(m->root, "overhead_ns", &t->overhead_ns, m->where, err));
    if (!(t->overhead_ns >= 0.0 && t->overhead_ns <= (double)MAX_SAMPLE_NS))
        return onp_fail(err, ONP_E_FORMAT, "%s: key \"overhead_ns\" is %g, wanted 0..%g", m->where,
                        t->overhead_ns, (double)MAX_SAMPLE_NS);
    return judge(ctx, m, rule, t, err);
}

static onp_status count_groups(const onp_message *m, size_t n_samples, size_t *n_groups,
                               onp_error *err)
{
    json_t *stamps = NULL;
    *n_groups = 0;
    if (json_object_get(m->root, "stamps_ns") == NULL)
        return ONP_OK;
    ONP_TRY(onp_json_get_array(m->root, "stamps_ns", &stamps, m->where, err));
    *n_groups = json_array_size(stamps);
    if (*n_groups < 1 || *n_groups > ONP_TIMING_MAX_STAMPS / n_samples)
        return onp_fail(err, ONP_E_FORMAT,
                        "%s: \"stamps_ns\" has %zu groups of %zu samples, wanted 1..%d stamps",
                        m->where, *n_groups, n_samples, ONP_TIMING_MAX_STAMPS);
    return ONP_OK;
}

onp_status onp_message_result(const onp_context *ctx, const onp_message *m,
                              const onp_stop_rule *rule, onp_timing *t, onp_error *err)
{
    json_t *samples = NULL;
    size_t n_groups;
    onp_timing read = {0};
    ONP_TRY(onp_json_get_array(m->root, "samples_ns", &samples, m->where, err));
    const size_t n = json_array_size(samples);
    if (n < 1 || n > ONP_TIMING_MAX_SAMPLES)
        return onp_fail(err, ONP_E_FORMAT, "%s: \"samples_ns\" has %zu elements, wanted 1..%d",
                        m->where, n, ONP_TIMING_MAX_SAMPLES);
    ONP_TRY(count_groups(m, n, &n_groups, err));
    ONP_TRY(onp_timing_init(ctx, n, n_groups, &read, err));
    onp_status st = get_result(ctx, m, rule, &read, err);
    if (st == ONP_OK)
        *t = read;
    else
        onp_timing_reset(ctx, &read);
    return st;
}
