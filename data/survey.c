/* SPDX-License-Identifier: Apache-2.0 */
#include "data/survey.h"

#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "data/image_tree.h"
#include "data/layout.h"

#define MAX_BAD_LINES 5

static onp_status no_memory(onp_error *err)
{
    return onp_fail(err, ONP_E_NOMEM, "out of memory to look at the images");
}

/* ---- sizes ---- */

/* Of all readable images so far. */
typedef struct sizes {
    int64_t *h, *w, *shorter; /* (n) */
    size_t n, cap[3];
} sizes;

static onp_status add_size(onp_survey *s, sizes *z, int64_t h, int64_t w, int c, onp_error *err)
{
    ONP_TRY(onp_grow(s->ctx, (void **)&z->h, &z->cap[0], z->n + 1, sizeof *z->h, err));
    ONP_TRY(onp_grow(s->ctx, (void **)&z->w, &z->cap[1], z->n + 1, sizeof *z->w, err));
    ONP_TRY(onp_grow(s->ctx, (void **)&z->shorter, &z->cap[2], z->n + 1, sizeof *z->shorter, err));
    z->h[z->n] = h;
    z->w[z->n] = w;
    z->shorter[z->n++] = h < w ? h : w;
    s->n_grey += c == 1;
    return ONP_OK;
}

static int compare(const void *a_, const void *b_)
{
    const int64_t a = *(const int64_t *)a_, b = *(const int64_t *)b_;
    return (a > b) - (a < b);
}

