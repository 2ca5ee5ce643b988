/* SPDX-License-Identifier: MIT */
/* No failure of an allocation or of a system call is fatal to what talks over the network: names,
 * dialling, servers, streams, descriptors that are sent. The n-th such call fails, for every n. The
 * story must come to its end, leave no block, no task and no descriptor behind, and if it was not
 * told as it should be, then somebody has heard why. */
#include <hocket.h>

#include "harness/harness.h"
#include "support/faults.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int errors, served, echoed, handed_on;

static intptr_t saw(intptr_t r)
{
    if (r < 0) errors++;
    return r;
}

static int open_fds(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir) != NULL) count++;
    closedir(dir);
    return count;
}

/* ---- two services ---- */

static int echo(int fd, void *arg)
{
    HK_STREAM(s, fd);
    char *line;
    int r;
    (void)arg;
    served++;
    while ((r = hk_stream_line(&s, &line, NULL)) > 0) saw(hk_stream_printf(&s, "%s!\n", line));
    return (int)saw(r < 0 ? r : hk_stream_finish(&s));
}

static int take_descriptor(int fd, void *arg)
{
    HK_FD(taken, hk_net_recv_fd(fd));
    (void)arg;
    served++;
    if (taken < 0) return (int)saw(taken);
    return (int)saw(hk_write(taken, "x", 1) < 0 ? -EIO : 0);
}

struct service {
    int listener;
    hk_serve_fn *handler;
    hk_tid tid;
};

static void *serve(void *arg)
{
    struct service *service = arg;
    const hk_serve_options options = { .limit = 1, .grace = HK_MS(20) };
    saw(hk_serve(service->listener, service->handler, &options));
    return NULL;
}

/* 0 or -errno. */
static int begin(struct service *service, const char *address, hk_serve_fn *handler)
{
    *service = (struct service){ .listener = hk_net_listen(address, 5), .handler = handler };
    if (service->listener < 0) return service->listener;
    service->tid = hk_spawn(HK_ROOT, serve, service);
    if (service->tid < 0) hk_close(service->listener);
    return service->tid < 0 ? (int)service->tid : 0;
}

static void end(const struct service *service)
{
    hk_close(service->listener);
    saw(hk_task_wait(service->tid, NULL));
}

/* ---- their clients ---- */

static void talk(const struct service *service)
{
    char address[32], *line;
    hk_addr here;
    if (saw(hk_net_local(service->listener, &here)) < 0) return;
    uint16_t port = ntohs(((struct sockaddr_in *)&here.sa)->sin_port);
    snprintf(address, sizeof address, "tcp:127.1:%d", port); /* a name, to us */
    HK_FD(fd, hk_net_dial(address));
    if (saw(fd) < 0) return;
    HK_STREAM(s, fd);
    if (saw(hk_stream_printf(&s, "hello\n")) < 0 || saw(hk_stream_finish(&s)) < 0) return;
    int r = hk_stream_line(&s, &line, NULL);
    if (r > 0 && strcmp(line, "hello!") == 0)
        echoed++;
    else if (r <= 0)
        saw(r < 0 ? r : -ENODATA);
}

static void hand_on(const char *address, int pipe_end)
{
    char byte;
    HK_FD(fd, hk_net_dial(address));
    if (saw(fd) < 0 || saw(hk_net_send_fd(fd, pipe_end)) < 0) return;
    handed_on++;
    saw(hk_read(fd, &byte, 1)); /* the end: it was taken */
}

struct story {
    int pipe[2];
};

static void *story(void *arg)
{
    const struct story *self = arg;
    char address[64];
    struct service by_tcp, local;
    snprintf(address, sizeof address, "unix:@hocket-fault-%d", (int)getpid());
    if (saw(begin(&by_tcp, "tcp:127.0.0.1:0", echo)) == 0) {
        talk(&by_tcp);
        end(&by_tcp);
    }
    if (saw(begin(&local, address, take_descriptor)) == 0) {
        hand_on(address, self->pipe[1]);
        end(&local);
    }
    return NULL;
}

static void unhandled(const hk_failure *failure) { saw(failure->error); }

static bool run_with_fault(int n, const char **ret_name)
{
    struct story self;
    char got[8];
    const int before = open_fds();
    errors = served = echoed = handed_on = 0;
    CHECK_EQ(pipe2(self.pipe, O_CLOEXEC | O_NONBLOCK), 0);
    faults_arm(n);
    hk_sched *s = hk_sched_create(&(hk_run_options){ .grace = HK_MS(200), .unhandled = unhandled });
    if (s != NULL && saw(hk_sched_spawn(s, story, &self)) > 0) {
        CHECK_EQ(hk_sched_run(s), 0);
        CHECK_EQ(hk_sched_tasks(s, NULL, 0), 0);
    }
    hk_sched_destroy(s);
    bool failed = faults_disarm(ret_name);
    close(self.pipe[1]);
    bool all = echoed == 1 && handed_on == 1 && read(self.pipe[0], got, sizeof got) == 1;
    close(self.pipe[0]);
    CHECK(all || s == NULL || errors > 0);
    CHECK(!all || served == 2);
    CHECK_EQ(open_fds(), before);
    return failed;
}

TEST(no_failure_in_the_network_is_fatal, .seconds = 60)
{
    const char *name;
    for (int warm = 0; warm < 2; warm++) run_with_fault(0, &name); /* what is kept for ever */
    CHECK_EQ(errors, 0);
    faults_arm(0);
    hk_fail(-EIO, "the text of a thread's last failure is, too");
    faults_disarm(&name);
    int kept = faults_blocks(), n = 1;
    for (; run_with_fault(n, &name); n++) {
        if (faults_blocks() > kept)
            test_fail("call %d (%s) failed: %d blocks are left over", n, name,
                      faults_blocks() - kept);
        kept = faults_blocks();
        printf("%d:%s%s ", n, name, errors == 0 ? " (unheard)" : "");
        fflush(stdout);
    }
    printf("%d calls failed, one at a time\n", n - 1);
    CHECK(n > 40);
}
