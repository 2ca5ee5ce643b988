# SPDX-License-Identifier: MIT
"""The list of planted bugs, tests/mutants/mutants.txt: read for mutants.py and check_mutants.py."""
import re
from collections import namedtuple

LIST = "tests/mutants/mutants.txt"
Mutant = namedtuple("Mutant", "what path old new line")

ENTRY = re.compile(
    r"^--- (?P<what>[^\n]+)\n(?P<path>\S+)\n<<<<\n(?P<old>.*?)^====\n(?P<new>.*?)^>>>>\n",
    re.M | re.S)


def parse(text):
    """All mutants, in order."""
    return [Mutant(m["what"], m["path"], m["old"].rstrip("\n"), m["new"].rstrip("\n"),
                   text.count("\n", 0, m.start()) + 1)
            for m in ENTRY.finditer(text)]


def plant(source, mutant):
    """The file with the bug in it."""
    return source.replace(mutant.old, mutant.new)
