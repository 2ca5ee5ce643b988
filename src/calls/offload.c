/* SPDX-License-Identifier: MIT */
/* offload: a function on a thread of the pool.
 *
 *   operation  the function and its argument */
#include "calls/calls.h"

void hk__offload_handle(hk_call *call) { hk__file_handle(call); }

void hk_offload_prepare(hk_file_call *file, hk_entry *fn, void *arg)
{
    hk__file_prepare(file, &hk__offload_type, HK__OP_WORK, -1);
    file->operation.work = fn;
    file->operation.argument = arg;
}

void *hk_offload(hk_entry *fn, void *arg)
{
    hk_file_call file;
    hk_offload_prepare(&file, fn, arg);
    return hk_val(hk_trap(&file.call));
}
