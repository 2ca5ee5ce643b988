/* SPDX-License-Identifier: MIT */
/* Files of the simulated world: pipes and sockets. */
#ifndef HK_WORLD_SIM_FILE_H
#define HK_WORLD_SIM_FILE_H

#include "world/sim.h"

#include <netinet/in.h>
#include <sys/un.h>

enum {
    HK__SIM_FIRST_FD = 3,
    HK__SIM_FILES = 4096,   /* descriptors at most */
    HK__SIM_BUFFER = 65536, /* bytes under way and unread, in one direction */
    HK__SIM_EPHEMERAL = 49152
};

typedef struct hk__sim_file hk__sim_file;

/* One direction of a connection. Bytes are in the reader's buffer from the beginning; those that
 * are under way he does not see yet. */
struct hk__sim_way {
    hk__sim_file *reader, *writer; /* NULL: closed */
    char *bytes;                   /* a ring */
    uint32_t room, head, seen, flying;
    bool full;   /* the writer found no room, or has left none */
    bool ended;  /* the writer has ended it, and the reader can know */
    bool broken; /* nobody will read it, and the writer can know */
    bool reset;  /* the other side does not know the connection any more; to be told once */
};

struct hk__sim_connection {
    unsigned references; /* of its ends, and of what is under way */
    int64_t latency;
    struct hk__sim_way way[2];
};

struct hk__sim_address {
    struct sockaddr_storage sa;
    socklen_t size; /* 0: none */
};

enum hk__sim_kind {
    HK__SIM_PIPE,
    HK__SIM_FRESH, /* a stream socket that is nothing yet */
    HK__SIM_LISTENER,
    HK__SIM_CONNECTING,
    HK__SIM_STREAM,
    HK__SIM_DATAGRAM
};

struct hk__sim_datagram;

struct hk__sim_file {
    struct hk__sim_news news;
    unsigned references; /* of the table, of what is under way to it */
    int fd;              /* -1: it has none, or none any more */
    enum hk__sim_kind kind;
    hk__ticket ticket;
    uint8_t watched, pending;
    int domain;
    bool only_v6, shut_down;
    bool unaccepted; /* in the queue of a listener */
    int error;       /* of a connect: to be told */
    struct hk__sim_address local, peer;
    struct hk__sim_connection *connection;
    struct hk__sim_way *in, *out;
    hk__sim_file *next_bound;
    /* Listener: connections to be accepted. */
    hk__sim_file *first, *last, *next;
    unsigned queued, backlog;
    /* Datagrams to be received. */
    struct hk__sim_datagram *datagrams, **last_datagram;
    uint32_t datagram_bytes;
    bool crowded; /* a local sender found no room here */
    bool held_up; /* it found none there */
};

/* sim_file.c */
hk__sim_file *hk__sim_file_new(enum hk__sim_kind kind, int domain);
/* A number for it, the lowest; -EMFILE, -ENOMEM. */
int hk__sim_file_number(hk__sim *w, hk__sim_file *file);
hk__sim_file *hk__sim_file_at(hk__sim *w, int fd); /* NULL: none */
void hk__sim_file_release(hk__sim_file *file);
void hk__sim_file_close(hk__sim *w, hk__sim_file *file);
/* What is the case, as HK__READABLE ... */
unsigned hk__sim_file_state(const hk__sim_file *file);
/* These have come. NULL is taken. */
void hk__sim_file_changed(hk__sim *w, hk__sim_file *file, unsigned bits);

/* sim_stream.c */
int hk__sim_connect(hk__sim_file *a, hk__sim_file *b, bool both_ways, int64_t latency);
unsigned hk__sim_stream_state(const hk__sim_file *file);
/* Both ways, or in the one that a pipe has: no call waits any more, of either kind. */
bool hk__sim_stream_is_over(const hk__sim_file *file);
int64_t hk__sim_stream_read(hk__sim *w, hk__sim_file *file, const struct iovec *vector, int count,
                            int flags);
int64_t hk__sim_stream_write(hk__sim *w, hk__sim_file *file, const struct iovec *vector, int count);
int64_t hk__sim_stream_shutdown(hk__sim *w, hk__sim_file *file, int how);
void hk__sim_stream_close(hk__sim *w, hk__sim_file *file);

/* sim_socket.c */
int64_t hk__sim_socket(hk__sim *w, hk__direct *d);
/* For those that find no socket at an address: as if it were not there. */
hk__sim_file *hk__sim_socket_at(hk__sim *w, enum hk__sim_kind kind, const struct sockaddr *address,
                                socklen_t size);
int hk__sim_socket_bind_any(hk__sim *w, hk__sim_file *file);
void hk__sim_socket_close(hk__sim *w, hk__sim_file *file);
bool hk__sim_address_is_here(const struct sockaddr *address);
void hk__sim_address_give(const struct hk__sim_address *from, struct sockaddr *address,
                          socklen_t *size);

/* sim_datagram.c */
int64_t hk__sim_datagram_send(hk__sim *w, hk__sim_file *file, const hk__direct *d);
int64_t hk__sim_datagram_receive(hk__sim *w, hk__sim_file *file, const hk__direct *d);
void hk__sim_datagram_close(hk__sim *w, hk__sim_file *file);

#endif
