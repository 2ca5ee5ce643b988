/* SPDX-License-Identifier: MIT */
/* 14 again, with hk_proc_run. */
#include <hocket.h>
ssize_t filter(const char *const *argv, const char *in, size_t n, char *out, size_t size,
               int *ret_status)
{
    HK_SCOPE(limit, HK_SEC(2));
    ssize_t got = hk_proc_run(&(hk_proc_options){ .argv = argv, .kill_after = HK_MS(500) }, in, n,
                              out, size, ret_status);
    return hk_scope_close(&limit, got);
}
