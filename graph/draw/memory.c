/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of a plan as SVG. Coordinates are tenths of pixels, written without the locale. */
#include <inttypes.h>
#include <stdio.h>

#include "base/xml.h"
#include "graph/draw/lifetimes.h"

enum {
    LEFT = 74,
    CURVE_TOP = 86, /* the bytes alive */
    CURVE_H = 110,
    MAP_TOP = 216,
    MAP_H = 430,
    PLOT_W = 820,
    LIST_X = LEFT + PLOT_W + 26,
    LIST_N = 22,
    WIDTH = LIST_X + 360,
    HEIGHT = MAP_TOP + MAP_H + 96,
    MANY = 1500 /* above these, rectangles that nobody would see are left out */
};

static const char *const style =
    ".onp-m{--bg:#fcfcfb;--ink:#15181d;--soft:#5b6068;--frame:#c9ccd2;--alt:#f1f3f6;--l0:#4a8fdc;"
    "--l1:#e2913a;--l2:#2f9e74;--l3:#8d94a0;--peak:#c22f2f;background:var(--bg);"
    "font:11px system-ui,sans-serif}"
    "@media (prefers-color-scheme:dark){.onp-m{--bg:#16181c;--ink:#eceef1;--soft:#a9afb9;"
    "--frame:#454b55;--alt:#1d2025;--l0:#3a7cc6;--l1:#c47a2b;--l2:#24845f;--l3:#6b7280;"
    "--peak:#ff7b72}}"
    ".onp-m text{fill:var(--ink)}.onp-m .s{fill:var(--soft);font-size:10px}"
    ".onp-m .t{font-size:15px;font-weight:600}.onp-m .e{text-anchor:end}"
    ".onp-m .f{fill:none;stroke:var(--frame)}.onp-m .alt{fill:var(--alt)}"
    ".onp-m .r{stroke:var(--bg);stroke-width:.6}"
    ".onp-m .l0{fill:var(--l0)}.onp-m .l1{fill:var(--l1)}.onp-m .l2{fill:var(--l2)}"
    ".onp-m .l3{fill:var(--l3)}"
    ".onp-m .in{fill:url(#onp-hatch);pointer-events:none}"
    ".onp-m .again{stroke:var(--ink);stroke-width:1.4;stroke-dasharray:4 2}"
    ".onp-m .p{stroke:var(--peak);stroke-width:1.4;fill:none}.onp-m .pt{fill:var(--peak)}"
    ".onp-m .live{fill:var(--l0);opacity:.35}.onp-m .line{fill:none;stroke:var(--l0)}";

static const char *const kind_names[ONP_LIFE_KIND_COUNT] = {
    "activations", "gradients", "statistics, coefficients", "partial sums"};

typedef struct map {
    const onp_lifetimes *l;
    onp_strbuf *s;
    double step;     /* tenths of pixels for each call */
    double per_byte; /* of the map */
    double curve;    /* of the curve, for each byte */
    size_t top;      /* bytes at the upper edge */
} map;

static void add_tenths(onp_strbuf *s, const char *name, double tenths)
{
    const int64_t v = (int64_t)(tenths + 0.5);
    onp_strbuf_addf(s, " %s=\"%" PRId64 ".%" PRId64 "\"", name, v / 10, v % 10);
}

static void add_text(onp_strbuf *s, const char *class, int x, int y, const char *text)
{
    onp_strbuf_addf(s, "<text class=\"%s\" x=\"%d\" y=\"%d\">", class, x, y);
    onp_xml_text(s, text);
    onp_strbuf_adds(s, "</text>\n");
}

static double x_of(const map *m, int32_t call)
{
    return LEFT * 10 + call * m->step;
}

static double y_of(const map *m, size_t address)
{
    return (MAP_TOP + MAP_H) * 10 - (double)address * m->per_byte;
}

/* ---- rectangles ---- */

