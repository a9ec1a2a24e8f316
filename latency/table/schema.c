/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/schema.h"

/*
 * Times are integer nanoseconds, dates are nanoseconds since 1970 (UTC). NULL is unknown.
 * A measurement is never overwritten; an estimate is what a search reads, one for each platform and
 * block, and its run belongs to its platform.
 */
static const char version_1[] =
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
    "  normalized_median_ns INTEGER CHECK (normalized_median_ns > 0)," /* at the core's top clock
                                                                        */
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

static const char version_2_measurements[] =
    "ALTER TABLE measurement ADD COLUMN mode TEXT"
    "  CHECK (mode IN ('isolated', 'chain', 'difference'));" /* of a block; a network: NULL */
    "ALTER TABLE measurement ADD COLUMN pass INTEGER CHECK (pass > 0);"
    "ALTER TABLE measurement ADD COLUMN seq INTEGER CHECK (seq > 0);" /* its place in the run */
    "ALTER TABLE measurement ADD COLUMN n_paths INTEGER CHECK (n_paths > 0);"
    "ALTER TABLE measurement ADD COLUMN overhead_ns REAL CHECK (overhead_ns >= 0);"
    "ALTER TABLE measurement ADD COLUMN clock_min_khz INTEGER CHECK (clock_min_khz > 0);"
    "ALTER TABLE measurement ADD COLUMN temperature_before_mc INTEGER;" /* 1/1000 degree C */
    "ALTER TABLE measurement ADD COLUMN temperature_after_mc INTEGER;"
    "ALTER TABLE measurement ADD COLUMN cores TEXT;" /* that it ran on: "4-7" */
    "CREATE INDEX measurement_network ON measurement (network);"
    "UPDATE measurement SET mode = (SELECT p.cache_mode FROM run r JOIN platform p"
    "  ON p.id = r.platform_id WHERE r.id = run_id AND p.cache_mode IN ('isolated', 'chain'))"
    "  WHERE block_id IS NOT NULL;"

    "ALTER TABLE sample ADD COLUMN clocks BLOB;" /* kHz, 1/1000 degree C; coded as samples */
    "ALTER TABLE sample ADD COLUMN temperatures BLOB;"
    "ALTER TABLE sample ADD COLUMN n_groups INTEGER CHECK (n_groups > 0);"
    "ALTER TABLE sample ADD COLUMN stamps BLOB;"; /* ns, [group][sample]; coded as samples */

static const char version_2_tables[] =
    /* one graph that is measured again and again in a run, by which its drift is seen */
    "CREATE TABLE sentinel ("
    "  run_id INTEGER NOT NULL REFERENCES run,"
    "  seq INTEGER NOT NULL CHECK (seq > 0),"      /* when in the run, as measurement.seq */
    "  key TEXT NOT NULL CHECK (length(key) > 0)," /* a block's, or a network's hash */
    "  measured_unix_ns INTEGER NOT NULL CHECK (measured_unix_ns > 0),"
    "  median_ns INTEGER NOT NULL CHECK (median_ns > 0),"
    "  clock_khz INTEGER CHECK (clock_khz > 0),"
    "  PRIMARY KEY (run_id, seq)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE network ("
    "  hash TEXT PRIMARY KEY CHECK (length(hash) = 64),"
    "  encoding TEXT NOT NULL CHECK (length(encoding) > 0)," /* JSON array of its block keys */
    "  space TEXT"
    ") STRICT, WITHOUT ROWID;"

    /* a predictor that was fitted: what rows of it are made of, and how good it was */
    "CREATE TABLE model ("
    "  id INTEGER PRIMARY KEY,"
    "  platform_id INTEGER NOT NULL REFERENCES platform,"
    "  kind TEXT NOT NULL CHECK (length(kind) > 0),"
    "  params TEXT,"
    "  trained_on INTEGER NOT NULL CHECK (trained_on > 0)," /* rows */
    "  loo_mape REAL CHECK (loo_mape >= 0),"                /* shares, as all below */
    "  loo_within10 REAL CHECK (loo_within10 BETWEEN 0 AND 1),"
    "  coverage95 REAL CHECK (coverage95 BETWEEN 0 AND 1),"
    "  created_unix_ns INTEGER NOT NULL CHECK (created_unix_ns > 0),"
    "  UNIQUE (id, platform_id)"
    ") STRICT;"

    /* network = a * sum of rows + b * blocks + c; the newest of a platform that holds is in force
     */
    "CREATE TABLE calibration ("
    "  id INTEGER PRIMARY KEY,"
    "  platform_id INTEGER NOT NULL REFERENCES platform,"
    "  run_id INTEGER," /* that measured the networks; NULL: several */
    "  a REAL NOT NULL,"
    "  b_ns REAL NOT NULL,"
    "  c_ns REAL NOT NULL,"
    "  residual_sd REAL NOT NULL CHECK (residual_sd >= 0),"
    "  half95 REAL NOT NULL CHECK (half95 >= 0),"
    "  n INTEGER NOT NULL CHECK (n > 0),"
    "  mape_before REAL NOT NULL,"
    "  mape_after REAL NOT NULL," /* of the networks fitted to, each left out in turn */
    "  within5 REAL NOT NULL,"
    "  within10 REAL NOT NULL,"
    "  spearman REAL NOT NULL,"
    "  created_unix_ns INTEGER NOT NULL CHECK (created_unix_ns > 0),"
    "  FOREIGN KEY (run_id, platform_id) REFERENCES run (id, platform_id)"
    ") STRICT;"
    "CREATE INDEX calibration_platform ON calibration (platform_id);"

    /* the evidence: a network, predicted and measured */
    "CREATE TABLE validation ("
    "  id INTEGER PRIMARY KEY,"
    "  run_id INTEGER NOT NULL,"
    "  platform_id INTEGER NOT NULL,"
    "  network TEXT NOT NULL CHECK (length(network) = 64),"
    "  part TEXT NOT NULL CHECK (part IN ('calibration', 'test')),"
    "  sum_ns INTEGER NOT NULL CHECK (sum_ns > 0)," /* of the rows */
    "  predicted_ns INTEGER NOT NULL,"
    "  lo_ns INTEGER,"
    "  hi_ns INTEGER,"
    "  measured_ns INTEGER NOT NULL CHECK (measured_ns > 0),"
    "  repeated_ns INTEGER CHECK (repeated_ns > 0)," /* measured once more */
    "  measurement_id INTEGER REFERENCES measurement,"
    "  UNIQUE (run_id, network),"
    "  FOREIGN KEY (run_id, platform_id) REFERENCES run (id, platform_id)"
    ") STRICT;";

