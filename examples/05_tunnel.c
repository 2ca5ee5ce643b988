/* SPDX-License-Identifier: MIT */
/* A yield works at any depth of calls.
 *
 * In Python, `await` is a tunnel: what an awaited object yields comes out at the driver, what the
 * driver sends goes down to it, and the function between them notices nothing. Here a coroutine has
 * a stack of its own, so a plain function call is that tunnel. foo calls awaitable, awaitable
 * yields, and its return value is the result of the call. */
#include <hocket.h>
#include <stdio.h>

static int awaitable(void)
{
    for (int i = 1; i <= 3; i++) {
        void *value = hk_yield(hk_val(i));
        if (hk_is_err(value)) return (int)hk_num(value);
        printf("Awaitable received: %s\n", (char *)value);
    }
    return 42;
}

static void *foo(void *arg)
{
    puts("foo start");
    int result = awaitable();
    if (result < 0) return hk_val(result);
    printf("foo received result: %d\n", result);
    puts("foo end");
    return NULL;
}

int main(void)
{
    char *words[] = { NULL, "one", "two", "three" };
    HK_CORO(f, foo, NULL, NULL);
    for (size_t i = 0; i < HK_LEN(words); i++) {
        hk_step step = hk_coro_send(f, words[i]);
        if (step.outcome == HK_YIELDED) printf("%d\n", (int)hk_num(step.value));
        if (step.outcome == HK_RETURNED)
            printf("StopIteration %s\n", step.value == NULL ? "None" : "with a value");
    }
}