static void add_rect(const map *m, const char *class, int32_t first, int32_t last,
                     const onp_buffer_view *v, bool close)
{
    onp_strbuf_addf(m->s, "<rect class=\"%s\"", class);
    add_tenths(m->s, "x", x_of(m, first));
    add_tenths(m->s, "y", y_of(m, v->offset + v->bytes));
    add_tenths(m->s, "width", (last + 1 - first) * m->step);
    add_tenths(m->s, "height", (double)v->bytes * m->per_byte);
    onp_strbuf_adds(m->s, close ? "/>\n" : ">");
}

static void add_life(const map *m, const onp_lifetime *life)
{
    const onp_lifetimes *l = m->l;
    const onp_buffer_view *v = &life->view;
    const int32_t last = v->last < l->n_calls ? v->last : l->n_calls - 1;
    char class[32], name[128], then[128];
    (void)snprintf(class, sizeof class, "r l%d%s", (int)life->kind, life->again ? " again" : "");
    onp_lifetime_name(l, life, v->first, name, sizeof name);
    add_rect(m, class, v->first, last, v, false);
    onp_strbuf_adds(m->s, "<title>");
    onp_xml_text(m->s, name);
    if (life->n_tensors > 1) {
        onp_lifetime_name(l, life, l->n_calls, then, sizeof then);
        onp_strbuf_adds(m->s, ", then in place ");
        onp_xml_text(m->s, then);
    }
    onp_strbuf_addf(m->s, ": %zu bytes at %zu, calls %" PRId32 " to %" PRId32 "</title></rect>\n",
                    v->bytes, v->offset, v->first, last);
    if (life->n_tensors > 1 && life->taken != ONP_NONE)
        add_rect(m, "in", life->taken, last, v, true);
}

static int32_t add_lives(const map *m)
{
    int32_t n_left_out = 0, n = onp_plan_get_info(m->l->plan).n_buffers;
    for (int32_t i = 0; i < m->l->n; i++) {
        const onp_buffer_view *v = &m->l->lives[i].view;
        if (!v->placed || v->first >= m->l->n_calls)
            continue;
        const double w = (v->last + 1 - v->first) * m->step, h = (double)v->bytes * m->per_byte;
        if (n > MANY && w * h < 100)
            n_left_out++;
        else
            add_life(m, &m->l->lives[i]);
    }
    return n_left_out;
}

/* ---- axes and curve ---- */

/* Every second block shaded, names under the map where they fit. */
static void add_blocks(const map *m)
{
    const onp_lifetimes *l = m->l;
    double free_from = 0;
    int32_t first = 0, run = 0;
    for (int32_t c = 1; c <= l->n_calls; c++) {
        const bool ends =
            c == l->n_calls || onp_lifetimes_group(l, c) != onp_lifetimes_group(l, first);
        if (!ends)
            continue;
        const double x = x_of(m, first), w = (c - first) * m->step;
        if (run++ % 2 == 1) {
            onp_strbuf_adds(m->s, "<rect class=\"alt\"");
            add_tenths(m->s, "x", x);
            add_tenths(m->s, "width", w);
            onp_strbuf_addf(m->s, " y=\"%d\" height=\"%d\"/>\n", CURVE_TOP,
                            MAP_TOP + MAP_H - CURVE_TOP);
        }
        const double mid = x + w / 2;
        if (mid >= free_from && c - first > 1) {
            char name[64];
            onp_draw_group_name(l->o, onp_lifetimes_group(l, first), name, sizeof name);
            onp_strbuf_addf(m->s, "<text class=\"s\" transform=\"translate(%d %d) rotate(55)\">",
                            (int)(mid / 10) - 3, MAP_TOP + MAP_H + 12);
            onp_xml_text(m->s, name);
            onp_strbuf_adds(m->s, "</text>\n");
            free_from = mid + 140;
        }
        first = c;
    }
}

static void add_curve(const map *m)
{
    const int base = CURVE_TOP + CURVE_H;
    for (int filled = 1; filled >= 0; filled--) {
        onp_strbuf_addf(m->s, "<path class=\"%s\" d=\"M%d %d", filled != 0 ? "live" : "line", LEFT,
                        base);
        for (int32_t c = 0; c < m->l->n_calls; c++) {
            const int64_t y = (int64_t)((double)m->l->alive[c] * m->curve + 0.5);
            const int64_t x = (int64_t)(x_of(m, c + 1) + 0.5);
            const int64_t v = (int64_t)base * 10 - y;
            onp_strbuf_addf(m->s, "V%" PRId64 ".%" PRId64 "H%" PRId64 ".%" PRId64, v / 10, v % 10,
                            x / 10, x % 10);
        }
        onp_strbuf_addf(m->s, "V%d%s\"/>\n", base, filled != 0 ? "Z" : "");
    }
}

