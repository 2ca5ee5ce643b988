/* SPDX-License-Identifier: MIT */
/* Hashes files in parallel: `hash [-j TASKS] PATH...`, the same lines as xxhsum -H1 prints.
 *
 * One task walks the folders, in order, and makes a list; others take files from it, read and hash
 * them. A line is printed when all before it are: so the order is that of the walk, whoever was
 * quicker. Reading from a disk holds up nobody; hashing a large piece would, so it is done on the
 * thread pool. Tasks share the list without a lock, since they change places only where they
 * wait. */
#define _GNU_SOURCE /* asprintf */
#include <hocket.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

enum { PIECE = 256 * 1024, SMALL = 16 * 1024, MOST_TASKS = 64, BAR = 30 };

struct file {
    char *path;
    XXH64_hash_t hash;
    int error;
    bool done;
};

struct run {
    struct file *files;
    size_t count, room; /* found */
    size_t next;        /* that nobody has taken */
    hk_event more;      /* found, or the walk is over */
    size_t printed;
    uint64_t bytes;
    int workers;
    bool walked, failed, bar;
};

/* ---- what is printed ---- */

static void show_bar(const struct run *r)
{
    char bar[BAR + 1];
    int full = r->count > 0 ? (int)(r->printed * BAR / r->count) : 0;
    for (int i = 0; i < BAR; i++) bar[i] = i < full ? '#' : '.';
    bar[BAR] = '\0';
    fprintf(stderr, "\r%s %zu/%zu%s files, %.1f MB ", bar, r->printed, r->count,
            r->walked ? "" : "+", (double)r->bytes / 1e6);
}

static void clear_bar(const struct run *r)
{
    if (r->bar) fprintf(stderr, "\r\033[K");
}

/* All that is done, up to the first that is not. */
static void print_done(struct run *r)
{
    for (; r->printed < r->count && r->files[r->printed].done; r->printed++) {
        struct file *f = &r->files[r->printed];
        if (f->error < 0) {
            clear_bar(r);
            fprintf(stderr, "hash: %s: %s\n", f->path, strerror(-f->error));
            r->failed = true;
        } else {
            printf("%016llx  %s\n", (unsigned long long)f->hash, f->path);
        }
        free(f->path);
    }
}

static void *report(void *arg)
{
    struct run *r = arg;
    while (hk_sleep(HK_MS(100)) == 0) show_bar(r);
    return NULL;
}

/* ---- the walk ---- */

