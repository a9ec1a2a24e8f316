/* SPDX-License-Identifier: Apache-2.0 */
/* Image folders and archives of them: order, labels, what is refused, and CIFAR-10 where present.
 */
#include "tests/test_support.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "base/file.h"
#include "data/prepare.h"
#include "tests/data/image_support.h"

#define W 6
#define H 5

/* One file of the test's folder: a flat image of one colour, or what else `text` says. */
typedef struct item {
    const char *name; /* "class/file"; a folder when it ends in '/' */
    uint8_t colour[3];
    char kind; /* p: PNG, j: JPEG, g: grey PNG, w: wider PNG, t: text, l: link to text */
    const char *text;
} item;

/* Out of order, as folders and archives give them. "a-b" sorts behind "a", though '-' sorts before
 * '/'; capitals sort before. */
static const item items[] = {{.name = "b/2.png", .colour = {50, 51, 52}, .kind = 'p'},
                             {.name = "README", .kind = 't', .text = "not a class"},
                             {.name = "a-b/x.jpg", .colour = {200, 100, 50}, .kind = 'j'},
                             {.name = "b/", .kind = 'd'},
                             {.name = "a/10.png", .colour = {10, 11, 12}, .kind = 'p'},
                             {.name = "a/9.png", .colour = {90, 90, 90}, .kind = 'g'},
                             {.name = "b/1.png", .colour = {40, 41, 42}, .kind = 'p'},
                             {.name = "b/.hidden", .kind = 't', .text = "passed over"},
                             {.name = "b/Thumbs.db", .kind = 't', .text = "too"},
                             {.name = "__MACOSX/b/x.png", .kind = 't', .text = "and this"},
                             {.name = "B/7.png", .colour = {70, 71, 72}, .kind = 'p'}};
enum { N_ITEMS = sizeof items / sizeof items[0], N_IMAGES = 6 };

typedef struct fixture {
    char dir[ONP_TEST_PATH], cache[ONP_TEST_PATH], folder[ONP_TEST_PATH], archive[ONP_TEST_PATH];
} fixture;

/* ---- making ---- */

static image_bytes make_file(const item *it)
{
    uint8_t pixels[H * (W + 1) * 3];
    const int channels = it->kind == 'g' ? 1 : 3, w = it->kind == 'w' ? W + 1 : W;
    if (it->kind == 't') {
        image_bytes text = {(uint8_t *)strdup(it->text), strlen(it->text)};
        return text;
    }
    for (int i = 0; i < H * w * channels; i++)
        pixels[i] = it->colour[i % channels];
    if (it->kind == 'j')
        return jpeg_make(pixels, w, H, JCS_RGB, JPEG_BASELINE);
    return png_make(pixels, w, H, channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, 8,
                    false, false);
}

static void write_item(const char *folder, const item *it)
{
    char path[ONP_TEST_PATH], above[ONP_TEST_PATH];
    onp_test_path(path, folder, it->name);
    assert_int_equal(onp_path_dir(above, sizeof above, path, NULL), ONP_OK);
    assert_int_equal(onp_dir_make(above, NULL), ONP_OK);
    if (it->kind == 'd') {
        assert_int_equal(onp_dir_make(path, NULL), ONP_OK);
        return;
    }
    image_bytes bytes = make_file(it);
    onp_test_write(path, bytes.data, bytes.size);
    free(bytes.data);
}

static void add_entry(struct archive *tar, const char *prefix, const item *it)
{
    char name[ONP_TEST_PATH];
    image_bytes bytes = {0};
    struct archive_entry *entry = archive_entry_new();
    (void)snprintf(name, sizeof name, "%s%s", prefix, it->name);
    archive_entry_set_pathname(entry, name);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_filetype(entry, it->kind == 'd' ? AE_IFDIR : AE_IFREG);
    if (it->kind == 'l')
        archive_entry_set_hardlink(entry, it->text);
    else if (it->kind != 'd')
        bytes = make_file(it);
    archive_entry_set_size(entry, (la_int64_t)bytes.size);
    assert_int_equal(archive_write_header(tar, entry), ARCHIVE_OK);
    if (bytes.size > 0)
        assert_int_equal(archive_write_data(tar, bytes.data, bytes.size), bytes.size);
    archive_entry_free(entry);
    free(bytes.data);
}

