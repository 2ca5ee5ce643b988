/* SPDX-License-Identifier: MIT */
/* Local sockets, datagrams, descriptors as messages. */
#include "support/net.h"
#include "support/tools.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char folder[] = "/tmp/hocket-test-XXXXXX";
static char address[80], path[60];

static void make_folder(void)
{
    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/socket", folder);
    snprintf(address, sizeof address, "unix:%s", path);
}

static void remove_folder(void)
{
    unlink(path);
    CHECK_EQ(rmdir(folder), 0);
}

TASK_TEST(local_listen_and_dial)
{
    make_folder();
    HK_FD(listener, hk_net_listen(address, 5));
    CHECK(listener >= 0);
    HK_FD(fd, hk_net_dial(address));
    CHECK(fd >= 0);
    HK_FD(other, hk_accept(listener, NULL, NULL));
    hk_addr peer;
    char text[HK_NET_TEXT];
    CHECK_EQ(hk_net_peer(fd, &peer), 0);
    CHECK(hk_net_format(&peer, text, sizeof text) > 0);
    CHECK_STR(text, path);
    CHECK_EQ(hk_net_peer(other, &peer), 0);
    CHECK_EQ(hk_net_format(&peer, text, sizeof text), 0);
    remove_folder();
    return NULL;
}

TASK_TEST(local_socket_file_that_was_left)
{
    make_folder();
    int first = hk_net_listen(address, 5);
    CHECK(first >= 0);
    CHECK_EQ(hk_net_listen(address, 5), -EADDRINUSE);    /* it lives */
    CHECK_EQ(hk_close(hk_accept(first, NULL, NULL)), 0); /* the question was a connection */
    hk_close(first);
    CHECK_EQ(access(path, F_OK), 0);
    CHECK_EQ(hk_net_dial(address), -ECONNREFUSED);
    int second = hk_net_listen(address, 5);
    CHECK(second >= 0);
    HK_FD(fd, hk_net_dial(address));
    CHECK(fd >= 0);
    hk_close(second);
    remove_folder();
    return NULL;
}

/* A queue that is full is no proof of death, a file that is no socket is not ours, nor is one of
 * another type. */
