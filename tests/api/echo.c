/* SPDX-License-Identifier: MIT */
/* Runs p04_echo.c. */
#include "p04_echo.h"

#include <hocket.h>

int main(void) { return hk_run(echo_server, "tcp:127.0.0.1:7777", NULL) < 0; }
