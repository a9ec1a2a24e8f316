/* SPDX-License-Identifier: Apache-2.0 */
/* A picture for graphviz; labels come from names.c and callers, so quotes are taken out. */
#include "graph/draw/picture.h"

static void add_quoted(onp_strbuf *s, const char *text)
{
    onp_strbuf_add(s, "\"", 1);
    for (; *text != '\0'; text++)
        if ((unsigned char)*text >= 0x20)
            onp_strbuf_addf(s, "%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
    onp_strbuf_add(s, "\"", 1);
}

static void add_vertex(onp_strbuf *s, const onp_picture *p, int32_t i)
{
    static const char *const fill[6] = {"#ffffff", "#e3eefb", "#bfd9f6",
                                        "#8fbbee", "#5795e0", "#1f66bd"};
    const onp_picture_vertex *v = &p->vertices[i];
    const int colour = onp_picture_colour(p, v->value);
    onp_strbuf_addf(s, "    v%d [label=", (int)i);
    add_quoted(s, v->label);
    onp_strbuf_adds(s, ", tooltip=");
    add_quoted(s, v->title);
    onp_strbuf_addf(s, ", fillcolor=\"%s\"%s];\n", fill[colour > 0 ? colour : 0],
                    v->again ? ", style=\"filled,dashed\"" : "");
}

void onp_picture_dot(const onp_picture *p, onp_strbuf *s)
{
    onp_strbuf_adds(s, "digraph onepath {\n  node [shape=box, style=filled, fontsize=10];\n"
                       "  edge [fontsize=9];\n  label=");
    add_quoted(s, p->title);
    onp_strbuf_adds(s, ";\n");
    for (int32_t k = 0; k < p->n_clusters; k++) {
        const onp_picture_cluster *c = &p->clusters[k];
        if (!c->plain) {
            onp_strbuf_addf(s, "  subgraph cluster_%d {\n    label=", (int)k);
            add_quoted(s, c->label);
            onp_strbuf_adds(s, ";\n");
            if (c->count > 1)
                onp_strbuf_addf(s, "    tooltip=\"%d equal ones\";\n", (int)c->count);
        }
        for (int32_t i = c->first; i < c->first + c->n; i++)
            add_vertex(s, p, i);
        if (!c->plain)
            onp_strbuf_adds(s, "  }\n");
    }
    for (int32_t i = 0; i < p->n_edges; i++) {
        const onp_picture_edge *e = &p->edges[i];
        onp_strbuf_addf(s, "  v%d -> v%d [label=\"%s\"];\n", (int)e->from, (int)e->to, e->label);
    }
    onp_strbuf_adds(s, "}\n");
}
