#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The page of the built-in system calls, docs/calls.md, says what their lists say:
src/calls/calls.def and src/sync/sync.def. `check_calls.py --write` writes the page anew."""
import os
import re
import sys

import checklib
from checklib import Finding

LISTS = ("src/calls/calls.def", "src/sync/sync.def")
PAGE = "docs/calls.md"
ENTRY = re.compile(r'^HK__CALL_(?:DEF|OWNED)\((\w+), (\w+),(?: \w+,)+\s+(\w+),\s*"([^"]*)"\)',
                   re.M)

HEAD = """# The built-in system calls

Made from their lists, `src/calls/calls.def` and `src/sync/sync.def`, from which come their types
and what the table of tasks shows of them too. A cancelled task is refused every call that may wait;
those that must work in cleanup are not refused.

| call | what it does | may wait | refused to a cancelled task |
| --- | --- | --- | --- |
"""


def lists(root):
    """The lists that are there, one after the other."""
    found = [checklib.read(root, name) for name in LISTS
             if os.path.exists(os.path.join(root, name))]
    if not found:
        raise checklib.Skip("no list of calls")
    return "".join(found)


def page(text):
    rows = []
    for name, abort, flags, summary in ENTRY.findall(text):
        waits = "no" if abort == "NULL" else "yes"
        refused = "no" if "HK_CALL_NO_REFUSAL" in flags else "yes"
        rows.append("| %s | %s | %s | %s |\n" % (name, summary, waits, refused))
    return HEAD + "".join(rows)


def check(root):
    wanted = page(lists(root))
    try:
        found = checklib.read(root, PAGE)
    except FileNotFoundError:
        found = ""
    for number, (a, b) in enumerate(zip(wanted.split("\n"), found.split("\n") + [""] * 99), 1):
        if a != b:
            yield Finding(PAGE, number, "is not what the list says: scripts/check_calls.py --write")
            return
    if len(found) > len(wanted):
        yield Finding(PAGE, wanted.count("\n") + 1, "says more than the list")


FIRST, SECOND = LISTS
ONE = 'HK__CALL_DEF(nap, hk__nap_abort, NULL, 0, "naps")\n'
CASES = [
    ("clean", {FIRST: ONE, PAGE: page(ONE)}, None),
    ("missing page", {FIRST: ONE}, r"calls\.md:1: is not what the list says"),
    ("new call", {FIRST: ONE + ONE.replace("nap", "doze"), PAGE: page(ONE)},
     r"calls\.md:\d+: is not what the list says"),
    ("two lists", {FIRST: ONE, SECOND: ONE, PAGE: page(ONE + ONE)}, None),
    ("new call of the second list", {FIRST: ONE, SECOND: ONE, PAGE: page(ONE)},
     r"calls\.md:\d+: is not what the list says"),
    ("call that is gone", {FIRST: ONE, PAGE: page(ONE + ONE)},
     r"calls\.md:\d+: (is not|says more)"),
]

if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
        with open(os.path.join(top, PAGE), "w", encoding="utf-8") as file:
            file.write(page(lists(top)))
    else:
        checklib.main(check, CASES)
