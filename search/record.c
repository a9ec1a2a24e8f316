/* SPDX-License-Identifier: Apache-2.0 */
#include "search/record.h"

#include "data/png.h"

static onp_status add_worst(onp_rundb *db, int64_t tick, const onp_dataset *ds, const int64_t *list,
                            const onp_tally *t, onp_error *err)
{
    for (int i = 0; i < t->n_worst; i++) {
        uint8_t *png = NULL;
        size_t size = 0;
        const int64_t image = t->worst[i].image;
        ONP_TRY(onp_png_write(ds, list != NULL ? list[image] : image, &png, &size, err));
        onp_status st = onp_rundb_worst_image(db, tick, i + 1, &t->worst[i], png, size, err);
        onp_free(ds->ctx, png);
        ONP_TRY(st);
    }
    return ONP_OK;
}

static onp_status add_all(onp_rundb *db, int64_t tick, const onp_dataset *ds, const int64_t *list,
                          const onp_tally *t, double loss, onp_error *err)
{
    const int32_t n = t->n_classes;
    ONP_TRY(onp_rundb_metric(db, tick, "result", 0, "test_loss", loss, err));
    for (int32_t k = 0; k < n; k++)
        ONP_TRY(onp_rundb_class(db, tick, k, ds->class_names[k], err));
    for (int32_t i = 0; t->confusion != NULL && i < n * n; i++)
        if (t->confusion[i] > 0)
            ONP_TRY(onp_rundb_confusion(db, tick, i / n, i % n, t->confusion[i], err));
    return add_worst(db, tick, ds, list, t, err);
}

onp_status onp_record_test(onp_rundb *db, int64_t tick, const onp_dataset *ds, const int64_t *list,
                           const onp_tally *tally, double loss, onp_error *err)
{
    ONP_TRY(onp_rundb_begin(db, err));
    onp_status st = add_all(db, tick, ds, list, tally, loss, err);
    if (st == ONP_OK)
        st = onp_rundb_commit(db, err);
    onp_rundb_rollback(db); /* nothing to do once it is committed */
    return st;
}
