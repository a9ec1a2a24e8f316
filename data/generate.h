/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Labelled images drawn from a seed, for machines without a data set: one shape of ten (disc, ring,
 * square, ...) of any rotation, at a random place and size, lighter or darker than its ground,
 * among smaller bars and dots, on a slope of light, under noise. As the mean image of each class is
 * nearly the same, a linear model stays near chance; a small convolutional network does not.
 *
 *     uint8_t image[ONP_GENERATE_SIDE * ONP_GENERATE_SIDE];
 *     int32_t label = onp_generate_image(seed, ONP_PART_TRAIN, i, image);
 *
 * Image i is a function of (seed, part, i): basic operations and square roots only, which IEEE 754
 * rounds the same everywhere.
 */
#ifndef ONP_DATA_GENERATE_H
#define ONP_DATA_GENERATE_H

#include "data/dataset.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_GENERATE_SIDE    28
#define ONP_GENERATE_CLASSES 10

/* A shape's place: its centre and radius in pixels (pixel (i, j) has its centre at y = i, x = j),
 * and its rotation. */
typedef struct onp_shape_pose {
    double x, y, radius, cosine, sine;
} onp_shape_pose;

/* How much of pixel (i, j) the shape covers, 0 to 1. shape: 0 .. ONP_GENERATE_CLASSES-1. */
double onp_shape_coverage(int shape, const onp_shape_pose *pose, int i, int j);

/* Writes one image (28, 28, 1) and returns its label, index % 10. */
int32_t onp_generate_image(uint64_t seed, onp_part part, int64_t index, uint8_t *image);

#ifdef __cplusplus
}
#endif
#endif
