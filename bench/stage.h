/* SPDX-License-Identifier: MIT */
/* Benches with processes: servers that share one processor, and who loads them on the other. */
#ifndef BENCH_STAGE_H
#define BENCH_STAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct stage_process {
    pid_t pid;
    clockid_t clock;
};

/* A process on processor `cpu` that runs body(arg) and must not come back from it, or ends well
 * where it does; it dies with us. */
struct stage_process stage_start(int cpu, void (*body)(void *arg), void *arg);
void stage_stop(const struct stage_process *process);
/* The processor time it has had, us. */
double stage_cpu(const struct stage_process *process);

/* A listening socket on the loopback; the port, in network order. */
int stage_listen(uint16_t *ret_port);
/* More descriptors than the limit, where we may. False: there are too few. */
bool stage_allow_descriptors(int count);
/* Memory that the processes share. */
void *stage_share(unsigned long size);
/* Whether this machine lets us have io_uring. */
bool stage_has_uring(void);

#endif
