/* SPDX-License-Identifier: MIT */
/* create: options, and who owns the argument.
 *
 * An argument with arg_release is given away with the call. Either the body gets it, and answers
 * for it; or the body never runs, and arg_release is called, once, whatever the reason. */
#include "support/steps.h"

#include <stdlib.h>

struct parcel {
    int number;
    char text[100];
};

static const struct parcel parcel = { 42, "fragile" };
static int released;
static void *released_where;

static void release(void *arg)
{
    const struct parcel *p = arg;
    CHECK(p->number == 42 && strcmp(p->text, "fragile") == 0);
    released++;
    released_where = arg;
}

static void *takes_parcel(void *arg)
{
    struct parcel *p = arg;
    note("%d %s ", p->number, p->text);
    p->number = 7; /* its own copy */
    void *in = hk_yield(hk_val(1));
    return hk_is_err(in) ? in : hk_val(p->number);
}

static const hk_coro_options owning = { .arg_size = sizeof(struct parcel), .arg_release = release };

TEST(an_argument_is_copied_onto_the_new_stack)
{
    struct parcel mine = parcel;
    HK_CORO(co, takes_parcel, &mine, &owning);
    memset(&mine, 0xff, sizeof mine); /* the maker's may go */
    CHECK_STEP(hk_coro_send(co, NULL), "yielded 1");
    CHECK_STR(trace, "42 fragile ");
    CHECK_STEP(hk_coro_send(co, NULL), "returned 7");
    CHECK_EQ(released, 0); /* the body ran: it was the body's */
}

static void *is_aligned(void *arg) { return hk_val((uintptr_t)arg % _Alignof(max_align_t)); }

TEST(a_copied_argument_is_aligned)
{
    char bytes[300] = "";
    for (size_t size = 1; size < sizeof bytes; size++) {
        HK_CORO(co, is_aligned, bytes, &(hk_coro_options){ .arg_size = size });
        CHECK_STEP(hk_coro_send(co, NULL), "returned 0");
    }
}

static void *sums_up(void *arg)
{
    const unsigned char *bytes = arg;
    intptr_t sum = 0;
    for (int i = 0; i < 20000; i++) sum += bytes[i];
    return hk_val(sum);
}

TEST(a_large_argument_fits_where_half_the_stack_does)
{
    static unsigned char bytes[20000];
    memset(bytes, 1, sizeof bytes);
    HK_CORO(co, sums_up, bytes, &(hk_coro_options){ .arg_size = sizeof bytes });
    CHECK_STEP(hk_coro_send(co, NULL), "returned 20000");
}

TEST(an_argument_that_does_not_fit_is_released_and_nothing_is_made)
{
    static struct {
        struct parcel parcel;
        char rest[100000];
    } large;
    large.parcel = parcel;
    hk_coro_options options = { .arg_size = sizeof large, .arg_release = release };
    CHECK(hk_coro_create(takes_parcel, &large, &options) == NULL);
    CHECK(released == 1 && released_where == &large);
}

TEST(a_create_without_memory_releases_the_argument)
{
    struct parcel mine = parcel;
    hk_coro_options options = owning;
    options.stack = SIZE_MAX / 4;
    CHECK(hk_coro_create(takes_parcel, &mine, &options) == NULL);
    CHECK(released == 1 && released_where == &mine);
}

TEST(an_argument_may_be_released_without_being_copied)
{
    struct parcel mine = parcel;
    hk_coro *co = hk_coro_create(takes_parcel, &mine, &(hk_coro_options){ .arg_release = release });
    CHECK_EQ(hk_coro_destroy(co), 0);
    CHECK(released == 1 && released_where == &mine);
}

TEST(one_that_is_destroyed_before_it_began_releases_its_copy)
{
    struct parcel mine = parcel;
    hk_coro *co = hk_coro_create(takes_parcel, &mine, &owning);
    memset(&mine, 0, sizeof mine);
    CHECK_EQ(released, 0);
    CHECK_EQ(hk_coro_destroy(co), 0);
    CHECK_EQ(released, 1);
    CHECK_STR(trace, "");
}

TEST(one_that_is_closed_before_it_began_releases_once)
{
    HK_CORO(co, takes_parcel, (void *)&parcel, &owning);
    CHECK_STEP(hk_coro_send(co, hk_val(5)), "refused EINVAL");
    CHECK_EQ(released, 0);
    CHECK_STEP(hk_coro_close(co), "returned 0");
    CHECK_EQ(released, 1);
    CHECK_STEP(hk_coro_close(co), "finished");
    CHECK_EQ(hk_coro_destroy(co), 0);
    co = NULL;
    CHECK_EQ(released, 1);
}

