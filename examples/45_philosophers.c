/* SPDX-License-Identifier: MIT */
/* The dining philosophers: a deadlock is found and told, then there is none.
 *
 * Each needs two forks and takes the left one first. That may go well a thousand times; it does not
 * where all of them have taken their left one. In a simulated world it is not left to chance: a
 * search runs one schedule after the other, and stops at the first that cannot go on. What it
 * says on stderr: who waits for which fork, who has that, and the value of HOCKET_REPLAY that shows
 * this schedule again, turn by turn.
 *
 * Where each takes the fork with the lower number first, nobody can wait in a circle; then the
 * search finds nothing. (E. W. Dijkstra, 1965) */
#include <hocket.h>
#include <stdio.h>

enum { SEATS = 3 };

struct table {
    bool in_order;
    hk_mutex forks[SEATS];
    int meals;
};

struct philosopher {
    struct table *table;
    int seat;
};
static void *philosopher(struct philosopher *self)
{
    hk_task_name("philosopher %d", self->seat);
    int left = self->seat, right = (self->seat + 1) % SEATS;
    bool swap = self->table->in_order && right < left;
    hk_mutex *first = &self->table->forks[swap ? right : left];
    hk_mutex *second = &self->table->forks[swap ? left : right];
    int r = hk_mutex_lock(first);
    if (r < 0) return hk_val(r);
    if ((r = hk_mutex_lock(second)) == 0) {
        self->table->meals++;
        hk_mutex_unlock(second);
    }
    hk_mutex_unlock(first);
    return hk_val(r);
}
HK_ENTRY(philosopher, struct philosopher)

static void *dinner(void *in_order)
{
    struct table table = { .in_order = in_order != NULL };
    static const char *const names[SEATS] = { "fork 0", "fork 1", "fork 2" };
    for (int i = 0; i < SEATS; i++) table.forks[i].name = names[i];
    HK_GROUP(guests, NULL);
    for (int i = 0; i < SEATS; i++) hk_go(&guests, philosopher, &table, i);
    intptr_t r = hk_group_close(&guests, 0);
    if (r == 0) HK_CHECK(table.meals == SEATS);
    return hk_val(r);
}

int main(void)
{
    const hk_sim_options search = { .policy = HK_SIM_EXHAUSTIVE };
    hk_sim_result result;
    int r = hk_sim_run(dinner, NULL, &search, &result);
    printf("left fork first: %s\n", r == -EDEADLK ? "a deadlock" : "no deadlock");
    r = hk_sim_run(dinner, hk_val(true), &search, &result);
    printf("lower fork first: %s\n", r == 0 && result.exhausted ? "never one" : result.report);
    return r < 0;
}
