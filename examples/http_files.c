/* SPDX-License-Identifier: MIT */
/* Files over HTTP. Nothing outside the folder is opened: a path is walked down step by step, and a
 * step up, or a link, is not found.
 *
 * A file is sent in pieces: each is read into the connection's buffer and sent from there, so a
 * hundred downloads of a large file take a hundred buffers. While a piece is read or sent, or a
 * folder is listed, other tasks run; while a path is walked they do not, as on a local file system
 * that takes less than handing it to a thread. */
#define _GNU_SOURCE /* O_CLOEXEC ... */
#include "http_files.h"
#include "http_fields.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int http_files_open(struct http_files *files, const char *path)
{
    files->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return files->root < 0 ? -errno : 0;
}

/* One step of a path. The last one may be anything; O_NONBLOCK: a FIFO without a writer would be
 * waited for. */
static int open_step(int folder, const char *step, size_t size, bool is_last)
{
    char name[NAME_MAX + 1] = ".";
    int flags = is_last ? O_RDONLY | O_NONBLOCK | O_NOCTTY : O_PATH | O_DIRECTORY;
    if (size > NAME_MAX) return -ENAMETOOLONG;
    if (size > 0) snprintf(name, sizeof name, "%.*s", (int)size, step);
    if (strcmp(name, "..") == 0) return -ENOENT;
    int fd = openat(folder, name, flags | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Opens what stands at a path below the root. It goes down only, and follows no links, so there is
 * no way out. */
static int open_beneath(int root, const char *path)
{
    for (int folder = root;;) {
        path += strspn(path, "/");
        size_t size = strcspn(path, "/");
        bool is_last = path[size] == '\0';
        int fd = open_step(folder, path, size, is_last);
        if (folder != root) close(folder);
        if (fd < 0 || is_last) return fd;
        folder = fd;
        path += size;
    }
}

static int status_of(int error)
{
    switch (error) {
    case -ENOENT:
    case -ENOTDIR:
    case -ELOOP:
    case -ENAMETOOLONG:
    case -ENXIO: return 404;
    case -EACCES:
    case -EPERM: return 403;
    case -EMFILE:
    case -ENFILE:
    case -ENOMEM: return 503;
    default: return 500;
    }
}

static void describe(const struct stat *info, struct http_version *ret)
{
    ret->changed = info->st_mtime;
    snprintf(ret->tag, sizeof ret->tag, "\"%" PRIx64 ".%lx-%" PRIx64 "-%" PRIx64 "\"",
             (uint64_t)info->st_mtim.tv_sec, (unsigned long)info->st_mtim.tv_nsec,
             (uint64_t)info->st_size, (uint64_t)info->st_ino);
}

/* The pieces. Where the file became shorter meanwhile, what was announced cannot be sent, and the
 * connection is closed. */
static void send_pieces(struct http *h, int fd, int64_t from)
{
    while (h->unsent > 0 && h->error == 0) {
        size_t room;
        char *to = http_body_room(h, &room);
        if (room == 0) continue;
        ssize_t n = hk_pread(fd, to, room, from);
        if (n <= 0) h->error = n < 0 ? (int)n : -EIO;
        if (n <= 0) return;
        http_body_fill(h, (size_t)n);
        from += n;
    }
}

static void answer_file(struct http *h, int fd, const struct stat *info, const char *path)
{
    const char *const *field = h->request.field;
    struct http_version version;
    struct http_range range;
    char text[96], date[HTTP_DATE_SIZE];
    describe(info, &version);
    int status =
        http_choose_range(&version, info->st_size, field[HTTP_RANGE], field[HTTP_IF_RANGE], &range);
    if (h->request.method != HTTP_GET && status != 200) { /* a range is for GET alone */
        status = 200;
        range = (struct http_range){ 0, info->st_size };
    }
    if (http_is_known(&version, field[HTTP_IF_NONE_MATCH], field[HTTP_IF_MODIFIED_SINCE]))
        status = 304;
    http_begin(h, status);
    http_date(version.changed, date);
    http_field(h, "Last-Modified", date);
    http_field(h, "ETag", version.tag);
    http_field(h, "Accept-Ranges", "bytes");
    if (status == 416) {
        snprintf(text, sizeof text, "bytes */%" PRId64, (int64_t)info->st_size);
        http_field(h, "Content-Range", text);
        http_length(h, 0);
        return;
    }
    if (status == 206) {
        snprintf(text, sizeof text, "bytes %" PRId64 "-%" PRId64 "/%" PRId64, range.from,
                 range.from + range.size - 1, (int64_t)info->st_size);
        http_field(h, "Content-Range", text);
    }
    http_field(h, "Content-Type", http_type_of(path));
    http_length(h, range.size);
    send_pieces(h, fd, range.from);
}

/* "/a" is a folder: it is "/a/", so that the links in it lead where they should. */
static void move_to_folder(struct http *h, const char *path)
{
    char where[3 * HTTP_HEAD_MAX + 2] = "/";
    http_quote_path(path + strspn(path, "/"), where + 1);
    strcat(where, "/");
    http_begin(h, 301);
    http_field(h, "Location", where);
    http_whole(h, "", 0);
}

struct listing {
    int folder;
    const char *path;
    char *page;
    size_t size;
};

/* On a thread of the pool: a large folder takes a while. */
static void *list(void *arg)
{
    struct listing *l = arg;
    l->page = http_listing(l->folder, l->path, &l->size);
    return NULL;
}

static void answer_folder(struct http *h, int fd, char *path)
{
    struct listing l = { .folder = fd, .path = path };
    path[strlen(path) - 1] = '\0';
    hk_offload(list, &l);
    if (l.page == NULL) {
        http_short_answer(h, 503);
        return;
    }
    http_begin(h, 200);
    http_field(h, "Content-Type", "text/html; charset=utf-8");
    http_field(h, "Cache-Control", "no-store");
    http_whole(h, l.page, l.size);
    free(l.page);
}

/* What stands at a path; a folder's index.html in place of the folder. */
static int open_page(int root, char *path, struct stat *ret_info)
{
    int fd = open_beneath(root, path);
    if (fd < 0) return fd;
    if (fstat(fd, ret_info) < 0) ret_info->st_mode = 0;
    size_t length = strlen(path);
    if (!S_ISDIR(ret_info->st_mode) || path[length - 1] != '/') return fd;
    strcpy(path + length, "index.html");
    struct stat info;
    int index = open_beneath(root, path);
    if (index >= 0 && fstat(index, &info) == 0 && S_ISREG(info.st_mode)) {
        hk_close(fd);
        *ret_info = info;
        return index;
    }
    if (index >= 0) hk_close(index);
    path[length] = '\0';
    return fd;
}

void http_files_answer(struct http *h)
{
    struct http_files *files = h->server->data;
    char path[HTTP_HEAD_MAX + 16];
    struct stat info;
    int status = http_path(h->request.target, path);
    if (status != 0) {
        http_short_answer(h, status);
        return;
    }
    HK_FD(fd, open_page(files->root, path, &info));
    if (fd < 0)
        http_short_answer(h, status_of(fd));
    else if (S_ISREG(info.st_mode))
        answer_file(h, fd, &info, path);
    else if (!S_ISDIR(info.st_mode))
        http_short_answer(h, 404);
    else if (path[strlen(path) - 1] != '/')
        move_to_folder(h, path);
    else
        answer_folder(h, fd, path);
}