TEST(one_that_is_thrown_at_before_it_began_releases_once)
{
    {
        HK_CORO(co, takes_parcel, (void *)&parcel, &owning);
        CHECK_STEP(hk_coro_throw(co, -EIO), "failed EIO");
        CHECK_EQ(released, 1);
        CHECK_STEP(hk_coro_throw(co, -EIO), "failed EIO");
    }
    {
        HK_CORO(co, takes_parcel, (void *)&parcel, &owning);
        CHECK_STEP(hk_coro_send(co, hk_val(-EIO)), "failed EIO");
        CHECK_EQ(released, 2);
    }
    CHECK_EQ(released, 2);
}

TEST(one_that_ran_never_releases_however_it_ended)
{
    hk_coro *co = hk_coro_create(takes_parcel, (void *)&parcel, &owning);
    hk_coro_send(co, NULL);
    CHECK_STEP(hk_coro_throw(co, -EIO), "failed EIO");
    CHECK_EQ(hk_coro_destroy(co), 0);
    co = hk_coro_create(takes_parcel, (void *)&parcel, &owning);
    hk_coro_send(co, NULL);
    CHECK_EQ(hk_coro_destroy(co), 0);
    CHECK_EQ(released, 0);
}

/* ---- the same for tasks ---- */

static void *spawns_and_kills(void *arg)
{
    (void)arg;
    hk_tid tid = hk_spawn_with(HK_ROOT, takes_parcel, (void *)&parcel, &owning);
    CHECK(tid > 0);
    CHECK_EQ(hk_task_kill(tid), 1);
    CHECK_EQ(hk_task_wait(tid, NULL), 0);
    CHECK_EQ(released, 1);
    hk_coro_options options = owning;
    options.stack = SIZE_MAX / 4;
    CHECK_NUMBER(hk_spawn_with(HK_ROOT, takes_parcel, (void *)&parcel, &options), "-ENOMEM");
    CHECK_EQ(released, 2);
    return NULL;
}

TEST(a_task_killed_before_its_first_run_releases)
{
    CHECK_EQ(hk_run(spawns_and_kills, NULL, NULL), 0);
    CHECK_EQ(released, 2);
    CHECK_STR(trace, "");
    CHECK_NUMBER(hk_spawn_with(HK_ROOT, takes_parcel, (void *)&parcel, &owning), "-EPERM");
    CHECK_EQ(released, 3); /* outside any scheduler */
}

/* ---- primed ---- */

static void *averages(void *arg)
{
    intptr_t sum = 0, n = 0;
    void *in = hk_yield(arg);
    for (; !hk_is_err(in); in = hk_yield(hk_val(sum / n))) sum += hk_num(in), n++;
    return in;
}

static const hk_coro_options primed = { .primed = true };

TEST(a_primed_coroutine_receives_the_first_send)
{
    HK_CORO(co, averages, NULL, &primed);
    CHECK_STEP(hk_coro_send(co, hk_val(10)), "yielded 10");
    CHECK_STEP(hk_coro_send(co, hk_val(20)), "yielded 15");
}

static void *ends_at_once(void *arg) { return arg; }

TEST(a_primed_coroutine_may_end_at_once)
{
    HK_CORO(co, ends_at_once, hk_val(3), &primed);
    CHECK_STEP(hk_coro_send(co, NULL), "finished");
    HK_CORO(fails, ends_at_once, hk_val(-EIO), &primed);
    CHECK_STEP(hk_coro_send(fails, NULL), "finished");
}

static void *calls_first(void *arg)
{
    (void)arg;
    note("%s ", number_text(add_one(1)));
    return hk_yield(hk_val(1));
}

/* A driver that is not there yet cannot serve it. */
TEST(a_primed_body_that_makes_a_call_under_thread_code_gets_enosys)
{
    HK_CORO(co, calls_first, NULL, &primed);
    CHECK_STR(trace, "-ENOSYS ");
    CHECK_STEP(hk_coro_send(co, hk_val(5)), "returned 5");
}

static void *primes_one(void *arg)
{
    (void)arg;
    HK_CORO(co, calls_first, NULL, &primed);
    CHECK(co != NULL);
    CHECK_STR(trace, "2 ");
    return NULL;
}

TEST(a_primed_body_calls_through_its_maker) { CHECK_EQ(hk_run(primes_one, NULL, NULL), 0); }

/* ---- stacks ---- */

static intptr_t fill(int kib)
{
    volatile char room[1024];
    room[0] = (char)kib;
    room[1023] = (char)kib;
    return kib == 0 ? room[0] : fill(kib - 1) + room[1023] - (char)kib;
}

static void *fills(void *arg) { return hk_val(fill((int)hk_num(arg))); }

TEST(a_stack_is_as_large_as_asked)
{
    static const size_t sizes[] = { 0, 1, 16384, 20000, 65536, 1 << 20, 64 << 20 };
    for (size_t i = 0; i < HK_LEN(sizes); i++) {
        size_t size = sizes[i] == 0 ? 65536 : sizes[i] < 16384 ? 16384 : sizes[i];
        HK_CORO(co, fills, hk_val(size / 2048), &(hk_coro_options){ .stack = sizes[i] });
        CHECK_STEP(hk_coro_send(co, NULL), "returned 0");
    }
}
