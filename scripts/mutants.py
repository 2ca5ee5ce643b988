#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Usage: mutants.py [--jobs N] [WORD]. Plants the bugs of tests/mutants/mutants.txt (those whose
sentence or file has the word in it), one at a time, each in a copy of the tree, and runs the tests
until one fails, none longer than 30 s of processor time: first all of them against the random
programs, which are soon built and fast, then those that survive against the other tests. Says which
one killed it, then `mutants: KILLED/PLANTED`; leaves with 1 where one survives. The copies are
build-mutants/N: what changed is built anew, no more."""
import argparse
import concurrent.futures
import os
import queue
import resource
import shutil
import subprocess
import sys

import mutantslib

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIMIT = 30  # s of processor time, of each suite; ten times as long by the clock

RANDOM, TESTS = "tests/hocket_random", "tests/hocket_tests"
# What is built for a suite, and how it is run.
ROUNDS = [
    [("every schedule", RANDOM, ["--schedules", "all"]),
     ("random programs", RANDOM, ["--seeds", "20000"])],
    [("sync, sched", TESTS, ["-j1", "sync/", "sched/", "sim/"]),
     ("call, coro", TESTS, ["-j1", "call/", "coro/", "io/together", "io/send_recv"])],
]


def copy_tree(to):
    """What git knows, or would; times are kept where nothing has changed, for ninja."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True,
                            check=True, stdout=subprocess.PIPE).stdout.split("\n")
    for path in listed:
        source, target = os.path.join(ROOT, path), os.path.join(to, path)
        if not path or not os.path.isfile(source):
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not os.path.exists(target) or read(source) != read(target):
            shutil.copy(source, target)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def build(tree, target):
    """True, or what the compiler said."""
    env = dict(os.environ, TARGETS=target)
    done = subprocess.run(["scripts/build.sh", "build"], cwd=tree, env=env, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return True if done.returncode == 0 else done.stdout


def limit_time():
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT + 1))


def fails(tree, program, arguments):
    """How a suite failed, in a line; None: it passed."""
    try:
        done = subprocess.run([os.path.join("build", program)] + arguments, cwd=tree, text=True,
                              timeout=10 * LIMIT, errors="replace", stdin=subprocess.DEVNULL,
                              preexec_fn=limit_time,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except subprocess.TimeoutExpired:
        return "it does not end"
    if done.returncode == 0:
        return None
    lines = [line for line in done.stdout.split("\n")
             if line.startswith("seed") or ": failed: " in line]
    return (lines or ["it dies"])[0][:100]


def judge(tree, suites):
    """How it was killed; None: it survives."""
    for name, program, arguments in suites:
        built = build(tree, program)
        if built is not True:
            return "DOES NOT BUILD: " + built[-400:]
        how = fails(tree, program, arguments)
        if how is not None:
            return "%s: %s" % (name, how)
    return None


def try_out(trees, mutant, suites):
    tree = trees.get()
    path = os.path.join(tree, mutant.path)
    source = read(path).decode()
    try:
        write(path, mutantslib.plant(source, mutant))
        return judge(tree, suites)
    finally:
        write(path, source)
        trees.put(tree)


def prepare(trees, suites):
    """Builds the trees as they are, one after the other, and sees that all tests pass there."""
    for tree in list(trees.queue):
        built = build(tree, suites[0][1])
        if built is not True:
            sys.exit("mutants.py: the tree does not build: " + built[-2000:])
    for name, program, arguments in suites:
        how = fails(trees.queue[0], program, arguments)
        if how is not None:
            sys.exit("mutants.py: without a mutant, %s: %s" % (name, how))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--jobs", type=int, default=2)
    options.add_argument("word", nargs="?", default="")
    options = options.parse_args()
    with open(os.path.join(ROOT, mutantslib.LIST), encoding="utf-8") as file:
        mutants = [m for m in mutantslib.parse(file.read())
                   if options.word in m.what or options.word in m.path]
    trees = queue.Queue()
    for n in range(options.jobs):
        tree = os.path.join(ROOT, "build-mutants", str(n))
        copy_tree(tree)
        trees.put(tree)
    left, killed = mutants, 0
    for suites in ROUNDS:
        survivors = []
        prepare(trees, suites)
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            results = pool.map(lambda m, s=suites: try_out(trees, m, s), left)
            for mutant, how in zip(left, results):
                if how is None:
                    survivors.append(mutant)
                    continue
                dead = not how.startswith("DOES NOT BUILD")
                killed += dead
                print("%s %s: %s [%s]" % ("killed" if dead else "BROKEN", mutant.path,
                                          mutant.what, how), flush=True)
        left = survivors
    for mutant in left:
        print("SURVIVES %s: %s" % (mutant.path, mutant.what))
    print("mutants: %d/%d" % (killed, len(mutants)))
    print("%d passed, %d failed" % (killed, len(mutants) - killed))
    sys.exit(killed != len(mutants))


if __name__ == "__main__":
    main()
