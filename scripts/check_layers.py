#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Includes go downhill: a room may include itself, the rooms before it, and the public headers.

Inside, an include is rooted ("coro/stack.h"); ../ is never written; public headers and examples see
public headers alone. And what stands in src/ is a room, whose files its meson.build lists."""
import os
import re

import checklib
from checklib import ROOMS, Finding

SYSTEM = ("net/if.h",)  # headers of the system whose folder is called like a room
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]*)"|<([^>]*)>)', re.M)


def includes(root, path):
    text = checklib.blank(checklib.read(root, path), strings=False)
    for match in INCLUDE.finditer(text):
        yield checklib.line_of(text, match.end()), match.group(1), match.group(2)


def wrong_in_room(root, room, quoted):
    """Why a room may not include this; None where it may."""
    head = quoted.split("/")[0]
    if "/" not in quoted or head not in ROOMS:
        return 'write "room/file.h" or <hocket/file.h>'
    if not os.path.exists(os.path.join(root, "src", quoted)):
        return "no such file in src/"
    if ROOMS.index(head) > ROOMS.index(room):
        return "uphill: %s stands above %s" % (head, room)
    return None


def wrong(root, path, quoted, angled):
    """What is wrong with one include; None where it is right."""
    parts = path.split("/")
    name = quoted or angled
    if ".." in name.split("/"):
        return "never ../"
    if parts[0] == "src" and len(parts) > 2 and quoted:
        return wrong_in_room(root, parts[1], quoted)
    if parts[0] == "include" and quoted:
        return "a public header includes <hocket/...>"
    if angled and angled.split("/")[0] in ROOMS and angled not in SYSTEM:
        return "a room's header is included in quotes"
    if parts[0] in ("include", "examples") and quoted and "/" in quoted:
        return "an example sees public headers alone"
    return None


def unlisted(root):
    """Sources that no build would compile, and folders that are no room."""
    for path in checklib.files(root, ["src"], (".c", ".S")):
        parts = path.split("/")
        if len(parts) != 3 or parts[1] not in ROOMS:
            yield Finding(path, 1, "not in a room: rooms are " + " ".join(ROOMS))
            continue
        build = "src/%s/meson.build" % parts[1]
        listed = checklib.read(root, build) if os.path.exists(os.path.join(root, build)) else ""
        if "'%s'" % parts[2] not in listed:
            yield Finding(path, 1, "not listed in " + build)


def check(root):
    folders = ["src", "include", "examples", "tests", "bench", "tools"]
    for path in checklib.files(root, folders, checklib.CODE):
        for line, quoted, angled in includes(root, path):
            why = wrong(root, path, quoted, angled)
            if why:
                yield Finding(path, line, "includes %s: %s" % (quoted or angled, why))
    yield from unlisted(root)


def room(name, text, more=None):
    tree = {"src/%s/x.c" % name: text, "src/%s/meson.build" % name: "files('x.c')"}
    tree.update(more or {})
    return tree


STACK = {"src/coro/stack.h": "", "src/sched/task.h": ""}
CASES = [
    ("clean", room("sched", '#include "coro/stack.h"\n#include <hocket/task.h>\n'
                   '/* #include "net/x.h" */\n', STACK), None),
    ("uphill", room("coro", '\n#include "sched/task.h"\n', STACK), r"src/coro/x\.c:2: .*uphill"),
    ("climbing", room("sched", '#include "../coro/stack.h"\n', STACK), r"x\.c:1: .*never"),
    ("unrooted", room("coro", '#include "stack.h"\n', STACK), r"x\.c:1: .*room/file\.h"),
    ("missing", room("coro", '#include "base/no.h"\n'), r"x\.c:1: .*no such file"),
    ("angled", room("coro", "#include <base/list.h>\n"), r"x\.c:1: .*in quotes"),
    ("public", {"include/hocket/a.h": '\n\n#include "coro/stack.h"\n'}, r"a\.h:3: .*public"),
    ("example", {"examples/a.c": '#include "coro/stack.h"\n'}, r"a\.c:1: .*alone"),
    ("tests climb", {"tests/a/b.c": '#include "../x.h"\n'}, r"b\.c:1: .*never"),
    ("no room", {"src/misc/a.c": ""}, r"src/misc/a\.c:1: not in a room"),
    ("unlisted", {"src/net/a.c": "", "src/net/meson.build": ""}, r"a\.c:1: not listed"),
]

if __name__ == "__main__":
    checklib.main(check, CASES)
