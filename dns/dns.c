/* SPDX-License-Identifier: MIT */
/* hocket-dns: names by c-ares, which brings sockets and deadlines and leaves the waiting to us.
 *
 * Each look-up has a channel of c-ares to itself, and runs in the task that asks: so there is
 * nothing to share between tasks or threads, and nothing that would have to outlive a task. The
 * task waits for several sockets and a deadline at once, as a driver does: it forwards a call for
 * each (call->done), and parks in a call of its own that the first answer completes. Whatever wakes
 * it, a kill too, it takes back the others before it goes on. */
#include <hocket.h>
#include <hocket/dns.h>

#include <ares.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

static struct {
    char *servers;
    struct ares_options options;
    int mask;
} how;

/* One of a channel's sockets, in one direction. */
struct wait {
    hk_io_call io;
    struct lookup *lookup;
    bool pending;
};

struct lookup {
    ares_channel channel;
    hk_addr *list;
    size_t max;
    int result; /* once over */
    bool over;
    struct idle {
        hk_call call;
    } idle; /* what the task is parked in */
    bool woken;
    hk_sleep_call sleep;
    bool sleeping;
    int count;
    struct wait waits[2 * ARES_GETSOCK_MAXNUM];
};

/* ---- waiting for any of several calls ---- */

static void wake(struct lookup *l)
{
    l->woken = true;
    if (l->idle.call.state == HK__CALL_PARKED) hk_call_complete(&l->idle.call, 0);
}

static void idle_handle(hk_call *call)
{
    if (HK_CONTAINER(call, struct lookup, idle.call)->woken) hk_call_complete(call, 0);
}

static int idle_abort(hk_call *call)
{
    (void)call;
    return HK_ABORTED;
}

static const hk_call_type idle_type = { .name = "look up a name by c-ares",
                                        .handle = idle_handle,
                                        .abort = idle_abort };

static void socket_ready(hk_call *call)
{
    struct wait *w = HK_CONTAINER(call, struct wait, io.call);
    w->pending = false;
    wake(w->lookup);
}

static void time_is_up(hk_call *call)
{
    struct lookup *l = HK_CONTAINER(call, struct lookup, sleep.call);
    l->sleeping = false;
    wake(l);
}

static void begin_wait(struct lookup *l, int fd, int direction)
{
    struct wait *w = &l->waits[l->count++];
    hk_fd_wait_prepare(&w->io, fd, direction);
    w->io.call.done = socket_ready;
    w->lookup = l;
    w->pending = !hk_call_start(&w->io.call);
    if (!w->pending) l->woken = true;
}

static void begin_sleep(struct lookup *l)
{
    struct timeval left;
    if (ares_timeout(l->channel, NULL, &left) == NULL) return;
    hk_sleep_prepare(&l->sleep, left.tv_sec * HK_SEC(1) + left.tv_usec * HK_US(1) + HK_MS(1));
    l->sleep.call.done = time_is_up;
    l->sleeping = !hk_call_start(&l->sleep.call);
    if (!l->sleeping) l->woken = true;
}

/* These can always be aborted at once. */
static void take_back(struct lookup *l)
{
    for (int i = 0; i < l->count; i++)
        if (l->waits[i].pending) l->waits[i].io.call.type->abort(&l->waits[i].io.call);
    if (l->sleeping) l->sleep.call.type->abort(&l->sleep.call);
    l->sleeping = false;
}

/* 0: something is ready, or the time is up; -errno. */
static int wait_for_any(struct lookup *l)
{
    ares_socket_t fds[ARES_GETSOCK_MAXNUM];
    const unsigned bits = (unsigned)ares_getsock(l->channel, fds, ARES_GETSOCK_MAXNUM);
    l->count = 0;
    l->woken = false;
    for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
        /* ARES_GETSOCK_WRITABLE of the last one would shift into the sign. */
        if (bits >> i & 1) begin_wait(l, fds[i], HK_READ);
        if (bits >> (ARES_GETSOCK_MAXNUM + i) & 1) begin_wait(l, fds[i], HK_WRITE);
    }
    begin_sleep(l);
    memset(&l->idle, 0, sizeof l->idle);
    l->idle.call.type = &idle_type;
    int r = (int)hk_trap(&l->idle.call);
    take_back(l);
    for (int i = 0; i < l->count && r == 0; i++)
        if (!l->waits[i].pending) r = (int)l->waits[i].io.call.result;
    return r < 0 ? r : 0;
}

