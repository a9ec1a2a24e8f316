/* SPDX-License-Identifier: Apache-2.0 */
/* The text of scalars, both ways. */
#include "base/yaml_doc.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIME_WANTED "a time with a unit such as 3ms (ns, us, ms, s)"

/* Largest first, as a time is written in the largest unit that divides it. */
static const struct {
    const char *name;
    int64_t ns;
} units[] = {{"s", 1000000000}, {"ms", 1000000}, {"us", 1000}, {"ns", 1}};

bool onp_yaml_is_null(const char *text, bool plain)
{
    return plain && (text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
}

static bool read_int(const char *text, int64_t *out)
{
    size_t sign = text[0] == '-' || text[0] == '+';
    if (text[sign] == '\0' || text[sign + strspn(text + sign, "0123456789")] != '\0')
        return false;
    errno = 0;
    long long value = strtoll(text, NULL, 10);
    if (errno != 0)
        return false;
    *out = value;
    return true;
}

/* The number that text begins with; *rest is what follows. Decimal only: strtod alone would take
 * "nan", "inf", "0x1p3" and leading blanks. */
static bool read_number(const char *text, double *out, const char **rest)
{
    size_t decimal = strspn(text, "+-.0123456789eE");
    char *end = NULL;
    double value = strtod(text, &end);
    size_t length = (size_t)(end - text);
    if (length == 0 || length > decimal || !isfinite(value))
        return false;
    *out = value;
    *rest = end;
    return true;
}

/* Up to 2^53 ns (104 days), so that a double holds it exactly. */
static bool read_duration(const char *text, int64_t *ns)
{
    double number = 0;
    const char *unit = NULL;
    if (!read_number(text, &number, &unit))
        return false;
    for (size_t i = 0; i < ONP_COUNT(units); i++) {
        if (strcmp(unit, units[i].name) != 0)
            continue;
        double value = round(number * (double)units[i].ns);
        if (!(value >= 1 && value <= 0x1p53))
            return false;
        *ns = (int64_t)value;
        return true;
    }
    return false;
}

onp_status onp_duration_parse(const char *text, int64_t *ns, onp_error *err)
{
    if (!read_duration(text, ns))
        return onp_fail(err, ONP_E_CONFIG, "\"%.64s\": wanted " TIME_WANTED, text);
    return ONP_OK;
}

static bool read_target(const char *text, onp_yaml_target *out)
{
    double number = 0;
    const char *unit = NULL;
    onp_yaml_target target = {0};
    if (read_number(text, &number, &unit) && strcmp(unit, "%") == 0 && number > 0)
        target.share = number / 100;
    else if (!read_duration(text, &target.ns))
        return false;
    *out = target;
    return true;
}

onp_status onp_yaml_target_parse(const char *text, onp_yaml_target *out, onp_error *err)
{
    if (!read_target(text, out))
        return onp_fail(err, ONP_E_CONFIG,
                        "\"%.64s\": wanted " TIME_WANTED ", or a share such as 60%%", text);
    return ONP_OK;
}

static bool read_choice(const char *const *choices, const char *text, int *out)
{
    for (int i = 0; choices[i] != NULL; i++)
        if (strcmp(choices[i], text) == 0) {
            *out = i;
            return true;
        }
    return false;
}

static bool read_bool(const char *text, bool *out)
{
    bool is_true = strcmp(text, "true") == 0;
    if (!is_true && strcmp(text, "false") != 0)
        return false;
    *out = is_true;
    return true;
}

static bool read_real(const char *text, double *out)
{
    double value = 0;
    const char *rest = NULL;
    if (!read_number(text, &value, &rest) || *rest != '\0')
        return false;
    *out = value;
    return true;
}

bool onp_yaml_scalar_read(const onp_yaml_field *field, const char *text, bool plain, void *slot)
{
    switch (field->type) {
    case ONP_YAML_INT:
        return plain && read_int(text, slot);
    case ONP_YAML_REAL:
        return plain && read_real(text, slot);
    case ONP_YAML_BOOL:
        return plain && read_bool(text, slot);
    case ONP_YAML_CHOICE:
        return read_choice(field->choices, text, slot);
    case ONP_YAML_DURATION:
        return read_duration(text, slot);
    case ONP_YAML_TARGET:
        return read_target(text, slot);
    default:
        return false;
    }
}

static void write_duration(int64_t ns, onp_strbuf *out)
{
    size_t i = 0;
    while (ns % units[i].ns != 0)
        i++;
    onp_strbuf_addf(out, "%" PRId64 "%s", ns / units[i].ns, units[i].name);
}

/* 0.07 * 100 is not 7: the first rounding that gives the share back is the text it came from. */
static void write_share(double share, onp_strbuf *out)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, share * 100);
        if (strtod(text, NULL) / 100 == share)
            break;
    }
    onp_strbuf_addf(out, "%s%%", text);
}

