/* SPDX-License-Identifier: MIT */
/* What the kernel says about this process's memory, and ways to make it say no: by a filter of
 * seccomp, which no wrapper of a function can miss. */
#include "support/memory.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static long read_field(const char *file, const char *field)
{
    char line[256];
    long value = -1;
    FILE *f = fopen(file, "r");
    if (!f) return -1;
    while (value < 0 && fgets(line, sizeof line, f))
        if (strncmp(line, field, strlen(field)) == 0 && line[strlen(field)] == ':')
            value = strtol(line + strlen(field) + 1, NULL, 10);
    fclose(f);
    return value;
}

long memory_kib(const char *field) { return read_field("/proc/self/status", field); }

long memory_available_kib(void) { return read_field("/proc/meminfo", "MemAvailable"); }

long memory_maps(void)
{
    long lines = 0;
    FILE *f = fopen("/proc/self/maps", "r");
    if (!f) return -1;
    for (int c; (c = getc(f)) != EOF;) lines += c == '\n';
    fclose(f);
    return lines;
}

/* Answers system call `number` with `error` where its third argument is `third`. */
static bool refuse(int number, unsigned third, int error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, third, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof code / sizeof *code, code };
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

bool memory_refuse_light_guards(int error) { return refuse(SYS_madvise, 102, error); }

bool memory_refuse_protection(void) { return refuse(SYS_mprotect, PROT_NONE, ENOMEM); }
