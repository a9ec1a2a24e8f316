/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of a latency database, and how its enumerations are spelled. For the files of this
 * folder.
 *
 *     ONP_TRY(onp_sql_open(path, &onp_table_schema, ONP_SQL_CREATE, &db, err));
 */
#ifndef ONP_LATENCY_TABLE_SCHEMA_H
#define ONP_LATENCY_TABLE_SCHEMA_H

#include "latency/table/sql.h"

#define ONP_TABLE_VERSION 3

extern const onp_sql_schema onp_table_schema;

#endif
