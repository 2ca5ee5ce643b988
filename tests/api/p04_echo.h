/* SPDX-License-Identifier: MIT */
#include <signal.h>
void *echo_server(void *address);
