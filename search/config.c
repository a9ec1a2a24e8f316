/* SPDX-License-Identifier: Apache-2.0 */
#include "search/config.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "data/dataset.h"
#include "latency/measure/target.h"
#include "latency/table/profile.h"

/* ---- the file ---- */

enum { MAX_EPOCHS = 100000, MAX_BATCH = 65536, MAX_THREADS = 1024, MAX_MIB = 1 << 24 };
#define NO_MAX   ((double)INT64_MAX)
#define MAX_UNIT 3.6e12 /* an hour */
#define SMALLEST 1e-12  /* stands for "above 0" */

static const char *const gradients[] = {"all-paths", "two-paths", NULL}; /* onp_gradient_mode */
static const char *const losses[] = {"hinge", "add-linear", "mul-log", NULL}; /* onp_loss_kind */
static const char *const statistics[] = {"batch", "frozen", NULL};            /* onp_statistics */
static const char *const bounds[] = {"expected", "upper", NULL}; /* onp_latency_bound */
static const char *const homes[] = {"memory", "mapped", NULL};   /* onp_weights_home */

#define KEY(key_, type_, m)       .key = (key_), .type = (type_), .offset = offsetof(onp_config, m)
#define INT(key_, m, min_, max_)  KEY(key_, ONP_YAML_INT, m), .min = (min_), .max = (max_)
#define REAL(key_, m, min_, max_) KEY(key_, ONP_YAML_REAL, m), .min = (min_), .max = (max_)
#define END                                                                                        \
    {                                                                                              \
        .key = NULL                                                                                \
    }
const char *const onp_config_recompute[ONP_RECOMPUTE_COUNT + 2] = {"none", "cheap", "blocks",
                                                                   "sqrt", "auto",  NULL};

/* All members are members of onp_config itself: maps have offset 0. */
#define MAP(key_, fields_) .key = (key_), .type = ONP_YAML_MAP, .fields = (fields_)

static const onp_yaml_field augment_fields[] = {
    {INT("pad", data.augment.pad, 0, ONP_DATA_MAX_SIDE), .def = "0"},
    {KEY("flip", ONP_YAML_BOOL, data.augment.flip), .def = "false"},
    {REAL("crop_scale", data.augment.crop_scale, 0, 1), .def = "0"},
    {REAL("brightness", data.augment.brightness, 0, 1), .def = "0"},
    {REAL("saturation", data.augment.saturation, 0, 1), .def = "0"},
    {INT("cutout", data.augment.cutout, 0, ONP_DATA_MAX_SIDE), .def = "0"},
    END};
static const onp_yaml_field resize_fields[] = {
    {INT("side", data.resize.side, 1, ONP_DATA_MAX_SIDE)},
    {KEY("fit", ONP_YAML_CHOICE, data.resize.fit), .def = "crop", .choices = onp_fit_names},
    END};
static const onp_yaml_field data_fields[] = {
    {KEY("format", ONP_YAML_CHOICE, data.format), .choices = onp_dataset_formats},
    {KEY("train", ONP_YAML_PATH, data.train), .optional = true},
    {KEY("test", ONP_YAML_PATH, data.test), .optional = true},
    {KEY("cache", ONP_YAML_PATH, data.cache), .optional = true},
    {INT("validation", data.validation, 1, ONP_DATA_MAX_IMAGES)},
    {INT("limit", data.limit, 0, ONP_DATA_MAX_IMAGES), .def = "0"},
    {INT("holdout", data.holdout, 0, ONP_DATA_MAX_IMAGES), .def = "0"},
    {KEY("skip_bad", ONP_YAML_BOOL, data.skip_bad), .def = "false"},
    {MAP("resize", resize_fields), .optional = true},
    {MAP("augment", augment_fields), .optional = true},
    END};
