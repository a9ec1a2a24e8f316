/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ONP_LATENCY_MEASURE_DEVICE_INTERNAL_H
#define ONP_LATENCY_MEASURE_DEVICE_INTERNAL_H

#include "latency/measure/device.h"

/* Fills clusters and allowed of a device with its root. */
void onp_device_read_clusters(onp_device *d);

#endif