TASK_TEST(local_socket_files_that_stay)
{
    make_folder();
    int first = hk_net_listen(address, 0), queued[3], one = 0;
    for (int i = 0; i < 3; i++) {
        struct sockaddr_un un = { .sun_family = AF_UNIX };
        strcpy(un.sun_path, path);
        queued[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (connect(queued[i], (struct sockaddr *)&un, sizeof un) == 0) one++;
    }
    CHECK(one > 0 && one < 3);
    CHECK_EQ(hk_net_listen(address, 5), -EADDRINUSE);
    for (int i = 0; i < 3; i++) close(queued[i]);
    hk_close(first);
    unlink(path);
    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    CHECK_EQ(hk_net_listen(address, 5), -EADDRINUSE);
    unlink(path);
    CHECK_EQ(symlink("/dev/null", path), 0);
    CHECK_EQ(hk_net_listen(address, 5), -EADDRINUSE);
    unlink(path);
    char gram[90];
    snprintf(gram, sizeof gram, "unixgram:%s", path);
    first = hk_net_bind(gram);
    CHECK(first >= 0);
    CHECK_EQ(hk_net_listen(address, 5), -EADDRINUSE);
    CHECK_EQ(hk_net_bind(gram), -EADDRINUSE);
    hk_close(first);
    first = hk_net_bind(gram);
    CHECK(first >= 0);
    hk_close(first);
    remove_folder();
    return NULL;
}

TASK_TEST(local_abstract_names)
{
    char name[64];
    snprintf(name, sizeof name, "unix:@hocket test %d", (int)getpid());
    int first = hk_net_listen(name, 5);
    CHECK(first >= 0);
    CHECK_EQ(hk_net_listen(name, 5), -EADDRINUSE);
    HK_FD(fd, hk_net_dial(name));
    CHECK(fd >= 0);
    hk_addr peer;
    char text[HK_NET_TEXT];
    CHECK_EQ(hk_net_peer(fd, &peer), 0);
    hk_net_format(&peer, text, sizeof text);
    CHECK_STR(text, name + 5);
    hk_close(first);
    CHECK_EQ(hk_net_dial(name), -ECONNREFUSED);
    return NULL;
}

/* ---- datagrams ---- */

static void *echoes(void *arg)
{
    const int fd = (int)hk_num(arg);
    for (int i = 0; i < 3; i++) {
        char buf[100];
        struct sockaddr_storage from;
        socklen_t size = sizeof from;
        ssize_t n = hk_recvfrom(fd, buf, sizeof buf, 0, (struct sockaddr *)&from, &size);
        if (n < 0) return hk_val(n);
        CHECK_EQ(hk_sendto(fd, buf, (size_t)n, 0, (struct sockaddr *)&from, size), n);
    }
    return NULL;
}

static void talk(int server, int client)
{
    char buf[8];
    hk_addr to;
    CHECK_EQ(hk_net_local(server, &to), 0);
    hk_tid tid = hk_spawn(HK_ROOT, echoes, hk_val(server));
    CHECK_EQ(hk_sendto(client, "one", 3, 0, (struct sockaddr *)&to.sa, to.len), 3);
    CHECK_EQ(hk_recvfrom(client, buf, sizeof buf, 0, NULL, NULL), 3);
    CHECK(memcmp(buf, "one", 3) == 0);
    CHECK_EQ(hk_sendto(client, "", 0, 0, (struct sockaddr *)&to.sa, to.len), 0);
    CHECK_EQ(hk_recvfrom(client, buf, sizeof buf, 0, NULL, NULL), 0);
    CHECK_EQ(hk_sendto(client, "longer than eight", 17, 0, (struct sockaddr *)&to.sa, to.len), 17);
    hk_addr from = { .len = sizeof from.sa };
    CHECK_EQ(hk_recvfrom(client, buf, sizeof buf, 0, (struct sockaddr *)&from.sa, &from.len), 8);
    CHECK_EQ(from.len, to.len);
    CHECK(memcmp(&from.sa, &to.sa, to.len) == 0);
    hk_task_wait(tid, NULL);
}

TASK_TEST(datagrams_of_udp)
{
    HK_FD(server, hk_net_bind("udp:127.0.0.1:0"));
    HK_FD(client, hk_net_bind("udp:localhost:0"));
    CHECK(server >= 0 && client >= 0);
    talk(server, client);
    hk_addr to;
    char buf[8], dial[HK_NET_TEXT + 4] = "udp:";
    CHECK_EQ(hk_net_local(server, &to), 0);
    hk_net_format(&to, dial + 4, HK_NET_TEXT);
    CHECK_EQ(hk_net_bind(dial), -EADDRINUSE);
    HK_FD(fd, hk_net_dial(dial));
    CHECK_EQ(hk_send(fd, "x", 1, 0), 1);
    CHECK_EQ(hk_recv(server, buf, sizeof buf, 0), 1);
    return NULL;
}

TASK_TEST(datagrams_of_local_sockets)
{
    char names[2][64];
    for (int i = 0; i < 2; i++)
        snprintf(names[i], sizeof names[i], "unixgram:@hocket test %d %d", (int)getpid(), i);
    HK_FD(server, hk_net_bind(names[0]));
    HK_FD(client, hk_net_bind(names[1]));
    CHECK(server >= 0 && client >= 0);
    talk(server, client);
    HK_FD(fd, hk_net_dial(names[0]));
    char buf[8];
    CHECK_EQ(hk_send(fd, "x", 1, 0), 1);
    CHECK_EQ(hk_recv(server, buf, sizeof buf, 0), 1);
    return NULL;
}

/* ---- descriptors ---- */

TASK_TEST(descriptors_as_messages)
{
    int fds[2], pipe_fds[2];
    char byte;
    net_local_pair(SOCK_STREAM, fds);
    net_pipe(pipe_fds);
    CHECK_EQ(hk_net_send_fd(fds[0], pipe_fds[1]), 0);
    CHECK_EQ(hk_net_send_fd(fds[0], pipe_fds[1]), 0); /* two in the queue do not melt into one */
    for (int i = 0; i < 2; i++) {
        int fd = hk_net_recv_fd(fds[1]);
        CHECK(fd >= 0);
        CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        CHECK_EQ(hk_write(fd, "x", 1), 1);
        CHECK_EQ(hk_read(pipe_fds[0], &byte, 1), 1);
        hk_close(fd);
    }
    CHECK_EQ(hk_net_send_fd(fds[0], 9999), -EBADF);
    CHECK_EQ(hk_net_send_fd(pipe_fds[1], 0), -ENOTSOCK);
    CHECK_EQ(hk_write(fds[0], "x", 1), 1);
    CHECK_EQ(hk_net_recv_fd(fds[1]), -EPROTO);
    hk_close(fds[0]);
    CHECK_EQ(hk_net_recv_fd(fds[1]), -ENODATA);
    CHECK_EQ(hk_net_send_fd(fds[1], 0), -EPIPE);
    hk_close(fds[1]);
    hk_close(pipe_fds[0]);
    hk_close(pipe_fds[1]);
    return NULL;
}

/* Further ones than one are closed, wherever the kernel puts them. */
TASK_TEST(descriptors_more_than_one)
{
    int fds[2], many[3] = { 0, 0, 0 };
    if (on_emulator() || ON_VALGRIND) {
        test_skip("the tool keeps descriptors, those for which there was no room or its own");
        return NULL;
    }
    union {
        char bytes[CMSG_SPACE(sizeof many)];
        struct cmsghdr header;
    } control = { .bytes = "" };
    struct iovec one = { "x", 1 };
    struct msghdr message = { .msg_iov = &one, .msg_iovlen = 1, .msg_control = &control };
    net_local_pair(SOCK_STREAM, fds);
    message.msg_controllen = CMSG_LEN(sizeof many);
    control.header.cmsg_len = CMSG_LEN(sizeof many);
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    memcpy(CMSG_DATA(&control.header), many, sizeof many);
    CHECK_EQ(sendmsg(fds[0], &message, 0), 1);
    int first = dup(0), second = dup(0); /* the lowest that are free */
    close(first);
    close(second);
    int fd = hk_net_recv_fd(fds[1]);
    CHECK_EQ(fd, first);
    int after = dup(0);
    CHECK_EQ(after, second);
    close(after);
    hk_close(fd);
    hk_close(fds[0]);
    hk_close(fds[1]);
    return NULL;
}

static void *receives_fd(void *arg)
{
    int *fds = arg;
    int fd = hk_net_recv_fd(fds[1]);
    fds[2] = fd;
    return NULL;
}

TASK_TEST(descriptors_are_not_lost_when_killed)
{
    int fds[3] = { 0, 0, 77 };
    net_local_pair(SOCK_STREAM, fds);
    hk_tid tid = hk_spawn(HK_ROOT, receives_fd, fds);
    net_settle();
    hk_task_kill(tid);
    hk_task_wait(tid, NULL);
    CHECK_EQ(fds[2], -ECANCELED);
    CHECK_EQ(hk_net_send_fd(fds[0], 0), 0);
    int fd = hk_net_recv_fd(fds[1]);
    CHECK(fd >= 0);
    hk_close(fd);
    hk_close(fds[0]);
    hk_close(fds[1]);
    return NULL;
}
