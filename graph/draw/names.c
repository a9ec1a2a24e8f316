/* SPDX-License-Identifier: Apache-2.0 */
/* What things are called in pictures; numbers are printed without the locale. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "graph/draw/internal.h"

const char *const onp_draw_zooms[ONP_ZOOM_COUNT + 1] = {"layer", "op", "tile", NULL};
const char *const onp_draw_colours[ONP_COLOUR_COUNT + 1] = {"macs", "bytes", "time", NULL};

void onp_draw_group_name(const onp_draw_options *o, int32_t group, char *out, size_t size)
{
    if (group < 0)
        (void)snprintf(out, size, "no block");
    else if (group < o->n_groups)
        (void)snprintf(out, size, "%s", o->group_names[group]);
    else
        (void)snprintf(out, size, "block %" PRId32, group);
}

/* " s2", unless it is 1. */
static void put_number(char *text, size_t size, char letter, int32_t value)
{
    const size_t used = strlen(text);
    if (value > 1)
        (void)snprintf(text + used, size - used, " %c%d", letter, (int)value);
}

void onp_draw_node_name(const onp_node *n, char *out, size_t size)
{
    const char *name = onp_op_get(n->op)->name;
    const size_t depthwise = strlen("depthwise-");
    char stride[48] = "";
    put_number(stride, sizeof stride, 's', n->attr.stride);
    put_number(stride, sizeof stride, 'd', n->attr.dilation);
    put_number(stride, sizeof stride, 'g', n->attr.groups);
    if (strncmp(name, "depthwise-", depthwise) == 0) /* a box is not wide enough */
        (void)snprintf(out, size, "dw-%s %dx%d%s", name + depthwise, (int)n->attr.kernel,
                       (int)n->attr.kernel, stride);
    else if (n->attr.kernel > 0)
        (void)snprintf(out, size, "%s %dx%d%s", name, (int)n->attr.kernel, (int)n->attr.kernel,
                       stride);
    else
        (void)snprintf(out, size, "%s", name);
}

/* ---- tensors ---- */

static bool is_conv(onp_op op)
{
    return op == ONP_OP_CONV || op == ONP_OP_DEPTHWISE;
}

/* What a convolution is for in its group: the ones before and behind a depthwise one have names,
 * others are numbered. */
static void conv_role(const onp_graph *g, int32_t node, char *out, size_t size)
{
    const onp_node *n = onp_graph_node(g, node);
    int before = 0, depthwise_before = 0, depthwise_behind = 0;
    for (int32_t i = node - 1; i >= 0 && onp_graph_node(g, i)->group == n->group; i--) {
        before += onp_graph_node(g, i)->op == ONP_OP_CONV;
        depthwise_before += onp_graph_node(g, i)->op == ONP_OP_DEPTHWISE;
    }
    for (int32_t i = node + 1; i < onp_graph_n_nodes(g); i++) {
        const onp_node *next = onp_graph_node(g, i);
        if (next->group != n->group || next->backward)
            break;
        depthwise_behind += next->op == ONP_OP_DEPTHWISE;
    }
    if (n->op == ONP_OP_DEPTHWISE)
        (void)snprintf(out, size, "depthwise");
    else if (depthwise_before > 0)
        (void)snprintf(out, size, "project");
    else if (depthwise_behind > 0)
        (void)snprintf(out, size, "expand");
    else if (before > 0)
        (void)snprintf(out, size, "conv %d", before + 1);
    else
        (void)snprintf(out, size, "conv");
}

/* "expand", "expand bn", "add" */
static void forward_role(const onp_graph *g, int32_t node, char *out, size_t size)
{
    const onp_node *n = onp_graph_node(g, node);
    if (is_conv(n->op)) {
        conv_role(g, node, out, size);
        return;
    }
    int32_t before = n->n_in > 0 ? onp_graph_tensor(g, n->in[0])->producer : ONP_NONE;
    for (int steps = 0; steps < 4 && before != ONP_NONE; steps++) {
        const onp_node *b = onp_graph_node(g, before);
        if (is_conv(b->op) && b->group == n->group && n->op != ONP_OP_ADD &&
            !onp_graph_node(g, node)->backward) {
            char role[32];
            conv_role(g, before, role, sizeof role);
            (void)snprintf(out, size, "%s %s", role, onp_op_get(n->op)->name);
            return;
        }
        before = b->n_in > 0 ? onp_graph_tensor(g, b->in[0])->producer : ONP_NONE;
    }
    (void)snprintf(out, size, "%s", onp_op_get(n->op)->name);
}

/* The forward tensor that t is the gradient of, or ONP_NONE. */
static onp_tid gradient_of(const onp_graph *g, onp_tid t)
{
    for (onp_tid i = 0; i < onp_graph_n_tensors(g); i++)
        if (onp_graph_tensor(g, i)->grad == t)
            return i;
    return ONP_NONE;
}

