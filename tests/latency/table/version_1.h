/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of schema version 1 as they were, and some rows, for the test that brings one to the
 * present. Do not follow schema.c here.
 */
#ifndef ONP_TESTS_LATENCY_TABLE_VERSION_1_H
#define ONP_TESTS_LATENCY_TABLE_VERSION_1_H

static const char *const version_1[] = {
    ("CREATE TABLE device ("
     "  id INTEGER PRIMARY KEY,"
     "  name TEXT NOT NULL UNIQUE CHECK (length(name) > 0)"
     ") STRICT;"),
    ("CREATE TABLE platform ("
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
     ") STRICT;"),
    ("CREATE TABLE run ("
     "  id INTEGER PRIMARY KEY,"
     "  platform_id INTEGER NOT NULL REFERENCES platform,"
     "  tool_version TEXT,"
     "  build TEXT,"
     "  os TEXT,"
     "  target TEXT,"
     "  command TEXT,"
     "  settings TEXT,"
     "  seed INTEGER,"
     "  started_unix_ns INTEGER NOT NULL CHECK (started_unix_ns > 0),"
     "  ended_unix_ns INTEGER CHECK (ended_unix_ns > 0),"
     "  status TEXT NOT NULL CHECK (status IN ('running', 'done', 'failed', 'interrupted')),"
     "  UNIQUE (id, platform_id),"
     "  CHECK ((status = 'running') = (ended_unix_ns IS NULL))"
     ") STRICT;"),
    ("CREATE TABLE block ("
     "  id INTEGER PRIMARY KEY,"
     "  key TEXT NOT NULL UNIQUE CHECK (length(key) > 0)"
     ") STRICT;"),
    ("CREATE TABLE measurement ("
     "  id INTEGER PRIMARY KEY,"
     "  run_id INTEGER NOT NULL REFERENCES run,"
     "  block_id INTEGER REFERENCES block,"
     "  network TEXT CHECK (length(network) = 64),"
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
     "  normalized_median_ns INTEGER CHECK (normalized_median_ns > 0),"
     "  clock_khz INTEGER CHECK (clock_khz > 0),"
     "  quality TEXT NOT NULL"
     "    CHECK (quality IN ('ok', 'noisy', 'throttled', 'bimodal', 'failed')),"
     "  reason TEXT,"
     "  CHECK ((block_id IS NULL) <> (network IS NULL)),"
     "  CHECK (quality = 'failed' OR (n > 0 AND coalesce(median_ns, mean_ns) IS NOT NULL))"
     ") STRICT;"
     "CREATE INDEX measurement_run ON measurement (run_id);"
     "CREATE INDEX measurement_block ON measurement (block_id);"),
    ("CREATE TABLE sample ("
     "  measurement_id INTEGER PRIMARY KEY REFERENCES measurement ON DELETE CASCADE,"
     "  n INTEGER NOT NULL CHECK (n > 0),"
     "  format TEXT NOT NULL CHECK (format = 'delta-varint'),"
     "  samples BLOB NOT NULL"
     ") STRICT;"),
    ("CREATE TABLE estimate ("
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
     ") STRICT, WITHOUT ROWID;"),
    ("CREATE TABLE import_source ("
     "  run_id INTEGER PRIMARY KEY REFERENCES run,"
     "  file TEXT NOT NULL,"
     "  sha256 TEXT NOT NULL CHECK (length(sha256) = 64),"
     "  format TEXT NOT NULL,"
     "  unit TEXT NOT NULL,"
     "  rows INTEGER NOT NULL CHECK (rows > 0)"
     ") STRICT;"),
    ("PRAGMA application_id = 0x6f6e704c; PRAGMA user_version = 1"),
    ("INSERT INTO device VALUES (1, 'd');"
     "INSERT INTO platform (id, signature, device_id, backend, cache_mode)"
     " VALUES (1, hex(zeroblob(32)), 1, 'onepath', 'isolated');"
     "INSERT INTO run (id, platform_id, started_unix_ns, ended_unix_ns, status)"
     " VALUES (1, 1, 5, 6, 'done')"),
    ("INSERT INTO block VALUES (1, 'mbconv in=56x56x24 out=28x28x40 k=5 e=3 s=2 skip=0'),"
     " (2, 'mix in=7x7x320 out=7x7x1280');"
     "INSERT INTO measurement (id, run_id, block_id, network, measured_unix_ns, n, n_rejected,"
     " median_ns, cv, quality) VALUES (1, 1, 1, NULL, 5, 3, 0, 70, 0.5, 'ok'),"
     " (2, 1, 2, NULL, 5, 3, 1, 80, 0.25, 'noisy'),"
     " (3, 1, NULL, hex(zeroblob(32)), 5, 3, 0, 150, 0, 'ok')"),
    ("INSERT INTO sample VALUES (1, 3, 'delta-varint', x'0C0000'),"
     " (3, 3, 'delta-varint', x'0E0000')"),
    ("INSERT INTO estimate VALUES (1, 1, 70, 69, 71, 'measured', 'ok', 1, 5),"
     " (1, 2, 80, NULL, NULL, 'interpolated', 'noisy', 1, 6)"),
    ("INSERT INTO import_source VALUES (1, 'f', hex(zeroblob(32)), 'csv', 'ms', 2)"),
};

#endif
