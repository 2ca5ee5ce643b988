/* SPDX-License-Identifier: MIT */
/* Contexts on x86-64: the entry, the switch out of line, and a call in a parked context's name.
 *
 * The call frame information is right at every instruction: a profiler or debugger may stop at any.
 * A context, as hocket/context.h lays it out: sp 0, ip 8, fp 16, base 24, mxcsr 32, x87 control
 * 36. */

        .text

/* void hk__context_entry(void)
 *
 *   rbp  the coroutine, from hk__context_prepare
 *   rsp  16-byte aligned, so that the call leaves hk__coro_main with (rsp & 15) == 8
 *
 * The return address is undefined: the stack ends here. Unwinders look up the address before the
 * one they return to, hence the nop: a parked fresh context must lie inside this procedure. */
        .p2align 4
        .hidden hk__context_entry
        .hidden hk__coro_main
        .globl  hk__context_entry
        .type   hk__context_entry, @function
        .cfi_startproc
        .cfi_def_cfa rsp, 0
        .cfi_undefined rip
        nop
hk__context_entry:
        endbr64
        movq    %rbp, %rdi
        xorl    %ebp, %ebp
        call    hk__coro_main
        ud2
        .cfi_endproc
        .size   hk__context_entry, . - hk__context_entry

/* hk_step hk__switch_outline(hk__context *from, const hk__context *to, uintptr_t outcome,
 *                            void *value)
 *
 *   rdi from   rsi to   rdx outcome, then value   rcx value, then scratch   rax outcome
 *
 * The protocol of the inline form, so either may come back where the other left. Being a real call,
 * it may push: its caller has no red zone below it. It returns by jump: the return address that the
 * processor predicts is that of the last call, which came from another stack. */
        .p2align 4
        .globl  hk__switch_outline
        .type   hk__switch_outline, @function
hk__switch_outline:
        .cfi_startproc
        endbr64
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset rbp, 0
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset rbx, 0
        pushq   %r12
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset r12, 0
        pushq   %r13
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset r13, 0
        pushq   %r14
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset r14, 0
        pushq   %r15
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset r15, 0
        stmxcsr 32(%rdi)
        fnstcw  36(%rdi)
        movq    %rdx, %rax
        movq    %rcx, %rdx
        leaq    1f(%rip), %rcx
        movq    %rsp, 0(%rdi)
        movq    %rcx, 8(%rdi)
        movq    %rbp, 16(%rdi)
        movq    %rbx, 24(%rdi)
        movq    hk__mxcsr_loads_free@GOTPCREL(%rip), %rcx
        cmpl    $0, (%rcx)
        jnz     4f
        movl    32(%rdi), %ecx
        xorl    32(%rsi), %ecx
        testl   $0xffc0, %ecx
        jz      2f
4:      ldmxcsr 32(%rsi)
2:      movzwl  36(%rsi), %ecx
        cmpw    36(%rdi), %cx
        je      3f
        fldcw   36(%rsi)
3:      movq    8(%rsi), %rcx
        /* From here on the caller is the target; see context_x86_64.h. */
        .cfi_remember_state
        .cfi_escape 0x0f, 0x03, 0x74, 0x00, 0x06
        .cfi_register rip, rcx
        .cfi_escape 0x10, 0x06, 0x02, 0x74, 0x10
        .cfi_escape 0x10, 0x03, 0x02, 0x74, 0x18
        .cfi_undefined r12
        .cfi_undefined r13
        .cfi_undefined r14
        .cfi_undefined r15
        movq    24(%rsi), %rbx
        movq    16(%rsi), %rbp
        movq    0(%rsi), %rsp
        jmpq    *%rcx
        .cfi_restore_state
        nop
1:      endbr64
        popq    %r15
        .cfi_adjust_cfa_offset -8
        .cfi_restore r15
        popq    %r14
        .cfi_adjust_cfa_offset -8
        .cfi_restore r14
        popq    %r13
        .cfi_adjust_cfa_offset -8
        .cfi_restore r13
        popq    %r12
        .cfi_adjust_cfa_offset -8
        .cfi_restore r12
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore rbx
        popq    %rbp
        .cfi_adjust_cfa_offset -8
        .cfi_restore rbp
        popq    %rcx
        .cfi_adjust_cfa_offset -8
        .cfi_register rip, rcx
        notrack jmpq *%rcx
        .cfi_endproc
        .size   hk__switch_outline, . - hk__switch_outline

/* bool hk__call_as_caller(const hk__context *ctx, void (*fn)(void *), void *arg)
 *
 *   rdi ctx, then arg   rsi fn   rdx arg   rbx ctx, during the call
 *
 * While fn runs, this frame says that it was called from the context that rbx points to. */
        .p2align 4
        .hidden hk__call_as_caller
        .globl  hk__call_as_caller
        .type   hk__call_as_caller, @function
hk__call_as_caller:
        .cfi_startproc
        endbr64
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset rbx, 0
        movq    %rdi, %rbx
        movq    %rdx, %rdi
        .cfi_remember_state
        .cfi_escape 0x0f, 0x03, 0x73, 0x00, 0x06        /* CFA = *(rbx + 0), its sp */
        .cfi_escape 0x10, 0x10, 0x02, 0x73, 0x08        /* return address: at rbx + 8 */
        .cfi_escape 0x10, 0x06, 0x02, 0x73, 0x10        /* rbp: at rbx + 16 */
        .cfi_escape 0x10, 0x03, 0x02, 0x73, 0x18        /* rbx: at rbx + 24 */
        .cfi_undefined r12
        .cfi_undefined r13
        .cfi_undefined r14
        .cfi_undefined r15
        call    *%rsi
        .cfi_restore_state
        movl    $1, %eax
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore rbx
        ret
        .cfi_endproc
        .size   hk__call_as_caller, . - hk__call_as_caller

        .section .note.GNU-stack, "", @progbits

/* Where the library is built for indirect branch tracking, this file is fit for it. Never for
 * shadow stacks: a switch does not return to where it was called from. */
#if defined(__CET__) && (__CET__ & 1)
        .section .note.gnu.property, "a"
        .p2align 3
        .long   4, 16, 5
        .asciz  "GNU"
        .long   0xc0000002, 4, 1, 0
#endif
