# SPDX-License-Identifier: MIT
"""What the checks share: findings, C text without comments and strings, and the self-test.

A check is a function check(root) that yields Finding(path, line, message). Its file ends in

    if __name__ == "__main__":
        checklib.main(check, CASES)

`check_x.py [--root DIR]` prints the findings, exit 1 where there are any, 77 where there is nothing
to look at yet (it raised Skip). `check_x.py --self-test` makes a small tree for each case and fails
unless exactly the seeded violation is found: CASES is a list of (name, {path: text}, wanted), where
wanted is None for a clean tree, else a regular expression for "path:line: message".
"""
import argparse
import os
import re
import sys
import tempfile
from collections import namedtuple

Finding = namedtuple("Finding", "path line message")

ROOMS = ["base", "world", "coro", "sched", "calls", "sync", "os", "net", "inspect"]
CODE = (".c", ".h", ".cc", ".S")


class Skip(Exception):
    """There is nothing to check yet."""


def files(root, folders, suffixes):
    """Paths below root, sorted, of the files in the folders that end so."""
    for folder in folders:
        for where, dirs, names in os.walk(os.path.join(root, folder)):
            dirs.sort()
            for name in sorted(names):
                if name.endswith(suffixes):
                    yield os.path.relpath(os.path.join(where, name), root)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


TOKEN = re.compile(
    r"/\*.*?\*/|//(?:\\\n|[^\n])*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)


def blank(text, strings=True):
    """The text with blanks for comments (and what is in quotes); lines keep their places."""
    def replace(match):
        word = match.group()
        if word[0] in "\"'":
            return word[0] + " " * (len(word) - 2) + word[0] if strings else word
        return re.sub(r"[^\n]", " ", word)
    return TOKEN.sub(replace, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def show(finding):
    return "%s:%d: %s" % finding


def run_case(check, name, tree, wanted):
    """One case of a self-test; returns what is wrong, or None."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in tree.items():
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        found = [show(finding) for finding in check(root)]
    if wanted is None:
        return "%s: found where nothing is wrong: %s" % (name, found) if found else None
    if len(found) != 1 or not re.search(wanted, found[0]):
        return "%s: wanted %r alone, found %s" % (name, wanted, found)
    return None


def self_test(check, cases):
    wrong = [text for text in (run_case(check, *case) for case in cases) if text]
    for text in wrong:
        print("self-test: " + text)
    print("self-test: %d cases, %d wrong" % (len(cases), len(wrong)))
    return 1 if wrong else 0


def main(check, cases):
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default=os.path.join(os.path.dirname(__file__), ".."))
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--max", type=int, default=40, help="print at most so many findings")
    args = parser.parse_args()
    if args.self_test:
        sys.exit(self_test(check, cases))
    try:
        found = list(check(os.path.normpath(args.root)))
    except Skip as why:
        print("skipped: %s" % why)
        sys.exit(77)
    for finding in found[:args.max]:
        print(show(finding))
    if len(found) > args.max:
        print("... and %d more" % (len(found) - args.max))
    sys.exit(1 if found else 0)
