/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/onnx.h"

#include <stdio.h>

#include "api/onnx.h"

/* The members of an object, one a line; those of an object inside it stand indented below its key.
 * Values are written as JSON: what a file holds cannot steer a terminal. */
static onp_status add_lines(json_t *object, const char *indent, onp_strbuf *out, onp_error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        json_t *name = json_string(key);
        onp_strbuf_adds(out, indent);
        onp_status st = onp_json_dump(name, 0, out, err);
        json_decref(name);
        onp_strbuf_adds(out, json_is_object(value) ? ":\n" : ": ");
        if (st == ONP_OK)
            st = json_is_object(value) ? add_lines(value, "    ", out, err)
                                       : onp_json_dump(value, 0, out, err);
        onp_strbuf_adds(out, json_is_object(value) ? "" : "\n");
        ONP_TRY(st);
    }
    return ONP_OK;
}

onp_status onp_onnx_show(onp_app *app, const char *path, onp_error *err)
{
    json_t *summary = NULL;
    onp_status st = onp_onnx_describe_model(&app->ctx, path, &summary, err);
    if (st == ONP_E_IO) /* a file that is not there is as unreadable as a damaged one */
        return onp_fail_prefix(err, ONP_E_FORMAT, "%s", "");
    ONP_TRY(st);
    if (app->args->json)
        return onp_app_print(app, summary, err);
    onp_strbuf lines;
    onp_strbuf_init(&lines, &app->ctx);
    st = add_lines(summary, "", &lines, err);
    if (st == ONP_OK)
        st = onp_strbuf_status(&lines, err);
    if (st == ONP_OK)
        (void)fputs(lines.text, stdout);
    onp_strbuf_reset(&lines);
    json_decref(summary);
    return st;
}
