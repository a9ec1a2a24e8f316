/* SPDX-License-Identifier: Apache-2.0 */
/* Latencies of whole networks from elsewhere, for `onepath table import`. */
#ifndef ONP_CLI_TABLE_NETWORKS_H
#define ONP_CLI_TABLE_NETWORKS_H

#include "cli/app.h"
#include "latency/table/networks.h"

/*
 * Reads a file or folder of latency/table/networks.h, or a folder of published specialised
 * networks: folders DEVICE_lat-TIMEms... or DEVICE_gpuBATCH-TIMEms..., each with net.config and
 * run.config (its image_size). Times in names are whole milliseconds; folders without one are
 * passed over. *out: onp_networks_free. Errors: those of onp_import_networks().
 */
onp_status onp_table_read_networks(onp_app *app, const char *path, onp_networks **out,
                                   onp_error *err) ONP_MUST_USE;

#endif
