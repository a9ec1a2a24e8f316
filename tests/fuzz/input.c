/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fuzz/parsers.h"

/* What cannot happen in a test that is set up right. */
static void stop(const char *what)
{
    perror(what);
    abort();
}

void fuzz_input_open(fuzz_input *in)
{
    *in = (fuzz_input){.size = 0};
    onp_context_init(&in->ctx);
    (void)snprintf(in->folder, sizeof in->folder, "%s/onepath-fuzz-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(in->folder) == NULL)
        stop(in->folder);
}

void fuzz_input_set(fuzz_input *in, const char *name, const uint8_t *data, size_t size)
{
    in->data = data;
    in->size = size;
    (void)snprintf(in->path, sizeof in->path, "%s/%s", in->folder, name);
    const int fd = open(in->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size || close(fd) != 0)
        stop(in->path);
}

void fuzz_input_close(fuzz_input *in)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", in->folder);
    if (system(command) != 0) /* NOLINT(cert-env33-c): a path of our own making */
        stop(in->folder);
}

bool fuzz_accepted(onp_status st, const onp_error *err)
{
    if (st == ONP_OK)
        return true;
    if (err->status != st || err->msg[0] == '\0') {
        (void)fprintf(stderr, "status %d without its message: \"%s\"\n", (int)st, err->msg);
        abort();
    }
    return false;
}
