/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/schema.h"

/*
 * Times are integer nanoseconds, dates are nanoseconds since 1970 (UTC). NULL is unknown.
 * A measurement is never overwritten; an estimate is what a search reads, one for each platform and
 * block, and its run belongs to its platform.
 */
static const char ddl[] =
    "CREATE TABLE device ("
    "  id INTEGER PRIMARY KEY,"
    "  name TEXT NOT NULL UNIQUE CHECK (length(name) > 0)"
    ") STRICT;"

    "CREATE TABLE platform ("
    "  id INTEGER PRIMARY KEY,"
    "  signature TEXT NOT NULL UNIQUE CHECK (length(signature) = 64),"
    "  device_id INTEGER NOT NULL REFERENCES device,"
    "  backend TEXT NOT NULL CHECK (length(backend) > 0),"
    "  backend_version TEXT,"
    "  kernel_set TEXT,"
    "  kernel_hash TEXT,"
    "  blas_core TEXT,"
    "  threads INTEGER CHECK (threads > 0),"
    "  cluster TEXT,"
    "  precision TEXT,"
    "  batch INTEGER CHECK (batch > 0),"
    "  cache_mode TEXT"
    ") STRICT;"

    "CREATE TABLE run ("
    "  id INTEGER PRIMARY KEY,"
    "  platform_id INTEGER NOT NULL REFERENCES platform,"
    "  tool_version TEXT,"
    "  build TEXT,"
    "  os TEXT,"
    "  target TEXT,"
    "  command TEXT,"
    "  settings TEXT," /* stop rule, governor, temperatures, sentinel ...: JSON */
    "  seed INTEGER,"
    "  started_unix_ns INTEGER NOT NULL CHECK (started_unix_ns > 0),"
    "  ended_unix_ns INTEGER CHECK (ended_unix_ns > 0),"
    "  status TEXT NOT NULL CHECK (status IN ('running', 'done', 'failed', 'interrupted')),"
    "  UNIQUE (id, platform_id),"
    "  CHECK ((status = 'running') = (ended_unix_ns IS NULL))"
    ") STRICT;"

    "CREATE TABLE block ("
    "  id INTEGER PRIMARY KEY,"
    "  key TEXT NOT NULL UNIQUE CHECK (length(key) > 0)"
    ") STRICT;"

    "CREATE TABLE measurement ("
    "  id INTEGER PRIMARY KEY,"
    "  run_id INTEGER NOT NULL REFERENCES run,"
    "  block_id INTEGER REFERENCES block,"
    "  network TEXT CHECK (length(network) = 64)," /* architecture hash */
    "  measured_unix_ns INTEGER NOT NULL CHECK (measured_unix_ns > 0),"
    "  n INTEGER NOT NULL CHECK (n >= 0),"
    "  n_rejected INTEGER NOT NULL CHECK (n_rejected >= 0),"
    "  inner_reps INTEGER CHECK (inner_reps > 0),"
    "  min_ns INTEGER CHECK (min_ns > 0),"
    "  p05_ns INTEGER CHECK (p05_ns > 0),"
    "  median_ns INTEGER CHECK (median_ns > 0),"
    "  mean_ns INTEGER CHECK (mean_ns > 0),"
    "  trimmed_mean_ns INTEGER CHECK (trimmed_mean_ns > 0),"
    "  p90_ns INTEGER CHECK (p90_ns > 0),"
    "  p99_ns INTEGER CHECK (p99_ns > 0),"
    "  mad_ns INTEGER CHECK (mad_ns >= 0),"
    "  cv REAL CHECK (cv >= 0),"
    "  ci95_lo_ns INTEGER CHECK (ci95_lo_ns > 0),"
    "  ci95_hi_ns INTEGER CHECK (ci95_hi_ns >= ci95_lo_ns),"
    "  normalized_median_ns INTEGER CHECK (normalized_median_ns > 0)," /* at the core's top clock */
    "  clock_khz INTEGER CHECK (clock_khz > 0),"
    "  quality TEXT NOT NULL"
    "    CHECK (quality IN ('ok', 'noisy', 'throttled', 'bimodal', 'failed')),"
    "  reason TEXT,"
    "  CHECK ((block_id IS NULL) <> (network IS NULL)),"
    "  CHECK (quality = 'failed' OR (n > 0 AND coalesce(median_ns, mean_ns) IS NOT NULL))"
    ") STRICT;"
    "CREATE INDEX measurement_run ON measurement (run_id);"
    "CREATE INDEX measurement_block ON measurement (block_id);"

    "CREATE TABLE sample ("
    "  measurement_id INTEGER PRIMARY KEY REFERENCES measurement ON DELETE CASCADE,"
    "  n INTEGER NOT NULL CHECK (n > 0),"
    "  format TEXT NOT NULL CHECK (format = 'delta-varint')," /* samples.h */
    "  samples BLOB NOT NULL"
    ") STRICT;"

    "CREATE TABLE estimate ("
    "  platform_id INTEGER NOT NULL REFERENCES platform,"
    "  block_id INTEGER NOT NULL REFERENCES block,"
    "  median_ns INTEGER NOT NULL CHECK (median_ns > 0),"
    "  lo_ns INTEGER CHECK (lo_ns BETWEEN 0 AND median_ns),"
    "  hi_ns INTEGER CHECK (hi_ns >= median_ns),"
    "  source TEXT NOT NULL"
    "    CHECK (source IN ('measured', 'imported', 'interpolated', 'transferred')),"
    "  quality TEXT NOT NULL CHECK (quality IN ('ok', 'noisy', 'throttled', 'bimodal')),"
    "  run_id INTEGER NOT NULL,"
    "  updated_unix_ns INTEGER NOT NULL CHECK (updated_unix_ns > 0),"
    "  PRIMARY KEY (platform_id, block_id),"
    "  FOREIGN KEY (run_id, platform_id) REFERENCES run (id, platform_id)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE import_source ("
    "  run_id INTEGER PRIMARY KEY REFERENCES run,"
    "  file TEXT NOT NULL,"
    "  sha256 TEXT NOT NULL CHECK (length(sha256) = 64),"
    "  format TEXT NOT NULL,"
    "  unit TEXT NOT NULL,"
    "  rows INTEGER NOT NULL CHECK (rows > 0)"
    ") STRICT;";

const onp_sql_schema onp_table_schema = {
    .what = "latency table",
    .application_id = 0x6f6e704c, /* "onpL" */
    .version = ONP_TABLE_VERSION,
    .ddl = ddl,
};
