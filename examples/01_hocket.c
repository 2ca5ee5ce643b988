/* SPDX-License-Identifier: MIT */
/* A hocket is a melody shared by two voices, one sounding while the other rests.
 *
 * Each voice is a task: an ordinary function that may wait. Its tune is a coroutine that yields
 * one note after another and sleeps in between. The sleep is a system call: it passes through the
 * voice, which knows nothing of it, up to whoever drives both. The group waits for the two: no task
 * outlives the block that its group stands in. */
#include <hocket.h>
#include <stdio.h>

static void *tune(void *notes)
{
    for (char **note = notes; *note != NULL; note++) {
        if (hk_is_err(hk_yield(*note))) break; /* nobody listens any more */
        if (hk_sleep(HK_MS(100)) < 0) break;
    }
    return NULL;
}

static void *voice(void *notes)
{
    HK_CORO(melody, tune, notes, NULL);
    void *note;
    while (hk_coro_next(melody, &note) > 0) puts(note);
    return NULL;
}

static void *perform(void *arg)
{
    char *first[] = { "do", "mi", "so", "ti", NULL };
    char *second[] = { "  re", "  fa", "  la", "  do", NULL };
    HK_GROUP(voices, NULL);
    hk_spawn(&voices, voice, first);
    hk_sleep(HK_MS(50));
    hk_spawn(&voices, voice, second);
    return hk_val(hk_group_close(&voices, 0));
}

int main(void) { return hk_run(perform, NULL, NULL) < 0; }
