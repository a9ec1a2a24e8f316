/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGINT and SIGTERM as a flag that long work looks at; a second one ends the process.
 *
 *     options.stop = onp_interrupt_flag();
 */
#ifndef ONP_CLI_INTERRUPT_H
#define ONP_CLI_INTERRUPT_H

#include <signal.h>

/* Catches the signals from now on. The flag is 0 until one came. */
const volatile sig_atomic_t *onp_interrupt_flag(void);

#endif
