/* SPDX-License-Identifier: MIT */
/* Contexts on AArch64: the entry, the switch out of line, and a call in a parked context's name.
 *
 * The call frame information is right at every instruction: a profiler or debugger may stop at any.
 * A context, as hocket/context.h lays it out: sp 0, ip 8, fp 16, base 24, fpcr 32. */

#define BTI_C hint #34
#define BTI_J hint #36

        .text

/* void hk__context_entry(void)
 *
 *   x29  the coroutine, from hk__context_prepare
 *   sp   16-byte aligned
 *
 * The return address is undefined: the stack ends here. Unwinders look up the address before the
 * one they return to, hence the nop: a parked fresh context must lie inside this procedure. */
        .p2align 4
        .hidden hk__context_entry
        .hidden hk__coro_main
        .globl  hk__context_entry
        .type   hk__context_entry, %function
        .cfi_startproc
        .cfi_undefined x30
        nop
hk__context_entry:
        BTI_J
        mov     x0, x29
        mov     x29, xzr
        mov     x30, xzr
        bl      hk__coro_main
        brk     #1
        .cfi_endproc
        .size   hk__context_entry, . - hk__context_entry

/* hk_step hk__switch_outline(hk__context *from, const hk__context *to, uintptr_t outcome,
 *                            void *value)
 *
 *   x0 from, then outcome   x1 to, then value   x2 outcome   x3 value   x9-x12 scratch
 *
 * The protocol of the inline form, so either may come back where the other left. It returns by ret:
 * a branch to a return address, which is no landing pad, is a fault where BTI is enforced. */
        .p2align 4
        .globl  hk__switch_outline
        .type   hk__switch_outline, %function
hk__switch_outline:
        .cfi_startproc
        BTI_C
        stp     x29, x30, [sp, #-160]!
        .cfi_def_cfa_offset 160
        .cfi_offset x29, -160
        .cfi_offset x30, -152
        stp     x19, x20, [sp, #16]
        .cfi_offset x19, -144
        .cfi_offset x20, -136
        stp     x21, x22, [sp, #32]
        .cfi_offset x21, -128
        .cfi_offset x22, -120
        stp     x23, x24, [sp, #48]
        .cfi_offset x23, -112
        .cfi_offset x24, -104
        stp     x25, x26, [sp, #64]
        .cfi_offset x25, -96
        .cfi_offset x26, -88
        stp     x27, x28, [sp, #80]
        .cfi_offset x27, -80
        .cfi_offset x28, -72
        stp     d8, d9, [sp, #96]
        .cfi_offset 72, -64
        .cfi_offset 73, -56
        stp     d10, d11, [sp, #112]
        .cfi_offset 74, -48
        .cfi_offset 75, -40
        stp     d12, d13, [sp, #128]
        .cfi_offset 76, -32
        .cfi_offset 77, -24
        stp     d14, d15, [sp, #144]
        .cfi_offset 78, -16
        .cfi_offset 79, -8
        adr     x9, 1f
        mov     x10, sp
        mrs     x11, fpcr
        stp     x10, x9, [x0]
        stp     x29, x19, [x0, #16]
        str     x11, [x0, #32]
        ldr     x12, [x1, #32]
        cmp     x11, x12
        b.eq    2f
        msr     fpcr, x12
2:      ldp     x10, x9, [x1]
        /* From here on the caller is the target; see context_x86_64.h. */
        .cfi_remember_state
        .cfi_escape 0x0f, 0x03, 0x71, 0x00, 0x06
        .cfi_register 30, 9
        .cfi_escape 0x10, 0x1d, 0x02, 0x71, 0x10
        .cfi_escape 0x10, 0x13, 0x02, 0x71, 0x18
        .irp    r, 20, 21, 22, 23, 24, 25, 26, 27, 28, 72, 73, 74, 75, 76, 77, 78, 79
        .cfi_undefined \r
        .endr
        ldp     x29, x19, [x1, #16]
        mov     sp, x10
        br      x9
        .cfi_restore_state
        nop
1:      BTI_J
        mov     x0, x2
        mov     x1, x3
        ldp     d14, d15, [sp, #144]
        ldp     d12, d13, [sp, #128]
        ldp     d10, d11, [sp, #112]
        ldp     d8, d9, [sp, #96]
        ldp     x27, x28, [sp, #80]
        ldp     x25, x26, [sp, #64]
        ldp     x23, x24, [sp, #48]
        ldp     x21, x22, [sp, #32]
        ldp     x19, x20, [sp, #16]
        ldp     x29, x30, [sp], #160
        .cfi_def_cfa_offset 0
        .irp    r, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 72, 73, 74, 75, 76, 77, 78, 79
        .cfi_restore \r
        .endr
        ret
        .cfi_endproc
        .size   hk__switch_outline, . - hk__switch_outline

/* bool hk__call_as_caller(const hk__context *ctx, void (*fn)(void *), void *arg)
 *
 *   x0 ctx, then arg   x1 fn   x2 arg   x19 ctx, during the call
 *
 * While fn runs, this frame says that it was called from the context that x19 points to. */
        .p2align 4
        .hidden hk__call_as_caller
        .globl  hk__call_as_caller
        .type   hk__call_as_caller, %function
hk__call_as_caller:
        .cfi_startproc
        BTI_C
        stp     x29, x30, [sp, #-32]!
        .cfi_def_cfa_offset 32
        .cfi_offset x29, -32
        .cfi_offset x30, -24
        str     x19, [sp, #16]
        .cfi_offset x19, -16
        mov     x29, sp
        mov     x19, x0
        mov     x0, x2
        .cfi_remember_state
        .cfi_escape 0x0f, 0x03, 0x83, 0x00, 0x06        /* CFA = *(x19 + 0), its sp */
        .cfi_escape 0x10, 0x1e, 0x02, 0x83, 0x08        /* return address: at x19 + 8 */
        .cfi_escape 0x10, 0x1d, 0x02, 0x83, 0x10        /* x29: at x19 + 16 */
        .cfi_escape 0x10, 0x13, 0x02, 0x83, 0x18        /* x19: at x19 + 24 */
        .irp    r, 20, 21, 22, 23, 24, 25, 26, 27, 28, 72, 73, 74, 75, 76, 77, 78, 79
        .cfi_undefined \r
        .endr
        blr     x1
        .cfi_restore_state
        mov     w0, #1
        ldr     x19, [sp, #16]
        ldp     x29, x30, [sp], #32
        .cfi_def_cfa_offset 0
        .cfi_restore x19
        .cfi_restore x29
        .cfi_restore x30
        ret
        .cfi_endproc
        .size   hk__call_as_caller, . - hk__call_as_caller

        .section .note.GNU-stack, "", %progbits

/* Where the library is built for branch target identification, this file is fit for it. */
#ifdef __ARM_FEATURE_BTI_DEFAULT
        .section .note.gnu.property, "a"
        .p2align 3
        .long   4, 16, 5
        .asciz  "GNU"
        .long   0xc0000000, 4, 1, 0
#endif
