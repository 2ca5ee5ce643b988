/* SPDX-License-Identifier: MIT */
/* Directories: every entry once, and what goes wrong. */
#include "support/files.h"

#include <dirent.h>
#include <stdlib.h>

enum { MANY = 2000 };
static char seen[MANY];

TASK_TEST(every_entry_once)
{
    struct files f;
    hk_dir_entry entry;
    int r, others = 0, once = 0;
    files_open(&f);
    for (int i = 0; i < MANY; i++) {
        char name[64];
        snprintf(name, sizeof name, "a-name-that-takes-some-room-%d", i);
        close(open(files_path(&f, name), O_CREAT | O_WRONLY, 0600));
    }
    CHECK_EQ(mkdir(files_path(&f, "folder"), 0700), 0);
    HK_DIR(dir, f.folder);
    while ((r = hk_dir_next(&dir, &entry)) > 0) {
        int number;
        if (sscanf(entry.name, "a-name-that-takes-some-room-%d", &number) == 1)
            seen[number]++;
        else
            others++;
        if (strcmp(entry.name, "folder") == 0)
            CHECK(entry.type == DT_DIR || entry.type == DT_UNKNOWN);
        CHECK(entry.inode > 0);
    }
    CHECK_EQ(r, 0);
    CHECK_EQ(hk_dir_next(&dir, &entry), 0);
    for (int i = 0; i < MANY; i++) once += seen[i] == 1;
    CHECK_EQ(once, MANY);
    CHECK_EQ(others, 1);
    files_close(&f);
    return NULL;
}

TASK_TEST(directories_that_are_none)
{
    hk_dir_entry entry;
    hk_dir dir;
    CHECK_EQ(hk_dir_open(&dir, "/none"), -ENOENT);
    CHECK_EQ(hk_dir_next(&dir, &entry), -ENOENT);
    CHECK_EQ(hk_dir_close(&dir), 0);
    HK_DIR(null, "/dev/null");
    CHECK_EQ(hk_dir_next(&null, &entry), -ENOTDIR);
    HK_DIR(empty, "");
    CHECK_EQ(hk_dir_next(&empty, &entry), -ENOENT);
    return NULL;
}

static void *read_killed(void *arg)
{
    hk_dir_entry entry;
    HK_DIR(dir, "/dev");
    CHECK_EQ(hk_dir_next(&dir, &entry), 1);
    hk_task_kill(hk_task_self());
    CHECK_EQ(hk_dir_next(&dir, &entry), -ECANCELED);
    CHECK_EQ(hk_dir_next(&dir, &entry), -ECANCELED);
    return arg;
}

TASK_TEST(a_kill_is_met_at_the_next_entry)
{
    hk_exit end;
    hk_task_wait(hk_spawn(HK_ROOT, read_killed, NULL), &end);
    return NULL;
}

static void *next_of(void *arg)
{
    hk_dir_entry entry;
    return hk_val(hk_dir_next(arg, &entry));
}

TASK_TEST(one_task_reads_a_directory)
{
    hk_dir_entry entry;
    hk_exit end;
    HK_DIR(dir, "/dev");
    hk_tid tid = hk_spawn(HK_ROOT, next_of, &dir);
    hk_sched_yield();
    CHECK_EQ(hk_dir_next(&dir, &entry), -EBUSY);
    CHECK_EQ(hk_task_wait(tid, &end), 0);
    CHECK_EQ(hk_num(end.value), 1);
    CHECK_EQ(hk_dir_next(&dir, &entry), 1);
    return NULL;
}

TASK_TEST(closing_a_directory_that_is_read, .aborts = "another task reads the directory")
{
    HK_DIR(dir, "/dev");
    hk_spawn(HK_ROOT, next_of, &dir);
    hk_sched_yield();
    hk_dir_close(&dir);
    return NULL;
}
