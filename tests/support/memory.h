/* SPDX-License-Identifier: MIT */
/* What the kernel says about this process's memory, and ways to make it say no. */
#ifndef SUPPORT_MEMORY_H
#define SUPPORT_MEMORY_H

#include <stdbool.h>

/* A number of /proc/self/status, such as VmRSS or VmPTE, in KiB. */
long memory_kib(const char *field);

/* Mappings of this process. */
long memory_maps(void);

/* MemAvailable of the machine, KiB. */
long memory_available_kib(void);

/* From now on the kernel answers madvise(102), which makes light guards, with this error. False:
 * there is no such way here. */
bool memory_refuse_light_guards(int error);

/* From now on the kernel answers mprotect(PROT_NONE) with -ENOMEM, as it does where there are too
 * many mappings. */
bool memory_refuse_protection(void);

#endif
