/* SPDX-License-Identifier: Apache-2.0 */
/* make_model FOLDER: a model there, for tests of programs that use the library. */
#include "tests/api/support.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: make_model FOLDER\n");
        return 2;
    }
    api_model_make(argv[1], 1);
    return 0;
}