static const onp_yaml_field target_fields[] = {
    {KEY("device", ONP_YAML_STRING, target.device), .def = "this-machine"},
    {KEY("latency", ONP_YAML_TARGET, target.latency)},
    {INT("threads", target.threads, 1, MAX_THREADS), .def = "1"},
    {KEY("cluster", ONP_YAML_STRING, target.cluster), .optional = true},
    {KEY("ssh_config", ONP_YAML_PATH, target.ssh_config), .optional = true},
    {KEY("bound", ONP_YAML_CHOICE, target.bound), .def = "expected", .choices = bounds},
    {REAL("deviations", target.deviations, 0, 10), .def = "1.645"},
    {KEY("mode", ONP_YAML_CHOICE, target.mode), .def = "auto", .choices = onp_profile_mode_names},
    END};
static const onp_yaml_field loss_fields[] = {
    {KEY("kind", ONP_YAML_CHOICE, search.loss.kind), .def = "hinge", .choices = losses},
    {REAL("lambda", search.loss.lambda, 0, 1e6), .def = "1.0"},
    {REAL("margin", search.loss.margin, 0, 0.5), .def = "0"},
    {REAL("alpha", search.loss.alpha, SMALLEST, 1e6), .def = "0.2"},
    {REAL("beta", search.loss.beta, 0, 100), .def = "0.3"},
    {KEY("unit", ONP_YAML_DURATION, search.loss.unit_ns), .def = "1ms", .min = 1, .max = MAX_UNIT},
    END};
static const onp_yaml_field weights_fields[] = {
    {REAL("lr", search.weights.lr, SMALLEST, 100), .def = "0.05"},
    {REAL("momentum", search.weights.momentum, 0, 0.9999), .def = "0.9"},
    {REAL("decay", search.weights.decay, 0, 1), .def = "4e-5"},
    {REAL("smoothing", search.weights.smoothing, 0, 0.9), .def = "0.1"},
    END};
static const onp_yaml_field architecture_fields[] = {
    {INT("every", search.architecture.every, 1, 1000000), .def = "5"},
    {REAL("lr", search.architecture.lr, 0, 100), .def = "0"},
    {KEY("skip_first_epoch", ONP_YAML_BOOL, search.architecture.skip_first_epoch), .def = "false"},
    END};
static const onp_yaml_field prune_fields[] = {
    {REAL("below", search.prune.below, 0, 0.5), .def = "0.02"},
    {INT("from_epoch", search.prune.from_epoch, 0, MAX_EPOCHS), .def = "1"},
    END};
static const onp_yaml_field search_fields[] = {
    {KEY("gradient", ONP_YAML_CHOICE, search.gradient), .def = "all-paths", .choices = gradients},
    {MAP("loss", loss_fields), .optional = true},
    {INT("warmup_epochs", search.warmup_epochs, 0, MAX_EPOCHS)},
    {INT("epochs", search.epochs, 1, MAX_EPOCHS)},
    {INT("batch", search.batch, 1, MAX_BATCH), .def = "64"},
    {MAP("weights", weights_fields), .optional = true},
    {MAP("architecture", architecture_fields), .optional = true},
    {MAP("prune", prune_fields), .optional = true},
    END};
static const onp_yaml_field train_fields[] = {
    {INT("epochs", train.epochs, 1, MAX_EPOCHS)},
    {INT("batch", train.batch, 1, MAX_BATCH), .def = "64"},
    {REAL("lr", train.lr, SMALLEST, 100), .def = "0.05"},
    {REAL("momentum", train.momentum, 0, 0.9999), .def = "0.9"},
    {REAL("decay", train.decay, 0, 1), .def = "4e-5"},
    {REAL("smoothing", train.smoothing, 0, 0.9), .def = "0.1"},
    {KEY("inherit", ONP_YAML_BOOL, train.inherit), .def = "false"},
    {KEY("statistics", ONP_YAML_CHOICE, train.statistics), .def = "batch", .choices = statistics},
    {INT("serial_batch", train.serial_batch, 0, MAX_BATCH), .def = "0"},
    {REAL("dropout", train.dropout, 0, 0.9), .def = "0"},
    END};