static void name_forward(const onp_graph *g, const onp_draw_options *o, int32_t node, char *out,
                         size_t size)
{
    char group[64], role[64];
    onp_draw_group_name(o, onp_graph_node(g, node)->group, group, sizeof group);
    forward_role(g, node, role, sizeof role);
    (void)snprintf(out, size, "%s %s", group, role);
}

void onp_draw_tensor_name(const onp_graph *g, const onp_draw_options *o, onp_tid t, char *out,
                          size_t size)
{
    const onp_tensor *tensor = onp_graph_tensor(g, t);
    char name[128];
    if (tensor->producer == ONP_NONE) {
        (void)snprintf(out, size, "input %d", (int)t);
        return;
    }
    const onp_node *n = onp_graph_node(g, tensor->producer);
    if (!n->backward) {
        name_forward(g, o, tensor->producer, out, size);
        return;
    }
    if (n->repeats != ONP_NONE) {
        name_forward(g, o, n->repeats, name, sizeof name);
        (void)snprintf(out, size, "%s again", name);
        return;
    }
    const onp_tid forward = gradient_of(g, t);
    if (forward != ONP_NONE && onp_graph_tensor(g, forward)->producer != ONP_NONE) {
        name_forward(g, o, onp_graph_tensor(g, forward)->producer, name, sizeof name);
        (void)snprintf(out, size, "gradient of %s", name);
        return;
    }
    onp_draw_group_name(o, n->group, name, sizeof name);
    (void)snprintf(out, size, "%s %s", name, onp_op_get(n->op)->name);
}

/* ---- numbers ---- */

void onp_draw_shape(onp_shape s, char *out, size_t size)
{
    if (s.h == 1 && s.w == 1 && s.n == 1)
        (void)snprintf(out, size, "%" PRId64, s.c);
    else if (s.n == 1)
        (void)snprintf(out, size, "%" PRId64 "x%" PRId64 "x%" PRId64, s.h, s.w, s.c);
    else
        (void)snprintf(out, size, "%" PRId64 "x%" PRId64 "x%" PRId64 "x%" PRId64, s.n, s.h, s.w,
                       s.c);
}

/* Three digits and the unit's name; in whole numbers, which no locale changes. */
static void scaled(double value, double unit, const char *name, char *out, size_t size)
{
    const double v = value / unit;
    if (v >= 100 || unit <= 1) {
        (void)snprintf(out, size, "%" PRId64 "%s", (int64_t)(v + 0.5), name);
        return;
    }
    const int digits = v >= 10 ? 1 : 2;
    const int64_t tens = v >= 10 ? 10 : 100;
    const int64_t n = (int64_t)(v * (double)tens + 0.5);
    (void)snprintf(out, size, "%" PRId64 ".%0*" PRId64 "%s", n / tens, digits, n % tens, name);
}

void onp_draw_bytes(double bytes, char *out, size_t size)
{
    if (bytes >= (double)ONP_GIB)
        scaled(bytes, (double)ONP_GIB, " GiB", out, size);
    else if (bytes >= (double)ONP_MIB)
        scaled(bytes, (double)ONP_MIB, " MiB", out, size);
    else if (bytes >= (double)ONP_KIB)
        scaled(bytes, (double)ONP_KIB, " KiB", out, size);
    else
        scaled(bytes, 1, " B", out, size);
}

void onp_draw_quantity(onp_draw_colour colour, double value, char *out, size_t size)
{
    static const double unit[4] = {1e9, 1e6, 1e3, 1};
    static const char *const name[2][4] = {{" GMAC", " MMAC", " kMAC", " MAC"},
                                           {" s", " ms", " us", " ns"}};
    if (colour == ONP_COLOUR_BYTES) {
        onp_draw_bytes(value, out, size);
        return;
    }
    const int k = colour == ONP_COLOUR_TIME;
    int i = 0;
    while (i < 3 && value < unit[i])
        i++;
    scaled(value, unit[i], name[k][i], out, size);
}

int64_t onp_draw_node_macs(const onp_graph *g, const onp_node *n)
{
    onp_tid y, w;
    switch (n->op) {
    case ONP_OP_CONV:
    case ONP_OP_DEPTHWISE:
        y = n->out[0], w = n->in[1];
        break;
    case ONP_OP_CONV_BWD_DATA:
    case ONP_OP_DEPTHWISE_BWD_DATA:
        y = n->in[0], w = n->in[1];
        break;
    case ONP_OP_CONV_BWD_WEIGHT:
    case ONP_OP_DEPTHWISE_BWD_WEIGHT:
        y = n->in[1], w = n->out[0];
        break;
    default:
        return 0;
    }
    const onp_shape s = onp_graph_shape(g, y);
    return s.n * s.h * s.w * onp_shape_count(onp_graph_shape(g, w));
}
