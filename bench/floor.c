/* SPDX-License-Identifier: MIT */
/* The floor: how a bare context begins, and its stacks. */
#include "floor.h"

#include "bench.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum { STACK = 65536, COLOURS = 8, COLOUR_STEP = 192 };

void bare_entry(void);

/* A fresh context finds its function and its argument on top of its stack. */
#if defined(__x86_64__)
__asm__(".text\n\t"
        ".globl bare_entry\n\t"
        ".type bare_entry, @function\n"
        "bare_entry:\n\t"
        ".cfi_startproc\n\t"
        ".cfi_undefined rip\n\t"
        "endbr64\n\t"
        "movq 0(%rsp), %rax\n\t"
        "movq 8(%rsp), %rdi\n\t"
        "callq *%rax\n\t"
        "ud2\n\t"
        ".cfi_endproc\n\t"
        ".size bare_entry, . - bare_entry\n");
#elif defined(__aarch64__)
__asm__(".text\n\t"
        ".globl bare_entry\n\t"
        ".type bare_entry, %function\n"
        "bare_entry:\n\t"
        ".cfi_startproc\n\t"
        ".cfi_undefined x30\n\t"
        "hint #36\n\t"
        "ldp x1, x0, [sp]\n\t"
        "blr x1\n\t"
        "brk #1\n\t"
        ".cfi_endproc\n\t"
        ".size bare_entry, . - bare_entry\n");
#else
void bare_entry(void) {}
#endif

void bare_prepare(struct bare *context, char *top, void (*fn)(void *arg), void *arg)
{
    uintptr_t *start = (uintptr_t *)(void *)top - 2;
    start[0] = (uintptr_t)fn;
    start[1] = (uintptr_t)arg;
    *context = (struct bare){ .sp = start, .ip = (void *)(uintptr_t)bare_entry };
}

char *bare_stacks(size_t count)
{
    char *stacks = mmap(NULL, count * STACK, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (stacks == MAP_FAILED) bench_fail("no room for stacks: %s", strerror(errno));
    madvise(stacks, count * STACK, MADV_NOHUGEPAGE);
    return stacks;
}

char *bare_top(char *stacks, size_t index)
{
    return stacks + (index + 1) * STACK - index % COLOURS * COLOUR_STEP;
}

void bare_free(char *stacks, size_t count) { munmap(stacks, count * STACK); }
