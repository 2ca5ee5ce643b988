#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Form: clang-format 14 (where it is installed), and what it cannot see.

Every file: its SPDX line first (after #! or `/* expect:`), no tabs (but where gofmt wants them), no
blanks at the end of a line, at most 1000 lines, 400 for a public header, of at most 100 columns.
Every .c and .cc opens with its title, a comment in prose. Functions of the library have at most 70
lines (--stats prints the median). Nothing is left to be done later: no such marks."""
import os
import re
import shutil
import subprocess
import sys

import checklib
from checklib import Finding

FOLDERS = ["src", "include", "tests", "examples", "bench", "tools", "scripts"]
FORMATTED = ["src", "include", "tests", "examples", "bench", "tools"]
SCRIPTS = (".py", ".sh", "meson.build")
# What begins a comment in the languages of the benches' peers.
COMMENTS = {".go": "//", ".mod": "//", ".rs": "//", ".toml": "#", ".erl": "%%", ".lua": "--"}
LICENCE = "SPDX-License-Identifier: MIT"
MAX_LINES, MAX_HEADER, MAX_FUNCTION, MAX_COLUMNS = 1000, 400, 70, 100
MARKS = re.compile(r"\b(" + "TO" + r"DO|FIX" + r"ME|X" + r"XX)\b")


def check_lines(path, lines):
    limit = MAX_HEADER if path.startswith("include/") else MAX_LINES
    if len(lines) > limit:
        yield Finding(path, limit + 1, "%d lines, at most %d" % (len(lines), limit))
    for number, line in enumerate(lines, 1):
        if "\t" in line and not path.endswith(".go"):
            yield Finding(path, number, "a tab")
        if line != line.rstrip():
            yield Finding(path, number, "blanks at the end of the line")
        if len(line) > MAX_COLUMNS:
            yield Finding(path, number, "%d columns, at most %d" % (len(line), MAX_COLUMNS))
        if MARKS.search(line):
            yield Finding(path, number, "do it now or write down why not")


def check_opening(path, lines):
    first = 1 if lines[0].startswith(("#!", "/* expect:")) else 0
    wanted = "/* " + LICENCE + " */"
    comment = "#" if path.endswith(SCRIPTS) else COMMENTS.get(os.path.splitext(path)[1])
    if comment:
        wanted = comment + " " + LICENCE
    if len(lines) <= first or lines[first] != wanted:
        yield Finding(path, first + 1, "the line `%s` is missing" % wanted)
        return
    rest = [line for line in lines[first + 1:] if line.strip()]
    is_source = path.endswith((".c", ".cc", ".S")) and "/must_not_compile/" not in path
    if is_source and not (rest and re.match(r"/\*+ *\w", rest[0])):
        yield Finding(path, first + 2, "no title: the file opens with a comment that says its idea")


def functions(lines):
    """(line, name, length) of each function whose braces stand in the first column."""
    start = None
    for number, line in enumerate(lines, 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start:
            before = "".join(lines[max(0, start - 6):start - 1])
            names = re.findall(r"(\w+)\s*\(", before)
            yield start, names[-1] if names else "?", number - start - 1
            start = None


def check_functions(path, lines):
    for line, name, length in functions(lines):
        if length > MAX_FUNCTION:
            yield Finding(path, line, "%d lines in one function, at most %d" %
                          (length, MAX_FUNCTION))


def check_format(root):
    tool = shutil.which("clang-format-14")
    paths = list(checklib.files(root, FORMATTED, (".c", ".h", ".cc")))
    if not tool or not paths or not os.path.exists(os.path.join(root, ".clang-format")):
        return
    result = subprocess.run([tool, "--dry-run", "--style=file"] + paths, cwd=root, text=True,
                            capture_output=True, check=False)
    places = {}
    for match in re.finditer(r"^([^:\n]+):(\d+):\d+: (?:warning|error): ", result.stderr, re.M):
        places.setdefault(match.group(1), []).append(int(match.group(2)))
    for path, lines in places.items():
        yield Finding(path, lines[0], "not as clang-format wants it (%d places): make format" %
                      len(lines))


def check(root):
    for path in checklib.files(root, FOLDERS, checklib.CODE + SCRIPTS + tuple(COMMENTS)):
        lines = checklib.read(root, path).rstrip("\n").split("\n")
        yield from check_lines(path, lines)
        yield from check_opening(path, lines)
        if path.startswith("src/"):
            yield from check_functions(path, lines)
    yield from check_format(root)


def print_stats(root):
    lengths = sorted(length for path in checklib.files(root, ["src"], (".c",))
                     for _, _, length in functions(checklib.read(root, path).split("\n")))
    if lengths:
        print("%d functions, median %d lines, longest %d" %
              (len(lengths), lengths[len(lengths) // 2], lengths[-1]))


TOP = "/* " + LICENCE + " */\n/* A title.\n *\n * And prose. */\n"
CODE = TOP + "int f(void)\n{\n    return 0;\n}\n"
FORMAT = "BasedOnStyle: LLVM\nIndentWidth: 4\nBreakBeforeBraces: Linux\n" \
    "AllowShortFunctionsOnASingleLine: None\n"
LONG = "\nint f(void)\n{\n" + "    g();\n" * 71 + "}\n"


def source(text):
    return {"src/base/a.c": text}


CASES = [
    ("clean", {"src/base/a.c": CODE, "tests/a/b.cc": TOP, "scripts/x.sh": "#!/bin/sh\n# " + LICENCE,
               "tests/must_not_compile/n.c": "/* expect: x */\n/* " + LICENCE + " */\nint x;\n",
               ".clang-format": FORMAT}, None),
    ("licence", source("/* A title. */\nint x;\n"), r"a\.c:1: .*SPDX"),
    ("script", {"scripts/x.py": "#!/usr/bin/python3\n\n"}, r"x\.py:2: .*SPDX"),
    ("go", {"bench/x.go": "// " + LICENCE + "\n\nfunc f() {\n\treturn\n}\n"}, None),
    ("lua", {"bench/x.lua": "-- A title.\n"}, r"x\.lua:1: .*`-- SPDX"),
    ("title", source("/* " + LICENCE + " */\n\n#include <x.h>\n"), r"a\.c:2: no title"),
    ("tab", source(TOP + "int\tx;\n"), r"a\.c:5: a tab"),
    ("blank", source(TOP + "int x; \n"), r"a\.c:5: blanks"),
    ("column", source(TOP + "/* " + "x" * 100 + " */\n"), r"a\.c:5: 106 columns"),
    ("long file", source(TOP + "int x;\n" * 1000), r"a\.c:1001: 1004 lines"),
    ("long header", {"include/h.h": TOP + "int x;\n" * 400}, r"h\.h:401: 404 lines"),
    ("long function", source(TOP + LONG), r"a\.c:7: 71 lines in one function"),
    ("mark", source(TOP + "/* TO" + "DO: more */\n"), r"a\.c:5: do it now"),
]
if shutil.which("clang-format-14"):
    CASES.append(("format", {"src/base/a.c": CODE.replace("    return", "  return"),
                             ".clang-format": FORMAT}, r"a\.c:\d: .*make format"))

if __name__ == "__main__":
    if sys.argv[1:] == ["--stats"]:
        print_stats(os.path.join(os.path.dirname(__file__), ".."))
        sys.exit(0)
    checklib.main(check, CASES)
