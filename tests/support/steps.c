/* SPDX-License-Identifier: MIT */
/* Outcomes as text, a trace, and two calls of our own. */
#include "support/steps.h"

#include <stdarg.h>

char trace[512];
int add_one_handled;
hk_call *kept;
int keep_abort_answer = HK_ABORTED, keep_aborts;

/* Several texts may be alive in one check. */
static char *place(size_t *ret_size)
{
    static __thread char places[8][64];
    static __thread unsigned next;
    *ret_size = sizeof places[0];
    return places[next++ % HK_LEN(places)];
}

const char *number_text(intptr_t n)
{
    size_t size;
    char *text = place(&size);
    const char *name = n < 0 && n >= -4095 ? strerrorname_np((int)-n) : NULL;
    if (name != NULL)
        snprintf(text, size, "-%s", name);
    else
        snprintf(text, size, "%lld", (long long)n);
    return text;
}

const char *step_text(hk_step step)
{
    size_t size;
    char *text = place(&size);
    const char *number = number_text(hk_num(step.value));
    const char *error = number[0] == '-' ? number + 1 : number;
    switch (step.outcome) {
    case HK_YIELDED: snprintf(text, size, "yielded %s", number); break;
    case HK_RETURNED: snprintf(text, size, "returned %s", number); break;
    case HK_FAILED: snprintf(text, size, "failed %s", error); break;
    case HK_REFUSED: snprintf(text, size, "refused %s", error); break;
    case HK_TRAPPED: snprintf(text, size, "trapped %s", step.call->type->name); break;
    case HK_FINISHED:
        snprintf(text, size, step.value == NULL ? "finished" : "finished %s", number);
        break;
    default: snprintf(text, size, "outcome %d", (int)step.outcome); break;
    }
    return text;
}

void note(const char *format, ...)
{
    size_t used = strlen(trace);
    va_list args;
    va_start(args, format);
    vsnprintf(trace + used, sizeof trace - used, format, args);
    va_end(args);
}

void trace_clear(void) { trace[0] = '\0'; }

static void add_one_handle(hk_call *call)
{
    add_one_handled++;
    hk_call_complete(call, HK_CONTAINER(call, struct add_one, call)->x + 1);
}

const hk_call_type add_one_type = { .name = "add_one", .handle = add_one_handle };

intptr_t add_one(int x) { return HK_TRAP(struct add_one, HK_CALL(add_one_type), .x = x); }

static void keep_handle(hk_call *call) { kept = call; }

static int keep_abort(hk_call *call)
{
    (void)call;
    keep_aborts++;
    return keep_abort_answer;
}

const hk_call_type keep_type = { .name = "keep", .handle = keep_handle, .abort = keep_abort };

intptr_t keep(void) { return HK_TRAP(struct keep, HK_CALL(keep_type)); }

static void complete(hk_driver *driver, hk_call *call, intptr_t result)
{
    (void)driver;
    (void)call;
    (void)result;
}

static int64_t tid(hk_driver *driver, const hk_call *call)
{
    (void)driver;
    (void)call;
    return 1;
}

bool accept_call(hk_call *call)
{
    static hk_driver driver = { complete, tid };
    call->driver = &driver;
    call->task = NULL;
    call->type->handle(call);
    return call->state == HK__CALL_SETTLED;
}
