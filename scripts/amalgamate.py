#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Usage: amalgamate.py [DIR]. Writes DIR/hocket_all.c and DIR/hocket.h (DIR: build), which are all
of Hocket: two files to be put into a program's folder and compiled with it, by plain `cc`.

The sources are written for a file each, so two of them may call something private by one name. Such
names get the file's name in front (`take` of coro/slab.c: `coro_slab_take`): as words, wherever
they stand as names of their own, so not as members. Macros end with their file. Assembly becomes
`__asm__`; io_uring is there where liburing is, a context per processor."""
import os
import re
import sys
from collections import Counter

import checklib

WORD = re.compile(r"[A-Za-z_]\w*")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^">]*)[">].*\n', re.M)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.M)
URING = ["ring.c", "uring.c", "uring_submit.c", "uring_watch.c"]
APART = URING + ["uring_missing.c", "context.c", "context_reference.c"]
KEYWORDS = {"static", "const", "void", "struct", "union", "enum", "inline", "volatile"}
ABOUT = """/* %s
 *
 * One of the two files that are all of Hocket, made of its sources by scripts/amalgamate.py:
 * compile hocket_all.c with your program, and include "hocket.h" in it.
 *
 *     cc -fstack-clash-protection program.c hocket_all.c -pthread
 *
 * Add -luring where liburing and its headers are installed, or leave it out with -DHK_NO_URING.
 *
%s */
"""


# ---- which names a file has for itself ----

def close_of(code, at):
    """Where the bracket that opens at `at` is closed."""
    pairs, depth = {"(": ")", "[": "]", "{": "}"}, 0
    for k in range(at, len(code)):
        depth += (code[k] in pairs) - (code[k] in pairs.values())
        if depth == 0:
            return k
    return len(code)


def strip(code, bracket):
    """The code without what stands in such brackets."""
    text, k = "", 0
    while k < len(code):
        if code[k] == bracket:
            k = close_of(code, k)
        else:
            text += code[k]
        k += 1
    return text


def chunks(code):
    """The declarations of a file: (text, whether it is a function with its body)."""
    start = k = 0
    while k < len(code):
        if code[k] in "([":
            k = close_of(code, k)
        elif code[k] == "{":
            function = code[start:k].rstrip().endswith(")")
            k = close_of(code, k)
            if function:
                yield code[start:k + 1], True
                start = k + 1
        elif code[k] == ";":
            yield code[start:k], False
            start = k + 1
        k += 1


def declarators(text):
    """The names that one declaration gives to variables, types or functions."""
    text = re.sub(r"=.*?(?=,|$)", "", strip(strip(text, "{"), "["), flags=re.S)
    depth, parts = 0, [""]
    for c in text:
        depth += (c == "(") - (c == ")")
        if c == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += c
    for part in parts:
        pointer = re.match(r"[^(]*\(\s*\*\s*(?:const\s+|volatile\s+)*(\w+)", part)
        words = WORD.findall(part.split("(")[0])
        if pointer:
            yield pointer.group(1)
        elif words:
            yield words[-1]


def names_of(text):
    """(ordinary names, tags) that a file declares at its top level; not what is called hk_."""
    code = checklib.blank(DIRECTIVE.sub(lambda m: re.sub(r"[^\n]", " ", m.group()),
                                        checklib.blank(text)))
    code = re.sub(r'extern\s+" *"\s*\{', "", code)
    names, tags = set(), set()
    for chunk, function in chunks(code):
        chunk = re.sub(r"__attribute__\s*\(\(.*?\)\)+", "", chunk, flags=re.S)
        head = strip(chunk, "{") if function else chunk
        tags.update(re.findall(r"\b(?:struct|union|enum)\s+(\w+)\s*\{", head))
        for enum in re.finditer(r"\benum\b[^{};()]*\{([^}]*)\}", head):
            names.update(re.findall(r"(?:^|,)\s*(\w+)", strip(enum.group(1), "(")))
        if function or re.match(r"\s*(static|typedef|_Thread_local|__thread)\b", head):
            names.update(declarators(head))
    return {name for name in names - KEYWORDS if not name.startswith("hk_")}, tags


# ---- renaming ----

def member_places(code):
    """Offsets of words that name members: in structs, and where offsetof and its like ask."""
    places = set()
    for body in re.finditer(r"\b(?:struct|union)\b\s*\w*\s*\{", code):
        end = close_of(code, body.end() - 1)
        for word in WORD.finditer(code, body.end(), end):
            before, after = code[:word.start()].rstrip()[-1:], code[word.end():].lstrip()[:1]
            if after in tuple(";,[:)") and before != "[":
                places.add(word.start())
    for use in re.finditer(r"\b(?:HK_CONTAINER|(?:__builtin_)?offsetof)\(", code):
        end = close_of(code, use.end() - 1)
        last = code.rfind(",", use.end(), end)
        places.update(word.start() for word in WORD.finditer(code, last, end))
    return places


def rename(text, names, tags):
    """The text with those words replaced (old: new)."""
    code = checklib.blank(text)
    members = member_places(code)

    def replace(match):
        word, before = match.group(), code[:match.start()].rstrip()
        if code[match.start()] != word[0] or match.start() in members:
            return word
        if re.search(r"(?<![\w])(struct|union|enum)$", before[-8:]):
            return tags.get(word, word)
        if before.endswith("->") or (before.endswith(".") and not before.endswith("...")):
            return word
        return names.get(word, word)

    return WORD.sub(replace, text)


# ---- putting it together ----

class Amalgam:
    """Sources, one after the other, with their headers where the first of them asks."""

    def __init__(self, root):
        self.root, self.seen, self.system = root, set(), set()
        self.names, self.tags = Counter(), Counter()
        self.own = {}
        paths = list(checklib.files(root, ["src", "include"], (".c", ".h")))
        for path in paths:
            found = names_of(checklib.read(root, path))
            self.own[path] = found
            self.names.update(found[0])
            self.tags.update(found[1])
        self.macros = set()
        for path in paths:
            if path.endswith(".h"):
                self.macros.update(re.findall(r"^#define (\w+)", checklib.read(root, path), re.M))

    def public(self, path):
        """A public header, with those that it includes first."""
        if path in self.seen:
            return ""
        self.seen.add(path)

        def one(match):
            name = "include/" + match.group(2)
            if match.group(2).startswith("hocket/"):
                return self.public(name)
            return match.group()
        text = checklib.read(self.root, path).replace("/* SPDX-License-Identifier: MIT */\n", "")
        return INCLUDE.sub(one, text)

    def inlined(self, text, depth):
        """The text with our headers in it; the system's, where nothing depends, are put aside."""
        def one(match):
            before = text[:match.start()]
            nested = len(re.findall(r"^#if", before, re.M)) - len(
                re.findall(r"^#endif", before, re.M)) > depth
            kind, name = match.groups()
            if kind == '"':
                return self.header(name)
            if name.startswith("hocket"):
                return ""
            if nested or name in ("liburing.h", "ucontext.h"):
                return match.group()
            self.system.add(name)
            return ""
        return INCLUDE.sub(one, text)

    def header(self, name):
        if name in self.seen:
            return ""
        if not name.endswith(".def"):
            self.seen.add(name)
        text = checklib.read(self.root, "src/" + name)
        return self.inlined(text, 1 if name.endswith(".h") else 0)

    def source(self, path):
        """A source, its private names made its own."""
        text, prefix = checklib.read(self.root, path), path[4:-2].replace("/", "_") + "_"
        names, tags = self.own[path]
        shared = {name: prefix + name for name in names if self.names[name] > 1}
        shared_tags = {tag: prefix + tag for tag in tags if self.tags[tag] > 1}
        macros = [name for name in re.findall(r"^[ \t]*#[ \t]*define (\w+)", text, re.M)
                  if name not in self.macros or name.startswith("HK__CALL_")]
        text = self.inlined(rename(text, shared, shared_tags), 0)
        text = text.replace("/* SPDX-License-Identifier: MIT */\n", "")
        undefined = "".join("#undef %s\n" % name for name in dict.fromkeys(macros))
        return "\n/* ==== %s ==== */\n%s%s" % (path, text, undefined)