/* ---- a look-up ---- */

static int error_of(int status)
{
    switch (status) {
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
    case ARES_EBADNAME: return -ENOENT;
    case ARES_ENOMEM: return -ENOMEM;
    default: return -EREMOTEIO;
    }
}

static void answered(void *arg, int status, int timeouts, struct ares_addrinfo *found)
{
    struct lookup *l = arg;
    (void)timeouts;
    l->over = true;
    l->result = status == ARES_SUCCESS ? 0 : error_of(status);
    if (status != ARES_SUCCESS) return;
    for (struct ares_addrinfo_node *n = found->nodes; n != NULL; n = n->ai_next) {
        if ((size_t)l->result == l->max) break;
        if (n->ai_family != AF_INET && n->ai_family != AF_INET6) continue;
        hk_addr *to = &l->list[l->result++];
        memset(to, 0, sizeof *to);
        memcpy(&to->sa, n->ai_addr, n->ai_addrlen);
        to->len = n->ai_addrlen;
    }
    ares_freeaddrinfo(found);
    if (l->result == 0) l->result = -ENOENT;
}

static void process(struct lookup *l)
{
    bool any = false;
    for (int i = 0; i < l->count && !l->over; i++) {
        const hk_io_call *io = &l->waits[i].io;
        if (l->waits[i].pending) continue;
        any = true;
        ares_process_fd(l->channel, io->flags == HK_READ ? io->fd : ARES_SOCKET_BAD,
                        io->flags == HK_WRITE ? io->fd : ARES_SOCKET_BAD);
    }
    if (!any) ares_process_fd(l->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

/* 0 or -errno. */
static int open_channel(ares_channel *ret_channel)
{
    int status = ares_init_options(ret_channel, &how.options, how.mask);
    if (status != ARES_SUCCESS) return error_of(status);
    if (how.servers == NULL) return 0;
    status = ares_set_servers_ports_csv(*ret_channel, how.servers);
    if (status == ARES_SUCCESS) return 0;
    ares_destroy(*ret_channel);
    return status == ARES_ENOMEM ? -ENOMEM : -EINVAL;
}

static int resolve(const char *host, hk_addr *ret_list, size_t max)
{
    const struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC,
                                               .ai_socktype = SOCK_STREAM };
    struct lookup *l = calloc(1, sizeof *l);
    int r = l != NULL ? open_channel(&l->channel) : -ENOMEM;
    if (r == 0) {
        l->list = ret_list;
        l->max = max;
        ares_getaddrinfo(l->channel, host, NULL, &hints, answered, l);
        while (!l->over && r == 0) {
            r = wait_for_any(l);
            if (r == 0) process(l);
        }
        if (l->over) r = l->result;
        ares_destroy(l->channel); /* where it is not over, this says so to `answered` */
    }
    free(l);
    return r;
}

int hk_dns_start(const hk_dns_options *options)
{
    static const hk_dns_options usual;
    ares_channel channel;
    if (options == NULL) options = &usual;
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) return -ENOMEM;
    free(how.servers);
    how.servers = options->servers != NULL ? strdup(options->servers) : NULL;
    if (options->servers != NULL && how.servers == NULL) return -ENOMEM;
    how.options.timeout = (int)(options->timeout / HK_MS(1));
    how.options.tries = options->tries;
    how.mask = (options->timeout > 0 ? ARES_OPT_TIMEOUTMS : 0) |
               (options->tries > 0 ? ARES_OPT_TRIES : 0);
    int r = open_channel(&channel);
    if (r < 0) return r;
    ares_destroy(channel);
    hk__net_resolver_set(resolve);
    return 0;
}
