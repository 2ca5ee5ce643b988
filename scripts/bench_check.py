#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Counts the instructions of the hot paths and compares them with bench/counts.txt.

hocket-bench does fixed work under callgrind, some and then four times as much; the difference, for
a unit, is the figure. There is no clock in it, so any machine will do, and a path that has become
dearer by 2 % is seen. One that has become cheaper fails as well: its figure is to be renewed
(`bench_check.py --write`). What Valgrind itself makes the library do (marking stacks) is taken off.

Figures are those of one compiler and processor; with another there is nothing to compare. The last
line sums up: `N passed, N failed`."""
import argparse
import glob
import os
import re
import subprocess
import sys
import tempfile

FIGURES = "bench/counts.txt"
TOLERANCE = 0.02
SECONDS = 600

# What is counted where no figures are known yet: rows of `make bench` that compute and make no
# system call, or few.
PATHS = """send_yield yield_1000 call_at_once park_timer park_timer_1000 spawn_exit spawn_wait
    group_child cancel_million channel_buffered channel_handoff select_4 mutex scope scope_deadline
    event_wake stackless_send stackless_yield stackless_spawn sim_schedules_per_s
    virtual_10_days""".split()
OURS = re.compile(r"fn=hk__valgrind_(get|put|return)\b")


def parse_dump(text):
    """(path, work done, instructions) of one dump of callgrind's; None: it is another one."""
    label = re.search(r"^desc: Trigger: Client Request: (\w+) (\d+)$", text, re.M)
    total = re.search(r"^(?:summary|totals): (\d+)", text, re.M)
    if not label or not total:
        return None
    spent = 0
    for block in re.split(r"^(?=fn=)", text, flags=re.M):
        if OURS.match(block):
            spent += sum(int(n) for n in re.findall(r"^[+*\d-]\S* (\d+)$", block, re.M))
    return label.group(1), int(label.group(2)), int(total.group(1)) - spent


def per_unit(dumps):
    """{path: instructions of a unit} from what parse_dump found."""
    found = {}
    for path, work, count in sorted(dumps):
        if path in found:
            less, before = found[path]
            found[path] = (count - before) / (work - less)
        else:
            found[path] = (work, count)
    return {path: value for path, value in found.items() if isinstance(value, float)}


def measure(program, paths):
    """(key, {path: instructions}); key None: this build means nothing."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "-q", "--tool=callgrind", "--compress-strings=no",
                   "--compress-pos=no", "--callgrind-out-file=" + os.path.join(folder, "%p"),
                   program, "--count"] + paths
        done = subprocess.run(command, text=True, capture_output=True, timeout=SECONDS,
                              env=dict(os.environ, HOCKET_WORLD="epoll"))
        if done.returncode == 77:
            return None, {}
        if done.returncode != 0:
            raise SystemExit("bench_check: %s ended with %d\n%s0 passed, 1 failed"
                             % (program, done.returncode, done.stderr[-2000:]))
        dumps = []
        for path in glob.glob(os.path.join(folder, "*.*")):
            with open(path, encoding="utf-8") as file:
                dumps.append(parse_dump(file.read()))
    return done.stdout.strip(), per_unit(filter(None, dumps))


def read_figures(text):
    """{key: {path: figure}}"""
    figures, key = {}, None
    for line in text.split("\n"):
        if line.startswith("["):
            key = line.strip("[] ")
            figures[key] = {}
        elif line.strip() and not line.startswith("#"):
            path, figure = line.split()
            figures[key][path] = float(figure)
    return figures


HEAD = """# SPDX-License-Identifier: MIT
# Instructions of a unit of each path, by compiler and processor: `make bench-check` compares with
# these, scripts/bench_check.py --write renews them.
"""


def write_figures(figures):
    text = HEAD
    for key in sorted(figures):
        text += "\n[%s]\n" % key
        text += "".join("%-24s %10.1f\n" % item for item in figures[key].items())
    return text


def judge(known, counted):
    """Prints the table; how many paths are as they should be, and how many are not."""
    passed = failed = 0
    print("%-24s %12s %12s %8s" % ("path", "counted", "figure", ""))
    for path in list(known) + [path for path in counted if path not in known]:
        now, figure = counted.get(path), known.get(path)
        why = ""
        if now is None:
            why = "not counted"
        elif figure is None:
            why = "has no figure"
        elif abs(now - figure) > TOLERANCE * figure:
            why = "dearer" if now > figure else "cheaper: renew it with --write"
        difference = "%+.1f %%" % (100 * (now / figure - 1)) if now and figure else "-"
        print("%-24s %12s %12s %8s  %s" % (path, "-" if now is None else "%.1f" % now,
                                           figure or "-", difference, why))
        passed, failed = passed + (why == ""), failed + (why != "")
    return passed, failed


def self_test():
    """Small dumps and figures, each with what must come of it."""
    dump = ("desc: Trigger: Client Request: %s %d\n\nsummary: %d\n\nfn=main\n4 10\n"
            "fn=hk__valgrind_get\n12 6\ncfn=getauxval\ncalls=1 0\n13 4\nfn=other\n1 5\n")
    cases = [
        (parse_dump(dump % ("mutex", 10, 510)), ("mutex", 10, 500)),
        (parse_dump("desc: Trigger: Program termination\nsummary: 5\n"), None),
        (per_unit([("a", 80, 900), ("b", 1, 1), ("a", 20, 300)]), {"a": 10.0}),
        (judge({"a": 100.0}, {"a": 101.9}), (1, 0)),
        (judge({"a": 100.0}, {"a": 102.1}), (0, 1)),
        (judge({"a": 100.0}, {"a": 97.9}), (0, 1)),
        (judge({"a": 100.0}, {}), (0, 1)),
        (judge({}, {"a": 5.0}), (0, 1)),
        (read_figures(write_figures({"k 1": {"a": 5.0, "b": 6.5}, "k 2": {}})),
         {"k 1": {"a": 5.0, "b": 6.5}, "k 2": {}}),
    ]
    wrong = [case for case in cases if case[0] != case[1]]
    for found, wanted in wrong:
        print("self-test: wanted %r, found %r" % (wanted, found))
    print("self-test: %d cases, %d wrong" % (len(cases), len(wrong)))
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true", help="renew the figures of this compiler")
    parser.add_argument("--self-test", action="store_true")
    args = parser.parse_args()
    if args.self_test:
        return self_test()
    os.chdir(os.path.join(os.path.dirname(__file__), ".."))
    program = os.path.join(os.environ.get("BUILD", "build"), "bench/hocket-bench")
    if not os.path.exists(program):
        raise SystemExit("bench_check: there is no %s\n0 passed, 1 failed" % program)
    figures = {}
    if os.path.exists(FIGURES):
        with open(FIGURES, encoding="utf-8") as file:
            figures = read_figures(file.read())
    key, counted = measure(program, PATHS)
    if args.write and key:
        figures[key] = {path: round(counted[path], 1) for path in PATHS if path in counted}
        with open(FIGURES, "w", encoding="utf-8") as file:
            file.write(write_figures(figures))
    if key not in figures:
        print("skipped: no figures for %s\n0 passed, 0 failed, 1 skipped" % (key or "this build"))
        return 0
    passed, failed = judge(figures[key], counted)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
