/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Says every second that this process is alive, while it measures and has nothing else to say: a
 * link that broke or a device that stands still is then noticed before the measurement should have
 * ended. A thread of its own, which sleeps, and is not bound to the cores that are measured.
 *
 *     onp_heartbeat *h;
 *     ONP_TRY(onp_heartbeat_start(ctx, out_fd, ONP_PROTOCOL_ALIVE, 1000000000, &h, err));
 *     onp_heartbeat_set(h, true);
 *     ... measure ...
 *     onp_heartbeat_set(h, false);             // nothing of it is written from here on
 *     onp_heartbeat_stop(h);
 */
#ifndef ONP_LATENCY_MEASURE_HEARTBEAT_H
#define ONP_LATENCY_MEASURE_HEARTBEAT_H

#include "base/context.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_heartbeat onp_heartbeat;

/* text: a line, borrowed until stop; first written one period after it is switched on. Errors:
 * ONP_E_NOMEM. */
onp_status onp_heartbeat_start(const onp_context *ctx, int fd, const char *text, int64_t period_ns,
                               onp_heartbeat **out, onp_error *err) ONP_MUST_USE;
void onp_heartbeat_set(onp_heartbeat *h, bool on);
/* NULL is fine. */
void onp_heartbeat_stop(onp_heartbeat *h);

#ifdef __cplusplus
}
#endif
#endif
