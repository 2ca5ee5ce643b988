#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""No system call outside its room: in the library only src/world and src/coro name the calls by
which a program reaches the world, so that another world can take their place. Diagnostics are
written by src/base/say.c."""
import re

import checklib
from checklib import Finding

CALLS = """
    read readv pread pread64 preadv write writev pwrite pwritev sendfile splice
    open openat openat2 creat close close_range dup dup2 dup3 fcntl ioctl lseek fsync fdatasync
    ftruncate truncate stat fstat lstat fstatat statx unlink unlinkat rename mkdir rmdir
    opendir readdir
    socket socketpair bind listen accept accept4 connect shutdown send sendto sendmsg sendmmsg
    recv recvfrom recvmsg recvmmsg getsockopt setsockopt getsockname getpeername
    getaddrinfo getnameinfo pipe pipe2 eventfd signalfd timerfd_create timerfd_settime inotify_init1
    epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2
    poll ppoll select pselect io_uring_setup io_uring_enter io_uring_register
    clock_gettime clock_nanosleep gettimeofday time nanosleep usleep sleep alarm setitimer
    getrandom getentropy arc4random rand random drand48
    mmap munmap mprotect madvise mremap memfd_create
    fork vfork clone execve execv execvp execvpe posix_spawn posix_spawnp waitpid waitid wait4
    kill tgkill raise sigaction signal sigprocmask pthread_sigmask pidfd_open
    getpid gettid syscall
    printf fprintf vprintf vfprintf dprintf vdprintf puts fputs putchar fputc perror
    fopen fdopen fread fwrite fgets fclose fflush
""".split()
NAMED = re.compile(r"(?<![\w.])(?<!->)(" + "|".join(CALLS) + r")\s*\(")
ALLOWED_ROOMS = ("src/world/", "src/coro/")
ALLOWED_FILES = {"src/base/say.c": {"write", "dprintf", "vdprintf"}}


def check(root):
    for path in checklib.files(root, ["src"], (".c", ".h")):
        if path.startswith(ALLOWED_ROOMS):
            continue
        text = checklib.blank(checklib.read(root, path))
        for match in NAMED.finditer(text):
            name = match.group(1)
            if name not in ALLOWED_FILES.get(path, ()):
                yield Finding(path, checklib.line_of(text, match.start()),
                              "%s() belongs into src/world" % name)


CASES = [
    ("clean", {
        "src/os/file.c": 'int f(void) { return hk_read(0, 0, 0); } /* read() */\n'
                         'int g(struct w *w) { w->close(1); w.read (2); return reads(3); }\n'
                         'const char *s = "write(2)"; int (*read)(int); int h(int read);\n',
        "src/world/epoll.c": "int f(void) { return read(0, 0, 0); }\n",
        "src/coro/stack.c": "void f(void) { mmap(); }\n",
        "src/base/say.c": "void f(void) { write(2, 0, 0); }\n"}, None),
    ("read", {"src/os/a.c": "\nint f(void) { return read (0, 0, 0); }\n"}, r"a\.c:2: read\(\)"),
    ("header", {"src/net/a.h": "int f(void) { return socket(1, 2); }\n"}, r"a\.h:1: socket"),
    ("clock", {"src/sched/a.c": "x = -clock_gettime(0, 0);\n"}, r"a\.c:1: clock_gettime"),
    ("epoll", {"src/sched/a.c": "/* a\n b */ epoll_wait(1);\n"}, r"a\.c:2: epoll_wait"),
    ("stderr", {"src/base/x.c": 'fprintf(stderr, "");\n'}, r"x\.c:1: fprintf"),
    ("say", {"src/base/say.c": "read(0, 0, 0);\n"}, r"say\.c:1: read"),
]

if __name__ == "__main__":
    checklib.main(check, CASES)
