/* SPDX-License-Identifier: MIT */
/* A process to which the kernel refuses io_uring. */
#ifndef SUPPORT_NO_RING_H
#define SUPPORT_NO_RING_H

#include <stdbool.h>

/* From now on, for good. False: it could not be done. */
bool no_ring(void);

#endif