def assembly(text):
    """A file of assembly as one __asm__; its conditions stay those of C."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    defined = dict(re.findall(r"^#define (\w+) (.*)$", text, re.M))
    lines = []
    for line in text.split("\n"):
        if re.match(r"#(if|else|endif)", line):
            lines.append(line)
        elif line.strip() and not line.startswith("#"):
            line = WORD.sub(lambda m: defined.get(m.group(), m.group()), line.rstrip())
            lines.append('"%s\\n"' % line.replace("\\", "\\\\").replace('"', '\\"'))
    return "__asm__(\n%s\n\".text\\n\");\n" % "\n".join(lines)


def contexts(amalgam):
    """How contexts are switched: by the reference, or as the processor asks."""
    text = "\n#ifdef HK_CONTEXT_REFERENCE\n%s#else\n%s" % (
        amalgam.source("src/coro/context_reference.c"), amalgam.source("src/coro/context.c"))
    for condition, name in (("if", "x86_64"), ("elif", "aarch64")):
        path = "src/coro/context_%s.S" % name
        text += "\n/* ==== %s ==== */\n#%s defined(__%s__)\n%s" % (
            path, condition, name, assembly(checklib.read(amalgam.root, path)))
    return text + "#endif\n#endif\n"


def whole(root):
    """(hocket.h, hocket_all.c)"""
    licence = "".join((" * " + line).rstrip() + "\n"
                      for line in checklib.read(root, "LICENSE").rstrip().split("\n"))
    amalgam = Amalgam(root)
    header = ABOUT % ("hocket.h: the interface.", licence)
    header += amalgam.public("include/hocket.h")
    body = amalgam.header("coro/context.h") + contexts(amalgam)
    for room in checklib.ROOMS:
        for path in checklib.files(root, ["src/" + room], (".c",)):
            if os.path.basename(path) not in APART:
                body += amalgam.source(path)
    body += "\n#ifdef HK__URING\n%s#else\n%s#endif\n" % (
        "".join(amalgam.source("src/world/" + name) for name in URING),
        amalgam.source("src/world/uring_missing.c"))
    source = ABOUT % ("hocket_all.c: the library.", licence)
    source += "#ifndef _GNU_SOURCE\n#define _GNU_SOURCE\n#endif\n#include \"hocket.h\"\n\n"
    source += "".join("#include <%s>\n" % name for name in sorted(amalgam.system))
    source += ("#if !defined(HK_NO_URING) && __has_include(<liburing.h>)\n#include <liburing.h>\n"
               "#ifdef IORING_SETUP_DEFER_TASKRUN\n#define HK__URING\n#endif\n#endif\n\n"
               "#ifndef __clang__\n#pragma GCC diagnostic push\n"
               "#pragma GCC diagnostic ignored \"-Wformat-truncation\" /* texts for people */\n"
               "#endif\n")
    return header, source + body + ("\n#ifndef __clang__\n#pragma GCC diagnostic pop\n#endif\n")


def main():
    root = os.path.join(os.path.dirname(__file__), "..")
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(root, "build")
    os.makedirs(folder, exist_ok=True)
    for name, text in zip(("hocket.h", "hocket_all.c"), whole(root)):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