void onp_yaml_scalar_write(const onp_yaml_field *field, const void *slot, onp_strbuf *out)
{
    const onp_yaml_target *target = slot;
    switch (field->type) {
    case ONP_YAML_INT:
        onp_strbuf_addf(out, "%" PRId64, *(const int64_t *)slot);
        break;
    case ONP_YAML_REAL:
        onp_strbuf_addreal(out, *(const double *)slot);
        break;
    case ONP_YAML_BOOL:
        onp_strbuf_adds(out, *(const bool *)slot ? "true" : "false");
        break;
    case ONP_YAML_CHOICE:
        onp_strbuf_adds(out, field->choices[*(const int *)slot]);
        break;
    case ONP_YAML_DURATION:
        write_duration(*(const int64_t *)slot, out);
        break;
    case ONP_YAML_TARGET:
        if (target->ns > 0)
            write_duration(target->ns, out);
        else
            write_share(target->share, out);
        break;
    default:
        break;
    }
}

bool onp_yaml_in_range(const onp_yaml_field *field, const void *slot)
{
    double value = 0;
    if (field->type == ONP_YAML_REAL)
        value = *(const double *)slot;
    else if (field->type == ONP_YAML_INT || field->type == ONP_YAML_DURATION)
        value = (double)*(const int64_t *)slot;
    else
        return true;
    bool no_range = field->min == 0 && field->max == 0;
    return no_range || (value >= field->min && value <= field->max);
}

void onp_yaml_describe(const onp_yaml_field *field, char *out, size_t size)
{
    static const char *const texts[] = {
        [ONP_YAML_INT] = "an integer",
        [ONP_YAML_REAL] = "a number",
        [ONP_YAML_BOOL] = "true or false",
        [ONP_YAML_STRING] = "a text",
        [ONP_YAML_PATH] = "a path",
        [ONP_YAML_CHOICE] = "one of ",
        [ONP_YAML_DURATION] = TIME_WANTED,
        [ONP_YAML_TARGET] = TIME_WANTED " or a share such as 60%",
        [ONP_YAML_MAP] = "a map of keys",
        [ONP_YAML_LIST] = "a list of maps",
    };
    size_t used = (size_t)snprintf(out, size, "%s", texts[field->type]);
    if (field->type != ONP_YAML_CHOICE)
        return;
    for (size_t i = 0; field->choices[i] != NULL && used < size; i++)
        used +=
            (size_t)snprintf(out + used, size - used, "%s%s", i > 0 ? ", " : "", field->choices[i]);
}

static void describe_bound(const onp_yaml_field *field, double bound, char *out, size_t size)
{
    if (field->type != ONP_YAML_DURATION) {
        (void)snprintf(out, size, "%.10g", bound);
        return;
    }
    size_t i = 0;
    while (i + 1 < ONP_COUNT(units) && bound < (double)units[i].ns)
        i++;
    (void)snprintf(out, size, "%.10g%s", bound / (double)units[i].ns, units[i].name);
}

void onp_yaml_describe_range(const onp_yaml_field *field, char *out, size_t size)
{
    char low[40], high[40];
    describe_bound(field, field->min, low, sizeof low);
    describe_bound(field, field->max, high, sizeof high);
    if (field->max >= (double)INT64_MAX)
        (void)snprintf(out, size, "at least %s", low);
    else if (field->min <= (double)INT64_MIN)
        (void)snprintf(out, size, "at most %s", high);
    else
        (void)snprintf(out, size, "%s..%s", low, high);
}
