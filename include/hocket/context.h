/* SPDX-License-Identifier: MIT */
/* The context switch, which stands inline at the call site of whoever leaves.
 *
 * Private to Hocket; public only because it must be inlined. A context is where something goes on:
 * stack pointer, instruction pointer, frame pointer, one register that compilers may use as a base
 * pointer, and the floating-point control word. Everything else is declared clobbered, so the
 * compiler saves just what lives across the call. Two values travel with each switch. Nothing is
 * pushed: the red zone of the function that leaves stays whole.
 *
 * What leaves (hk_yield, hk_coro_send, hk_trap and those built on them) is always_inline: where a
 * compiler makes functions of them, their returns meet a predictor that has seen the calls of
 * another stack, and a send and its yield take 34 ns instead of 8.
 *
 * Three forms, one protocol: inline (below, per architecture); out of line (-DHK_CONTEXT_OUTLINE,
 * for those who cannot take inline assembly; it works with a library built inline); the reference,
 * on ucontext (-DHK_CONTEXT_REFERENCE, of the library and all its users: slow, obvious, for tests
 * against it). */
#ifndef HOCKET_CONTEXT_H
#define HOCKET_CONTEXT_H

#include <hocket/value.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hk__context {
    void *sp;
    void *ip;
    void *fp;
    void *base;
    uint64_t fpu; /* control bits, and status bits that nobody compares */
} hk__context;

/* What a resume gives back: how the other side left, and with what. 16 bytes, two registers. */
typedef enum hk_outcome {
    HK_YIELDED = 1, /* .value */
    HK_TRAPPED,     /* .call: a system call for the driver */
    HK_RETURNED,    /* .value, once */
    HK_FAILED,      /* .error: the body ended with it, once */
    HK_FINISHED,    /* it had ended before */
    HK_REFUSED      /* .error: nothing happened to the target */
} hk_outcome;

typedef struct hk_call hk_call;

typedef struct hk_step {
    hk_outcome outcome;
    union {
        void *value;
        hk_call *call;
        intptr_t error;
    };
} hk_step;

/* Leaves for `to`, keeping where to go on in `from`; comes back with what the switch that returns
 * here carried. */
#if defined(HK_CONTEXT_REFERENCE)
HK_API hk_step hk__switch_reference(hk__context *from, const hk__context *to, uintptr_t outcome,
                                    void *value);
#define hk__switch hk__switch_reference
#elif defined(HK_CONTEXT_OUTLINE)
HK_API hk_step hk__switch_outline(hk__context *from, const hk__context *to, uintptr_t outcome,
                                  void *value);
#define hk__switch hk__switch_outline
#elif defined(__x86_64__)
#include <hocket/context_x86_64.h>
#elif defined(__aarch64__)
#include <hocket/context_aarch64.h>
#else
#error "Hocket: no inline context for this architecture; build it with -Dcontext=reference"
#endif

#ifdef __cplusplus
}
#endif
#endif
