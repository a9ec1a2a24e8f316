/* SPDX-License-Identifier: Apache-2.0 */
/* The derived network as pictures: blocks, nodes, and its memory when it runs on one image. */
#include "graph/draw/network.h"
#include "report/html.h"
#include "report/sections.h"

static onp_status add_picture(const onp_draw_network *net, const onp_draw_options *o, onp_strbuf *s,
                              onp_error *err)
{
    onp_picture *picture = NULL;
    ONP_TRY(onp_draw_graph(net->ctx, net->g, net->plan, o, &picture, err));
    onp_picture_svg(picture, s);
    onp_picture_free(picture);
    return ONP_OK;
}

#define SCROLL(label)                                                                              \
    "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"" label "\">"

static onp_status add_pictures(const onp_draw_network *net, onp_strbuf *s, onp_error *err)
{
    onp_draw_options o = {.title = "Blocks", .group_names = net->names, .n_groups = net->n_blocks};
    onp_strbuf_adds(s, SCROLL("blocks"));
    o.zoom = ONP_ZOOM_LAYER;
    ONP_TRY(add_picture(net, &o, s, err));
    onp_strbuf_adds(s, "</div><details><summary>Operations</summary>" SCROLL("operations"));
    o.zoom = ONP_ZOOM_OP;
    o.title = "Operations";
    ONP_TRY(add_picture(net, &o, s, err));
    onp_strbuf_adds(s, "</div></details>" SCROLL("memory"));
    o.title = "Memory for one image";
    ONP_TRY(onp_draw_memory(net->ctx, net->g, net->plan, &o, s, err));
    onp_strbuf_adds(s, "</div>\n");
    return ONP_OK;
}

onp_status onp_section_graph(const onp_run_view *v, onp_strbuf *s, onp_error *err)
{
    if (v->arch == NULL) {
        onp_html_missing(s, "no network has been derived yet");
        return ONP_OK;
    }
    onp_draw_network net;
    onp_strbuf_adds(s,
                    "<p class=\"note\">The network as it is run, batch norm folded; equal blocks "
                    "are drawn once with a count.</p>\n");
    onp_status st = onp_draw_network_make(v->ctx, v->arch->blocks, v->arch->n_blocks,
                                          &(onp_draw_network_options){.batch = 1}, &net, err);
    if (st == ONP_OK)
        st = add_pictures(&net, s, err);
    onp_draw_network_reset(&net);
    return st;
}