static const onp_yaml_field config_fields[] = {
    {INT("schema", schema, 1, 1), .def = "1"},
    {INT("seed", seed, 0, NO_MAX), .def = "1"},
    {MAP("data", data_fields)},
    {KEY("space", ONP_YAML_PATH, space_path)},
    {INT("resolution", resolution, 1, ONP_DATA_MAX_SIDE), .def = "0"},
    {KEY("recompute", ONP_YAML_CHOICE, recompute), .def = "cheap", .choices = onp_config_recompute},
    {INT("memory_limit_mib", memory_limit_mib, 0, MAX_MIB), .def = "0"},
    {KEY("weights", ONP_YAML_CHOICE, weights), .def = "memory", .choices = homes},
    {INT("weights_limit_mib", weights_limit_mib, 0, MAX_MIB), .def = "0"},
    {MAP("target", target_fields)},
    {MAP("search", search_fields)},
    {MAP("train", train_fields)},
    END};

/* ---- checks that the table cannot make ---- */

typedef struct reader {
    const onp_yaml_doc *doc;
    const char *const *sets;
    size_t n_sets;
    onp_strbuf *problems; /* never NULL */
    onp_error *err;       /* nor this */
    size_t n_problems;
    onp_config *cfg;
} reader;

/* One line into problems; the first is err too. */
static void add_problem(reader *r, const onp_error *e)
{
    onp_strbuf_addf(r->problems, "%s\n", e->msg);
    if (r->n_problems++ == 0)
        *r->err = *e;
}

static void problem(reader *r, const char *key, const char *fmt, ...) ONP_PRINTF(3, 4);
static void problem(reader *r, const char *key, const char *fmt, ...)
{
    char text[400];
    onp_error e;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    onp_yaml_problem(r->doc, key, text, &e);
    add_problem(r, &e);
}

static void check_path(reader *r, const char *key, const char *path, bool wanted)
{
    const char *format = onp_dataset_formats[r->cfg->data.format];
    if (wanted && path == NULL)
        problem(r, key, "format %s needs it", format);
    if (!wanted && path != NULL)
        problem(r, key, "format %s reads no files", format);
}

/* A folder of images may be its own test set; only there do files have sizes of their own. */
static void check_folder(reader *r, bool is_folder)
{
    const onp_config *c = r->cfg;
    const char *format = onp_dataset_formats[c->data.format];
    if (is_folder && (c->data.test == NULL) == (c->data.holdout == 0))
        problem(r, "data.test",
                "wanted either this or data.holdout, the number of images of "
                "data.train to test on");
    if (!is_folder && c->data.holdout > 0)
        problem(r, "data.holdout", "%lld, but format %s has a test set", (long long)c->data.holdout,
                format);
    if (!is_folder && c->data.resize.side > 0)
        problem(r, "data.resize", "images of format %s have one size, wanted image-folder", format);
    if (!is_folder && c->data.skip_bad)
        problem(r, "data.skip_bad", "format %s has no files to skip, wanted image-folder", format);
}

static void check_augment(reader *r)
{
    const onp_config *c = r->cfg;
    if (c->data.augment.crop_scale > 0 && c->data.augment.pad > 0)
        problem(r, "data.augment.pad", "%lld, but crop_scale is %g: wanted 0 for one of them",
                (long long)c->data.augment.pad, c->data.augment.crop_scale);
}

static void check_data(reader *r)
{
    const onp_config *c = r->cfg;
    if (c->data.format >= 0) {
        const char *format = onp_dataset_formats[c->data.format];
        const bool files = strcmp(format, "generated") != 0;
        const bool is_folder = strcmp(format, "image-folder") == 0;
        check_path(r, "data.train", c->data.train, files);
        if (!is_folder)
            check_path(r, "data.test", c->data.test, files);
        check_folder(r, is_folder);
    }
    check_augment(r);
    if (c->data.limit > 0 && c->data.validation >= c->data.limit)
        problem(r, "data.validation", "%lld, wanted less than data.limit %lld",
                (long long)c->data.validation, (long long)c->data.limit);
    if (c->data.validation > 0 && c->data.validation < c->search.batch)
        problem(r, "data.validation", "%lld, wanted at least search.batch %lld",
                (long long)c->data.validation, (long long)c->search.batch);
}

