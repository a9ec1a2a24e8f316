/* SPDX-License-Identifier: Apache-2.0 */
/*
 * onepath-agent: measures the graphs that it is sent on standard input, answers on standard output,
 * ends with its driver. What fixes a latency (threads, kernels, batch) is fixed by its arguments.
 */
#include "latency/measure/agent_program.h"

int main(int argc, char **argv)
{
    const onp_agent_program program = {.name = "onepath-agent",
                                       .about = "Measures graphs sent on standard input"};
    return onp_agent_main(&program, argc, argv);
}
