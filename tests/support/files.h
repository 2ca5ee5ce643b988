/* SPDX-License-Identifier: MIT */
/* What tests of files share: a folder that comes and goes. */
#ifndef SUPPORT_FILES_H
#define SUPPORT_FILES_H

#include "support/net.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

struct files {
    char folder[64];
    char path[PATH_MAX];
};

/* Beside the tests, on a disk: /tmp may lie in memory. */
void files_open(struct files *f);
/* The folder and all that is in it. */
void files_close(struct files *f);
/* A path in it; valid until the next. */
const char *files_path(struct files *f, const char *name);
/* files_open, and in it an empty "file", open for reading and writing. */
int files_make(struct files *f);
/* The same, and the file has pages, each full of its number; not in the kernel's cache. */
enum { FILES_PAGE = 4096 };
int files_make_pages(struct files *f, int count);
/* Takes a file out of the kernel's cache, as far as it lets us. */
void files_forget(int fd);

#endif