/* (ln E / ln T)^beta is a number only where both are above one unit. A share of the initial
 * expected latency is not known before the search has its latencies. */
static void check_mul_log(reader *r)
{
    const onp_yaml_target *target = &r->cfg->target.latency;
    const int64_t unit = r->cfg->search.loss.unit_ns;
    if (target->share > 0)
        problem(r, "target.latency",
                "loss mul-log needs a time such as 3ms instead of a share: it takes the logarithm "
                "of the target in search.loss.unit, which must be known to be positive");
    else if (target->ns > 0 && unit > 0 && target->ns <= unit)
        problem(r, "search.loss.unit",
                "loss mul-log takes the logarithm of the target in this unit, which is not "
                "positive for %.9g ms in units of %.9g ms: wanted a unit below the target",
                (double)target->ns / 1e6, (double)unit / 1e6);
}

static void check_target(reader *r)
{
    const char *device = r->cfg->target.device;
    onp_target target;
    onp_error e = {0};
    if (device != NULL && onp_target_is_one(device) &&
        onp_target_parse(device, &target, &e) != ONP_OK)
        problem(r, "target.device", "%s", e.msg);
}

static void check_memory(reader *r)
{
    const bool chosen = r->cfg->recompute == ONP_CONFIG_RECOMPUTE_AUTO;
    if (chosen && r->cfg->memory_limit_mib == 0)
        problem(r, "recompute", "auto chooses by memory_limit_mib, wanted 1 or more");
    if (!chosen && r->cfg->memory_limit_mib > 0)
        problem(r, "memory_limit_mib", "%lld, but recompute is %s: wanted auto",
                (long long)r->cfg->memory_limit_mib, onp_config_recompute[r->cfg->recompute]);
    if (r->cfg->weights == ONP_WEIGHTS_MEMORY && r->cfg->weights_limit_mib > 0)
        problem(r, "weights_limit_mib", "%lld, but weights is memory: wanted mapped",
                (long long)r->cfg->weights_limit_mib);
}

static void check_search(reader *r)
{
    const onp_config *c = r->cfg;
    const int64_t epochs = c->search.epochs;
    if (c->search.loss.kind == ONP_LOSS_MUL_LOG)
        check_mul_log(r);
    if (epochs > 0 && c->search.prune.from_epoch > epochs)
        problem(r, "search.prune.from_epoch", "%lld, wanted at most search.epochs %lld",
                (long long)c->search.prune.from_epoch, (long long)epochs);
    if (epochs == 1 && c->search.architecture.skip_first_epoch)
        problem(r, "search.architecture.skip_first_epoch",
                "search.epochs is 1: no architecture step would be left");
}

/* Statistics can be kept where weights bring them along, and samples only run apart where no batch
 * norm joins them. */
static void check_train(reader *r)
{
    const onp_config *c = r->cfg;
    const long long serial = c->train.serial_batch, batch = c->train.batch;
    const bool frozen = c->train.statistics == ONP_STATISTICS_FROZEN;
    if (frozen && !c->train.inherit)
        problem(r, "train.statistics",
                "frozen, but train.inherit is false: wanted batch, or true "
                "there: new weights have no statistics to keep");
    if (serial > 0 && !frozen)
        problem(r, "train.serial_batch",
                "%lld, but train.statistics is batch: wanted 0, or frozen there: statistics of a "
                "batch need all of it at once",
                serial);
    if (batch > 0 && serial > batch)
        problem(r, "train.serial_batch", "%lld, wanted at most train.batch %lld", serial, batch);
}

/* ---- loading ---- */

