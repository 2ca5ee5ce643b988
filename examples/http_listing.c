/* SPDX-License-Identifier: MIT */
/* The list of a folder as a page: names in order, folders with a slash. What a name contains is
 * somebody's, so it is escaped twice: for the link, and for the page. */
#define _GNU_SOURCE /* open_memstream, fdopendir */
#include "http_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LISTED_MAX = 10000 };

void http_quote_path(const char *path, char *ret)
{
    static const char safe[] =
        "-._~/ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    static const char digits[] = "0123456789ABCDEF";
    for (; *path != '\0'; path++) {
        unsigned char c = (unsigned char)*path;
        if (strchr(safe, c) != NULL) {
            *ret++ = (char)c;
            continue;
        }
        *ret++ = '%';
        *ret++ = digits[c >> 4];
        *ret++ = digits[c & 15];
    }
    *ret = '\0';
}

static void write_escaped(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) switch (*text) {
        case '&': fputs("&amp;", out); break;
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        default: fputc(*text, out);
        }
}

static bool is_folder(int folder, const struct dirent *entry)
{
    struct stat info;
    if (entry->d_type == DT_DIR) return true;
    if (entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN) return false;
    return fstatat(folder, entry->d_name, &info, 0) == 0 && S_ISDIR(info.st_mode);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names, at most LISTED_MAX; folders end in a slash. Returns how many, -1 without memory. */
static int read_names(DIR *dir, char **ret_names)
{
    int count = 0;
    const struct dirent *entry;
    while (count < LISTED_MAX && (entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        const char *slash = is_folder(dirfd(dir), entry) ? "/" : "";
        if (asprintf(&ret_names[count], "%s%s", entry->d_name, slash) < 0) break;
        count++;
    }
    qsort(ret_names, (size_t)count, sizeof *ret_names, by_name);
    return count;
}

static void write_page(FILE *out, const char *path, char **names, int count)
{
    fputs("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>", out);
    write_escaped(out, path);
    fputs("/</title>\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<style>:root { color-scheme: light dark } body { font: 16px/1.6 system-ui, sans-serif; "
          "max-width: 44em; margin: 0 auto; padding: 1em } li { overflow-wrap: anywhere }</style>\n"
          "</head>\n<body>\n<main>\n<h1>",
          out);
    write_escaped(out, path);
    fputs("/</h1>\n<ul>\n", out);
    if (*path != '\0') fputs("<li><a href=\"../\">../</a>\n", out);
    for (int i = 0; i < count; i++) {
        char link[3 * 256 + 4];
        http_quote_path(names[i], link);
        fprintf(out, "<li><a href=\"./%s\">", link);
        write_escaped(out, names[i]);
        fputs("</a>\n", out);
    }
    fputs("</ul>\n", out);
    if (count == LISTED_MAX) fprintf(out, "<p>Only %d are listed.\n", count);
    fputs("</main>\n</body>\n</html>\n", out);
}

char *http_listing(int folder, const char *path, size_t *ret_size)
{
    char *text = NULL, **names = calloc(LISTED_MAX, sizeof *names);
    int again = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = again < 0 ? NULL : fdopendir(again);
    if (dir == NULL && again >= 0) close(again);
    int count = names != NULL && dir != NULL ? read_names(dir, names) : 0;
    FILE *out = names != NULL && dir != NULL ? open_memstream(&text, ret_size) : NULL;
    if (out != NULL) {
        write_page(out, path, names, count);
        if (fclose(out) != 0) {
            free(text);
            text = NULL;
        }
    }
    for (int i = 0; i < count; i++) free(names[i]);
    free(names);
    if (dir != NULL) closedir(dir);
    return text;
}
