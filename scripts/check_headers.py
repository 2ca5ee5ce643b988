#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every public header compiles alone, twice in a row, as strict C11, C++11 and C++17, with gcc and
with clang, and with each way of switching contexts. One whose opening comment says `included by
NAME.h` is a part of that one and does not stand alone."""
import os
import re
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor

import checklib
from checklib import Finding

PART = re.compile(r"\b[Ii]ncluded by \w+\.h\b")
STRICT = ["-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-Iinclude"]
C11, CXX11, CXX17 = ["-std=c11"], ["-x", "c++", "-std=c++11"], ["-x", "c++", "-std=c++17"]
OUTLINE, REFERENCE = ["-DHK_CONTEXT_OUTLINE"], ["-DHK_CONTEXT_REFERENCE"]
WAYS = [("gcc", C11), ("gcc", C11 + OUTLINE), ("gcc", C11 + REFERENCE), ("g++", CXX11),
        ("g++", CXX17), ("clang", C11), ("clang", C11 + OUTLINE), ("clang++", CXX11),
        ("clang++", CXX17)]


def compile_alone(root, path, name, way):
    """The first error of a header compiled alone; None where there is none."""
    command = [way[0], *way[1], *STRICT, name]
    result = subprocess.run(command, cwd=root, text=True, capture_output=True, check=False)
    if result.returncode == 0:
        return None
    errors = [line for line in result.stderr.split("\n") if "error" in line] or [result.stderr]
    return Finding(path, 1, "%s: %s" % (" ".join(way[1] + [way[0]]), errors[0]))


def check(root):
    headers = [path for path in checklib.files(root, ["include"], (".h",))
               if not PART.search(checklib.read(root, path).split("\n#")[0])]
    if not headers:
        raise checklib.Skip("no public header yet")
    ways = [way for way in WAYS if shutil.which(way[0])]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = []
        for path in headers:
            line = "#include <%s>\n" % os.path.relpath(path, "include")
            name = os.path.join(folder, path.replace("/", "_") + ".c")
            with open(name, "w", encoding="utf-8") as file:
                file.write(line * 2)
            jobs += [pool.submit(compile_alone, root, path, name, way) for way in ways]
        found = {}
        for job in jobs:  # the first error of each header is enough
            if job.result():
                found.setdefault(job.result().path, job.result())
    yield from found.values()


CASES = [
    ("clean", {"include/hocket/x.h": "#ifndef X_H\n#define X_H\nint hk_f(void);\n#endif\n"}, None),
    ("a part", {"include/hocket/x.h": "/* A part. Included by y.h. */\nsize_t hk_f(void);\n",
                "include/hocket/y.h": "int hk_f(void);\n"}, None),
    ("needs another", {"include/hocket/x.h": "size_t hk_f(void);\n"}, r"x\.h:1: .*size_t"),
    ("no guard", {"include/hocket/x.h": "struct s { int a; };\n"}, r"x\.h:1: .*redefinition"),
    ("C++ word", {"include/hocket/x.h": "int hk_f(int new);\n"}, r"x\.h:1: .*c\+\+"),
    ("GNU only", {"include/hocket/x.h": "typedef struct { int a[0]; } hk_s;\n"}, r"x\.h:1: "),
    ("outline alone", {"include/hocket/x.h": "int hk_g(void);\n#ifdef HK_CONTEXT_OUTLINE\n"
                      "int hk_f(nothing);\n#endif\n"},
     r"x\.h:1: .*OUTLINE"),
]

if __name__ == "__main__":
    checklib.main(check, CASES)
