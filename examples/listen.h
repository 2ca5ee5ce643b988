/* SPDX-License-Identifier: MIT */
/* A listening TCP socket on 127.0.0.1, for the servers among the examples: the ordinary calls. */
#ifndef LISTEN_H
#define LISTEN_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* port 0: any that is free. Returns the socket, or -errno; *ret_port: the one it listens on. */
static inline int listen_on(int port, int *ret_port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr *generic = (struct sockaddr *)&address;
    socklen_t size = sizeof address;
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, generic, size) < 0 || listen(fd, SOMAXCONN) < 0 ||
        getsockname(fd, generic, &size) < 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    *ret_port = ntohs(address.sin_port);
    return fd;
}

/* The command line of the small servers: [PORT [COUNT]]. Says where it listens; ends after COUNT
 * connections, 0: never. */
static inline int listen_as_told(int argc, char **argv, long *ret_count)
{
    int port = argc > 1 ? atoi(argv[1]) : 7777;
    *ret_count = argc > 2 ? atol(argv[2]) : 0;
    int fd = listen_on(port, &port);
    if (fd < 0) {
        fprintf(stderr, "%s: port %d: %s\n", argv[0], port, strerror(-fd));
    } else {
        printf("listening on 127.0.0.1:%d\n", port);
        fflush(stdout);
    }
    return fd;
}

#endif