static int64_t median(int64_t *x, size_t n)
{
    qsort(x, n, sizeof *x, compare);
    return x[n / 2];
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void summarise(onp_survey *s, const sizes *z)
{
    const size_t last = z->n - 1;
    s->short_side = median(z->shorter, z->n);
    s->h = median(z->h, z->n); /* sorted from here on */
    s->w = median(z->w, z->n);
    s->least_side = smaller(z->h[0], z->w[0]);
    s->most_side = -smaller(-z->h[last], -z->w[last]);
    s->one_size = z->h[0] == z->h[last] && z->w[0] == z->w[last];
}

/* ---- image folders ---- */

typedef struct headers {
    const onp_image_tree *tree;
    onp_image_shape *shapes; /* (tree->n); c is 0 where the header cannot be read */
} headers;

static onp_status measure(const onp_image_tree *tree, size_t i, onp_image_shape *out,
                          onp_error *err)
{
    char name[PATH_MAX];
    onp_mapped_file map;
    onp_image_file file;
    ONP_TRY(onp_image_tree_open(tree, i, name, &map, &file, err));
    const onp_status st = onp_image_measure(&file, out, err);
    onp_file_unmap(&map);
    return st;
}

static void measure_tile(void *arg, int64_t tile, int thread)
{
    (void)thread;
    const headers *h = arg;
    onp_image_shape *shape = &h->shapes[tile];
    if (measure(h->tree, (size_t)tile, shape, NULL) != ONP_OK)
        *shape = (onp_image_shape){0};
}

/* Image i is read again for what is wrong with it. It may be nothing that lasts: *shape is then
 * its. */
static onp_status take_bad(onp_survey *s, const onp_image_tree *tree, size_t i, bool skip_bad,
                           onp_image_shape *shape, onp_error *err)
{
    onp_error why = {0};
    const onp_status st = measure(tree, i, shape, &why);
    if (st == ONP_OK)
        return ONP_OK;
    *shape = (onp_image_shape){0};
    if (st != ONP_E_FORMAT)
        return onp_fail(err, st, "%s", why.msg);
    if (!skip_bad)
        return onp_fail(err, st, "%s (--skip-bad leaves such files out)", why.msg);
    if (s->n_bad++ < MAX_BAD_LINES)
        onp_strbuf_addf(&s->bad, "%s\n", why.msg);
    return ONP_OK;
}

static onp_status count(onp_survey *s, const headers *h, bool is_test, bool skip_bad, sizes *z,
                        onp_error *err)
{
    for (size_t i = 0; i < h->tree->n; i++) {
        onp_image_shape *shape = &h->shapes[i];
        onp_survey_class *k = &s->classes[h->tree->entries[i].label];
        if (shape->c == 0)
            ONP_TRY(take_bad(s, h->tree, i, skip_bad, shape, err));
        if (shape->c == 0)
            continue;
        ONP_TRY(add_size(s, z, shape->h, shape->w, shape->c, err));
        *(is_test ? &k->n_test : &k->n_train) += 1;
        *(is_test ? &s->n_test : &s->n_train) += 1;
    }
    return ONP_OK;
}

static onp_status make_classes(onp_survey *s, int64_t n, onp_error *err)
{
    s->classes = onp_alloc(s->ctx, (size_t)n, sizeof *s->classes);
    if (s->classes == NULL)
        return no_memory(err);
    s->n_classes = (int32_t)n;
    return ONP_OK;
}

static onp_status name_class(onp_survey *s, int32_t label, const char *name, onp_error *err)
{
    if (s->classes[label].name == NULL)
        s->classes[label].name = onp_strdup(s->ctx, name);
    return s->classes[label].name != NULL ? ONP_OK : no_memory(err);
}

static onp_status name_classes(onp_survey *s, const onp_image_tree *tree, onp_error *err)
{
    if (tree->n_classes < 2 || tree->n_classes > ONP_DATA_MAX_CLASSES)
        return onp_fail(err, ONP_E_FORMAT, "%s: has %lld class%s (%s), wanted 2..%d", s->train,
                        (long long)tree->n_classes, tree->n_classes == 1 ? "" : "es",
                        tree->entries[0].class_name, ONP_DATA_MAX_CLASSES);
    ONP_TRY(make_classes(s, tree->n_classes, err));
    for (size_t i = 0; i < tree->n; i++)
        ONP_TRY(name_class(s, tree->entries[i].label, tree->entries[i].class_name, err));
    return ONP_OK;
}

/* Classes to test are those to train. */
static onp_status check_classes(const onp_survey *s, const onp_image_tree *tree, onp_error *err)
{
    int32_t seen = -1;
    for (size_t i = 0; i < tree->n; i++) {
        const onp_image_entry *e = &tree->entries[i];
        if (e->label == seen)
            continue;
        seen = e->label;
        if (seen >= s->n_classes || strcmp(s->classes[seen].name, e->class_name) != 0)
            return onp_fail(err, ONP_E_FORMAT,
                            "%s: its class %d is %s, of %s it is %s: wanted the same classes",
                            s->test, seen + 1, e->class_name, s->train,
                            seen < s->n_classes ? s->classes[seen].name : "none");
    }
    if (tree->n_classes != s->n_classes)
        return onp_fail(err, ONP_E_FORMAT, "%s: has no class %s, wanted those of %s", s->test,
                        s->classes[tree->n_classes].name, s->train);
    return ONP_OK;
}

static onp_status look_at_tree(onp_survey *s, const onp_image_tree *tree, bool is_test,
                               bool skip_bad, sizes *z, onp_error *err)
{
    ONP_TRY(is_test ? check_classes(s, tree, err) : name_classes(s, tree, err));
    headers h = {.tree = tree, .shapes = onp_alloc(s->ctx, tree->n, sizeof *h.shapes)};
    if (h.shapes == NULL)
        return no_memory(err);
    onp_parallel_for((int64_t)tree->n, measure_tile, &h);
    onp_status st = count(s, &h, is_test, skip_bad, z, err);
    onp_free(s->ctx, h.shapes);
    return st;
}

static onp_status look_at_folder(onp_survey *s, bool is_test, const char *cache_dir, bool skip_bad,
                                 sizes *z, onp_error *err)
{
    onp_image_tree tree;
    ONP_TRY(onp_image_tree_init(s->ctx, is_test ? s->test : s->train, &tree, err));
    onp_status st = onp_image_tree_list(&tree, cache_dir, err);
    if (st == ONP_E_IO) /* a folder or link that cannot be read */
        st = onp_fail_prefix(err, ONP_E_FORMAT, "%s", "");
    if (st == ONP_OK)
        st = look_at_tree(s, &tree, is_test, skip_bad, z, err);
    onp_image_tree_free(&tree);
    return st;
}

static onp_status look_at_folders(onp_survey *s, const char *cache_dir, bool skip_bad,
                                  onp_error *err)
{
    sizes z = {0};
    onp_status st = look_at_folder(s, false, cache_dir, skip_bad, &z, err);
    if (st == ONP_OK && s->test[0] != '\0')
        st = look_at_folder(s, true, cache_dir, skip_bad, &z, err);
    if (st == ONP_OK && z.n == 0)
        st = onp_fail(err, ONP_E_FORMAT, "%s: not one of its %lld files is a readable image: %s",
                      s->train, (long long)s->n_bad, s->bad.text);
    else if (st == ONP_OK)
        summarise(s, &z);
    int64_t *const all[] = {z.h, z.w, z.shorter};
    for (size_t i = 0; i < ONP_COUNT(all); i++)
        if (all[i] != NULL)
            onp_free(s->ctx, all[i]);
    return st;
}

/* ---- IDX and CIFAR: their pack files say it ---- */

static onp_status look_at_set(onp_survey *s, const onp_dataset *ds, bool is_test, onp_error *err)
{
    if (!is_test)
        ONP_TRY(make_classes(s, ds->n_classes, err));
    for (int32_t k = 0; k < s->n_classes; k++)
        ONP_TRY(name_class(s, k, ds->class_names[k], err));
    for (int64_t i = 0; i < ds->n; i++) {
        onp_survey_class *k = &s->classes[ds->labels[i]];
        *(is_test ? &k->n_test : &k->n_train) += 1;
    }
    *(is_test ? &s->n_test : &s->n_train) = ds->n;
    s->n_grey += ds->c == 1 ? ds->n : 0;
    s->h = ds->h;
    s->w = ds->w;
    s->least_side = s->short_side = smaller(ds->h, ds->w);
    s->most_side = -smaller(-ds->h, -ds->w);
    s->one_size = true;
    return ONP_OK;
}

static onp_status look_at_packed(onp_survey *s, const char *cache_dir, onp_error *err)
{
    for (int part = 0; part < 2; part++) {
        const onp_source source = {.format = s->format,
                                   .part = part == 0 ? ONP_PART_TRAIN : ONP_PART_TEST,
                                   .path = part == 0 ? s->train : s->test,
                                   .cache_dir = cache_dir,
                                   .n_classes = part == 0 ? 0 : s->n_classes};
        onp_dataset ds;
        ONP_TRY(onp_dataset_open(s->ctx, &source, &ds, err));
        onp_status st = look_at_set(s, &ds, part == 1, err);
        onp_dataset_close(&ds);
        ONP_TRY(st);
    }
    return ONP_OK;
}

/* ---- all ---- */

static void take_layout(onp_survey *s, const onp_layout *found)
{
    s->format = found->format;
    s->test_has_no_labels = found->test_has_no_labels;
    memcpy(s->train, found->train, sizeof s->train);
    memcpy(s->test, found->test, sizeof s->test);
    memcpy(s->unused, found->unused, sizeof s->unused);
}

onp_status onp_survey_take(const onp_context *ctx, const char *path, const char *cache_dir,
                           bool skip_bad, onp_survey *out, onp_error *err)
{
    onp_layout found;
    onp_survey s = {.ctx = ctx};
    *out = (onp_survey){0};
    ONP_TRY(onp_layout_find(ctx, path, &found, err));
    ONP_TRY(onp_dir_make(cache_dir, err));
    take_layout(&s, &found);
    onp_strbuf_init(&s.bad, ctx);
    onp_status st = strcmp(s.format, "image-folder") == 0
                        ? look_at_folders(&s, cache_dir, skip_bad, err)
                        : look_at_packed(&s, cache_dir, err);
    if (st == ONP_OK)
        st = onp_strbuf_status(&s.bad, err);
    if (st == ONP_OK)
        *out = s;
    else
        onp_survey_free(&s);
    return st;
}

void onp_survey_free(onp_survey *s)
{
    for (int32_t k = 0; k < s->n_classes; k++)
        if (s->classes[k].name != NULL)
            onp_free(s->ctx, s->classes[k].name);
    if (s->classes != NULL)
        onp_free(s->ctx, s->classes);
    onp_strbuf_reset(&s->bad);
    *s = (onp_survey){0};
}
