/* SPDX-License-Identifier: MIT */
/* The server's page: the table of tasks, as hk_sched_tasks gives it, written as HTML. It fetches
 * itself again every two seconds, needs no script, and fits on a phone. */
#define _GNU_SOURCE /* open_memstream */
#include "server.h"

#include <hocket.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 200 };

static const char style[] =
    ":root { color-scheme: light dark }\n"
    "body { font: 16px/1.5 system-ui, sans-serif; max-width: 44em; margin: 0 auto; padding: 1em }\n"
    "h1 { font-size: 1.4em }\n"
    "dl { display: flex; flex-wrap: wrap; gap: .5em 2em }\n"
    "dt { font-size: .8em; opacity: .7 }\n"
    "dd { margin: 0; font-size: 1.2em }\n"
    "table { border-collapse: collapse; width: 100% }\n"
    "th, td { padding: .3em .6em .3em 0; text-align: left; vertical-align: top;\n"
    "         border-bottom: 1px solid #8884; overflow-wrap: anywhere }\n"
    "th { font-size: .8em; opacity: .7; overflow-wrap: normal }\n"
    ".number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }\n"
    ".ready, .running { font-weight: bold }\n";

static void write_escaped(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) switch (*text) {
        case '&': fputs("&amp;", out); break;
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        default: fputc(*text, out);
        }
}

static void write_duration(FILE *out, int64_t ns)
{
    if (ns < HK_SEC(1))
        fprintf(out, "%d ms", (int)(ns / HK_MS(1)));
    else if (ns < HK_SEC(60))
        fprintf(out, "%d s", (int)(ns / HK_SEC(1)));
    else
        fprintf(out, "%ld min %d s", (long)(ns / HK_SEC(60)), (int)(ns / HK_SEC(1) % 60));
}

static void write_row(FILE *out, const hk_task_info *task)
{
    fprintf(out, "<tr><td class=\"number\">%ld<td>", (long)task->tid);
    write_escaped(out, task->name);
    fprintf(out, "<td class=\"%s\">", task->state);
    write_escaped(out, task->waits[0] != '\0' ? task->waits : task->state);
    if (task->killed) fputs(" (killed)", out);
    fputs("<td class=\"number\">", out);
    write_duration(out, task->waited);
    fputs("</tr>\n", out);
}

static void write_table(FILE *out, const hk_task_info *tasks, size_t shown, size_t count)
{
    fputs("<table>\n<thead><tr><th class=\"number\">No.<th>Task<th>Waits for"
          "<th class=\"number\">Since</tr></thead>\n<tbody>\n",
          out);
    for (size_t i = 0; i < shown; i++) write_row(out, &tasks[i]);
    fputs("</tbody>\n</table>\n", out);
    if (count > shown) fprintf(out, "<p>and %zu more\n", count - shown);
}

static void write_page(FILE *out, const struct totals *totals)
{
    static hk_task_info tasks[ROWS]; /* nothing waits while it is used */
    size_t count = hk_sched_tasks(NULL, tasks, ROWS);
    fprintf(out,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
            "<title>%zu tasks</title>\n"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
            "<meta http-equiv=\"refresh\" content=\"2\">\n<link rel=\"icon\" href=\"data:,\">\n"
            "<style>\n%s</style>\n</head>\n<body>\n<main>\n"
            "<h1>The tasks of this process</h1>\n"
            "<p>Each is a C function on a stack of its own. One of them is writing this page.\n"
            "Connect with <code>nc 127.0.0.1 %d</code>, and see another one appear.\n",
            count, style, totals->echo_port);
    fputs("<dl>\n<div><dt>Running for<dd>", out);
    write_duration(out, hk_now() - totals->started);
    fprintf(out,
            "</div>\n<div><dt>Tasks<dd>%zu</div>\n"
            "<div><dt>Echo connections<dd>%ld open, %ld in all</div>\n"
            "<div><dt>Bytes echoed<dd>%ld</div>\n<div><dt>Requests<dd>%ld</div>\n</dl>\n",
            count, totals->echo_open, totals->echo_connections, totals->echo_bytes,
            totals->requests);
    write_table(out, tasks, count < ROWS ? count : ROWS, count);
    fputs("</main>\n</body>\n</html>\n", out);
}

char *page_write(const struct totals *totals, size_t *ret_size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, ret_size);
    if (out == NULL) return NULL;
    write_page(out, totals);
    if (fclose(out) == 0) return text;
    free(text);
    return NULL;
}
