#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What Hocket takes: bytes of code and data by room, cache lines of the main structs, and the stack
that the functions of the interface need. Needs BUILD (by default build-size), made by gcc with
-fcallgraph-info=su, which tells each function's frame and whom it calls.

A function needs its frame and the most that one of those it calls needs. A call through a pointer
may go to any function that the sources put into a member of that name, a system call to any
handler: so the figures are more than what is needed. Not counted: the C library's own frames,
callbacks of the program's, functions that end the program, and the second round of what calls
itself."""
import collections
import glob
import os
import re
import subprocess
import sys

import checklib

# Structs, and which fields somebody touches together.
STRUCTS = [
    ("hk_coro", "hocket.h", [("a switch", "at state leaf root")]),
    ("hk__stackful", "hocket.h", [("resumed by a consumer", "back resumer"),
                                  ("born", "coro entry arg end seldom at_end arg_release stack")]),
    ("hk_call", "hocket.h", [("made and answered", "type driver task result state")]),
    ("struct hk_sched", "sched/sched.h", [("a switch", "ready budget spent dead")]),
    ("hk_group", "hocket.h", []),
    ("hk_scope", "hocket.h", []),
    ("hk_sync_call", "hocket.h", []),
    ("hk_event", "hocket.h", []),
    ("hk_mutex", "hocket.h", []),
    ("struct hk__descriptor", "sched/descriptor.h", []),
]
# What people call; `make size ONLY=all` prints every function that the headers export.
ENTRIES = """hk_run hk_coro_create hk_coro_close hk_spawn hk_task_wait hk_sleep hk_sched_yield
    hk_group_close hk_scope_close hk_event_wait hk_mutex_lock hk__chan_send hk__chan_recv
    hk_select hk_read hk_write hk_recv hk_send hk_accept hk_close hk_open hk_pread hk_file_copy
    hk_stream_read hk_offload hk_net_dial hk_net_resolve hk_serve hk_proc_start
    hk_signals_wait""".split()
# What is inlined always has to be called by somebody.
INLINE = """#include <hocket.h>
int call_hk_sleep(int64_t ns);
int call_hk_sleep(int64_t ns) { return hk_sleep(ns); }
int call_hk_sched_yield(void);
int call_hk_sched_yield(void) { return hk_sched_yield(); }
"""


# ---- code and structs ----

def rooms(sizes):
    """{room: [text, data, bss]} from what size(1) says of an archive."""
    total = collections.defaultdict(lambda: [0, 0, 0])
    for line in sizes.split("\n"):
        found = re.match(r"\s*(\d+)\s+(\d+)\s+(\d+)\s+\d+\s+\w+\s+(?:\S*/)?([a-z]+)_\w+\.\w+", line)
        if found:
            for k in range(3):
                total[found.group(4)][k] += int(found.group(k + 1))
    return total


def print_rooms(library):
    sizes = subprocess.run(["size", library], text=True, capture_output=True, check=True).stdout
    total = rooms(sizes)
    print("%-12s %8s %8s %8s" % ("room", "text", "data", "bss"))
    for room in [room for room in checklib.ROOMS if room in total]:
        print("%-12s %8d %8d %8d" % (room, *total[room]))
    print("%-12s %8d %8d %8d" % ("all", *map(sum, zip(*total.values()))))


def print_structs(root):
    """Sizes and lines, asked of the compiler."""
    text = "#define _GNU_SOURCE\n#include <stdio.h>\n#include <hocket.h>\n"
    text += "".join('#include "%s"\n' % name for name in sorted({s[1] for s in STRUCTS} - {
        "hocket.h"})) + "int main(void)\n{\n"
    for name, _, roles in STRUCTS:
        text += 'printf("%%-22s %%6zu %%4zu  ", "%s", sizeof(%s), (sizeof(%s) + 63) / 64);\n' % (
            name.replace("struct ", ""), name, name)
        for role, fields in roles:
            text += "{ unsigned long lines = 0;\n"
            for field in fields.split():
                text += ("for (size_t k = offsetof(%s, %s) / 64; k <= (offsetof(%s, %s) + "
                         "sizeof ((%s *)0)->%s - 1) / 64 && k < 64; k++) lines |= 1ul << k;\n" % (
                             (name, field) * 3))
            text += 'printf("%s: %%d; ", __builtin_popcountl(lines)); }\n' % role
        text += 'puts("");\n'
    program = os.path.join(root, os.environ.get("BUILD", "build-size"), "structs")
    subprocess.run(["gcc", "-I" + os.path.join(root, "include"), "-I" + os.path.join(root, "src"),
                    "-x", "c", "-", "-o", program], input=text + "return 0; }\n", text=True,
                   check=True)
    print("%-22s %6s %4s  %s" % ("struct", "bytes", "lines", "of them touched by"), flush=True)
    subprocess.run([program], check=True)


# ---- the stack ----

class Calls:
    """Who calls whom: by frames, edges, and what the sources put into members."""

    def __init__(self):
        self.frame = {}
        self.calls = collections.defaultdict(set)
        self.pointers = collections.defaultdict(set)  # function: members it calls through
        self.members = collections.defaultdict(set)   # member: functions that may be in it
        self.fatal = set()
        self.not_followed = set()
        self.known = {}

    def need(self, name, under=()):
        """(bytes, deepest path) of a function that is called by these."""
        if name in self.known:
            return self.known[name]
        if name not in self.frame or name in self.fatal or name in under:
            return 0, ()
        callees = set(self.calls[name])
        for member in self.pointers[name]:
            callees |= self.members.get(member, set())
            if member not in self.members:
                self.not_followed.add(member)
        deepest = max((self.need(callee, under + (name,)) for callee in sorted(callees)),
                      default=(0, ()))
        result = self.frame[name] + deepest[0], (name,) + deepest[1]
        self.known[name] = result
        return result

    def need_of(self, name):
        """The same for one that is called by the program."""
        self.known.clear()
        return self.need(name)


def member_called(line, column):
    """The member that a call at this place goes through, or what stands there."""
    found = re.match(r"[(*&]*[\w.\->\[\]]*?(\w+)\)?\(", line[max(column - 1, 0):])
    return found.group(1) if found else "?"


def read_graph(calls, text, lines):
    """One file of -fcallgraph-info; lines(path) gives a source's lines. The interface's inline
    functions are known by their names alone."""
    text = re.sub(r'"(?:<stdin>:|call_)(hk_\w+)"', r'"\1"', text)
    for title, label in re.findall(r'node: \{ title: "([^"]*)" label: "([^"]*)"', text):
        size = re.search(r"\\n(\d+) bytes", label)
        if size:
            calls.frame[title] = max(int(size.group(1)), calls.frame.get(title, 0))
    edges = re.findall(r'edge: \{ sourcename: "([^"]*)" targetname: "([^"]*)"'
                       r'(?: label: "([^"]*):(\d+):(\d+)")?', text)
    for source, target, path, line, column in edges:
        if target != "__indirect_call":
            calls.calls[source].add(target)
        elif path:
            calls.pointers[source].add(member_called(lines(path)[int(line) - 1], int(column)))


def read_sources(calls, root):
    """What stands in members, and who never returns."""
    titles = {}
    for title in calls.frame:
        path, _, name = title.rpartition(":")
        titles.setdefault((os.path.basename(path), name), title)
    for path in checklib.files(root, ["src", "include"], (".c", ".h")):
        text, file = checklib.blank(checklib.read(root, path)), os.path.basename(path)

        def title(name, file=file):
            return titles.get((file, name)) or titles.get(("", name))
        for member, name in re.findall(r"(?:->|\.)(\w+)\s*=\s*&?(\w+)\s*[,;}]", text):
            if title(name):
                calls.members[member].add(title(name))
        for names in re.findall(r"\(hk_driver\)\s*\{\s*(\w+),\s*(\w+)\s*\}", text):
            for member, name in zip(("complete", "tid"), names):
                calls.members[member].add(title(name))
        for name in re.findall(r"\b(hk_\w+)\([^;{}]*\)\s*__attribute__\(\([^;{}]*noreturn", text):
            calls.fatal.add(name)
    for member in ("handle", "abort", "describe", "owner"):  # what calls.def and sync.def name
        calls.members[member].update(name for name in calls.frame
                                     if re.match(r"hk__\w+_%s$" % member, name))


def inline_functions(root, build):
    """What the headers inline, as functions of its own."""
    subprocess.run(["gcc", "-O2", "-D_GNU_SOURCE", "-I" + os.path.join(root, "include"), "-c",
                    "-fstack-clash-protection", "-fkeep-inline-functions", "-fcallgraph-info=su",
                    "-x", "c", "-", "-o", "inline.o"],
                   input=INLINE, text=True, cwd=build, check=True)
    return os.path.join(build, "inline.ci")


def print_stacks(root, build):
    calls, cache = Calls(), {}

    def lines(path):
        if path not in cache:
            with open(os.path.join(build, path), encoding="utf-8") as file:
                cache[path] = file.read().split("\n")
        return cache[path]
    found = glob.glob(os.path.join(build, "src/libhocket.*.p/*.ci"))
    if not found:
        raise SystemExit("size: no call graphs in " + build)
    for path in sorted(found) + [inline_functions(root, build)]:
        with open(path, encoding="utf-8") as file:
            read_graph(calls, file.read(), lines)
    read_sources(calls, root)
    exported = sorted(name for name in calls.frame if re.match(r"hk_[a-z]\w*$", name))
    needs = {name: calls.need_of(name) for name in exported + ["hk__chan_send", "hk__chan_recv"]}
    wanted = exported if os.environ.get("ONLY") == "all" else ENTRIES
    print("%-18s %6s  %s" % ("function", "stack", "the larger frames on the deepest way"))
    for name in wanted:
        size, path = needs[name]
        large = ["%s %d" % (step.rpartition(":")[2], calls.frame[step]) for step in path
                 if calls.frame.get(step, 0) >= 200]
        print("%-18s %6d  %s" % (name, size, ", ".join(large)))
    most = max(needs, key=lambda name: needs[name][0])
    print("the most of all %d: %s, %d" % (len(needs), most, needs[most][0]))
    print("not followed: " + " ".join(sorted(calls.not_followed)))


def self_test():
    calls = Calls()
    text = ('node: { title: "hk_a" label: "hk_a\\nx.c:1:1\\n40 bytes (static)" }\n'
            'node: { title: "x.c:b" label: "b\\nx.c:2:1\\n100 bytes (dynamic,bounded)" }\n'
            'node: { title: "end" label: "end\\nx.c:3:1\\n8 bytes (static)" }\n'
            'node: { title: "free" label: "free\\n<built-in>" shape : ellipse }\n'
            'edge: { sourcename: "hk_a" targetname: "x.c:b" label: "x.c:1:4" }\n'
            'edge: { sourcename: "x.c:b" targetname: "hk_a" label: "x.c:2:4" }\n'
            'edge: { sourcename: "x.c:b" targetname: "free" label: "x.c:2:4" }\n'
            'edge: { sourcename: "x.c:b" targetname: "__indirect_call" label: "x.c:3:1" }\n')
    read_graph(calls, text, lambda path: ["", "", "call->type->done(call);"])
    calls.members["done"] = {"end"}
    cases = [
        (calls.need("hk_a"), (148, ("hk_a", "x.c:b", "end"))),
        (calls.need("free"), (0, ())),
        (member_called("    s->world->table->now(s);", 5), "now"),
        (member_called("  (*fn)(arg);", 3), "fn"),
        (dict(rooms("  10  2  3  15  f  base_say.c.o (ex a)\n 1 1 1 3 3 base_x.c.o (ex a)\n")),
         {"base": [11, 3, 4]}),
    ]
    wrong = [case for case in cases if case[0] != case[1]]
    for got, wanted in wrong:
        print("self-test: wanted %r, found %r" % (wanted, got))
    print("self-test: %d cases, %d wrong" % (len(cases), len(wrong)))
    return 1 if wrong else 0


def main():
    if "--self-test" in sys.argv:
        return self_test()
    root = os.path.normpath(os.path.join(os.path.dirname(__file__), ".."))
    build = os.path.join(root, os.environ.get("BUILD", "build-size"))
    print_rooms(os.path.join(build, "src/libhocket.a"))
    print()
    print_structs(root)
    print()
    print_stacks(root, build)
    return 0


if __name__ == "__main__":
    sys.exit(main())
