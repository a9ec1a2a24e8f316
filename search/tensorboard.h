/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event files for TensorBoard: what a run writes into run.db, as scalars. Metrics are PHASE/NAME
 * ("search/train_loss"), the probabilities of candidates p/POSITION/NAME ("p/05/3x3e6"); the step
 * is the tick.
 *
 *     ONP_TRY(onp_tensorboard_open(ctx, "board", db, tick, &board, err));
 *     ONP_TRY_GOTO(onp_tensorboard_update(board, err));   // after each epoch
 *   done:
 *     onp_tensorboard_close(board);
 *
 * Each start of a run is a file of its own, which begins with the step from which it replaces what
 * the files before it say: steps after the checkpoint are not shown twice. A record is
 *
 *     length: u64, masked CRC32C of it: u32, an Event (protocol buffers), masked CRC32C of it: u32
 *
 * in little endian.
 */
#ifndef ONP_SEARCH_TENSORBOARD_H
#define ONP_SEARCH_TENSORBOARD_H

#include "search/rundb.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_tensorboard onp_tensorboard;

/*
 * Begins a file in dir, which is made. tick: of the checkpoint that the run goes on from, -1: none.
 * In a folder with event files the file continues them, with rows written from now on; else all
 * rows of db come first. db: borrowed until close. Errors: ONP_E_IO, ONP_E_RANGE (the name is too
 * long), ONP_E_NOMEM, those of the database.
 */
onp_status onp_tensorboard_open(const onp_context *ctx, const char *dir, onp_rundb *db,
                                int64_t tick, onp_tensorboard **out, onp_error *err) ONP_MUST_USE;
/* Writes the rows that db has got since. board may be NULL: nothing. Errors: ONP_E_IO, ONP_E_NOMEM,
 * those of the database. */
onp_status onp_tensorboard_update(onp_tensorboard *board, onp_error *err) ONP_MUST_USE;
void onp_tensorboard_close(onp_tensorboard *board); /* NULL allowed */

#ifdef __cplusplus
}
#endif
#endif
