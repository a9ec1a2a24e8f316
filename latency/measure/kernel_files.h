/* SPDX-License-Identifier: Apache-2.0 */
/* Small files of /sys and /proc below a root, read as what they may be: absent, huge, no files at
 * all, any bytes. */
#ifndef ONP_LATENCY_MEASURE_KERNEL_FILES_H
#define ONP_LATENCY_MEASURE_KERNEL_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

/* A file below root, its path given as printf does. NULL: it does not fit, is not there or is no
 * regular file. The caller's (fclose). */
FILE *onp_kernel_file_open(const char *root, const char *fmt, ...) ONP_PRINTF(2, 3);

/* The next line of at most size - 1 bytes, its newline cut; the rest of a longer one is passed
 * over. *budget is what may still be read, so that a file without end has one. */
bool onp_kernel_file_line(FILE *f, char *line, size_t size, size_t *budget);
#define ONP_KERNEL_FILE_BUDGET ((size_t)1 << 20)

/* The first line, printable and with single blanks only. False (and text "") when there is none. */
bool onp_kernel_text(const char *root, const char *path, char *text, size_t size);
/* What follows "key" and a colon in the first such line. */
bool onp_kernel_value(const char *root, const char *path, const char *key, char *text, size_t size);
/* The whole first line as a number; `none` when it is not one. */
int64_t onp_kernel_int(const char *root, const char *path, int64_t none);

/* Copies what is printable of text, without blanks at its ends. */
void onp_kernel_clean(const char *text, char *out, size_t size);
/* What follows key and a colon, blanks before the colon allowed; NULL: another line. */
const char *onp_kernel_after(const char *line, const char *key);

#endif
