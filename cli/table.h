/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of `onepath table` share. */
#ifndef ONP_CLI_TABLE_H
#define ONP_CLI_TABLE_H

#include "cli/verb.h"
#include "latency/table/store.h"

extern const onp_verb onp_verb_table_list;
extern const onp_verb onp_verb_table_show;
extern const onp_verb onp_verb_table_import;
extern const onp_verb onp_verb_table_export;
extern const onp_verb onp_verb_table_estimate;
extern const onp_verb onp_verb_table_fill;
extern const onp_verb onp_verb_table_calibrate;
extern const onp_verb onp_verb_table_validate;

/* Opens the latency table of the options; see onp_app_db_path() for `beside`. Close with
 * onp_store_close. */
onp_status onp_table_open(const onp_app *app, const char *beside, onp_sql_mode mode,
                          onp_store **out, onp_error *err) ONP_MUST_USE;

#define ONP_OPTION_DEVICE(type_, member)                                                           \
    {                                                                                              \
        "device", ONP_OPTION_TEXT, "NAME",                                                         \
            "the device, or 8 or more digits of a platform's signature (required)",                \
            offsetof(type_, member), 0, 0                                                          \
    }

#endif