static void add(struct run *r, const char *path, int error)
{
    if (r->count == r->room) {
        r->room = r->room > 0 ? r->room * 2 : 64;
        r->files = realloc(r->files, r->room * sizeof *r->files);
    }
    char *copy = strdup(path);
    if (r->files == NULL || copy == NULL) abort();
    r->files[r->count++] = (struct file){ .path = copy, .error = error, .done = error < 0 };
    hk_event_set(&r->more);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a folder, in order; they are the caller's. 0 or -errno. */
static int names_of(const char *path, char ***ret_names, size_t *ret_count)
{
    hk_dir_entry entry;
    int r;
    HK_DIR(dir, path);
    while ((r = hk_dir_next(&dir, &entry)) > 0) {
        char **more = realloc(*ret_names, (*ret_count + 1) * sizeof *more);
        if (more != NULL) *ret_names = more;
        if (more == NULL || (more[*ret_count] = strdup(entry.name)) == NULL) return -ENOMEM;
        ++*ret_count;
    }
    if (*ret_count > 0) qsort(*ret_names, *ret_count, sizeof **ret_names, by_name);
    return r;
}

/* Links are not followed, but those that the user names. */
static void walk(struct run *r, const char *path, bool named)
{
    struct stat st;
    int error = named ? hk_stat(path, &st) : hk_lstat(path, &st);
    if (error < 0 || S_ISREG(st.st_mode)) return add(r, path, error);
    if (!S_ISDIR(st.st_mode)) return;
    char **names = NULL;
    size_t count = 0;
    error = names_of(path, &names, &count);
    if (error < 0) add(r, path, error);
    for (size_t i = 0; i < count; i++) {
        char *inner;
        const char *slash = path[strlen(path) - 1] == '/' ? "" : "/";
        if (asprintf(&inner, "%s%s%s", path, slash, names[i]) < 0) abort();
        walk(r, inner, false);
        free(inner);
        free(names[i]);
    }
    free(names);
}

/* ---- hashing ---- */

struct piece {
    XXH64_state_t *state;
    const void *data;
    size_t size;
};

static void *update(void *arg)
{
    const struct piece *p = arg;
    return hk_val(XXH64_update(p->state, p->data, p->size) == XXH_OK ? 0 : -EIO);
}

static int hash_file(struct run *r, const char *path, XXH64_state_t *state, char *buf)
{
    struct piece piece = { state, buf, 0 };
    HK_FD(fd, hk_open(path, O_RDONLY, 0));
    if (fd < 0) return fd;
    XXH64_reset(state, 0);
    ssize_t n;
    while ((n = hk_read(fd, buf, PIECE)) > 0) {
        piece.size = (size_t)n;
        void *result = n > SMALL ? hk_offload(update, &piece) : update(&piece);
        if (hk_is_err(result)) return (int)hk_num(result);
        r->bytes += (uint64_t)n;
    }
    return (int)n;
}

static void *worker(void *arg)
{
    struct run *r = arg;
    char *buf = malloc(PIECE);
    XXH64_state_t *state = XXH64_createState();
    int error = buf != NULL && state != NULL ? 0 : -ENOMEM;
    while (error == 0 && (r->next < r->count || !r->walked)) {
        if (r->next == r->count) { /* the walk is behind */
            hk_event_clear(&r->more);
            error = hk_event_wait(&r->more);
            continue;
        }
        size_t i = r->next++; /* the list may move while this file is read */
        if (r->files[i].done) continue;
        int result = hash_file(r, r->files[i].path, state, buf);
        r->files[i].hash = XXH64_digest(state);
        r->files[i].error = result;
        r->files[i].done = true;
        print_done(r);
    }
    XXH64_freeState(state);
    free(buf);
    return hk_val(error);
}

static struct run all;
static char **paths;
static int path_count;

static void *hash_all(void *arg)
{
    HK_GROUP(workers, NULL);
    if (all.bar) hk_spawn_with(&workers, report, &all, &(hk_coro_options){ .daemon = true });
    for (int i = 0; i < all.workers; i++) hk_spawn(&workers, worker, &all);
    for (int i = 0; i < path_count; i++) walk(&all, paths[i], true);
    all.walked = true;
    hk_event_set(&all.more);
    intptr_t r = hk_group_close(&workers, 0);
    clear_bar(&all);
    print_done(&all);
    free(all.files);
    return hk_val(r < 0 ? r : all.failed || all.printed < all.count);
}

static const char usage[] =
    "usage: hash [-j TASKS] PATH...\n"
    "Prints the xxHash (XXH64) of each file, and of all files in each folder.\n"
    "  -j TASKS  files read at once, 1 to 64 (8)\n"
    "  --help    this text\n"
    "What cannot be read is reported, the rest is hashed all the same; then the exit status is "
    "1.\n";

static int usage_of(FILE *file, int status)
{
    fputs(usage, file);
    return status;
}

int main(int argc, char **argv)
{
    int i = 1;
    all.workers = 8;
    if (argc > 1 && strcmp(argv[1], "--help") == 0) return usage_of(stdout, 0);
    if (argc > 2 && strcmp(argv[1], "-j") == 0) {
        all.workers = atoi(argv[2]);
        i = 3;
    }
    if (all.workers < 1 || all.workers > MOST_TASKS || i >= argc || argv[i][0] == '-')
        return usage_of(stderr, 2);
    paths = argv + i;
    path_count = argc - i;
    all.bar = isatty(STDERR_FILENO);
    int r = hk_run(hash_all, NULL, NULL);
    if (r < 0) fprintf(stderr, "hash: %s\n", strerror(-r));
    return r < 0 ? 1 : r;
}
