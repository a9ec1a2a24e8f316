/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of nodes as runs of calls, so that a plan can be stopped at their bounds. */
#include <inttypes.h>

#include "graph/plan_internal.h"

static bool in_group(const onp_plan *p, const onp_graph *g, const onp_node *n)
{
    for (int i = 0; i < n->n_out; i++) { /* into the call of another node */
        const int32_t writer = p->state[n->out[i]].writer;
        if (writer != ONP_NONE && p->calls[writer].node_group != n->group)
            return false;
    }
    for (int i = 0; i < n->n_in; i++) { /* on the way from memory */
        const int32_t producer = onp_graph_tensor(g, n->in[i])->producer;
        if (p->state[n->in[i]].unstored && onp_graph_node(g, producer)->group != n->group)
            return false;
    }
    return true;
}

bool onp_plan_keeps_groups_apart(const onp_plan *p, const onp_graph *g)
{
    for (int32_t i = 0; i < onp_graph_n_nodes(g); i++)
        if (!in_group(p, g, onp_graph_node(g, i)))
            return false;
    return true;
}

onp_status onp_plan_groups(const onp_plan *p, int32_t n_groups, int32_t *end, onp_error *err)
{
    if (!p->info.groups_apart)
        return onp_fail(err, ONP_E_RANGE, "plan: a step covers nodes of two groups");
    int32_t i = 0;
    for (int32_t group = 0; group < n_groups; group++) {
        while (i < p->n_calls && p->calls[i].node_group == group)
            i++;
        end[group] = i;
    }
    if (i == p->n_calls)
        return ONP_OK;
    return onp_fail(err, ONP_E_RANGE,
                    "plan: step %" PRId32 " of group %" PRId32 " is not beside the others of it", i,
                    p->calls[i].node_group);
}
