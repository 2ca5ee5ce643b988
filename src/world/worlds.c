/* SPDX-License-Identifier: MIT */
/* Which world it is to be.
 *
 * HOCKET_WORLD in the environment decides before the program does; nobody says anything: io_uring
 * where it works, else epoll. One that was named is that one or a failure. */
#include "world/world.h"

#include <hocket/sched.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const hk_world epoll_world = { "epoll", hk__world_epoll };
static const hk_world uring_world = { "uring", hk__world_uring };

const hk_world *hk_world_epoll(void) { return &epoll_world; }
const hk_world *hk_world_uring(void) { return &uring_world; }

static int open_named(const hk_world *kind, unsigned entries, hk__world **ret_world)
{
    int r = kind->open(entries, ret_world);
    return r < 0 ? hk_fail(r, "no world '%s' here: %s", kind->name, strerror(-r)) : 0;
}

/* "uring", "uring:8", "epoll". */
static int open_from_text(const char *text, hk__world **ret_world)
{
    unsigned entries = 0;
    if (strcmp(text, "epoll") == 0) return open_named(&epoll_world, 0, ret_world);
    if (strcmp(text, "uring") == 0) return open_named(&uring_world, 0, ret_world);
    if (sscanf(text, "uring:%u", &entries) == 1 && entries > 0)
        return open_named(&uring_world, entries, ret_world);
    return hk_fail(-EINVAL, "HOCKET_WORLD=%s: there are epoll, uring and uring:ENTRIES", text);
}

static int open_best(hk__world **ret_world)
{
    int refused = hk__world_uring(0, ret_world);
    if (refused == 0) return 0;
    int r = hk__world_epoll(0, ret_world);
    if (r == 0)
        snprintf((*ret_world)->reason, sizeof(*ret_world)->reason, "io_uring: %s",
                 strerror(-refused));
    return r;
}

int hk__world_open(const hk_world *wanted, hk__world **ret_world)
{
    const char *text = getenv("HOCKET_WORLD");
    if (text != NULL && *text != '\0') return open_from_text(text, ret_world);
    return wanted != NULL ? open_named(wanted, 0, ret_world) : open_best(ret_world);
}
