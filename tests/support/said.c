/* SPDX-License-Identifier: MIT */
/* What was written to stderr. */
#include "support/said.h"

#include "harness/harness.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

char said[16384];

int said_by(int (*run)(void *arg), void *arg)
{
    int old = dup(STDERR_FILENO), file = memfd_create("stderr", 0);
    CHECK(old >= 0 && file >= 0);
    dup2(file, STDERR_FILENO);
    int r = run(arg);
    dup2(old, STDERR_FILENO);
    ssize_t n = pread(file, said, sizeof said - 1, 0);
    said[n > 0 ? n : 0] = '\0';
    close(old);
    close(file);
    return r;
}

unsigned said_times(const char *text)
{
    unsigned n = 0;
    for (const char *at = said; (at = strstr(at, text)) != NULL; at++) n++;
    return n;
}
