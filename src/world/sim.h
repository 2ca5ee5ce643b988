/* SPDX-License-Identifier: MIT */
/* The simulated world: a clock that nobody waits for, files that are memory, and chance from a
 * seed.
 *
 * Nothing here makes a system call but for memory, and nothing depends on addresses, on the
 * environment or on real time: the same setup and the same program give the same run, everywhere.
 *
 * sim.c          the clock, what is in flight, the table
 * sim_choose.c   policies: who runs next, what comes first
 * sim_path.c     schedules as lists of choices, one after the other
 * sim_file.c     descriptors
 * sim_stream.c   pipes and connections
 * sim_socket.c   addresses, and how connections come about
 * sim_datagram.c */
#ifndef HK_WORLD_SIM_H
#define HK_WORLD_SIM_H

#include "world/world.h"

/* What decides. */
enum hk__policy {
    HK__POLICY_FIFO,   /* nobody: the plain alternative, always */
    HK__POLICY_RANDOM, /* the seed, each time anew */
    HK__POLICY_PCT,    /* priorities from the seed, lowered at few points */
    HK__POLICY_PATH    /* a list of choices */
};

/* A choice among several that was made. */
struct hk__sim_step {
    uint32_t count, value;
    bool goes_on; /* another alternative than the first was a preemption */
};

/* Choices in the order in which they come up; beyond its end: the plain one. */
struct hk__sim_path {
    struct hk__sim_step *list;
    size_t count, room;
    size_t position;
    bool failed; /* no memory for more */
};

struct hk__sim_setup {
    enum hk__policy policy;
    uint64_t seed;
    unsigned depth;            /* PCT: priorities are lowered depth - 1 times */
    struct hk__sim_path *path; /* PATH */
    int64_t latency;           /* ns, of what is sent to another socket */
    int64_t limit;             /* ns of virtual time; 0: none */
    uint64_t turns;            /* of tasks, at most */
};

enum { HK__SIM_START = 1000 * 1000 * 1000 }; /* the clock's, ns */

typedef struct hk__sim hk__sim;

/* What comes at its time; equal times in the order in which they were sent. Lies in what it is
 * about. */
struct hk__sim_timed {
    int64_t due;
    uint64_t order;
    /* gone: the run is over, it only gives back its memory. */
    void (*arrive)(hk__sim *w, struct hk__sim_timed *self, bool gone);
};

/* An event to be told, in a ring with others. */
struct hk__sim_news {
    struct hk__sim_news *next, *prev;
    int (*tell)(hk__sim *w, struct hk__sim_news *self, hk__event *ret_event); /* 0: it is void */
};

struct hk__sim_operation;

struct hk__sim {
    hk__world world;
    struct hk__sim_setup setup;
    bool keep;   /* the setup is used again: destroy gives back what one run had */
    bool ending; /* it has said so: no limits any more, the plain way, and time passes by itself */
    bool woken;  /* the next wait does not wait. Atomic */
    int over;    /* to be said */
    int64_t now, limit;
    uint64_t turns;
    uint64_t hash; /* of all that was chosen */

    struct hk__sim_timed **heap; /* by time */
    size_t flying, heap_room;
    uint64_t order;

    struct hk__sim_news news; /* head of the ring */
    uint32_t news_count;
    struct hk__sim_operation *operations; /* under way */

    struct hk__sim_file **files; /* by number, less the first */
    size_t file_room, file_low;  /* below low all are taken */
    struct hk__sim_file *bound;  /* sockets with a name */
    uint16_t port;               /* given out last */

    uint64_t random[HK__SITES]; /* streams */
    struct hk__sim_pct {
        uint64_t changes[16]; /* when */
        uint64_t decisions;
        int64_t lowest; /* priority given so far */
        struct {
            int64_t tid, priority;
        } lowered[64];
        uint32_t lowered_count;
        int64_t last; /* tid, which ran */
        uint32_t row; /* so many times in a row */
    } pct;
};

/* A world for one run after the other; NULL: no memory. free: after the last. */
hk__sim *hk__sim_new(void);
void hk__sim_free(hk__sim *w);
/* A run begins; the world is as new. */
hk__world *hk__sim_begin(hk__sim *w, const struct hk__sim_setup *setup);

/* For tests of worlds: one of its own, without latency, first come first served. */
int hk__world_sim(unsigned entries, hk__world **ret_world);

/* ---- between its parts ---- */

static inline hk__sim *hk__sim_of(hk__world *world) { return (hk__sim *)world; }

/* Room for one more in flight: 0 or -ENOMEM. */
int hk__sim_reserve(hk__sim *w);
/* It comes after `delay`; there is room. */
void hk__sim_send(hk__sim *w, struct hk__sim_timed *timed, int64_t delay);

/* Told by one of the next waits, once. */
void hk__sim_tell(hk__sim *w, struct hk__sim_news *news);
void hk__sim_untell(hk__sim *w, struct hk__sim_news *news);

/* sim_file.c */
int hk__sim_watch(hk__world *world, int fd, unsigned directions, hk__ticket ticket);
void hk__sim_unwatch(hk__world *world, int fd, hk__ticket ticket);
int64_t hk__sim_direct(hk__world *world, hk__direct *d);
void hk__sim_files_clear(hk__sim *w);

void hk__sim_choose_begin(hk__sim *w);
uint32_t hk__sim_choose(hk__world *world, const hk__choice *choice);

/* ---- paths ---- */

/* The next schedule, depth first: true, or there is none with so few preemptions. */
bool hk__sim_path_next(struct hk__sim_path *path, uint32_t preemptions);
/* Its value where `count` may be chosen. */
uint32_t hk__sim_path_take(struct hk__sim_path *path, uint32_t count, bool goes_on);
/* Has a value from its text, "3=1,17=2": what is not named is 0. 0, -EINVAL, -ENOMEM. */
int hk__sim_path_parse(struct hk__sim_path *path, const char *text);
/* The opposite: length as snprintf. */
size_t hk__sim_path_format(const struct hk__sim_path *path, char *buf, size_t size);
void hk__sim_path_free(struct hk__sim_path *path);

#endif
