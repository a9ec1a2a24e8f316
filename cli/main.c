/* SPDX-License-Identifier: Apache-2.0 */
/* onepath: parses the command line, calls a verb, reports (cli/verb.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/verb.h"

/* The command line as one text, for the records of runs. */
static char *join(int argc, char **argv)
{
    size_t size = 1;
    for (int i = 0; i < argc; i++)
        size += strlen(argv[i]) + 1;
    char *text = calloc(size, 1), *end = text;
    for (int i = 0; text != NULL && i < argc; i++)
        end += sprintf(end, "%s%s", i > 0 ? " " : "", argv[i]);
    return text;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return puts("onepath " ONEPATH_VERSION) < 0 || fflush(stdout) != 0;
    char *command = join(argc, argv);
    if (command == NULL) {
        (void)fputs("error: out of memory\n", stderr);
        return EXIT_FAILURE;
    }
    int code = onp_verbs_run(command, argc > 0 ? argc - 1 : 0, argv + 1);
    free(command);
    return code;
}
