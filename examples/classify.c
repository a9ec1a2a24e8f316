/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classifies an image with a network that onepath has found:
 *
 *     cc classify.c -o classify $(pkg-config --cflags --libs onepath)
 *     ./classify runs/quickstart cat.jpg
 *
 * prints the five most probable classes, best first.
 */
#include <onepath.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { BEST = 5 };

/* Prints the most probable class and strikes it out. */
static void print_best(const onepath_model_info *info, float *probability)
{
    int32_t best = 0;
    for (int32_t k = 1; k < info->n_classes; k++)
        if (probability[k] > probability[best])
            best = k;
    if (info->class_names != NULL)
        printf("%6.2f %%  %s\n", 100.0 * (double)probability[best], info->class_names[best]);
    else
        printf("%6.2f %%  class %" PRId32 "\n", 100.0 * (double)probability[best], best);
    probability[best] = -1;
}

static onepath_status classify(onepath_context *ctx, const char *folder, const char *image,
                               onepath_error *err)
{
    onepath_model *model = NULL;
    onepath_status st = onepath_model_open(ctx, folder, NULL, &model, err);
    if (st != ONEPATH_OK)
        return st;
    const onepath_model_info *info = onepath_model_describe(model);
    float *probability = (float *)malloc((size_t)info->n_classes * sizeof *probability);
    if (probability != NULL) {
        st = onepath_model_classify_file(model, image, probability, err);
        for (int i = 0; st == ONEPATH_OK && i < BEST && i < info->n_classes; i++)
            print_best(info, probability);
    }
    free(probability);
    onepath_model_close(model);
    return st;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: classify FOLDER IMAGE\n");
        return 2;
    }
    onepath_context *ctx = NULL;
    onepath_error err = {ONEPATH_OK, ""};
    onepath_status st = onepath_context_new(NULL, &ctx, &err);
    if (st == ONEPATH_OK)
        st = classify(ctx, argv[1], argv[2], &err);
    if (st != ONEPATH_OK)
        fprintf(stderr, "error: %s\n", err.text);
    onepath_context_free(ctx);
    return st == ONEPATH_OK ? 0 : 1;
}
