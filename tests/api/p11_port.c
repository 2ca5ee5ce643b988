/* SPDX-License-Identifier: MIT */
/* 11. A pthread-per-connection server, ported. What changed is in the right-hand comments; `serve`
 * kept its signature. */
#include <hocket.h>
#include <stdlib.h>
#include <string.h>

struct client {
    int fd;
    hk_mutex *lock; /* was pthread_mutex_t * */
    long *requests;
};

static void *serve(void *arg)
{
    struct client *c = arg;
    char line[512];
    ssize_t n;
    while ((n = hk_recv(c->fd, line, sizeof line, 0)) >
           0) {                                /* was recv; returned -1 and errno, now -errno */
        if (hk_mutex_lock(c->lock) < 0) break; /* was pthread_mutex_lock */
        ++*c->requests;
        hk_mutex_unlock(c->lock);
        if (hk_send(c->fd, line, (size_t)n, 0) < n) break; /* was send, in a loop */
    }
    hk_close(c->fd); /* was close */
    free(c);
    return NULL;
}

static void *server(void *arg) /* was main */
{
    static hk_mutex lock;
    static long requests;
    int listener = hk_net_listen(arg, 128), fd;
    while ((fd = hk_accept(listener, NULL, NULL)) >= 0) {
        struct client *c = malloc(sizeof *c);
        *c = (struct client){ fd, &lock, &requests };
        if (hk_spawn(HK_ROOT, serve, c) < 0) { /* was pthread_create + pthread_detach */
            hk_close(fd);
            free(c);
        }
    }
    return hk_val(fd);
}

int main(void) { return hk_run(server, "tcp:127.0.0.1:7777", NULL) < 0; }
