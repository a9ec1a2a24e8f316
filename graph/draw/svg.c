/* SPDX-License-Identifier: Apache-2.0 */
/* A laid-out picture as SVG. Coordinates are whole numbers, so no locale changes them. */
#include <math.h>
#include <stdio.h>

#include "base/xml.h"
#include "graph/draw/picture.h"

enum { BOX_W = ONP_PICTURE_BOX_WIDTH, BOX_H = ONP_PICTURE_BOX_HEIGHT };

static const char *const style =
    ".onp-g{--bg:#fcfcfb;--ink:#15181d;--soft:#5b6068;--frame:#c9ccd2;--fill:#f1f3f6;"
    "--back:#f8f0e6;--edge:#8a93a3;--saved:#b08a4a;--k0:#fff;--k1:#e3eefb;--k2:#bfd9f6;"
    "--k3:#8fbbee;--k4:#5795e0;--k5:#1f66bd;background:var(--bg);"
    "font:11px system-ui,sans-serif}"
    "@media (prefers-color-scheme:dark){.onp-g{--bg:#16181c;--ink:#eceef1;--soft:#a9afb9;"
    "--frame:#454b55;--fill:#1f2329;--back:#2a2419;--edge:#77808e;--saved:#94764a;--k0:#22262c;"
    "--k1:#1d2f45;--k2:#204267;--k3:#24588f;--k4:#2b72bd;--k5:#4a9bf0}}"
    ".onp-g text{fill:var(--ink)}.onp-g .s{fill:var(--soft);font-size:9.5px}"
    ".onp-g .m{text-anchor:middle}.onp-g .t{font-size:15px;font-weight:600}"
    ".onp-g .c{fill:var(--fill);stroke:var(--frame)}.onp-g .b{fill:var(--back)}"
    ".onp-g .cl,.onp-g .el{paint-order:stroke;stroke:var(--bg);stroke-width:3px}"
    ".onp-g .cl{font-weight:600}"
    ".onp-g .v{stroke:var(--edge);fill:var(--k0)}.onp-g .again{stroke-dasharray:4 2;"
    "stroke-width:1.6;stroke:var(--ink)}"
    ".onp-g .k1{fill:var(--k1)}.onp-g .k2{fill:var(--k2)}.onp-g .k3{fill:var(--k3)}"
    ".onp-g .k4{fill:var(--k4)}.onp-g .k5{fill:var(--k5)}"
    ".onp-g .on4 text{fill:#fff}.onp-g .on4 .s{fill:#fff}"
    ".onp-g path{fill:none;stroke:var(--edge);stroke-width:1.2}"
    ".onp-g .d{stroke:var(--saved);opacity:.55}"
    ".onp-g .w2{stroke-width:1.6}.onp-g .w3{stroke-width:2}.onp-g .w4{stroke-width:2.6}"
    ".onp-g .w5{stroke-width:3.2}";

int onp_picture_colour(const onp_picture *p, double value)
{
    if (value <= 0 || p->most <= 0)
        return -1;
    const int down = (int)floor(log2(p->most / value)) + (value < p->most);
    return down >= 5 ? 0 : 5 - down;
}

static int width_class(int64_t bytes)
{
    int w = 1;
    for (int64_t b = bytes / 16384; b > 0 && w < 5; b /= 8)
        w++;
    return w;
}

/* ---- edges ---- */

typedef struct ends {
    const onp_picture_vertex *a, *b;
    const onp_picture_cluster *ca, *cb;
    int up;                 /* 1: the edge flows upwards */
    int32_t ax, ay, bx, by; /* where it leaves and enters */
} ends;

static ends ends_of(const onp_picture *p, const onp_picture_edge *e)
{
    ends n = {.a = &p->vertices[e->from], .b = &p->vertices[e->to]};
    n.ca = &p->clusters[n.a->cluster];
    n.cb = &p->clusters[n.b->cluster];
    n.up = n.cb->backward;
    n.ax = n.a->x + BOX_W / 2;
    n.bx = n.b->x + BOX_W / 2;
    n.ay = n.a->y + (n.up ? 0 : BOX_H);
    n.by = n.b->y + (n.up ? BOX_H : 0);
    return n;
}

/* From lane `lane` beside the target's cluster into the side of its box. */
static void enter_side(onp_strbuf *s, const ends *n, int32_t lane)
{
    const int32_t inside = n->cb->n_lanes - lane;
    const int32_t x = n->up ? n->cb->x + n->cb->width - 5 - inside * ONP_PICTURE_LANE
                            : n->cb->x + 5 + inside * ONP_PICTURE_LANE;
    onp_strbuf_addf(s, "H%dV%dH%d%s", (int)x, (int)(n->b->y + BOX_H / 2),
                    (int)(n->up ? n->b->x + BOX_W : n->b->x),
                    n->up ? "m5-3l-5 3l5 3" : "m-5-3l5 3l-5 3");
}

