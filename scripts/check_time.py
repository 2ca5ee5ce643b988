#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""No test waits for real time: what depends on time runs in the virtual world (support/sim.h).

Outside of what REAL lists, with the reason beside each, a file below tests/
- does not call usleep, nanosleep, clock_nanosleep or sleep;
- where it calls hk_sleep or hk_sleep_prepare, runs its tasks in a simulated run alone: a function
  that calls hk_run or hk_sched_create names sim_world() as the world, or makes the real clock go by
  itself (faults_clock_step); and there is no TASK_TEST.

An entry of REAL that nothing needs any more is found too."""
import os
import re

import checklib
from checklib import Finding

REAL = {
    "tests/api": "whole programs, as their users write them",
    "tests/call/test_ten_million.c": "memory of many sleeps, none of which ends",
    "tests/fault": "system calls that fail, and threads",
    "tests/file": "the kernel's files, and the threads of the pool",
    "tests/io": "what the kernel does with descriptors, in each real world",
    "tests/net": "the kernel's sockets and resolvers; what the simulated world has runs there too",
    "tests/os": "processes and signals",
    "tests/sched/test_post.c": "threads",
    "tests/sched/test_run.c": "threads, signals, a host's loop on poll(2)",
    "tests/sched/test_spin.c": "a clock of its own, on which each look takes as long as it says",
    "tests/sim/test_io.c": "the same in a simulated run and out of one",
    "tests/sim/test_time.c": "what is refused out of a simulated run, or inside another",
    "tests/support/faults.c": "holds a thread of the resolver",
    "tests/stack/test_unguarded.c": "memory that an idle loop gives back to the kernel",
    "tests/sync/test_limiter.c": "a clock of its own, on which timers come late",
    "tests/sync/test_select.c": "descriptors and signals among the arms",
    "tests/world": "what every world must do, with its own clock and its threads",
}

SLEEP = re.compile(r"\b(usleep|nanosleep|clock_nanosleep|sleep)\s*\(")
TASK_SLEEP = re.compile(r"\bhk_sleep(_prepare)?\s*\(")
REAL_RUN = re.compile(r"\b(hk_run|hk_sched_create|TASK_TEST|TASK_TEST_SIM)\s*\(")
VIRTUAL = re.compile(r"\bsim_world\s*\(|\bfaults_clock_step\b")


def real_runs(text):
    """(line, what) of each call that runs tasks in a real world, and each such test."""
    lines = text.split("\n")
    start = 0
    for number, line in enumerate(lines):
        if line.startswith("{"):
            start = number
        match = REAL_RUN.search(line)
        if not match:
            continue
        end = number
        if line.startswith((" ", "\t")):
            while end < len(lines) - 1 and not lines[end].startswith("}"):
                end += 1
        else:
            start = number
        if not VIRTUAL.search("\n".join(lines[start:end + 1])):
            yield number + 1, match.group(1)


def waits(text):
    """(line, message) of each way in which a file waits for real time."""
    for match in SLEEP.finditer(text):
        yield checklib.line_of(text, match.start()), "%s: wait for the condition, or in virtual " \
            "time (support/sim.h)" % match.group(1)
    if TASK_SLEEP.search(text):
        for line, what in real_runs(text):
            yield line, "%s in a file that sleeps: sim_once, SIM_TEST, or sim_world() " \
                "(support/sim.h)" % what


def check(root, real=None):
    real = REAL if real is None else real
    unneeded = {entry for entry in real}
    for path in checklib.files(root, ["tests"], (".c", ".cc", ".h")):
        if "/must_not_compile/" in path:
            continue
        found = list(waits(checklib.blank(checklib.read(root, path))))
        entries = [entry for entry in real if path == entry or path.startswith(entry + "/")]
        if found:
            unneeded.difference_update(entries)
        if not entries:
            for line, message in found:
                yield Finding(path, line, message)
    for entry in sorted(unneeded):
        if os.path.isdir(os.path.join(root, "tests", "support")):
            yield Finding(entry, 1, "listed in check_time.py, and nothing in it waits")


def check_case(root):
    return check(root, {"tests/io": "real"})


IO = {"tests/support/sim.h": "", "tests/io/test_a.c": "void f(void)\n{\n    usleep(5);\n}\n"}
NAPS = "static void *naps(void *arg)\n{\n    hk_sleep(HK_MS(1));\n    return arg;\n}\n"


def case(name, text, wanted):
    return name, dict(IO, **{"tests/sched/test_a.c": text}), wanted


CASES = [
    case("clean", "/* usleep(5) */\nconst char *a = \"usleep(5)\";\n", None),
    case("usleep", "void f(void)\n{\n    usleep(5);\n}\n", r"test_a\.c:3: usleep: wait"),
    case("sleep", "void f(void)\n{\n    sleep (1);\n}\n", r"test_a\.c:3: sleep: wait"),
    case("virtual", NAPS + "TEST(a)\n{\n    sim_once(naps, NULL);\n}\n", None),
    case("real", NAPS + "TEST(a)\n{\n    hk_run(naps, NULL, NULL);\n}\n",
         r"test_a\.c:8: hk_run in a file that sleeps"),
    case("no sleep", "TEST(a)\n{\n    hk_run(other, NULL, NULL);\n}\n", None),
    case("a world", NAPS + "TEST(a)\n{\n    hk_run_options o = {\n        .world = sim_world() };\n"
         "    hk_run(naps, NULL, &o);\n}\n", None),
    case("another's world", NAPS + "TEST(a)\n{\n    sim_world();\n}\n\nTEST(b)\n{\n"
         "    hk_run(naps, NULL, NULL);\n}\n", r"test_a\.c:13: hk_run"),
    case("a clock", NAPS + "TEST(a)\n{\n    faults_clock_step = 5;\n"
         "    hk_run(naps, NULL, NULL);\n}\n", None),
    case("on one line", NAPS + "TEST(a) { hk_run(naps, NULL, NULL); }\n", r"test_a\.c:6: hk_run"),
    case("from outside", NAPS + "TEST(a)\n{\n    hk_sched_create(NULL);\n}\n",
         r"test_a\.c:8: hk_sched_create"),
    case("a task's", "TASK_TEST(a)\n{\n    hk_sleep(1);\n    return NULL;\n}\n",
         r"test_a\.c:1: TASK_TEST"),
    ("unneeded", {"tests/support/sim.h": "", "tests/io/test_a.c": "int x;\n"},
     r"tests/io:1: .*nothing in it waits"),
]

if __name__ == "__main__":
    import sys
    checklib.main(check_case if "--self-test" in sys.argv else check, CASES)
