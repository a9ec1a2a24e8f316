/* SPDX-License-Identifier: Apache-2.0 */
/* Values of the keys of a layer, with errors that name both. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "supernet/arch_internal.h"

static onp_status check_value(onp_arch_reader *r, const onp_arch_layer *l, const onp_arch_value *f)
{
    const json_t *value = json_object_get(l->json, f->key);
    if (value == NULL && !f->required)
        return ONP_OK;
    if (value == NULL)
        return onp_fail(r->err, ONP_E_FORMAT, "%s: key \"%s\" is missing", l->where, f->key);
    onp_strbuf text;
    onp_strbuf_init(&text, r->arch->ctx);
    onp_status st = onp_json_dump(value, 0, &text, r->err);
    if (st == ONP_OK && strcmp(text.text, f->json) != 0)
        st = onp_fail(r->err, ONP_E_FORMAT, "%s: key \"%s\" is %.60s, wanted %s", l->where, f->key,
                      text.text, f->json);
    onp_strbuf_reset(&text);
    return st;
}

onp_status onp_arch_check_values(onp_arch_reader *r, const onp_arch_layer *l,
                                 const onp_arch_value *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ONP_TRY(check_value(r, l, &list[i]));
    return ONP_OK;
}

onp_status onp_arch_get_int(onp_arch_reader *r, const onp_arch_layer *l, const char *key,
                            int64_t max, int32_t *out)
{
    int64_t value = 0;
    ONP_TRY(onp_json_get_int(l->json, key, 1, max, &value, l->where, r->err));
    *out = (int32_t)value;
    return ONP_OK;
}

onp_status onp_arch_get_pair(onp_arch_reader *r, const onp_arch_layer *l, const char *key,
                             int32_t def, int32_t max, int32_t out[2])
{
    const json_t *value = json_object_get(l->json, key);
    if (value == NULL) {
        out[0] = out[1] = def;
        return ONP_OK;
    }
    const bool list = json_is_array(value) && json_array_size(value) == 2;
    for (size_t i = 0; i < 2; i++) {
        const json_t *v = list ? json_array_get(value, i) : value;
        if (!json_is_integer(v) || json_integer_value(v) < 1 || json_integer_value(v) > max)
            return onp_fail(r->err, ONP_E_FORMAT,
                            "%s: key \"%s\" is not an integer in 1..%" PRId32
                            " or a list of two of them",
                            l->where, key, max);
        out[i] = (int32_t)json_integer_value(v);
    }
    return ONP_OK;
}

onp_status onp_arch_get_square(onp_arch_reader *r, const onp_arch_layer *l, const char *key,
                               int32_t def, int32_t max, int32_t *out)
{
    int32_t pair[2] = {0};
    ONP_TRY(onp_arch_get_pair(r, l, key, def, max, pair));
    if (pair[0] != pair[1])
        return onp_fail(r->err, ONP_E_FORMAT,
                        "%s: key \"%s\" is [%" PRId32 ", %" PRId32 "], wanted two equal numbers",
                        l->where, key, pair[0], pair[1]);
    *out = pair[0];
    return ONP_OK;
}

onp_status onp_arch_check_channels(onp_arch_reader *r, const onp_arch_layer *l, const char *key)
{
    const json_t *list = json_object_get(l->json, key);
    int32_t seen = 0;
    if (json_is_array(list) && json_array_size(list) == 1 &&
        json_integer_value(json_array_get(list, 0)) == r->c)
        return ONP_OK;
    ONP_TRY(onp_arch_get_int(r, l, key, ONP_ARCH_MAX_SIZE, &seen));
    if (seen != r->c)
        return onp_fail(r->err, ONP_E_FORMAT,
                        "%s: key \"%s\" is %" PRId32 ", but the layer before has %" PRId32
                        " channels",
                        l->where, key, seen, r->c);
    return ONP_OK;
}

const char *const onp_arch_activations[ONP_ACT_COUNT] = {
    [ONP_ACT_RELU6] = "relu6", [ONP_ACT_RELU] = "relu", [ONP_ACT_HSWISH] = "h_swish"};

onp_status onp_arch_get_activation(onp_arch_reader *r, const onp_arch_layer *l, const char *key,
                                   const char *def, onp_activation *out)
{
    const json_t *value = json_object_get(l->json, key);
    const char *seen = json_is_string(value) ? json_string_value(value)
                       : value == NULL       ? def
                                             : NULL;
    for (int i = 0; seen != NULL && i < ONP_ACT_COUNT; i++)
        if (strcmp(seen, onp_arch_activations[i]) == 0) {
            *out = (onp_activation)i;
            return ONP_OK;
        }
    if (value == NULL)
        return onp_fail(r->err, ONP_E_FORMAT, "%s: key \"%s\" is missing", l->where, key);
    return onp_fail(r->err, ONP_E_FORMAT, "%s: key \"%s\" is %.60s, wanted relu6, relu or h_swish",
                    l->where, key, seen != NULL ? seen : "no text");
}

onp_status onp_arch_get_layer(onp_arch_reader *r, const onp_arch_layer *l, const char *key,
                              onp_arch_layer *out)
{
    json_t *value = NULL;
    ONP_TRY(onp_json_get_object(l->json, key, &value, l->where, r->err));
    const size_t room = ONP_ARCH_WHERE - strlen(key) - 3;
    const bool root = l->json == r->arch->json;
    (void)snprintf(out->where, ONP_ARCH_WHERE, "%.*s%s%s", (int)room, l->where, root ? ": " : ".",
                   key);
    out->json = value;
    return ONP_OK;
}

onp_status onp_arch_check_name(onp_arch_reader *r, const onp_arch_layer *l, const char *wanted)
{
    const char *seen = NULL;
    ONP_TRY(onp_json_get_string(l->json, "name", &seen, l->where, r->err));
    if (strcmp(seen, wanted) != 0)
        return onp_fail(r->err, ONP_E_FORMAT, "%s: is a %.60s, wanted %s", l->where, seen, wanted);
    return ONP_OK;
}
