/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Only in the static agent, which loads nothing: libgomp would load what computes on accelerators,
 * and what $ACC_PROFLIB names. That there is no such thing is an answer it knows.
 */
#include <dlfcn.h>
#include <stddef.h>

void *dlopen(const char *file, int mode)
{
    (void)file;
    (void)mode;
    return NULL;
}

void *dlsym(void *restrict handle, const char *restrict name)
{
    (void)handle;
    (void)name;
    return NULL;
}

char *dlerror(void)
{
    static char text[] = "a static program loads nothing";
    return text;
}
