/* SPDX-License-Identifier: Apache-2.0 */
/* Whole networks of the FBNet space or of Once-for-All, as the CSV that networks.c reads. */
#include <math.h>
#include <string.h>

#include "latency/table/export_internal.h"
#include "latency/table/networks.h"

typedef enum space { FBNET, OFA, N_SPACES } space;
static const char *const names[N_SPACES] = {"fbnet", "once-for-all"};

/* N_SPACES: of none of these, or its text is not. */
static space space_of(const onp_whole_network *net)
{
    space s = net->text != NULL && net->space != NULL ? FBNET : N_SPACES;
    while (s < N_SPACES &&
           (strcmp(net->space, names[s]) != 0 || !onp_network_text_is_of(names[s], net->text)))
        s++;
    return s;
}

/* "r=204 d=22223 ks=7555 e=6446" as "204,22223,7555,6446". */
static void add_ofa(onp_strbuf *out, const char *text)
{
    while (text != NULL && (text = strchr(text, '=')) != NULL) {
        text++;
        onp_strbuf_add(out, text, strcspn(text, " "));
        onp_strbuf_adds(out, ",");
    }
}

typedef struct device_name {
    int64_t platform;
    onp_strbuf *out;
    bool bad;
} device_name;

static onp_status add_device(void *user, const onp_platform_row *row, onp_error *err)
{
    device_name *d = user;
    (void)err;
    if (row->id == d->platform) {
        d->bad = strpbrk(row->platform.device, ",\r\n") != NULL;
        onp_strbuf_addf(d->out, "%s\n", row->platform.device);
    }
    return ONP_OK;
}

static onp_status write_head(const onp_export *x, space s, onp_error *err)
{
    device_name d = {.platform = x->platform, .out = x->out};
    onp_strbuf_adds(x->out, s == OFA ? "index,r,d,ks,e," : "index,ops,");
    ONP_TRY(onp_store_platforms(x->store, add_device, &d, err));
    return d.bad ? onp_fail(
                       err, ONP_E_RANGE,
                       "%s: the device's name has a comma or a line's end, which CSV cannot hold",
                       onp_store_path(x->store))
                 : ONP_OK;
}

/* The space of the first network; those of the other would need another heading. */
static onp_status write_networks(onp_export *x, onp_error *err)
{
    space s = N_SPACES;
    size_t index = 0;
    for (size_t i = 0; i < x->networks.n && s == N_SPACES; i++)
        s = space_of(&x->networks.list[i]);
    if (s != N_SPACES)
        ONP_TRY(write_head(x, s, err));
    for (size_t i = 0; i < x->networks.n; i++) {
        const onp_whole_network *net = &x->networks.list[i];
        if (s == N_SPACES || space_of(net) != s) {
            onp_export_leave_out_network(
                x, net, "not of the one space, FBNet's or Once-for-All's, that the file is of");
            continue;
        }
        x->result.n_unsaid += net->quality != ONP_QUALITY_OK;
        onp_strbuf_addf(x->out, "%zu,", index++);
        if (s == OFA)
            add_ofa(x->out, net->text);
        else
            onp_strbuf_addf(x->out, "%s,", net->text);
        onp_export_add_ms(x->out, llround(net->ns));
        onp_strbuf_adds(x->out, "\n");
    }
    return ONP_OK;
}

const onp_exporter onp_export_networks = {
    .form = "networks", .no_rows = true, .plain = true, .write = write_networks};
