/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a network answered on the test set, into the database of its run.
 *
 *     ONP_TRY(onp_record_test(db, tick, &feed.test, feed.test_list, &tally, score.loss, err));
 */
#ifndef ONP_SEARCH_RECORD_H
#define ONP_SEARCH_RECORD_H

#include "data/dataset.h"
#include "search/rundb.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The mean loss, the classes, the confusion matrix and the worst images with their pictures, all
 * of it or nothing. tally: over the images of the list (NULL: of ds), numbered by their place in
 * it. Errors: those of the database, ONP_E_NOMEM. */
onp_status onp_record_test(onp_rundb *db, int64_t tick, const onp_dataset *ds, const int64_t *list,
                           const onp_tally *tally, double loss, onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
