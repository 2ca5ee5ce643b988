/* SPDX-License-Identifier: MIT */
/* The floor under every switch: the least that can be written by hand.
 *
 * Stack pointer, instruction pointer and frame pointer; the rest is declared clobbered, so what is
 * alive lies on the stack, as in any task that has something to do. No control words, no state, no
 * unwinding, nothing for sanitizers: it is not fit for use, only to be measured against. Where a
 * sanitizer watches, or the processor is another, there is no floor. */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include <hocket/coro.h>

#include <stddef.h>
#include <stdint.h>

struct bare {
    void *sp, *ip, *fp;
};

#if defined(HK__ASAN) || defined(HK__TSAN) || !(defined(__x86_64__) || defined(__aarch64__))

enum { BARE_WORKS = 0 };
static inline void *bare_switch(struct bare *from, const struct bare *to, void *value)
{
    (void)from;
    (void)to;
    return value;
}

#elif defined(__x86_64__)

enum { BARE_WORKS = 1 };
static inline __attribute__((always_inline)) void *bare_switch(struct bare *from,
                                                               const struct bare *to, void *value)
{
    __asm__ volatile("leaq 1f(%%rip), %%rcx\n\t"
                     "movq %%rsp, 0(%%rdi)\n\t"
                     "movq %%rcx, 8(%%rdi)\n\t"
                     "movq %%rbp, 16(%%rdi)\n\t"
                     "movq 8(%%rsi), %%rcx\n\t"
                     "movq 0(%%rsi), %%rsp\n\t"
                     "movq 16(%%rsi), %%rbp\n\t"
                     "jmpq *%%rcx\n"
                     "1:\n\t"
                     "endbr64\n\t"
                     : "+d"(value), "+D"(from), "+S"(to)
                     :
                     : "rax", "rbx", "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
                       "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
                       "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
                       "xmm15");
    return value;
}

#else

enum { BARE_WORKS = 1 };
static inline __attribute__((always_inline)) void *bare_switch(struct bare *from,
                                                               const struct bare *to, void *value)
{
    register struct bare *x0 __asm__("x0") = from;
    register const struct bare *x1 __asm__("x1") = to;
    register void *x2 __asm__("x2") = value;
    __asm__ volatile("adr x9, 1f\n\t"
                     "mov x10, sp\n\t"
                     "stp x10, x9, [x0]\n\t"
                     "str x29, [x0, #16]\n\t"
                     "ldp x10, x9, [x1]\n\t"
                     "ldr x29, [x1, #16]\n\t"
                     "mov sp, x10\n\t"
                     "br x9\n"
                     "1:\n\t"
                     "hint #36\n\t"
                     : "+r"(x0), "+r"(x1), "+r"(x2)
                     :
                     : "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
                       "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25",
                       "x26", "x27", "x28", "x30", "memory", "cc", "v0", "v1", "v2", "v3", "v4",
                       "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15",
                       "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26",
                       "v27", "v28", "v29", "v30", "v31");
    return x2;
}

#endif

/* A context that will run fn(arg), which must not return, on the stack that ends at top. */
void bare_prepare(struct bare *context, char *top, void (*fn)(void *arg), void *arg);

/* Stacks of 64 KiB in one mapping, without guards: the top of one of them, moved down by up to
 * 21 cache lines, more or fewer from stack to stack, as ours are. */
char *bare_stacks(size_t count);
char *bare_top(char *stacks, size_t index);
void bare_free(char *stacks, size_t count);

#endif
