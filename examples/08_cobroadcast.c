/* SPDX-License-Identifier: MIT */
/* Pushing can do what pulling cannot: one source, many targets.
 *
 *               +-> grep python -> printer
 *     source -> +-> grep ply    -> printer
 *               +-> grep swig   -> printer
 *
 * A line that matches two patterns is printed twice, once by each branch. */
#include "dataflow.h"

int main(void)
{
    HK_CORO(out1, printer, NULL, &primed);
    HK_CORO(out2, printer, NULL, &primed);
    HK_CORO(out3, printer, NULL, &primed);
    HK_CORO(python, grep, &(struct grep){ "python", out1 }, &primed);
    HK_CORO(ply, grep, &(struct grep){ "ply", out2 }, &primed);
    HK_CORO(swig, grep, &(struct grep){ "swig", out3 }, &primed);
    hk_coro *branches[] = { python, ply, swig };
    HK_CORO(all, broadcast, &(struct broadcast){ branches, 3 }, &primed);
    source(all);
}
