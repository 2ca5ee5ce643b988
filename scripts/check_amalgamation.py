#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The two files of scripts/amalgamate.py are enough: plain gcc and clang compile hocket_all.c
without a warning, with io_uring and without, C++ takes the header, examples linked with it say what
their transcripts want, and an echo server answers on TCP."""
import os
import re
import socket
import subprocess
import sys
import tempfile

import amalgamate
import checklib
import check_transcripts
from checklib import Finding

SECONDS = 120
COMPILERS = ["gcc", "clang", "gcc -DHK_NO_URING"]
EXAMPLES = ["01_hocket", "22_stackless", "40_fan_out", "48_echo_test"]
CPLUSPLUS = '#include "hocket.h"\nint main() { return hk_val(0) != nullptr; }\n'


def complaint(command, folder, text=None):
    """What a command says where it fails or warns; None where it is content."""
    done = subprocess.run(command.split(), cwd=folder, input=text, text=True, timeout=SECONDS,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.stdout[:500] or "fails" if done.returncode or done.stdout else None


def build(root, folder, name, library):
    """An example, linked with the library; what is wrong, or None."""
    asked = subprocess.run(["nm", "-u", library], cwd=folder, text=True, capture_output=True,
                           check=True).stdout
    ring = "-luring" if "io_uring_" in asked else ""
    source = os.path.abspath(os.path.join(root, "examples", name + ".c"))
    return complaint("gcc -I. -o %s %s %s -pthread %s" % (name, source, library, ring), folder)


def say_as_ever(root, folder, name):
    """The difference between an example and its transcript, or None."""
    path = "%s/%s.txt" % (check_transcripts.FOLDER, name[3:])
    done = subprocess.run([os.path.join(folder, name)], stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=SECONDS, check=False)
    wanted = checklib.read(root, path)
    if done.stdout != wanted:
        return check_transcripts.compare(path, wanted, done.stdout)
    if done.returncode != 0:
        return Finding(path, 1, "%s ends with %d" % (name, done.returncode))
    return None


def echo(folder):
    """What is wrong with the echo server, or None."""
    server = subprocess.Popen([os.path.join(folder, "25_echo"), "0", "1"], text=True,
                              stdout=subprocess.PIPE)
    try:
        said = server.stdout.readline()
        port = int(re.search(r":(\d+)", said).group(1))
        with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as client:
            client.sendall(b"hocket" * 100)
            client.shutdown(socket.SHUT_WR)
            heard = client.makefile("rb").read()
        status = server.wait(timeout=SECONDS)
        return None if heard == b"hocket" * 100 and status == 0 else "%r, %d" % (heard, status)
    finally:
        server.kill()
        server.wait()


def overlooked(root, amalgam):
    """Private names in the library's objects that amalgamate.py does not know to be private: where
    two files had such a variable, it would be one, and no compiler would say so."""
    library = os.path.join(os.environ.get("BUILD", "build"), "src/libhocket.a")
    if os.path.exists(os.path.join(root, library)):
        listed = subprocess.run(["nm", "-A", "-P", library], cwd=root, text=True,
                                capture_output=True, check=True).stdout
        for room, file, name in re.findall(r"\[?(\w+?)_(\w+\.c)\.o\]?: (\w+) [tbd] ", listed):
            path = "src/%s/%s" % (room, file)
            known = amalgam.own.get(path, ({name},))[0]
            name = re.sub(r"_hk_\w+$", "", name)  # HK_ENTRY has made it of a name
            if name not in known and not name.startswith("hk_"):
                yield Finding(path, 1, "%s is overlooked" % name)


def check(root):
    yield from overlooked(root, amalgamate.Amalgam(root))
    with tempfile.TemporaryDirectory() as folder:
        for name, text in zip(("hocket.h", "hocket_all.c"), amalgamate.whole(root)):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        for k, compiler in enumerate(COMPILERS):
            wrong = complaint("%s -Wall -c hocket_all.c -o %d.o" % (compiler, k), folder)
            if wrong:
                yield Finding("hocket_all.c", 1, "%s: %s" % (compiler, wrong))
                return
        wrong = complaint("g++ -Wall -fsyntax-only -x c++ -", folder, CPLUSPLUS)
        if wrong:
            yield Finding("hocket.h", 1, "C++: " + wrong)
        for k, name in enumerate(EXAMPLES + ["25_echo"]):
            wrong = build(root, folder, name, "%d.o" % (k % len(COMPILERS)))
            if wrong:
                yield Finding("examples/%s.c" % name, 1, wrong)
            elif name in EXAMPLES:
                yield from filter(None, [say_as_ever(root, folder, name)])
            else:
                wrong = echo(folder)
                if wrong:
                    yield Finding("examples/%s.c" % name, 1, wrong)


def check_source(root):
    """For the self-test: the sources of a small tree must compile as one."""
    amalgam = amalgamate.Amalgam(root)
    text = "".join(amalgam.source(path) for path in checklib.files(root, ["src"], (".c",)))
    wrong = complaint("gcc -Wall -Wextra -fsyntax-only -x c -", root, text)
    if wrong:
        yield Finding("all.c", 1, wrong)


FILE = """enum { MOST = %d, LEAST };
struct place { int take, end[MOST]; };
typedef struct place place;
#define TWICE(x) (2 * (x) + MOST)
static int lock, *list = &lock;
static const char *const names[] = { "take", "lock" };
static void (*const handlers[])(void);
static int take(place *p)
{
    if (p->take == MOST) goto end;
    return __builtin_offsetof(struct place, take) + TWICE(p->end[LEAST - 1]);
end:
    return lock + *list + names[0][0];
}
static void end(void) { lock = 0; }
static void (*const handlers[])(void) = { end };
int f%d(void)
{
    struct place here = { .take = 1 }, *there = &here;
    handlers[0]();
    return take(there);
}
"""


def pair(first, second):
    return {"src/base/a.c": "int f1(void), f2(void);\n" + first, "src/coro/b.c": second}


CASES = [
    ("clean", pair(FILE % (3, 1), FILE % (4, 2)), None),
    ("headers", {"src/base/x.h": "#ifndef X_H\n#define X_H\nenum { X = 1 };\n#endif\n",
                 "src/base/a.c": '#include "base/x.h"\nint a = X;\n',
                 "src/base/b.c": '#include "base/x.h"\n#include <stdio.h>\nint b = X;\n'}, None),
    ("twice", pair("int f = 2;\n", "int f = 1;\n"), r"redefinition"),
    ("error", pair("static int x;\n", "int y = no;\n"), r"undeclared"),
]

if __name__ == "__main__":
    if "--self-test" in sys.argv:
        sys.exit(checklib.self_test(check_source, CASES))
    checklib.main(check, CASES)
