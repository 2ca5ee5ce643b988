/* SPDX-License-Identifier: MIT */
/* hocket.h: all of Hocket. Four rules say most of it.
 *
 *  1. Every function returns 0, a count, a handle > 0, or -errno; errno is never set. Things that
 *     come one after another all read alike: `while ((r = next(x, &item)) > 0)`; 0 is the end,
 *     negative the failure.
 *  2. hk_VERB with the name of a POSIX call is that call, same arguments, blocking the task only
 *     (hk_read, hk_accept, hk_close). Everything of our own is hk_NOUN_verb (hk_coro_send).
 *  3. A blocking call takes no timeout. The scope around it has one.
 *  4. What is opened in a block is declared with HK_..., and leaving the block by any path closes
 *     it.
 *
 * The chapters, each a header of its own: */
#ifndef HOCKET_H
#define HOCKET_H

#include <hocket/value.h>     /* values, errors, durations */
#include <hocket/coro.h>      /* layer 1: coroutines: send, yield, throw, close */
#include <hocket/call.h>      /* layer 2: system calls and their drivers */
#include <hocket/stackless.h> /* the other kind of coroutine: a struct and a step function */
#include <hocket/task.h>      /* layer 3: tasks: spawn, wait, kill, sleep */
#include <hocket/scope.h>     /* deadlines and cancellation */
#include <hocket/group.h>     /* tasks that do not outlive a block */
#include <hocket/sync.h>      /* tasks that wait for each other: events, semaphores, futures */
#include <hocket/lock.h>      /* what one task holds: mutexes, conditions */
#include <hocket/supervise.h> /* tasks that are made again when they fail */
#include <hocket/variable.h>  /* values that tasks inherit */
#include <hocket/sched.h>     /* running them: hk_run, and a scheduler inside your own loop */
#include <hocket/io.h>        /* the POSIX calls, blocking the task only */
#include <hocket/file.h>      /* those of them that may wait for a disk; directories, copies */
#include <hocket/send_recv.h> /* an answer and the next question, as one call */
#include <hocket/offload.h>   /* functions that would block, on threads of a pool */
#include <hocket/net.h>       /* addresses, dialling and listening, servers */
#include <hocket/stream.h>    /* a buffer for each direction of a descriptor */
#include <hocket/signal.h>    /* signals as objects to wait for */
#include <hocket/channel.h>   /* channels: items from task to task */
#include <hocket/broadcast.h> /* channels whose items all subscribers get */
#include <hocket/ticker.h>    /* something to be done at regular times */
#include <hocket/select.h>    /* several waits, of which one happens */
#include <hocket/process.h>   /* child processes */
#include <hocket/sim.h>       /* virtual time, and schedules that can be had again */

#endif