static onp_status set_resolution(reader *r)
{
    const onp_config *c = r->cfg;
    const int64_t side = c->resolution;
    onp_error e = {0};
    if (side < 1 || side > ONP_DATA_MAX_SIDE) /* absent, or said to be wrong */
        return ONP_OK;
    if (c->data.resize.side > 0 && side > c->data.resize.side)
        problem(r, "resolution", "%lld, wanted at most data.resize.side %lld", (long long)side,
                (long long)c->data.resize.side);
    onp_status st = onp_space_set_input(c->space, side, side, c->space->spec.in_c, &e);
    if (st == ONP_E_RANGE)
        problem(r, "resolution", "%s", e.msg);
    else if (st != ONP_OK)
        return onp_fail(r->err, st, "%s", e.msg);
    return ONP_OK;
}

static onp_status load_space(reader *r)
{
    onp_config *c = r->cfg;
    onp_error e = {0};
    const size_t before = r->problems->length;
    if (c->space_path == NULL)
        return ONP_OK; /* that it is missing has been said */
    if (!onp_file_exists(c->space_path)) {
        problem(r, "space", "%s: no such file", c->space_path);
        return ONP_OK;
    }
    onp_status st = onp_space_load(c->ctx, c->space_path, r->problems, &c->space, &e);
    if (st == ONP_OK)
        return set_resolution(r);
    if (st != ONP_E_CONFIG)
        return onp_fail(r->err, st, "%s", e.msg);
    if (r->problems->length == before) {
        if (strstr(e.msg, ": error: ") == NULL) /* a file that cannot be read has no line to name */
            problem(r, "space", "%s", e.msg);
        else
            add_problem(r, &e);
        return ONP_OK;
    }
    if (r->n_problems++ == 0)
        (void)onp_fail(r->err, ONP_E_CONFIG, "%s", e.msg);
    return ONP_OK;
}

/* Everything that can be said about the document. */
static onp_status read_config(reader *r)
{
    r->cfg->data.format = r->cfg->search.loss.kind = -1; /* unless bind finds one */
    onp_status st = onp_yaml_bind(r->doc, config_fields, r->cfg, r->problems, r->err);
    if (st != ONP_OK && st != ONP_E_CONFIG)
        return st;
    r->n_problems = st != ONP_OK;
    check_data(r);
    check_target(r);
    check_search(r);
    check_train(r);
    check_memory(r);
    ONP_TRY(load_space(r));
    return r->n_problems > 0 ? ONP_E_CONFIG : onp_strbuf_status(r->problems, r->err);
}

static onp_status load(reader *r, onp_yaml_doc **doc)
{
    onp_config *c = r->cfg;
    onp_status st = onp_yaml_load(c->ctx, c->path, doc, r->err);
    if (st == ONP_E_CONFIG) /* a file that cannot be read has no line to name */
        onp_strbuf_addf(r->problems, "%s%s\n",
                        strstr(r->err->msg, ": error: ") == NULL ? "error: " : "", r->err->msg);
    for (size_t i = 0; st == ONP_OK && i < r->n_sets; i++)
        st = onp_yaml_set(*doc, r->sets[i], r->err);
    r->doc = *doc;
    return st == ONP_OK ? read_config(r) : st;
}

onp_status onp_config_load(const onp_context *ctx, const char *path, const char *const *sets,
                           size_t n_sets, onp_strbuf *problems, onp_config *out, onp_error *err)
{
    onp_yaml_doc *doc = NULL;
    onp_strbuf own;
    onp_error first = {0};
    memset(out, 0, sizeof *out);
    if (strlen(path) >= sizeof out->path)
        return onp_fail(err, ONP_E_CONFIG, "%.64s...: a path of %zu bytes, wanted at most %zu",
                        path, strlen(path), sizeof out->path - 1);
    out->ctx = ctx;
    memcpy(out->path, path, strlen(path) + 1);
    onp_strbuf_init(&own, ctx);
    reader r = {.sets = sets,
                .n_sets = n_sets,
                .problems = problems != NULL ? problems : &own,
                .err = &first,
                .cfg = out};
    onp_status st = load(&r, &doc);
    onp_yaml_free(doc);
    onp_strbuf_reset(&own);
    if (st == ONP_OK)
        return ONP_OK;
    onp_config_free(out);
    return onp_fail(err, st, "%s", first.msg);
}

