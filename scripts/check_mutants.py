#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Each planted bug of tests/mutants/mutants.txt still fits: its text stands in its file, once."""
import os

import checklib
import mutantslib
from checklib import Finding


def check(root):
    if not os.path.exists(os.path.join(root, mutantslib.LIST)):
        raise checklib.Skip("no list of mutants")
    text = checklib.read(root, mutantslib.LIST)
    mutants = mutantslib.parse(text)
    if len(mutants) != sum(line.startswith("--- ") for line in text.split("\n")):
        yield Finding(mutantslib.LIST, 1, "an entry cannot be read")
    for mutant in mutants:
        there = os.path.exists(os.path.join(root, mutant.path))
        count = checklib.read(root, mutant.path).count(mutant.old) if there else 0
        if count != 1:
            yield Finding(mutantslib.LIST, mutant.line,
                          "its text stands %d times in %s" % (count, mutant.path))
        if mutant.old == mutant.new:
            yield Finding(mutantslib.LIST, mutant.line, "it changes nothing")


ONE = "--- wrong\nsrc/a.c\n<<<<\n    x = 1;\n====\n    x = 2;\n>>>>\n"
CASES = [
    ("clean", {mutantslib.LIST: ONE, "src/a.c": "    x = 1;\n"}, None),
    ("gone", {mutantslib.LIST: ONE, "src/a.c": "    x = 3;\n"}, r"mutants\.txt:1: .* 0 times"),
    ("twice", {mutantslib.LIST: ONE, "src/a.c": "    x = 1;\n    x = 1;\n"}, r":1: .* 2 times"),
    ("no file", {mutantslib.LIST: ONE}, r":1: .* 0 times in src/a\.c"),
    ("same", {mutantslib.LIST: ONE.replace("2", "1"), "src/a.c": "    x = 1;\n"}, r"nothing"),
    ("broken", {mutantslib.LIST: ONE + "--- no more\n", "src/a.c": "    x = 1;\n"}, r"be read"),
]

if __name__ == "__main__":
    checklib.main(check, CASES)
