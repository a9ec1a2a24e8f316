/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/interrupt.h"

#include <stddef.h>

/* A signal handler has nowhere else to write. */
static volatile sig_atomic_t interrupted;

/* The next one of either kind ends the process. */
static void on_signal(int signal_number)
{
    interrupted = signal_number;
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
}

const volatile sig_atomic_t *onp_interrupt_flag(void)
{
    struct sigaction action = {.sa_flags = SA_RESTART};
    action.sa_handler = on_signal;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    return &interrupted;
}
