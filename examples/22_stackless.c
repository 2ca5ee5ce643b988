/* SPDX-License-Identifier: MIT */
/* Coroutines without a stack.
 *
 * The other kind: a struct that holds what must survive, and a step function that returns at each
 * suspension. The verbs are the same, the scheduler is the same, the memory is that of the struct.
 * What it cannot do is wait inside a function that it calls: HK_AWAIT and HK_GIVE stand in the step
 * itself. Between HK_BEGIN and HK_END only the struct's fields keep their values. */
#include <hocket.h>
#include <stdio.h>

/* A generator: the same consumer reads both kinds. */
struct squares {
    hk_coro co;
    int i, n;
};

static hk_step squares(hk_coro *co, void *in)
{
    struct squares *f = HK_CONTAINER(co, struct squares, co);
    HK_BEGIN(co);
    for (f->i = 1; f->i <= f->n; f->i++) {
        HK_GIVE(co, hk_val(f->i * f->i));
        if (hk_is_err(in)) HK_RETURN(co, in);
    }
    HK_END(co, NULL);
}

/* A task: it sleeps, as any task does. */
struct voice {
    hk_coro co;
    hk_sleep_call sleep;
    const char *note;
    int i;
};

static hk_step voice(hk_coro *co, void *in)
{
    struct voice *f = HK_CONTAINER(co, struct voice, co);
    HK_BEGIN(co);
    for (f->i = 0; f->i < 2; f->i++) {
        puts(f->note);
        hk_sleep_prepare(&f->sleep, HK_MS(20));
        HK_AWAIT(co, &f->sleep.call);
        if (f->sleep.call.result < 0) HK_RETURN(co, hk_val(f->sleep.call.result));
    }
    HK_END(co, NULL);
}

static void *start(void *arg)
{
    struct squares generator = { .n = 4 };
    hk_stackless_init(&generator.co, squares, NULL);
    void *n;
    while (hk_coro_next(&generator.co, &n) > 0) printf("%d\n", (int)hk_num(n));

    struct voice voices[] = { { .note = "do" }, { .note = "re" }, { .note = "mi" } };
    hk_tid tids[HK_LEN(voices)];
    for (size_t i = 0; i < HK_LEN(voices); i++) {
        hk_stackless_init(&voices[i].co, voice, NULL);
        tids[i] = hk_spawn_stackless(HK_ROOT, &voices[i].co, "voice");
    }
    for (size_t i = 0; i < HK_LEN(voices); i++) hk_task_wait(tids[i], NULL);
    return NULL;
}

int main(void) { return hk_run(start, NULL, NULL) < 0; }