static void to_side(onp_strbuf *s, const ends *n, int32_t lane)
{
    if (n->ca == n->cb && n->a->slot == 0)
        onp_strbuf_addf(s, "M%d %d", (int)(n->up ? n->a->x + BOX_W : n->a->x),
                        (int)(n->a->y + BOX_H / 2));
    else if (n->ca == n->cb)
        onp_strbuf_addf(s, "M%d %dv%d", (int)n->ax, (int)n->ay, n->up ? -7 : 7);
    else
        onp_strbuf_addf(s, "M%d %dV%d", (int)n->ax, (int)n->ay,
                        (int)(n->up ? n->cb->y + n->cb->height + 8 : n->cb->y - 8));
    enter_side(s, n, lane);
}

static void straight(onp_strbuf *s, const ends *n)
{
    if (n->ax == n->bx)
        onp_strbuf_addf(s, "M%d %dV%d", (int)n->ax, (int)n->ay, (int)n->by);
    else
        onp_strbuf_addf(s, "M%d %dC%d %d %d %d %d %d", (int)n->ax, (int)n->ay, (int)n->ax,
                        (int)((n->ay + n->by) / 2), (int)n->bx, (int)((n->ay + n->by) / 2),
                        (int)n->bx, (int)n->by);
    onp_strbuf_adds(s, n->up ? "m-3 5l3-5l3 5" : "m-3-5l3 5l3-5");
}

/* Forward to backward: what is kept for the gradient. */
static void across(onp_strbuf *s, const ends *n)
{
    const int32_t x0 = n->a->x + BOX_W, y0 = n->a->y + BOX_H / 2;
    const int32_t x1 = n->b->x, y1 = n->b->y + BOX_H / 2, mid = (x0 + x1) / 2;
    onp_strbuf_addf(s, "M%d %dC%d %d %d %d %d %d", (int)x0, (int)y0, (int)mid, (int)y0, (int)mid,
                    (int)y1, (int)x1, (int)y1);
}

/* Along the gap beside the target's band. */
static void around(onp_strbuf *s, const onp_picture *p, const ends *n, int32_t lane, int32_t nudge)
{
    const int32_t band = n->cb->band + (n->up ? 1 : 0);
    const int32_t x = ONP_PICTURE_MARGIN + band * p->band_width + nudge;
    const int32_t leave = n->up ? n->ca->y - 8 : n->ca->y + n->ca->height + 8;
    const int32_t enter = n->up ? n->cb->y + n->cb->height + 8 : n->cb->y - 8;
    onp_strbuf_addf(s, "M%d %dV%dH%dV%d", (int)n->ax, (int)n->ay, (int)leave, (int)x, (int)enter);
    if (lane > 0 && !n->cb->plain) {
        enter_side(s, n, lane);
        return;
    }
    onp_strbuf_addf(s, "H%dV%d%s", (int)n->bx, (int)n->by,
                    n->up ? "m-3 5l3-5l3 5" : "m-3-5l3 5l3-5");
}

/* Returns whether the shape may stand beside the line. */
static bool add_edge(onp_strbuf *s, const onp_picture *p, int32_t i)
{
    const onp_picture_edge *e = &p->edges[i];
    const ends n = ends_of(p, e);
    const bool crosses = n.ca->backward != n.cb->backward;
    const int32_t rows = n.up ? n.ca->row - n.cb->row : n.cb->row - n.ca->row;
    const bool near = n.ca == n.cb || (rows == 1 && n.ca->band == n.cb->band);
    onp_strbuf_addf(s, "<path class=\"e w%d%s\" d=\"", width_class(e->bytes), crosses ? " d" : "");
    if (crosses)
        across(s, &n);
    else if (near && e->lane > 0 && !n.cb->plain)
        to_side(s, &n, e->lane);
    else if (near)
        straight(s, &n);
    else
        around(s, p, &n, e->lane, i % 5 * 4 - 8);
    onp_strbuf_adds(s, "\"/>\n");
    return near && !crosses && (e->lane == 0 || n.cb->plain);
}

static void add_edges(onp_strbuf *s, const onp_picture *p)
{
    int32_t labelled = -1;
    for (int32_t i = 0; i < p->n_edges; i++) {
        const onp_picture_edge *e = &p->edges[i];
        if (!add_edge(s, p, i) || e->label[0] == '\0' || e->from == labelled)
            continue;
        const ends n = ends_of(p, e);
        labelled = e->from;
        onp_strbuf_addf(s, "<text class=\"s el\" x=\"%d\" y=\"%d\">%s</text>\n",
                        (int)((n.ax + n.bx) / 2 + 6), (int)((n.ay + n.by) / 2 + 3), e->label);
    }
}

/* ---- boxes ---- */

