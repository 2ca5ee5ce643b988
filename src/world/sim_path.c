/* SPDX-License-Identifier: MIT */
/* Schedules as lists of choices: replayed, or searched through.
 *
 * The search is depth first: the last choice that has another alternative takes it, and all that
 * follows is plain again. A preemption is to let another task run although the one that ran could
 * go on; most bugs need few of them, and their number bounds the search (M. Musuvathi and S.
 * Qadeer, "Iterative context bounding for systematic testing of multithreaded programs", PLDI
 * 2007). */
#include "world/sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_preemption(const struct hk__sim_step *step)
{
    return step->goes_on && step->value > 0;
}

bool hk__sim_path_next(struct hk__sim_path *path, uint32_t preemptions)
{
    size_t used = 0;
    if (path->position < path->count) path->count = path->position;
    for (size_t i = 0; i < path->count; i++) used += is_preemption(&path->list[i]);
    while (path->count > 0) {
        struct hk__sim_step *last = &path->list[path->count - 1];
        used -= is_preemption(last);
        if (last->value + 1 < last->count && used + last->goes_on <= preemptions) {
            last->value++;
            return true;
        }
        path->count--;
    }
    return false;
}

static bool append(struct hk__sim_path *path, struct hk__sim_step step)
{
    if (path->count == path->room) {
        size_t room = path->room != 0 ? path->room * 2 : 256;
        struct hk__sim_step *list = realloc(path->list, room * sizeof *list);
        if (list == NULL) return false;
        path->list = list;
        path->room = room;
    }
    path->list[path->count++] = step;
    return true;
}

uint32_t hk__sim_path_take(struct hk__sim_path *path, uint32_t count, bool goes_on)
{
    if (path->position == path->count &&
        !append(path, (struct hk__sim_step){ .count = count, .goes_on = goes_on })) {
        path->failed = true;
        return 0;
    }
    struct hk__sim_step *step = &path->list[path->position++];
    step->count = count;
    step->goes_on = goes_on;
    return step->value %= count;
}

int hk__sim_path_parse(struct hk__sim_path *path, const char *text)
{
    int used;
    for (size_t at; *text != '\0'; text += used, text += *text == ',') {
        struct hk__sim_step step = { .count = 0 };
        if (sscanf(text, "%zu=%u%n", &at, &step.value, &used) != 2 || at < path->count ||
            (text[used] != ',' && text[used] != '\0'))
            return -EINVAL;
        while (path->count < at)
            if (!append(path, (struct hk__sim_step){ .count = 0 })) return -ENOMEM;
        if (!append(path, step)) return -ENOMEM;
    }
    return 0;
}

size_t hk__sim_path_format(const struct hk__sim_path *path, char *buf, size_t size)
{
    size_t used = 0;
    if (size > 0) buf[0] = '\0';
    for (size_t i = 0; i < path->count && i < path->position; i++) {
        if (path->list[i].value == 0) continue;
        int n = snprintf(used < size ? buf + used : NULL, used < size ? size - used : 0, "%s%zu=%u",
                         used > 0 ? "," : "", i, path->list[i].value);
        used += (size_t)n;
    }
    return used;
}

void hk__sim_path_free(struct hk__sim_path *path)
{
    free(path->list);
    *path = (struct hk__sim_path){ .list = NULL };
}