static const char version_2_estimates[] =
    /* a CHECK cannot be changed in place */
    "ALTER TABLE estimate RENAME TO estimate_1;"
    "CREATE TABLE estimate ("
    "  platform_id INTEGER NOT NULL REFERENCES platform,"
    "  block_id INTEGER NOT NULL REFERENCES block,"
    "  median_ns INTEGER NOT NULL CHECK (median_ns > 0),"
    "  lo_ns INTEGER CHECK (lo_ns BETWEEN 0 AND median_ns),"
    "  hi_ns INTEGER CHECK (hi_ns >= median_ns),"
    "  source TEXT NOT NULL CHECK (source IN"
    "    ('measured', 'imported', 'interpolated', 'modelled', 'transferred')),"
    "  method TEXT,"
    "  model_id INTEGER,"
    "  quality TEXT NOT NULL CHECK (quality IN ('ok', 'noisy', 'throttled', 'bimodal')),"
    "  run_id INTEGER NOT NULL,"
    "  updated_unix_ns INTEGER NOT NULL CHECK (updated_unix_ns > 0),"
    "  stale_reason TEXT CHECK (length(stale_reason) > 0)," /* NULL: fresh */
    "  PRIMARY KEY (platform_id, block_id),"
    "  FOREIGN KEY (run_id, platform_id) REFERENCES run (id, platform_id),"
    "  FOREIGN KEY (model_id, platform_id) REFERENCES model (id, platform_id)"
    ") STRICT, WITHOUT ROWID;"
    "INSERT INTO estimate (platform_id, block_id, median_ns, lo_ns, hi_ns, source, quality,"
    "  run_id, updated_unix_ns) SELECT platform_id, block_id, median_ns, lo_ns, hi_ns, source,"
    "  quality, run_id, updated_unix_ns FROM estimate_1;"
    "DROP TABLE estimate_1;";

static const char version_3[] =
    /* sums of the networks of a calibration, the least and the greatest; NULL: not known */
    "ALTER TABLE calibration ADD COLUMN lo_ns REAL CHECK (lo_ns > 0);"
    "ALTER TABLE calibration ADD COLUMN hi_ns REAL CHECK (hi_ns >= lo_ns);";

static const onp_sql_script scripts[] = {
    {1, version_1}, {2, version_2_measurements}, {2, version_2_tables}, {2, version_2_estimates},
    {3, version_3},
};

const onp_sql_schema onp_table_schema = {
    .what = "latency table",
    .application_id = 0x6f6e704c, /* "onpL" */
    .version = ONP_TABLE_VERSION,
    .scripts = scripts,
    .n_scripts = ONP_COUNT(scripts),
};
