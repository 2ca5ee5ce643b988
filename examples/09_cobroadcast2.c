/* SPDX-License-Identifier: MIT */
/* Branches may meet again: fan-in to one sink.
 *
 *               +-> grep python -+
 *     source -> +-> grep ply    -+-> printer
 *               +-> grep swig   -+
 *
 * The printer does not know how many send to it, and need not: a coroutine receives from whoever
 * sends. Only one at a time can, since a sender waits until its target yields again. */
#include "dataflow.h"

int main(void)
{
    HK_CORO(out, printer, NULL, &primed);
    HK_CORO(python, grep, &(struct grep){ "python", out }, &primed);
    HK_CORO(ply, grep, &(struct grep){ "ply", out }, &primed);
    HK_CORO(swig, grep, &(struct grep){ "swig", out }, &primed);
    hk_coro *branches[] = { python, ply, swig };
    HK_CORO(all, broadcast, &(struct broadcast){ branches, 3 }, &primed);
    source(all);
}