static void add_text(onp_strbuf *s, const char *class, int32_t x, int32_t y, const char *text)
{
    onp_strbuf_addf(s, "<text class=\"%s\" x=\"%d\" y=\"%d\">", class, (int)x, (int)y);
    onp_xml_text(s, text);
    onp_strbuf_adds(s, "</text>");
}

static void add_frame(onp_strbuf *s, const onp_picture_cluster *c)
{
    if (c->plain)
        return;
    onp_strbuf_addf(s,
                    "<rect class=\"c%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\"/>\n",
                    c->backward ? " b" : "", (int)c->x, (int)c->y, (int)c->width, (int)c->height);
}

static void add_label(onp_strbuf *s, const onp_picture_cluster *c)
{
    if (c->plain)
        return;
    onp_strbuf_addf(s, "<text class=\"cl\" x=\"%d\" y=\"%d\">", (int)c->x + 8, (int)c->y + 15);
    onp_xml_text(s, c->label);
    if (c->count > 1)
        onp_strbuf_addf(s, " \xc3\x97%d", (int)c->count);
    onp_strbuf_adds(s, "</text>\n");
}

static void add_box(onp_strbuf *s, const onp_picture *p, const onp_picture_vertex *v)
{
    const int colour = onp_picture_colour(p, v->value);
    const int32_t x = v->x + BOX_W / 2;
    const bool plain_back = p->clusters[v->cluster].plain && p->clusters[v->cluster].backward;
    onp_strbuf_addf(s, "<g%s><title>", colour >= 4 ? " class=\"on4\"" : "");
    onp_xml_text(s, v->title);
    onp_strbuf_addf(s, "</title><rect class=\"v%s", v->again ? " again" : "");
    if (colour > 0)
        onp_strbuf_addf(s, " k%d", colour);
    else if (plain_back)
        onp_strbuf_adds(s, " b");
    onp_strbuf_addf(s, "\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"4\"/>", (int)v->x,
                    (int)v->y, BOX_W, BOX_H);
    add_text(s, "m", x, v->y + (v->note[0] != '\0' ? 13 : 19), v->label);
    if (v->note[0] != '\0')
        add_text(s, "m s", x, v->y + 25, v->note);
    onp_strbuf_adds(s, "</g>\n");
}

/* ---- around it ---- */

static void add_legend(onp_strbuf *s, const onp_picture *p)
{
    int32_t x = ONP_PICTURE_MARGIN;
    bool backward = false, again = false;
    for (int32_t i = 0; i < p->n_clusters; i++)
        backward = backward || p->clusters[i].backward;
    for (int32_t i = 0; i < p->n_vertices; i++)
        again = again || p->vertices[i].again;
    if (p->measure != NULL) {
        add_text(s, "s", x, 58, p->measure);
        x += 130;
        for (int i = 0; i < 6; i++, x += i < 2 ? 52 : 98) {
            onp_strbuf_addf(s,
                            "<rect class=\"v k%d\" x=\"%d\" y=\"49\" width=\"14\" height=\"11\"/>",
                            i, (int)x);
            char text[32];
            (void)snprintf(text, sizeof text, "%s%s", i == 0 ? "less" : "\xe2\x89\xa5 ",
                           i == 0 ? "" : p->scale[i]);
            add_text(s, "s", x + 18, 58, text);
        }
    }
    char text[400];
    (void)snprintf(text, sizeof text, "%s%s%s%s",
                   backward ? "down: forward; up: gradients; brown: kept for them; "
                            : "wider lines: more bytes",
                   backward ? "wider lines: more bytes" : "",
                   again ? "; dashed: computed again" : "", p->note[0] != '\0' ? "; " : "");
    onp_strbuf_addf(s, "<text class=\"s\" x=\"%d\" y=\"39\">%s", ONP_PICTURE_MARGIN, text);
    onp_xml_text(s, p->note);
    onp_strbuf_adds(s, "</text>\n");
}

void onp_picture_svg(const onp_picture *p, onp_strbuf *s)
{
    onp_strbuf_addf(
        s,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"onp-g\" role=\"img\" "
        "width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" style=\"width:%dpx\">\n<title>",
        (int)p->width, (int)p->height, (int)p->width, (int)p->height, (int)p->width);
    onp_xml_text(s, p->title);
    onp_strbuf_addf(s, "</title>\n<style>%s</style>\n", style);
    add_text(s, "t", ONP_PICTURE_MARGIN, 22, p->title);
    add_legend(s, p);
    for (int32_t i = 0; i < p->n_clusters; i++)
        add_frame(s, &p->clusters[i]);
    add_edges(s, p);
    for (int32_t i = 0; i < p->n_clusters; i++)
        add_label(s, &p->clusters[i]);
    for (int32_t i = 0; i < p->n_vertices; i++)
        add_box(s, p, &p->vertices[i]);
    onp_strbuf_adds(s, "</svg>\n");
}
