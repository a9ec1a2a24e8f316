/* SPDX-License-Identifier: Apache-2.0 */
/* One parser under libFuzzer; FUZZ_PARSER and FUZZ_FILE name it. */
#include <stdlib.h>

#include "tests/fuzz/parsers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static fuzz_input input; /* libFuzzer keeps no state for us */

static void close_input(void)
{
    fuzz_input_close(&input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (input.folder[0] == '\0') {
        fuzz_input_open(&input);
        (void)atexit(close_input);
    }
    fuzz_input_set(&input, FUZZ_FILE, data, size);
    (void)FUZZ_PARSER(&input);
    return 0;
}
