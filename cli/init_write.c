/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/init_write.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Where comments begin. */
#define COLUMN 46

typedef struct page {
    onp_strbuf *out;
    size_t line; /* where the current line begins */
} page;

static void add(page *p, const char *fmt, ...) ONP_PRINTF(2, 3);
static void add(page *p, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    onp_strbuf_adds(p->out, text);
}

static void end(page *p, const char *comment)
{
    const size_t length = p->out->length - p->line;
    if (comment != NULL)
        onp_strbuf_addf(p->out, "%*s# %s", length < COLUMN ? (int)(COLUMN - length) : 2, "",
                        comment);
    onp_strbuf_adds(p->out, "\n");
    p->line = p->out->length;
}

static void add_quoted(page *p, const char *text)
{
    onp_strbuf_adds(p->out, "\"");
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            onp_strbuf_adds(p->out, "\\");
        onp_strbuf_add(p->out, text, 1);
    }
    onp_strbuf_adds(p->out, "\"");
}

static void add_path(page *p, const char *key, const char *path)
{
    onp_strbuf_adds(p->out, key);
    onp_strbuf_adds(p->out, ": ");
    add_quoted(p, path);
    end(p, NULL);
}

static void write_heading(page *p, const onp_survey *s)
{
    const onp_survey_class *least = s->classes, *most = s->classes;
    for (int32_t k = 1; k < s->n_classes; k++) {
        least = s->classes[k].n_train < least->n_train ? &s->classes[k] : least;
        most = s->classes[k].n_train > most->n_train ? &s->classes[k] : most;
    }
    add(p, "# Written by onepath %s: %d classes, %lld images (%lld to %lld a class), ",
        ONEPATH_VERSION, (int)s->n_classes, (long long)s->n_train, (long long)least->n_train,
        (long long)most->n_train);
    if (s->one_size)
        add(p, "%lldx%lld,", (long long)s->h, (long long)s->w);
    else
        add(p, "sides of %lld to %lld pixels,", (long long)s->least_side, (long long)s->most_side);
    add(p, " %s.", s->n_grey == s->n_train + s->n_test ? "grey" : "in colour");
    end(p, NULL);
    add(p, "#     onepath check THIS-FILE     onepath search THIS-FILE");
    end(p, NULL);
}

static void write_augment(page *p, const onp_init_choice *c)
{
    add(p, "  augment:");
    end(p, NULL);
    if (c->crop_scale > 0) {
        add(p, "    crop_scale: %g", c->crop_scale);
        end(p, "train on parts of an image, from this share of its area");
    } else {
        add(p, "    pad: %lld", (long long)c->pad);
        end(p, "train on images moved by up to so many pixels");
    }
    add(p, "    flip: %s", c->flip ? "true" : "false");
    end(p, c->flip ? "mirrored images too; false where left and right matter"
                   : "true where a mirrored image is of the same class");
    if (c->brightness > 0) {
        add(p, "    brightness: %g", c->brightness);
        end(p, NULL);
        add(p, "    saturation: %g", c->saturation);
        end(p, NULL);
    }
}

static void write_data(page *p, const onp_survey *s, const onp_init_choice *c, bool skip_bad)
{
    add(p, "data:");
    end(p, NULL);
    add(p, "  format: %s", s->format);
    end(p, NULL);
    add_path(p, "  train", s->train);
    if (c->holdout > 0) {
        add(p, "  holdout: %lld", (long long)c->holdout);
        end(p, "images of these, of all classes, for the test at the end");
    } else {
        add_path(p, "  test", s->test);
    }
    add(p, "  validation: %lld", (long long)c->validation);
    end(p, "images, of all classes, by which networks are compared");
    if (c->resize > 0) {
        add(p, "  resize: {side: %lld, fit: crop}", (long long)c->resize);
        end(p, "the middle of each image; fit: stretch keeps all of it");
    }
    if (skip_bad) {
        add(p, "  skip_bad: true");
        end(p, "files that are no readable image are left out and listed");
    }
    write_augment(p, c);
}

static void write_search(page *p, const onp_init_choice *c)
{
    add(p, "search:");
    end(p, NULL);
    add(p, "  warmup_epochs: %lld", (long long)c->warmup_epochs);
    end(p, "of weights alone");
    add(p, "  epochs: %lld", (long long)c->epochs);
    end(p, "of weights and architecture");
    add(p, "  batch: %lld", (long long)c->batch);
    end(p, NULL);
    add(p, "  loss: {kind: hinge, lambda: 2.0, margin: 0.02}");
    end(p, "the hinge begins 2 % under the target");
    add(p, "  weights: {lr: %g}", c->lr);
    end(p, NULL);
    add(p, "  architecture: {every: %lld}", (long long)c->every);
    end(p, "weight steps");
    add(p, "  prune: {below: 0.02}");
    end(p, "paths of less than this probability are dropped");
    add(p, "train: {epochs: %lld, batch: %lld, lr: %g}", (long long)c->train_epochs,
        (long long)c->batch, c->lr);
    end(p, "of the network that was found");
}

void onp_init_write(const onp_survey *s, const onp_init_choice *c, const onp_init_facts *f,
                    onp_strbuf *out)
{
    page p = {.out = out, .line = out->length};
    write_heading(&p, s);
    add(&p, "schema: 1\nseed: %lld\n", (long long)f->seed);
    p.line = out->length;
    write_data(&p, s, c, f->skip_bad);
    add_path(&p, "space", c->space);
    add(&p, "resolution: %lld", (long long)c->resolution);
    end(&p, "side of the network's input");
    add(&p, "target:");
    end(&p, NULL);
    add(&p, "  device: this-machine");
    end(&p, NULL);
    add(&p, "  latency: %s", f->latency);
    end(&p, strchr(f->latency, '%') != NULL ? "of what the space takes on average at the start"
                                            : "no network may take longer");
    add(&p, "  threads: 1");
    end(&p, "that the device runs the network with");
    write_search(&p, c);
}