static void add_axis(const map *m)
{
    char text[32];
    for (int i = 0; i <= 4; i++) {
        const size_t at = m->top / 4 * (size_t)i;
        onp_draw_bytes((double)at, text, sizeof text);
        add_text(m->s, "s e", LEFT - 6, (int)(y_of(m, at) / 10) + 4, text);
    }
    onp_draw_bytes((double)m->l->alive[m->l->peak], text, sizeof text);
    add_text(m->s, "s e", LEFT - 6, CURVE_TOP + 10, text);
    add_text(m->s, "s e", LEFT - 6, CURVE_TOP + 22, "alive");
    add_text(m->s, "s e", LEFT - 6, MAP_TOP + MAP_H + 14, "call 0");
    onp_strbuf_addf(m->s, "<rect class=\"f\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>\n",
                    LEFT, MAP_TOP, PLOT_W, MAP_H);
}

static void add_peak_mark(const map *m)
{
    const int64_t x = (int64_t)(x_of(m, m->l->peak) + m->step / 2 + 0.5);
    char text[64];
    onp_strbuf_addf(m->s, "<path class=\"p\" d=\"M%" PRId64 ".%" PRId64 " %dV%d\"/>\n", x / 10,
                    x % 10, CURVE_TOP - 6, MAP_TOP + MAP_H);
    (void)snprintf(text, sizeof text, "peak: call %" PRId32, m->l->peak);
    add_text(m->s, x / 10 > LEFT + PLOT_W / 2 ? "pt e" : "pt",
             (int)(x / 10) + (x / 10 > LEFT + PLOT_W / 2 ? -5 : 5), CURVE_TOP - 2, text);
}

/* ---- words ---- */

static void add_heading(const map *m)
{
    const onp_plan_info info = onp_plan_get_info(m->l->plan);
    char text[256], naive[24], bound[24], peak[24];
    int32_t n_in_place = 0, n_again = 0;
    for (int32_t i = 0; i < m->l->n; i++) {
        n_in_place += m->l->lives[i].n_tensors > 1;
        n_again += m->l->lives[i].again;
    }
    onp_draw_bytes((double)info.naive_bytes, naive, sizeof naive);
    onp_draw_bytes((double)info.lower_bound_bytes, bound, sizeof bound);
    onp_draw_bytes((double)info.arena_bytes, peak, sizeof peak);
    add_text(m->s, "t", 16, 24, m->l->o->title != NULL ? m->l->o->title : "memory");
    (void)snprintf(text, sizeof text,
                   "planned peak %s; lower bound %s; without sharing %s; %" PRId32
                   " calls, %" PRId32 " buffers, %" PRId32 " written in place, %" PRId32
                   " computed again",
                   peak, bound, naive, info.n_calls, info.n_buffers, n_in_place, n_again);
    add_text(m->s, "s", 16, 42, text);
    int x = 16;
    for (int i = 0; i < ONP_LIFE_KIND_COUNT; i++) {
        onp_strbuf_addf(m->s, "<rect class=\"l%d\" x=\"%d\" y=\"52\" width=\"14\" height=\"11\"/>",
                        i, x);
        add_text(m->s, "s", x + 19, 61, kind_names[i]);
        x += i == 2 ? 158 : 104;
    }
    onp_strbuf_addf(m->s,
                    "<rect class=\"l0\" x=\"%d\" y=\"52\" width=\"14\" height=\"11\"/>"
                    "<rect class=\"in\" x=\"%d\" y=\"52\" width=\"14\" height=\"11\"/>",
                    x, x);
    add_text(m->s, "s", x + 19, 61, "written in place");
    x += 112;
    onp_strbuf_addf(m->s, "<rect class=\"l0 again\" x=\"%d\" y=\"52\" width=\"14\" height=\"11\"/>",
                    x);
    add_text(m->s, "s", x + 19, 61, "computed again; to the right: calls, up: addresses");
}

