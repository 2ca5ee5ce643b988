#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Misuse that the compiler must refuse: tests/must_not_compile/*.c.

The first line of each is `/* expect: REGEX */`, matched against what gcc and clang say. With
-DFIXED the same file is right and must compile: so it fails for its reason and no other."""
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import checklib
from checklib import Finding

FLAGS = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-Iinclude", "-c", "-o", "/dev/null"]
FOLDER = "tests/must_not_compile"


def compiled(root, path, compiler, more):
    command = [compiler, *FLAGS, *more, path]
    return subprocess.run(command, cwd=root, text=True, capture_output=True, check=False)


def first_error(result):
    lines = [line for line in result.stderr.split("\n") if "error" in line]
    return lines[0] if lines else "no diagnostic"


def check_file(root, path, compiler):
    expect = re.match(r"/\* expect: (.*) \*/\n", checklib.read(root, path))
    if not expect:
        return [Finding(path, 1, "the first line is not `/* expect: REGEX */`")]
    found = []
    wrong = compiled(root, path, compiler, [])
    if wrong.returncode == 0:
        found.append(Finding(path, 1, "%s compiles it" % compiler))
    elif not re.search(expect.group(1), wrong.stderr):
        found.append(Finding(path, 1, "%s refuses it for another reason: %s" %
                             (compiler, first_error(wrong))))
    right = compiled(root, path, compiler, ["-DFIXED"])
    if right.returncode != 0:
        found.append(Finding(path, 1, "%s refuses it with -DFIXED: %s" %
                             (compiler, first_error(right))))
    return found


def check(root):
    paths = list(checklib.files(root, [FOLDER], (".c",)))
    if not paths or not os.path.exists(os.path.join(root, "include/hocket.h")):
        raise checklib.Skip("no header or no file yet")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(check_file, root, path, compiler)
                for path in paths for compiler in ("gcc", "clang") if shutil.which(compiler)]
        found = {}
        for job in jobs:  # the first finding of each file is enough
            for finding in job.result():
                found.setdefault(finding.path, finding)
    yield from found.values()


def file(text):
    return {"include/hocket.h": "int hk_f(int a);\n", FOLDER + "/n.c": text}


USE = '#include <hocket.h>\n#ifdef FIXED\nint x(void) { return hk_f(1); }\n#else\n%s\n#endif\n'
FEW = "/* expect: too few arguments */\n"
CASES = [
    ("clean", file(FEW + USE % "int x(void) { return hk_f(); }"), None),
    ("compiles", file("/* expect: x */\n" + USE % "int x;"), r"n\.c:1: (gcc|clang) compiles it"),
    ("other reason", file(FEW + USE % "int x(void) { return y; }"), r"n\.c:1: .*another reason"),
    ("control", file(FEW + "#include <hocket.h>\nint x(void) { return hk_f(); }\n"),
     r"n\.c:1: .*-DFIXED"),
    ("no expectation", file("int x;\n"), r"n\.c:1: .*expect"),
]

if __name__ == "__main__":
    checklib.main(check, CASES)
