/* SPDX-License-Identifier: MIT */
/* The server of http_vs_nginx and of bench-peers: "Hello, World!" from memory, by the connections
 * and the parser of the file server in examples/.
 *
 *     http_hocket ADDRESS     tcp:127.0.0.1:8080, for instance; port 0 is one that is free
 *
 * It prints its port. */
#include "http_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static void answer(struct http *h)
{
    http_begin(h, 200);
    http_field(h, "Content-Type", "text/plain");
    http_whole(h, "Hello, World!", 13);
}

static void print_port(int listener)
{
    struct sockaddr_in name = { 0 };
    socklen_t size = sizeof name;
    if (listener < 0 || getsockname(listener, (struct sockaddr *)&name, &size) < 0) return;
    printf("port=%d\n", ntohs(name.sin_port));
    fflush(stdout);
}

static void *serve(void *address)
{
    struct http_server server = {
        .name = "hello",
        .patience_ms = 60000,
        .answer = answer,
    };
    int listener = hk_net_listen(address, 4096);
    print_port(listener);
    return hk_val(http_serve(listener, &server));
}

int main(int argc, char **argv)
{
    int r = argc == 2 ? hk_run(serve, argv[1], NULL) : -EINVAL;
    fprintf(stderr, "http_hocket: %s\n", strerror(-r));
    return 1;
}
