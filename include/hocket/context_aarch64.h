/* SPDX-License-Identifier: MIT */
/* The inline switch, AArch64. Included by context.h.
 *
 *   x0 from   x1 to   x2 outcome   x3 value   x9-x12 scratch
 *
 * - x29 (frame pointer) and x19 (LLVM's base pointer) are saved, all other registers are clobbered;
 *   so the compiler saves d8-d15 and x20-x30 only where they are alive.
 * - fpcr is stored always and loaded only where it differs.
 * - The call frame information follows the same rule as on x86-64: see context_x86_64.h. A function
 *   that signs its return address has done so when it comes here, because x30 is clobbered; the
 *   address that the switch jumps to is not signed. "hint #36" is the landing pad, bti j. */
#ifndef HOCKET_CONTEXT_AARCH64_H
#define HOCKET_CONTEXT_AARCH64_H

#ifdef __GCC_HAVE_DWARF2_CFI_ASM
#ifdef __ARM_FEATURE_PAC_DEFAULT
#define HK__CFI_NOT_SIGNED ".cfi_negate_ra_state\n\t"
#else
#define HK__CFI_NOT_SIGNED
#endif
/* CFA = *(x1 + 0), return address in x9, x29 at x1 + 16, x19 at x1 + 24; x20 to x28 lost. */
#define HK__CFI_CALLER_IS_TARGET \
    ".cfi_remember_state\n\t" HK__CFI_NOT_SIGNED ".cfi_escape 0x0f, 0x03, 0x71, 0x00, 0x06\n\t" \
    ".cfi_register 30, 9\n\t" \
    ".cfi_escape 0x10, 0x1d, 0x02, 0x71, 0x10\n\t" \
    ".cfi_escape 0x10, 0x13, 0x02, 0x71, 0x18\n\t" \
    ".irp hk__r, 20, 21, 22, 23, 24, 25, 26, 27, 28\n\t" \
    ".cfi_undefined \\hk__r\n\t" \
    ".endr\n\t"
#define HK__CFI_BACK ".cfi_restore_state\n\t"
#else
#define HK__CFI_CALLER_IS_TARGET
#define HK__CFI_BACK
#endif

/* clang-format off */
static inline __attribute__((always_inline)) hk_step
hk__switch(hk__context *from, const hk__context *to, uintptr_t outcome, void *value)
{
    register hk__context *x0 __asm__("x0") = from;
    register const hk__context *x1 __asm__("x1") = to;
    register uintptr_t x2 __asm__("x2") = outcome;
    register void *x3 __asm__("x3") = value;
    __asm__ volatile(
        "adr x9, 1f\n\t"
        "mov x10, sp\n\t"
        "mrs x11, fpcr\n\t"
        "stp x10, x9, [x0]\n\t"
        "stp x29, x19, [x0, #16]\n\t"
        "str x11, [x0, #32]\n\t"
        "ldr x12, [x1, #32]\n\t"
        "cmp x11, x12\n\t"
        "b.eq 2f\n\t"
        "msr fpcr, x12\n"
        "2:\n\t"
        "ldp x10, x9, [x1]\n\t"
        HK__CFI_CALLER_IS_TARGET
        "ldp x29, x19, [x1, #16]\n\t"
        "mov sp, x10\n\t"
        "br x9\n\t"
        HK__CFI_BACK
        "nop\n"
        "1:\n\t"
        "hint #36\n\t"
        : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
        :
        : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16",
          "x17", "x18", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x30",
          "memory", "cc",
          "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13",
          "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25",
          "v26", "v27", "v28", "v29", "v30", "v31"
#ifdef __ARM_FEATURE_SVE
          , "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12", "p13",
          "p14", "p15"
#endif
    );
    hk_step step;
    step.outcome = (hk_outcome)x2;
    step.value = x3;
    return step;
}
/* clang-format on */

#endif
