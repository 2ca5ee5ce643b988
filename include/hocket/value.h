/* SPDX-License-Identifier: MIT */
/* Values, errors, durations.
 *
 * What coroutines hand each other is a `void *`: a pointer, or a number dressed as one (hk_val,
 * hk_num). The last 4095 addresses are no addresses but errors: -EIO is (void *)-5, so `return
 * hk_val(-EIO)` fails with it, and one compare tells a value from a failure. The reason, in words,
 * travels beside the number: hk_fail records it, hk_why reads it. */
#ifndef HOCKET_VALUE_H
#define HOCKET_VALUE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HK_API          __attribute__((visibility("default")))
#define HK_MUST_CHECK   __attribute__((warn_unused_result))
#define HK__LIKELY(x)   __builtin_expect(!!(x), 1)
#define HK__UNLIKELY(x) __builtin_expect(!!(x), 0)

/* The body of a coroutine or task: pthread's own signature. A value in -4095..-1 is a failure. */
typedef void *hk_entry(void *arg);

/* A number as a value.
 *   n: the number; -4095..-1 is an error.
 * Returns: the value; no errors of its own. Blocks: never. Cancel: no. Threads: any. */
static inline void *hk_val(intptr_t n) { return (void *)n; }

/* A value as a number.
 *   v: what hk_val made, or any value.
 * Returns: the number; no errors of its own. Blocks: never. Cancel: no. Threads: any. */
static inline intptr_t hk_num(const void *v) { return (intptr_t)v; }

/* Whether a value is an error.
 *   v: any value.
 * Returns: true for -4095..-1; no errors of its own. Blocks: never. Cancel: no. Threads: any. */
static inline bool hk_is_err(const void *v) { return (uintptr_t)v >= (uintptr_t)-4095; }

/* Durations: int64_t nanoseconds, always relative. */
#define HK_US(n)   ((int64_t)(n)*1000)
#define HK_MS(n)   ((int64_t)(n)*1000000)
#define HK_SEC(n)  ((int64_t)(n)*1000000000)
#define HK_FOREVER INT64_MAX

#define HK_LEN(a)                    (sizeof(a) / sizeof(*(a)))
#define HK_CONTAINER(ptr, T, member) ((T *)(void *)((char *)(ptr)-offsetof(T, member)))
#define HK_ON_LEAVE(fn)              __attribute__((cleanup(fn)))

/* Records why something failed: `return hk_fail(-EPROTO, "bad length %d", n);`. The text belongs to
 * the coroutine that runs, and goes with the failure to whoever resumed it. Where the same error
 * was recorded before, the older text is kept behind a colon as the cause; where it was another
 * error (one failure while another was being handled), behind "; during: ".
 *   error: -errno.
 *   format: printf's, without a newline; 240 bytes of the whole chain are kept.
 * Returns: error, always. Without memory the text is lost, never the number.
 * Blocks: never. Cancel: no. Threads: any. */
HK_API int hk_fail(int error, const char *format, ...) __attribute__((format(printf, 2, 3), cold));

/* The last failure that this coroutine recorded or was handed, with its chain of causes, on one
 * line.
 * Returns: the text, "" where there is none; valid until the next failure here. Blocks: never.
 * Cancel: no. Threads: any. */
HK_API const char *hk_why(void);

#ifdef __cplusplus
}
#endif
#endif
