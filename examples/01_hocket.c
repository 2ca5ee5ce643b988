/* SPDX-License-Identifier: MIT */
/* A hocket is a melody shared by two voices, one sounding while the other rests.
 *
 * Each voice is a task: an ordinary function that may wait. Its tune is a coroutine that yields
 * one note after another and sleeps in between. The sleep is a system call: it passes through the
 * voice, which knows nothing of it, up to whoever drives both. */
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
    static char *first[] = { "do", "mi", "so", "ti", NULL };
    static char *second[] = { "  re", "  fa", "  la", "  do", NULL };
    hk_spawn(HK_ROOT, voice, first);
    hk_sleep(HK_MS(50));
    hk_spawn(HK_ROOT, voice, second);
    return NULL;
}

int main(void) { return hk_run(perform, NULL, NULL) < 0; }
