/* SPDX-License-Identifier: MIT */
/* The server of the bench http_vs_nginx: "Hello, World!" from memory, by the connections and the
 * parser of the file server in examples/.
 *
 *     http_hocket ADDRESS     tcp:127.0.0.1:8080, for instance */
#include "http_server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void answer(struct http *h)
{
    http_begin(h, 200);
    http_field(h, "Content-Type", "text/plain");
    http_whole(h, "Hello, World!", 13);
}

static void *serve(void *address)
{
    struct http_server server = {
        .name = "hello",
        .patience_ms = 60000,
        .answer = answer,
    };
    return hk_val(http_serve(hk_net_listen(address, 1000), &server));
}

int main(int argc, char **argv)
{
    int r = argc == 2 ? hk_run(serve, argv[1], NULL) : -EINVAL;
    fprintf(stderr, "http_hocket: %s\n", strerror(-r));
    return 1;
}
