/* SPDX-License-Identifier: MIT */
/* Runs p08_generator.c. */
#include <hocket.h>

void *task(void *arg);

int main(void) { return hk_run(task, NULL, NULL) < 0; }
