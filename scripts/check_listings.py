#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the documents show is what the tests run. In README.md and docs/*.md:

- above each ```c block stands a marker, `<!-- examples/05_tunnel.c -->`, and the block is, byte for
  byte, a run of lines of that file; so is any other block with a marker (of a transcript, say);
- a relative link leads to a file that is there, its #anchor to a heading of that file;
- the guide, docs/guide.md, names every example."""
import os
import re

import checklib
from checklib import Finding

GUIDE = "docs/guide.md"
FENCE = re.compile(r"^```(\w*)$")
MARKER = re.compile(r"^<!-- (\S+) -->$")
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
EXAMPLE = re.compile(r"\d\d_\w+\.cc?$")


def blocks(lines):
    """(line, language, marker or None, text) of each fenced block; text None: it never ends."""
    start = None
    for number, line in enumerate(lines, 1):
        fence = FENCE.match(line)
        if start is None and fence:
            marker = MARKER.match(lines[number - 2]) if number > 1 else None
            start, language = number, fence.group(1)
        elif start is not None and line == "```":
            yield start, language, marker and marker.group(1), "\n".join(lines[start:number - 1])
            start = None
    if start is not None:
        yield start, language, None, None


def check_block(root, path, line, language, marker, text):
    """What is wrong with a block; None where it is right."""
    if text is None:
        return "a block that never ends"
    if marker is None:
        return "no marker above this listing" if language == "c" else None
    if not os.path.exists(os.path.join(root, marker)):
        return "no such file: %s" % marker
    if not text or "\n" + text + "\n" not in "\n" + checklib.read(root, marker) + "\n":
        return "not a part of %s" % marker
    return None


def anchors(text):
    """The #names that headings get."""
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def check_link(root, path, target):
    """What is wrong with a link; None where it is right."""
    if re.match(r"[a-z]+:", target):
        return None
    file, _, anchor = target.partition("#")
    where = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
    if not os.path.exists(os.path.join(root, where)):
        return "a link to %s, which is not there" % target
    if anchor and anchor not in anchors(checklib.read(root, where)):
        return "no heading #%s in %s" % (anchor, where)
    return None


def check_document(root, path):
    text = checklib.read(root, path)
    lines = text.split("\n")
    inside = set()
    for line, *rest in blocks(lines):
        why = check_block(root, path, line, *rest)
        if why:
            yield Finding(path, line, why)
        inside.update(range(line, line + (rest[2] or "").count("\n") + 3))
    for number, line in enumerate(lines, 1):
        if number in inside:
            continue
        for found in LINK.finditer(line):
            why = check_link(root, path, found.group(1) or found.group(2))
            if why:
                yield Finding(path, number, why)


def check_guide(root):
    guide = checklib.read(root, GUIDE)
    for path in checklib.files(root, ["examples"], (".c", ".cc")):
        name = os.path.basename(path)
        if EXAMPLE.match(name) and name not in guide:
            yield Finding(GUIDE, 1, "says nothing of %s" % path)


def check(root):
    documents = list(checklib.files(root, ["docs"], (".md",)))
    if os.path.exists(os.path.join(root, "README.md")):
        documents.insert(0, "README.md")
    for path in documents:
        yield from check_document(root, path)
    if GUIDE in documents:
        yield from check_guide(root)


CODE = "int a;\n\nint main(void)\n{\n    return a;\n}\n"


def document(text):
    return {"docs/a.md": text, "examples/x.c": CODE}


CASES = [
    ("clean", document("# A b: c\n<!-- examples/x.c -->\n```c\nint a;\n\nint main(void)\n```\n"
                       "```\nmake [x](y)\n```\n[l](a.md#a-b-c) [m](https://x.y) [n](#a-b-c)\n"),
     None),
    ("changed", document("<!-- examples/x.c -->\n```c\nint b;\n```\n"), r"a\.md:2: not a part of"),
    ("half a line", document("<!-- examples/x.c -->\n```c\nint main\n```\n"), r"a\.md:2: not a"),
    ("empty", document("<!-- examples/x.c -->\n```c\n```\n"), r"a\.md:2: not a part"),
    ("no marker", document("x\n```c\nint a;\n```\n"), r"a\.md:2: no marker"),
    ("no file", document("<!-- examples/y.c -->\n```c\nint a;\n```\n"), r"a\.md:2: no such file"),
    ("endless", document("<!-- examples/x.c -->\n```c\nint a;\n"), r"a\.md:2: .*never ends"),
    ("transcript", dict(document("<!-- t.txt -->\n```text\ntwo\n```\n"), **{"t.txt": "one\n"}),
     r"a\.md:2: not a part of t\.txt"),
    ("link", document("[x](b.md)\n"), r"a\.md:1: a link to b\.md"),
    ("picture", {"README.md": '<img src="docs/x.svg">\n'}, r"README\.md:1: a link to docs/x\.svg"),
    ("anchor", document("# One\n[x](#two)\n"), r"a\.md:2: no heading #two"),
    ("unnamed", {GUIDE: "`02_b.c`\n", "examples/01_a.c": "", "examples/02_b.c": "",
                 "examples/h.c": ""}, r"guide\.md:1: says nothing of examples/01_a\.c"),
]

if __name__ == "__main__":
    checklib.main(check, CASES)