static struct archive *start_archive(const char *path)
{
    struct archive *tar = archive_write_new();
    assert_int_equal(archive_write_add_filter_gzip(tar), ARCHIVE_OK);
    assert_int_equal(archive_write_set_format_pax_restricted(tar), ARCHIVE_OK);
    assert_int_equal(archive_write_open_filename(tar, path), ARCHIVE_OK);
    return tar;
}

static void end_archive(struct archive *tar)
{
    assert_int_equal(archive_write_close(tar), ARCHIVE_OK);
    assert_int_equal(archive_write_free(tar), ARCHIVE_OK);
}

/* The items below each of the prefixes, then one item more (may be NULL). */
static void write_archive(const char *path, const char *const *prefixes, size_t n_prefixes,
                          const item *more)
{
    struct archive *tar = start_archive(path);
    for (size_t p = 0; p < n_prefixes; p++) {
        for (int i = 0; i < N_ITEMS; i++)
            add_entry(tar, prefixes[p], &items[i]);
        if (more != NULL)
            add_entry(tar, prefixes[p], more);
    }
    end_archive(tar);
}

static int setup(void **state)
{
    static fixture f;
    onp_test_dir_make(f.dir);
    onp_test_path(f.cache, f.dir, "cache");
    onp_test_path(f.folder, f.dir, "images");
    onp_test_path(f.archive, f.dir, "images.tar.gz");
    for (int i = 0; i < N_ITEMS; i++)
        write_item(f.folder, &items[i]);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    onp_test_dir_remove(((fixture *)*state)->dir);
    return 0;
}

/* ---- checking ---- */

static onp_source source_of(const fixture *f, const char *path)
{
    return (onp_source){.format = "image-folder", .path = path, .cache_dir = f->cache};
}

static int files_in(const char *dir)
{
    int n = 0;
    DIR *d = opendir(dir);
    if (d == NULL)
        return 0;
    for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d))
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n;
}

