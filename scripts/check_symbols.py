#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the library shows to the linker. Needs a build (BUILD=dir, by default build).

Every global name starts with hk_. What the shared library exports is declared in a public header;
what it hides, and other files of ours use, starts with hk__. And no stack is executable, which one
assembly file without its note would bring about."""
import os
import re
import subprocess

import checklib
from checklib import Finding

SHARED, STATIC = "src/libhocket.so", "src/libhocket.a"


def names(root, library, *options):
    """Global names that the library defines."""
    result = subprocess.run(["nm", "--defined-only", "--extern-only", "-P", *options, library],
                            cwd=root, text=True, capture_output=True, check=True)
    found = re.findall(r"^(\S+) [A-TV-Z] ", result.stdout, re.M)
    return sorted(set(found) - {"_init", "_fini", "_edata", "_end", "__bss_start"})


def judge(shared, static, declared, build=""):
    """Findings from three lists of names."""
    for name in static:
        if not name.startswith("hk_"):
            yield Finding(build + STATIC, 1, "%s does not start with hk_" % name)
        elif not name.startswith("hk__") and name not in shared:
            yield Finding(build + STATIC, 1, "%s is hidden: mark it HK_API or name it hk__" % name)
    for name in shared:
        if not name.startswith("hk_") and name not in static:
            yield Finding(build + SHARED, 1, "%s does not start with hk_" % name)
        if name.startswith("hk_") and name not in declared:
            yield Finding(build + SHARED, 1, "%s is exported, but no public header has it" % name)


def check(root):
    build = os.environ.get("BUILD", "build") + "/"
    if not os.path.exists(os.path.join(root, build + SHARED)):
        raise checklib.Skip("no library in " + build)
    declared = set()
    for path in checklib.files(root, ["include"], (".h",)):
        declared.update(re.findall(r"\bhk_\w+", checklib.blank(checklib.read(root, path))))
    yield from judge(names(root, build + SHARED, "--dynamic"), names(root, build + STATIC),
                     declared, build)
    headers = subprocess.run(["readelf", "-lW", build + SHARED], cwd=root, text=True,
                             capture_output=True, check=True).stdout
    if re.search(r"GNU_STACK.* RWE", headers):
        yield Finding(build + SHARED, 1, "the stack is executable: an assembly file lacks its note")


def check_source(root):
    """For the self-test: builds a library from a.c, then checks it."""
    os.environ["BUILD"] = "build"
    os.makedirs(os.path.join(root, "build/src"))
    shell = ("gcc -fPIC -fvisibility=hidden -c a.c -o a.o && ar rc build/src/libhocket.a a.o && "
             "gcc -shared -o build/src/libhocket.so a.o")
    subprocess.run(shell, cwd=root, shell=True, check=True, stderr=subprocess.DEVNULL)
    return check(root)


API = '__attribute__((visibility("default"))) '
HEADER = "int hk_f(void);\n"


def library(text):
    return {"include/hocket.h": HEADER, "a.c": text + "\n"}


GOOD = API + """int hk_f(void) { return 0; }
int hk__g(void) { return 0; }
static int h;
int *hk__h = &h;"""
STACK = '\n__asm__(".section .note.GNU-stack,\\"x\\",@progbits\\n.text\\n");'
CASES = [
    ("clean", library(GOOD), None),
    ("name", library(GOOD + "\nint helper(void) { return 1; }"), r"\.a:1: helper does not"),
    ("data", library(GOOD + "\nint counter;"), r"libhocket\.a:1: counter does not"),
    ("exported name", library(GOOD + "\n" + API + "int helper;"), r"helper does not"),
    ("hidden", library(GOOD + "\nint hk_g(void) { return 1; }"), r"hk_g is hidden"),
    ("undeclared", library(GOOD + "\n" + API + "int hk_g;"), r"hk_g is exported, but"),
    ("stack", library(GOOD + STACK), r"stack is executable"),
]

if __name__ == "__main__":
    import sys
    if "--self-test" in sys.argv:
        sys.exit(checklib.self_test(check_source, CASES))
    checklib.main(check, CASES)
