/* SPDX-License-Identifier: MIT */
/* Some of the random programs (scripts/test_all.sh runs many more), every schedule of small ones;
 * and whether a failure is seen at all. */
#include "random/random.h"

#include "harness/harness.h"

TEST(programs_of_some_thousand_seeds, .seconds = 60)
{
    CHECK(run_seeds(1, 10000 / (uint64_t)test_time_factor()));
}

TEST(every_schedule_of_small_programs, .seconds = 60) { CHECK(run_schedules(2) > 1000); }

/* A program reads as it was printed. */
TEST(programs_are_text)
{
    static struct program p;
    CHECK(parse(&p, "spawn1{ send3! sleep:5 all2:7/1{ yield } }"));
    CHECK_EQ(p.tasks, 2);
    CHECK_EQ(p.scopes, 3);
    const struct stmt *send = p.main->body, *group = send->next->next;
    CHECK_EQ(send->op, OP_send);
    CHECK_EQ(send->object, 3);
    CHECK(send->goes_on);
    CHECK_EQ(send->next->arg, 5);
    CHECK_EQ(group->limit, 1);
    CHECK_EQ(group->body->op, OP_yield);
    CHECK(!parse(&p, "spawn1{ nonsense }"));
    CHECK(!parse(&p, "spawn1{ yield"));
}

/* The same seed is the same program. */
TEST(seeds_make_programs)
{
    static struct program a, b;
    int different = 0;
    for (uint64_t seed = 1; seed < 100; seed++) {
        char x[64], y[64];
        generate(&a, seed);
        generate(&b, seed);
        CHECK_EQ(a.stmts, b.stmts);
        for (int i = 0; i < a.stmts && i < b.stmts; i++) {
            format_stmt(&a.stmt[i], x, sizeof x);
            format_stmt(&b.stmt[i], y, sizeof y);
            CHECK_STR(x, y);
        }
        generate(&b, seed + 1000);
        different += a.stmts != b.stmts;
    }
    CHECK(different > 50);
}
