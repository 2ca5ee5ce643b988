/* SPDX-License-Identifier: MIT */
/* A push pipeline: source -> grep -> printer.
 *
 * A pipeline of generators pulls: the last asks the one before it. A pipeline of coroutines pushes:
 * the first sends to the next one. It is built from its end, since each part must know its target.
 * The block's end closes the parts in reverse order, so grep before its printer. */
#include "dataflow.h"

int main(void)
{
    HK_CORO(out, printer, NULL, &primed);
    HK_CORO(python, grep, &(struct grep){ "python", out }, &primed);
    source(python);
}
