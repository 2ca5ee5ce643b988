/* SPDX-License-Identifier: MIT */
/* Small programs, each under every schedule with two preemptions. Where one of the tasks kills or
 * cancels another, that happens at every point. */
#include "random/random.h"

#include <stdio.h>

static const char *const programs[] = {
    /* channels: of no room, of little, ordered */
    "spawn1{ send0 } spawn2{ recv0 } spawn3{ kill1 }",
    "spawn1{ send0 } spawn2{ recv0 } spawn3{ kill2 }",
    "spawn1{ send0 send0 } spawn2{ recv0! recv0 } scope1:2{ recv0 }",
    "spawn1{ send1 send1 send1 } spawn2{ recv1 recv1 } spawn3{ kill1 recv1 }",
    "spawn1{ send1 send1 close1 } spawn2{ recv1 recv1 recv1 } spawn3{ recv1 }",
    "spawn1{ send1 send1 send1 } spawn2{ recv1 abandon1 } spawn3{ kill2 }",
    "spawn1{ send3 send3 } spawn2{ send3 send3 } spawn3{ recv3 recv3 kill1 recv3 }",
    "spawn1{ scope1:-2{ send0 } send0 } spawn2{ recv0 } spawn3{ cancel1 }",
    "spawn1{ recv0 } spawn2{ recv0 } spawn3{ kill1 send0 }",
    /* select */
    "spawn1{ select0:1{ recv0 send1 } } spawn2{ send0 recv1 } spawn3{ kill1 }",
    "spawn1{ select0{ recv0 recv1 } } spawn2{ send0 } spawn3{ send1 recv0 }",
    "spawn1{ select0:1{ recv0 recv1 } recv0 } spawn2{ select0:1{ send1 send0 } } spawn3{ kill2 }",
    "spawn1{ select0{ send0 send1 tick0 } } spawn2{ recv0 close1 } spawn3{ kill1 sleep:5 }",
    "spawn1{ scope1:-2{ select0{ recv0 recv2 } } } spawn2{ send0 } spawn3{ cancel1 recv0 }",
    "spawn1{ select0:1{ wait0 join2 } } spawn2{ yield set0 } spawn3{ kill1 kill2 }",
    "spawn1{ select0{ join2 recv0 } } spawn2{ yield } spawn3{ send0 kill2 }",
    /* semaphores, events, barriers, futures, wait groups */
    "spawn1{ acquire0 release0 } spawn2{ acquire0 release0 } spawn3{ release0 kill1 }",
    "spawn1{ acquire1 yield release1 } spawn2{ acquire1 } spawn3{ kill2 acquire1 release1 }",
    "spawn1{ wait0 wait0 } spawn2{ set0 clear0 } spawn3{ kill1 set0 }",
    "spawn1{ barrier0 } spawn2{ barrier0 } spawn3{ kill1 barrier0 }",
    "spawn1{ barrier1 } spawn2{ barrier1 } spawn3{ barrier1 } spawn4{ kill1 }",
    "spawn1{ await0 } spawn2{ await0 } spawn3{ kill1 resolve0 }",
    "add0 spawn1{ drain0 } spawn2{ drain0 add0 done0 } spawn3{ kill1 done0 }",
    "add0 spawn1{ drain0 } spawn2{ drain0 } spawn3{ kill1 done0 }",
    "spawn1{ await0 } spawn2{ await0! } spawn3{ kill1 refuse0 }",
    /* broadcast channels */
    "spawn1{ tell0 tell0 tell0 } spawn2{ hear0 hear0 } spawn3{ kill1 leave0 }",
    "subscribe2 spawn1{ tell0 tell0 } spawn2{ hear0 hear0 } spawn3{ hear2 kill2 leave2 }",
    "subscribe2 tell0 hear0 spawn1{ tell0 } spawn2{ select0:1{ hear0 hear2 } } spawn3{ hear0 }",
    "spawn1{ tell1 tell1 tell1 hush1 } spawn2{ hear1 hear1 hear1 hear1 } spawn3{ kill2 }",
    /* locks */
    "spawn1{ lock0{ yield } } spawn2{ lock0{ yield } } spawn3{ kill1 lock0{ yield } }",
    "spawn1{ lock0/1{ yield } } spawn2{ lock0{ yield } } spawn3{ kill2 lock0{ yield } }",
    "spawn1{ lock0/1{ yield } } spawn2{ lock0{ yield } } spawn3{ kill1 lock0{ yield } }",
    "spawn1{ lock0{ cwait0 } } spawn2{ lock0{ notify0 } } spawn3{ kill1 lock0{ yield } }",
    "spawn1{ lock0{ cwait0 } } spawn2{ lock0{ cwait0 } } spawn3{ kill1 lock0{ notify0 wake0 } }",
    "spawn1{ lock0{ scope1:0{ cwait0! } } } spawn2{ lock0{ yield } }",
    "spawn1{ lock0{ scope1:0{ cwait0! } recv0 } } spawn2{ send0 } spawn3{ cancel1 }",
    "spawn1{ read0{ yield } } spawn2{ write0{ yield } } spawn3{ read0{ kill2 } }",
    "spawn1{ write0/1{ yield } } spawn2{ read0{ yield } } spawn3{ read0{ yield } kill2 }",
    "spawn1{ write0{ write0 yield } } spawn2{ read0{ yield } } spawn3{ kill1 write0 }",
    "spawn1{ once0{ yield } } spawn2{ once0{ yield } } spawn3{ kill1 once0{ yield } }",
    "spawn1{ once0/1{ yield } } spawn2{ once0{ fail } } spawn3{ kill2 once0{ yield } }",
    /* time */
    "spawn1{ sleep:2 } spawn2{ scope1:2{ sleep:3 } } spawn3{ scope2:1{ sleep:1 } kill1 }",
    "spawn1{ token0 token0 } spawn2{ token0 } spawn3{ kill1 token0 }",
    "spawn1{ tick0 tick0 } spawn2{ tick0 } spawn3{ kill1 }",
    "spawn1{ scope1:2{ scope2:2{ recv0 } } } spawn2{ sleep:2 send0 } spawn3{ cancel1 }",
    /* scopes: shields, soft stops, deadlines that are moved, no waiting */
    "spawn1{ scope1:-2{ shield2:4{ recv0 } recv0 } } spawn2{ cancel1 send0 send0 }",
    "spawn1{ shield1:4{ send0! send0 } send0 } spawn2{ kill1 } spawn3{ recv0 }",
    "spawn1{ scope1:0{ send0! } send0 } spawn2{ recv0 } spawn3{ kill1 }",
    "spawn1{ scope1:3{ recv0! rearm:5 recv0 } recv0 } spawn2{ send0 cancel1 send0 }",
    "all1{ spawn1{ soft2:-2{ recv0! } recv0 } spawn2{ stop1:3 send0 } spawn3{ kill1 } }",
    /* groups */
    "all1{ spawn1{ fail } spawn2{ recv0 } } spawn3{ kill2 }",
    "any1{ spawn1{ yield } spawn2{ recv0 } } spawn3{ send0 }",
    "first1{ spawn1{ fail } spawn2{ recv0 } } spawn3{ send0 kill2 }",
    "alone1{ spawn1{ fail } spawn2{ yield } daemon3{ recv0 } } spawn4{ kill1 }",
    "all1{ daemon1{ sleep:9 } spawn2{ yield spawn3{ yield } } } spawn4{ kill2 }",
    "all1:2{ spawn1{ recv0 } shield2:3{ recv0 } } spawn2{ sleep:2 send0 }",
    "spawn1{ all1{ spawn2{ all2{ spawn3{ recv0 } } } } } spawn4{ kill1 }",
    "spawn1{ all1{ spawn2{ all2{ spawn3{ recv0 } } } } } spawn4{ cancel1 } spawn5{ cancel2 }",
    "all1/1{ spawn1{ yield } spawn2{ yield } } spawn3{ cancel1 gwait1 }",
    "all1/2{ spawn1{ spawn2{ sleep:5 } } spawn3{ yield } yield yield spawn4{ sleep:5 } }",
    "all1/2{ spawn1{ spawn2{ yield } } spawn3{ kill1 } spawn4{ yield } }",
    /* tasks, with and without a stack */
    "spawn1{ yield } spawn2{ join1 } spawn3{ join2 kill1 }",
    "spawn1{ join2 } spawn2{ join1 } spawn3{ kill1 }",
    "spawn1{ yield exit } spawn2{ scope1:-2{ join1 } } spawn3{ cancel1 kill1 join2 }",
    "light1{ send0 recv1 } light2{ recv0 send1 } spawn3{ kill1 }",
    "light1{ sleep:1! send1 } spawn2{ join1 recv1 } spawn3{ kill1 kill1 }",
    "root1{ recv0 } spawn2{ send0 } spawn3{ kill1 kill2 }",
    "root1{ all1{ spawn2{ recv0 } } } spawn3{ kill1 send0 }",
    "with0{ spawn1{ with1{ yield spawn2{ yield } } } } spawn3{ kill1 }",
    /* tasks that say when they have started */
    "spawn1{ start2{ yield started yield } } spawn3{ kill1 }",
    "spawn1{ start2{ yield fail } } spawn3{ kill1 join2 }",
    "spawn1{ scope1:1{ start2{ recv0 started } } } spawn3{ send0 cancel1 }",
    "all1{ spawn1{ start2{ shield2:2{ recv0 } started } } } spawn3{ kill2 kill1 }",
    "all1{ spawn1{ recv0 } spawn2{ start3!{ yield fail } send0 } } spawn4{ kill2 }",
    /* bytes */
    "spawn1{ put0:100 put0:1 } spawn2{ get0:5 get0:100 } spawn3{ kill1 kill2 get0:20 }",
};

uint64_t run_schedules(int preemptions)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
        const uint64_t schedules = run_every_schedule(programs[i], preemptions);
        if (schedules == 0) return 0;
        sum += schedules;
    }
    return sum;
}