static void add_list(const map *m, const onp_peak *peak, int32_t n_left_out)
{
    char text[160], bytes[24];
    int y = CURVE_TOP + 6;
    onp_draw_bytes((double)peak->bytes, bytes, sizeof bytes);
    (void)snprintf(text, sizeof text, "alive at the peak: %" PRId32 " buffers, %s", peak->n, bytes);
    add_text(m->s, "pt", LIST_X, y, text);
    size_t rest = peak->bytes;
    int32_t i = 0;
    for (; i < peak->n && i < LIST_N; i++) {
        const onp_peak_entry *e = &peak->entries[i];
        y += 22;
        onp_strbuf_addf(m->s, "<rect class=\"l%d\" x=\"%d\" y=\"%d\" width=\"10\" height=\"10\"/>",
                        (int)m->l->lives[e->buffer].kind, LIST_X, y - 9);
        onp_draw_bytes((double)e->bytes, bytes, sizeof bytes);
        add_text(m->s, "e", LIST_X + 78, y, bytes);
        add_text(m->s, "", LIST_X + 88, y, e->name);
        rest -= e->bytes;
    }
    if (i < peak->n) {
        onp_draw_bytes((double)rest, bytes, sizeof bytes);
        (void)snprintf(text, sizeof text, "and %" PRId32 " more, %s", peak->n - i, bytes);
        add_text(m->s, "s", LIST_X + 88, y + 22, text);
    }
    if (n_left_out > 0) {
        (void)snprintf(text, sizeof text, "%" PRId32 " buffers too small to see are not drawn",
                       n_left_out);
        add_text(m->s, "s", LIST_X, HEIGHT - 12, text);
    }
}

static void add_all(map *m, const onp_peak *peak)
{
    const onp_plan_info info = onp_plan_get_info(m->l->plan);
    m->top = info.arena_bytes > 0 ? info.arena_bytes : 1;
    m->step = PLOT_W * 10.0 / (m->l->n_calls > 0 ? m->l->n_calls : 1);
    m->per_byte = MAP_H * 10.0 / (double)m->top;
    m->curve = CURVE_H * 10.0 / (double)(peak->bytes > 0 ? peak->bytes : 1);
    onp_strbuf_addf(m->s,
                    "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"onp-m\" role=\"img\" "
                    "width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
                    "style=\"width:%dpx\">\n<title>memory</title>\n"
                    "<style>%s</style>\n<defs><pattern id=\"onp-hatch\" width=\"6\" height=\"6\" "
                    "patternUnits=\"userSpaceOnUse\"><path d=\"M0 6L6 0\" stroke=\"#fff\" "
                    "stroke-width=\"1.2\"/></pattern></defs>\n",
                    WIDTH, HEIGHT, WIDTH, HEIGHT, WIDTH, style);
    add_heading(m);
    add_blocks(m);
    add_curve(m);
    const int32_t n_left_out = add_lives(m);
    add_axis(m);
    add_peak_mark(m);
    add_list(m, peak, n_left_out);
    onp_strbuf_adds(m->s, "</svg>\n");
}

onp_status onp_draw_memory(const onp_context *ctx, const onp_graph *g, const onp_plan *plan,
                           const onp_draw_options *options, onp_strbuf *s, onp_error *err)
{
    onp_lifetimes l = {.ctx = ctx, .g = g, .plan = plan, .o = options};
    onp_peak peak = {0};
    onp_status st = onp_lifetimes_make(&l, err);
    if (st == ONP_OK)
        st = onp_draw_peak(ctx, g, plan, options, &peak, err);
    if (st == ONP_OK) {
        map m = {.l = &l, .s = s};
        add_all(&m, &peak);
    }
    onp_free(ctx, peak.entries);
    onp_lifetimes_reset(&l);
    return st == ONP_OK ? onp_strbuf_status(s, err) : st;
}
