/* SPDX-License-Identifier: MIT */
/* The inline switch, x86-64. Included by context.h.
 *
 *   rdi from   rsi to   rax outcome   rdx value   rcx whether to load mxcsr always, then scratch
 *
 * - rbp and rbx are saved because no compiler lets assembly clobber them in every function (rbx is
 *   LLVM's base pointer). All other registers are clobbered, the x87 stack and its MMX alias too:
 *   a value left in them would be popped by somebody else.
 * - mxcsr and the x87 control word are callee-saved, their status flags are not. They are stored
 *   always, and first, since that takes longest; and loaded only where control bits differ, since
 *   on many processors ldmxcsr with a differing status flag costs 60 ns. On some it costs nothing,
 *   but to look at what was just stored costs 2: there mxcsr is loaded always.
 * - From the first instruction that changes a register of the frame until the jump, the call frame
 *   information says what is true there: the caller is the target, its address in rcx, its stack
 *   pointer in the target's context; the registers that the target clobbered are nobody's. The nop
 *   before the label is for unwinders, which look up the address before the one they return to. */
#ifndef HOCKET_CONTEXT_X86_64_H
#define HOCKET_CONTEXT_X86_64_H

#ifdef __GCC_HAVE_DWARF2_CFI_ASM
/* CFA = *(rsi + 0), return address in rcx, rbp at rsi + 16, rbx at rsi + 24; r12 to r15 lost. */
#define HK__CFI_CALLER_IS_TARGET \
    ".cfi_remember_state\n\t" \
    ".cfi_escape 0x0f, 0x03, 0x74, 0x00, 0x06\n\t" \
    ".cfi_register 16, 2\n\t" \
    ".cfi_escape 0x10, 0x06, 0x02, 0x74, 0x10\n\t" \
    ".cfi_escape 0x10, 0x03, 0x02, 0x74, 0x18\n\t" \
    ".cfi_undefined 12\n\t" \
    ".cfi_undefined 13\n\t" \
    ".cfi_undefined 14\n\t" \
    ".cfi_undefined 15\n\t"
#define HK__CFI_BACK ".cfi_restore_state\n\t"
#else
#define HK__CFI_CALLER_IS_TARGET
#define HK__CFI_BACK
#endif

/* ldmxcsr costs nothing on this processor; context.c. */
extern HK_API unsigned hk__mxcsr_loads_free;

/* clang-format off */
static inline __attribute__((always_inline)) hk_step
hk__switch(hk__context *from, const hk__context *to, uintptr_t outcome, void *value)
{
    unsigned always = hk__mxcsr_loads_free;
    __asm__ volatile(
        "stmxcsr 32(%%rdi)\n\t"
        "fnstcw 36(%%rdi)\n\t"
        "leaq 1f(%%rip), %%r8\n\t"
        "movq %%rsp, 0(%%rdi)\n\t"
        "movq %%r8, 8(%%rdi)\n\t"
        "movq %%rbp, 16(%%rdi)\n\t"
        "movq %%rbx, 24(%%rdi)\n\t"
        "testl %%ecx, %%ecx\n\t"
        "jnz 4f\n\t"
        "movl 32(%%rdi), %%ecx\n\t"
        "xorl 32(%%rsi), %%ecx\n\t"
        "testl $0xffc0, %%ecx\n\t"
        "jz 2f\n"
        "4:\n\t"
        "ldmxcsr 32(%%rsi)\n"
        "2:\n\t"
        "movzwl 36(%%rsi), %%ecx\n\t"
        "cmpw 36(%%rdi), %%cx\n\t"
        "je 3f\n\t"
        "fldcw 36(%%rsi)\n"
        "3:\n\t"
        "movq 8(%%rsi), %%rcx\n\t"
        HK__CFI_CALLER_IS_TARGET
        "movq 24(%%rsi), %%rbx\n\t"
        "movq 16(%%rsi), %%rbp\n\t"
        "movq 0(%%rsi), %%rsp\n\t"
        "jmpq *%%rcx\n\t"
        HK__CFI_BACK
        "nop\n"
        "1:\n\t"
        "endbr64\n\t"
        : "+a"(outcome), "+d"(value), "+D"(from), "+S"(to), "+c"(always)
        :
        : "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc",
          "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)",
          "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
          "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
#ifdef __MMX__
          , "mm0", "mm1", "mm2", "mm3", "mm4", "mm5", "mm6", "mm7"
#endif
#ifdef __AVX512F__
          , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23",
          "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31",
          "k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7"
#endif
#ifdef __APX_F__
          , "r16", "r17", "r18", "r19", "r20", "r21", "r22", "r23",
          "r24", "r25", "r26", "r27", "r28", "r29", "r30", "r31"
#endif
    );
    hk_step step;
    step.outcome = (hk_outcome)outcome;
    step.value = value;
    return step;
}
/* clang-format on */

#endif
