/* SPDX-License-Identifier: MIT */
/* What tests of files share. */
#include "support/files.h"

#include <ftw.h>
#include <stdlib.h>

void files_open(struct files *f)
{
    snprintf(f->folder, sizeof f->folder, "/var/tmp/hocket-test-XXXXXX");
    if (mkdtemp(f->folder) != NULL) return;
    perror(f->folder);
    abort();
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st, (void)type, (void)where;
    return remove(path);
}

void files_close(struct files *f)
{
    if (nftw(f->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0) test_fail("%s stays", f->folder);
}

const char *files_path(struct files *f, const char *name)
{
    snprintf(f->path, sizeof f->path, "%s/%s", f->folder, name);
    return f->path;
}

int files_make(struct files *f)
{
    files_open(f);
    int fd = open(files_path(f, "file"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    return fd;
}

int files_make_pages(struct files *f, int count)
{
    int fd = files_make(f);
    static unsigned buf[FILES_PAGE / 4];
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < FILES_PAGE / 4; k++) buf[k] = (unsigned)i;
        CHECK_EQ(pwrite(fd, buf, FILES_PAGE, (off_t)i * FILES_PAGE), FILES_PAGE);
    }
    files_forget(fd);
    return fd;
}

void files_forget(int fd)
{
    fsync(fd);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}