/* Opens and checks the images of `items`; the hash goes into hash (may be NULL). */
static void check_items(const fixture *f, const char *path, char hash[ONP_SHA256_HEX])
{
    static const char *const classes[] = {"B", "a", "a-b", "b"};
    static const int labels[N_IMAGES] = {0, 1, 1, 2, 3, 3};
    static const uint8_t colours[N_IMAGES][3] = {{70, 71, 72},   {10, 11, 12}, {90, 90, 90},
                                                 {200, 100, 50}, {40, 41, 42}, {50, 51, 52}};
    const onp_source source = source_of(f, path);
    onp_test_memory m;
    onp_dataset ds;
    onp_error err = {0};
    onp_test_memory_init(&m, 0);
    if (onp_dataset_open(&m.ctx, &source, &ds, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(ds.n, N_IMAGES);
    assert_int_equal(ds.h, H);
    assert_int_equal(ds.w, W);
    assert_int_equal(ds.c, 3);
    assert_int_equal(ds.n_classes, ONP_COUNT(classes));
    for (int k = 0; k < ds.n_classes; k++)
        assert_string_equal(ds.class_names[k], classes[k]);
    for (int i = 0; i < N_IMAGES; i++) {
        const int slack = i == 3 ? 2 : 0; /* the JPEG */
        assert_int_equal(ds.labels[i], labels[i]);
        for (int j = 0; j < H * W * 3; j++)
            assert_in_range(ds.images[i * H * W * 3 + j] - colours[i][j % 3] + slack, 0, 2 * slack);
    }
    if (hash != NULL)
        memcpy(hash, ds.hash, ONP_SHA256_HEX);
    onp_dataset_close(&ds);
    assert_int_equal(m.n_live, 0);
}

static void check_refused(const fixture *f, const onp_source *source, onp_status status,
                          const char *text)
{
    const int before = files_in(f->cache);
    onp_test_memory m;
    onp_dataset ds;
    onp_error err = {0};
    onp_test_memory_init(&m, 0);
    const onp_status st = onp_dataset_open(&m.ctx, source, &ds, &err);
    if (st != status)
        fail_msg("%s: status %d, wanted %d (%s)", source->path, st, status, err.msg);
    onp_assert_contains(err.msg, text);
    assert_null(ds.images);
    assert_int_equal(m.n_live, 0);
    assert_int_equal(files_in(f->cache), before);
}

static void refused(const fixture *f, const char *path, const char *text)
{
    const onp_source source = source_of(f, path);
    check_refused(f, &source, ONP_E_FORMAT, text);
}

static void folder_in_order_of_names(void **state)
{
    const fixture *f = *state;
    char first[ONP_SHA256_HEX], second[ONP_SHA256_HEX], slash[ONP_TEST_PATH];
    check_items(f, f->folder, first);
    onp_test_path(slash, f->folder, "");
    check_items(f, slash, second);
    assert_string_equal(first, second);
    assert_int_equal(files_in(f->cache), 1);
}

static void archives_hold_the_same(void **state)
{
    const fixture *f = *state;
    static const char *const top[] = {""}, *const dotted[] = {"./"},
                             *const two[] = {"no/", "in/it/"};
    char inner[ONP_TEST_PATH];
    write_archive(f->archive, top, 1, NULL);
    check_items(f, f->archive, NULL);
    write_archive(f->archive, dotted, 1, NULL);
    check_items(f, f->archive, NULL);
    write_archive(f->archive, two, 2, &(item){.name = "no-class/x", .kind = 't', .text = ""});
    onp_test_path(inner, f->archive, "in/it/");
    refused(f, inner, "/images.tar.gz/in/it/no-class/x: is neither JPEG nor PNG");
    write_archive(f->archive, two, 2, NULL);
    check_items(f, inner, NULL);
    onp_test_path(inner, f->archive, "no");
    check_items(f, inner, NULL);
    onp_test_path(inner, f->archive, "n");
    refused(f, inner, "images.tar.gz: has no images CLASS/FILE in its folder n");
}

static void changed_bytes_and_names_give_another_hash(void **state)
{
    const fixture *f = *state;
    char before[ONP_SHA256_HEX], after[ONP_SHA256_HEX], from[ONP_TEST_PATH], to[ONP_TEST_PATH];
    const onp_source source = source_of(f, f->folder);
    onp_context ctx;
    onp_dataset ds;
    onp_context_init(&ctx);
    check_items(f, f->folder, before);
    write_item(f->folder, &(item){.name = "b/2.png", .colour = {50, 51, 53}, .kind = 'p'});
    assert_int_equal(onp_dataset_open(&ctx, &source, &ds, NULL), ONP_OK);
    assert_string_not_equal(ds.hash, before);
    assert_int_equal(ds.images[N_IMAGES * H * W * 3 - 1], 53);
    onp_dataset_close(&ds);
    write_item(f->folder, &items[0]);
    onp_test_path(from, f->folder, "b/2.png");
    onp_test_path(to, f->folder, "b/3.png");
    assert_int_equal(rename(from, to), 0);
    check_items(f, f->folder, after);
    assert_string_not_equal(before, after);
}

static void other_images_are_refused_by_name(void **state)
{
    const fixture *f = *state;
    static const struct {
        item it;
        const char *text;
    } cases[] = {
        {{.name = "b/5.png", .kind = 'w'},
         "/images/b/5.png: is 7 x 5 pixels (width x height), wanted 6 x 5"},
        {{.name = "b/5.txt", .kind = 't', .text = "hello"}, "/images/b/5.txt: is neither JPEG nor"},
        {{.name = "b/empty.png", .kind = 't', .text = ""}, "empty.png: is neither JPEG nor PNG (0"},
        {{.name = "c/", .kind = 'd'}, "/images: class c has no images"},
        {{.name = "b/below/", .kind = 'd'}, "/images/b/below: is not a file"}};
    static const char *const top[] = {"images/"};
    char path[ONP_TEST_PATH], inner[ONP_TEST_PATH];
    onp_test_path(inner, f->archive, "images");
    for (size_t i = 0; i < ONP_COUNT(cases); i++) {
        write_item(f->folder, &cases[i].it);
        refused(f, f->folder, cases[i].text);
        onp_test_path(path, f->folder, cases[i].it.name);
        assert_int_equal(remove(path), 0);
        write_archive(f->archive, top, 1, &cases[i].it);
        const char *said = strstr(cases[i].text, ": "); /* names begin otherwise there */
        refused(f, inner, i == 3 ? "class c has no images" : said);
    }
}

/* One in colour makes all so, wherever it stands; or what is asked for. */
static void grey_and_colour_become_one(void **state)
{
    const fixture *f = *state;
    onp_source source = source_of(f, f->folder);
    onp_context ctx;
    onp_dataset ds;
    onp_error err = {0};
    onp_context_init(&ctx);
    write_item(f->folder, &(item){.name = "A/0.png", .colour = {60}, .kind = 'g'});
    for (int channels = 0; channels <= 3; channels += 3) {
        source.channels = channels;
        assert_int_equal(onp_dataset_open(&ctx, &source, &ds, &err), ONP_OK);
        assert_int_equal(ds.n, N_IMAGES + 1);
        assert_int_equal(ds.c, 3);
        for (int i = 0; i < H * W * 3; i++) {
            assert_int_equal(ds.images[i], 60);
            assert_int_equal(ds.images[H * W * 3 + i], 70 + i % 3);
        }
        onp_dataset_close(&ds);
    }
    source.channels = 1;
    assert_int_equal(onp_dataset_open(&ctx, &source, &ds, &err), ONP_OK);
    assert_int_equal(ds.c, 1);
    for (int i = 0; i < H * W; i++) {
        assert_int_equal(ds.images[i], 60);
        assert_int_equal(ds.images[H * W + i], 71);          /* (70, 71, 72) */
        assert_in_range(ds.images[4 * H * W + i], 122, 126); /* a JPEG of (200, 100, 50): 124.2 */
    }
    onp_dataset_close(&ds);
}

/* A JPEG whose header is whole and whose pixels end early. */
static void write_short_jpeg(const fixture *f, const char *name)
{
    char path[ONP_TEST_PATH];
    image_bytes jpeg = make_file(&(item){.colour = {9, 99, 199}, .kind = 'j'});
    onp_test_path(path, f->folder, name);
    onp_test_write(path, jpeg.data, jpeg.size - 8);
    free(jpeg.data);
}

/* Found by its header or by its pixels, first or last: counted and named, also by the next one who
 * opens the pack. */
static void bad_files_are_left_out(void **state)
{
    const fixture *f = *state;
    static const char *const bad[] = {
        "/images/B/0.png: is neither JPEG nor PNG", "/images/b/9.txt: is neither JPEG nor PNG",
        "/images/a/1.jpg: JPEG: Premature end", "/images/b/8.jpg: JPEG: Premature end"};
    onp_source source = source_of(f, f->folder);
    char plain[ONP_SHA256_HEX];
    onp_context ctx;
    onp_dataset ds;
    onp_context_init(&ctx);
    check_items(f, f->folder, plain);
    write_item(f->folder, &(item){.name = "B/0.png", .kind = 't', .text = "GIF89a"});
    write_item(f->folder, &(item){.name = "b/9.txt", .kind = 't', .text = ""});
    write_short_jpeg(f, "a/1.jpg");
    write_short_jpeg(f, "b/8.jpg");
    refused(f, f->folder, bad[0]);
    source.skip_bad = true;
    for (int turn = 0; turn < 2; turn++) {
        assert_int_equal(onp_dataset_open(&ctx, &source, &ds, NULL), ONP_OK);
        assert_int_equal(ds.n, N_IMAGES);
        assert_int_equal(ds.n_classes, 4);
        assert_int_equal(ds.labels[N_IMAGES - 1], 3);
        assert_int_equal(ds.images[N_IMAGES * H * W * 3 - 1], 52);
        assert_int_equal(ds.n_skipped, ONP_COUNT(bad));
        const char *text = ds.skipped;
        for (size_t i = 0; i < ONP_COUNT(bad); i++, text += strlen(text) + 1)
            onp_assert_contains(text, bad[i]);
        assert_string_not_equal(ds.hash, plain);
        onp_dataset_close(&ds);
    }
    assert_int_equal(files_in(f->cache), 2);
}

/* A link to nothing stands for whatever the system does not open. */
static void unopened_files_are_left_out(void **state)
{
    const fixture *f = *state;
    char path[ONP_TEST_PATH];
    onp_source source = source_of(f, f->folder);
    onp_context ctx;
    onp_dataset ds;
    onp_context_init(&ctx);
    onp_test_path(path, f->folder, "a/gone.png");
    assert_int_equal(symlink("nowhere", path), 0);
    refused(f, f->folder, "/images/a/gone.png: No such file");
    source.skip_bad = true;
    assert_int_equal(onp_dataset_open(&ctx, &source, &ds, NULL), ONP_OK);
    assert_int_equal(ds.n, N_IMAGES);
    assert_int_equal(ds.n_skipped, 1);
    onp_assert_contains(ds.skipped, "/images/a/gone.png: No such file");
    onp_dataset_close(&ds);
}

static void another_size_is_no_damage(void **state)
{
    const fixture *f = *state;
    onp_source source = source_of(f, f->folder);
    source.skip_bad = true;
    write_item(f->folder, &(item){.name = "b/5.png", .kind = 'w'});
    check_refused(f, &source, ONP_E_FORMAT, "/images/b/5.png: is 7 x 5 pixels");
}

static void nothing_but_bad_files(void **state)
{
    const fixture *f = *state;
    char folder[ONP_TEST_PATH];
    onp_test_path(folder, f->dir, "bad");
    onp_source source = source_of(f, folder);
    source.skip_bad = true;
    write_item(folder, &(item){.name = "a/1.png", .kind = 't', .text = "one"});
    write_item(folder, &(item){.name = "b/2.png", .kind = 't', .text = "two"});
    check_refused(f, &source, ONP_E_FORMAT, "none of its 2 images can be read");
}

/* Each image of the pack is what the file alone becomes. */
static void images_of_any_size(void **state)
{
    const fixture *f = *state;
    static const char *const names[] = {"B/7.png", "a/10.png", "a/9.png", "a-b/x.jpg",
                                        "b/1.png", "b/2.png",  "b/5.png"};
    onp_source source = source_of(f, f->folder);
    onp_context ctx;
    onp_dataset ds;
    onp_context_init(&ctx);
    write_item(f->folder, &(item){.name = "b/5.png", .colour = {7, 80, 250}, .kind = 'w'});
    for (int fit = ONP_FIT_CROP; fit <= ONP_FIT_STRETCH; fit++)
        for (int side = 3; side <= 8; side += 5) {
            source.side = side;
            source.fit = (onp_fit)fit;
            assert_int_equal(onp_dataset_open(&ctx, &source, &ds, NULL), ONP_OK);
            assert_int_equal(ds.n, N_IMAGES + 1);
            assert_int_equal(ds.h, side);
            assert_int_equal(ds.w, side);
            for (size_t i = 0; i < ONP_COUNT(names); i++) {
                const onp_prepare how = {.side = side, .fit = (onp_fit)fit, .c = 3};
                onp_prepared one;
                char path[ONP_TEST_PATH];
                onp_test_path(path, f->folder, names[i]);
                assert_int_equal(onp_image_prepare_file(&ctx, path, &how, &one, NULL), ONP_OK);
                assert_memory_equal(one.pixels, ds.images + i * onp_dataset_image_bytes(&ds),
                                    onp_dataset_image_bytes(&ds));
                onp_prepared_free(&one);
            }
            onp_dataset_close(&ds);
        }
    assert_int_equal(files_in(f->cache), 4);
}

static void archives_with_other_entries_are_refused(void **state)
{
    const fixture *f = *state;
    static const char *const top[] = {""};
    write_archive(f->archive, top, 1, &items[0]);
    refused(f, f->archive, "images.tar.gz: has b/2.png twice");
    write_archive(f->archive, top, 1, &(item){.name = "b/6.png", .kind = 'l', .text = "b/2.png"});
    refused(f, f->archive, "images.tar.gz/b/6.png: is not a file");
    write_archive(f->archive, top, 1, &(item){.name = "b/c/6.png", .kind = 'p'});
    refused(f, f->archive, "images.tar.gz/b/c/6.png: is not a file in a class folder");
    onp_test_write(f->archive, "plain text", 10);
    refused(f, f->archive, "images.tar.gz: is neither a folder nor a .tar.gz");
}

static void paths_and_options(void **state)
{
    const fixture *f = *state;
    char path[ONP_TEST_PATH];
    onp_source source = source_of(f, NULL);
    check_refused(f, &source, ONP_E_CONFIG, "image-folder needs the path of a folder");
    onp_test_path(path, f->dir, "missing/train");
    refused(f, path, "missing/train: no such folder");
    refused(f, "missing", "missing: no such folder");
    assert_int_equal(onp_dir_make(f->cache, NULL), ONP_OK);
    onp_test_path(path, f->dir, "empty");
    assert_int_equal(onp_dir_make(path, NULL), ONP_OK);
    refused(f, path, "empty: has no images CLASS/FILE");
    source = source_of(f, f->folder);
    source.n_classes = 4;
    onp_dataset ds;
    onp_context ctx;
    onp_context_init(&ctx);
    assert_int_equal(onp_dataset_open(&ctx, &source, &ds, NULL), ONP_OK);
    onp_dataset_close(&ds);
    source.n_classes = 3;
    check_refused(f, &source, ONP_E_FORMAT, "images: has 4 class folders, wanted 3");
    source.n_classes = -1;
    check_refused(f, &source, ONP_E_CONFIG, "-1 classes");
}

/* Cut at every length. Damaged in every byte of the data: refused, or nothing of it has changed, as
 * when the byte only speaks of the code of a symbol that does not occur. */
static void damaged_archives_are_refused(void **state)
{
    const fixture *f = *state;
    static const char *const top[] = {""};
    const onp_source source = source_of(f, f->archive);
    onp_context ctx;
    char *bytes = NULL;
    size_t size = 0, n_refused = 0;
    onp_context_init(&ctx);
    assert_int_equal(onp_dir_make(f->cache, NULL), ONP_OK);
    write_archive(f->archive, top, 1, NULL);
    assert_int_equal(onp_file_read(&ctx, f->archive, ONP_MIB, &bytes, &size, NULL), ONP_OK);
    for (size_t length = 0; length < size; length++) {
        onp_test_write(f->archive, bytes, length);
        refused(f, f->archive, "images.tar.gz");
    }
    const size_t header = 10; /* holds a time */
    for (size_t i = header; i < size; i++) {
        onp_dataset ds;
        onp_error err = {0};
        bytes[i] = (char)(bytes[i] ^ 0x10);
        onp_test_write(f->archive, bytes, size);
        bytes[i] = (char)(bytes[i] ^ 0x10);
        const onp_status st = onp_dataset_open(&ctx, &source, &ds, &err);
        onp_dataset_close(&ds);
        if (st == ONP_OK) {
            check_items(f, f->archive, NULL);
            continue;
        }
        assert_int_equal(st, ONP_E_FORMAT);
        onp_assert_contains(err.msg, "images.tar.gz: ");
        n_refused++;
    }
    assert_true(n_refused > (size - header) * 9 / 10);
    onp_free(&ctx, bytes);
}

static onp_status open_fresh(const onp_context *ctx, void *arg)
{
    const onp_source *source = arg;
    onp_dataset ds;
    if (onp_file_exists(source->cache_dir))
        onp_test_dir_remove(source->cache_dir);
    const onp_status st = onp_dataset_open(ctx, source, &ds, NULL);
    onp_dataset_close(&ds);
    return st;
}

static void failing_allocations(void **state)
{
    const fixture *f = *state;
    static const char *const top[] = {""};
    onp_source source = source_of(f, f->folder);
    onp_test_each_allocation(open_fresh, &source);
    write_archive(f->archive, top, 1, NULL);
    source = source_of(f, f->archive);
    onp_test_each_allocation(open_fresh, &source);
}

static void check_cifar(const fixture *f, const char *path, int64_t n)
{
    static const char *const classes[] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                          "dog",      "frog",       "horse", "ship", "truck"};
    const onp_source source = source_of(f, path);
    onp_context ctx;
    onp_dataset ds;
    onp_error err = {0};
    onp_context_init(&ctx);
    if (onp_dataset_open(&ctx, &source, &ds, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(ds.n, n);
    assert_int_equal(ds.h, 32);
    assert_int_equal(ds.w, 32);
    assert_int_equal(ds.c, 3);
    assert_int_equal(ds.n_classes, ONP_COUNT(classes));
    for (int k = 0; k < ds.n_classes; k++)
        assert_string_equal(ds.class_names[k], classes[k]);
    for (int64_t i = 0; i < n; i++)
        assert_int_equal(ds.labels[i], i / (n / 10)); /* as many of each */
    onp_dataset_close(&ds);
}

static void cifar10(void **state)
{
    const fixture *f = *state;
    char archive[ONP_TEST_PATH], path[ONP_TEST_PATH];
    const char *shared = onp_test_shared();
    if (shared == NULL)
        skip();
    onp_test_path(archive, shared, "data/cifar10/cifar10-jpeg.tar.gz");
    if (!onp_file_exists(archive)) {
        printf("SKIPPED: no CIFAR-10 at %s\n", archive);
        skip();
    }
    onp_test_path(path, archive, "train");
    check_cifar(f, path, 50000);
    onp_test_path(path, archive, "test");
    check_cifar(f, path, 10000);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(folder_in_order_of_names),
        TEST(archives_hold_the_same),
        TEST(changed_bytes_and_names_give_another_hash),
        TEST(other_images_are_refused_by_name),
        TEST(grey_and_colour_become_one),
        TEST(bad_files_are_left_out),
        TEST(unopened_files_are_left_out),
        TEST(another_size_is_no_damage),
        TEST(nothing_but_bad_files),
        TEST(images_of_any_size),
        TEST(archives_with_other_entries_are_refused),
        TEST(paths_and_options),
        TEST(damaged_archives_are_refused),
        TEST(failing_allocations),
        TEST(cifar10),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