void onp_config_free(onp_config *cfg)
{
    if (cfg->ctx != NULL) {
        onp_yaml_release(cfg->ctx, config_fields, cfg);
        onp_space_free(cfg->space);
    }
    memset(cfg, 0, sizeof *cfg);
}

/* ---- writing ---- */

/* *path as seen from anywhere, kept in out. NULL stays. */
static onp_status make_absolute(char **path, char out[PATH_MAX], onp_error *err)
{
    char here[PATH_MAX];
    if (*path == NULL)
        return ONP_OK;
    if (realpath(*path, out) == NULL) { /* not there (yet) */
        if (getcwd(here, sizeof here) == NULL)
            return onp_fail(err, ONP_E_IO, "the working folder has no path");
        ONP_TRY(onp_path_join(out, PATH_MAX, here, *path, err));
    }
    *path = out;
    return ONP_OK;
}

onp_status onp_config_emit(const onp_config *cfg, onp_strbuf *out, onp_error *err)
{
    char train[PATH_MAX], test[PATH_MAX], cache[PATH_MAX], space[PATH_MAX], ssh[PATH_MAX];
    onp_config copy = *cfg;
    ONP_TRY(make_absolute(&copy.data.train, train, err));
    ONP_TRY(make_absolute(&copy.data.test, test, err));
    ONP_TRY(make_absolute(&copy.data.cache, cache, err));
    ONP_TRY(make_absolute(&copy.space_path, space, err));
    ONP_TRY(make_absolute(&copy.target.ssh_config, ssh, err));
    return onp_yaml_emit(config_fields, &copy, out, err);
}

/* ---- keys one by one ---- */

typedef struct walk {
    const onp_config *cfg;
    onp_config_visit visit;
    void *user;
    onp_strbuf text; /* scratch */
} walk;

static bool decides_result(const onp_yaml_field *f)
{
    return f->type != ONP_YAML_PATH && f->offset != offsetof(onp_config, recompute) &&
           f->offset != offsetof(onp_config, memory_limit_mib) &&
           f->offset != offsetof(onp_config, weights) &&
           f->offset != offsetof(onp_config, weights_limit_mib);
}

/* Written as a map of this key alone: "KEY: VALUE". */
static onp_status visit_value(walk *w, const onp_yaml_field *f, const char *dotted, onp_error *err)
{
    const onp_yaml_field alone[] = {*f, END};
    const size_t prefix = strlen(f->key) + 2;
    onp_strbuf_reset(&w->text);
    ONP_TRY(onp_yaml_emit(alone, w->cfg, &w->text, err));
    if (w->text.length <= prefix) /* not given */
        return ONP_OK;
    w->text.text[w->text.length - 1] = '\0'; /* the end of the line */
    return w->visit(w->user, dotted, w->text.text + prefix, err);
}

static onp_status visit_fields(walk *w, const onp_yaml_field *fields, const char *folder,
                               onp_error *err)
{
    for (const onp_yaml_field *f = fields; f->key != NULL; f++) {
        char dotted[128];
        (void)snprintf(dotted, sizeof dotted, "%s%s%s", folder, folder[0] != '\0' ? "." : "",
                       f->key);
        if (f->type == ONP_YAML_MAP)
            ONP_TRY(visit_fields(w, f->fields, dotted, err));
        else if (decides_result(f))
            ONP_TRY(visit_value(w, f, dotted, err));
    }
    return ONP_OK;
}

onp_status onp_config_each(const onp_config *cfg, onp_config_visit visit, void *user,
                           onp_error *err)
{
    walk w = {.cfg = cfg, .visit = visit, .user = user};
    onp_strbuf_init(&w.text, cfg->ctx);
    onp_status st = visit_fields(&w, config_fields, "", err);
    onp_strbuf_reset(&w.text);
    return st;
}
