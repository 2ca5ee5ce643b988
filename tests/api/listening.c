/* SPDX-License-Identifier: MIT */
/* Stands before hk_net_listen (the linker's --wrap): a server that names a port gets one that is
 * free, and its test reads which. */
#include <hocket.h>
#include <stdio.h>

int __real_hk_net_listen(const char *address, int backlog);
int __wrap_hk_net_listen(const char *address, int backlog);

int __wrap_hk_net_listen(const char *address, int backlog)
{
    int fd = __real_hk_net_listen("tcp:127.0.0.1:0", backlog);
    hk_addr local;
    if (fd >= 0 && hk_net_local(fd, &local) == 0) {
        char text[HK_NET_TEXT];
        hk_net_format(&local, text, sizeof text);
        printf("%s is %s\n", address, text);
        fflush(stdout);
    }
    return fd;
}
