#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The examples say what they always said: build/examples/NAME against tests/transcripts/NAME.txt,
byte for byte, under a time limit. BUILD=dir and WRAPPER=command (an emulator) come from the
environment; so does TIME_FACTOR. What the build left out, for want of a library (it writes
build/examples/left_out.txt), is passed over. The last line counts: `N passed, N failed`."""
import itertools
import os
import shlex
import subprocess
import sys

import checklib
from checklib import Finding

FOLDER = "tests/transcripts"
SECONDS = 10


def compare(path, wanted, got):
    """The first difference, as a finding at its line."""
    pairs = itertools.zip_longest(wanted.split("\n"), got.split("\n"))
    line, (want, have) = next((n, p) for n, p in enumerate(pairs, 1) if p[0] != p[1])
    return Finding(path, line, "wanted %r, got %r" % (want, have))


def examples(root):
    return os.path.join(root, os.environ.get("BUILD", "build"), "examples")


def transcripts(root):
    """The paths of those whose examples were not left out."""
    listed = os.path.join(examples(root), "left_out.txt")
    left_out = checklib.read(root, listed).split() if os.path.exists(listed) else []
    for path in checklib.files(root, [FOLDER], (".txt",)):
        if os.path.splitext(os.path.basename(path))[0] not in left_out:
            yield path


def check_one(root, path):
    """The finding about one transcript; None where it holds."""
    name = os.path.splitext(os.path.basename(path))[0]
    program = os.path.join(examples(root), name)
    if not os.path.exists(program):
        return Finding(path, 1, "there is no example %s" % name)
    command = shlex.split(os.environ.get("WRAPPER", "")) + [os.path.abspath(program)]
    limit = SECONDS * int(os.environ.get("TIME_FACTOR", "1"))
    try:
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True,
                                timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return Finding(path, 1, "%s takes more than %d s" % (name, limit))
    got = result.stdout.decode("utf-8", "replace")
    wanted = checklib.read(root, path)
    if got != wanted:
        return compare(path, wanted, got)
    if result.returncode != 0:
        return Finding(path, 1, "%s ends with %d: %s" % (
            name, result.returncode, result.stderr.decode("utf-8", "replace")))
    return None


def check(root):
    for path in transcripts(root):
        finding = check_one(root, path)
        if finding:
            yield finding


def check_scripts(root):
    """For the self-test: shell scripts play the examples."""
    os.environ.update(BUILD="build", WRAPPER="sh", TIME_FACTOR="1")
    return check(root)


def example(text):
    return {FOLDER + "/a.txt": "one\ntwo\n", "build/examples/a": text}


CASES = [
    ("clean", example("echo one; echo two; echo more >&2\n"), None),
    ("other", example("echo one; echo too\n"), r"a\.txt:2: wanted 'two', got 'too'"),
    ("newline", example("echo one; printf two\n"), r"a\.txt:3: wanted '', got None"),
    ("too much", example("echo one; echo two; echo three\n"), r"a\.txt:3: wanted '', got 'three'"),
    ("status", example("echo one; echo two; exit 3\n"), r"a\.txt:1: a ends with 3"),
    ("missing", {FOLDER + "/a.txt": ""}, r"a\.txt:1: there is no example"),
    ("left out", {FOLDER + "/a.txt": "", "build/examples/left_out.txt": "b a\n"}, None),
    ("endless", example("exec sleep 1000\n"), r"a\.txt:1: a takes more"),
]


def main():
    global SECONDS
    if "--self-test" in sys.argv:
        SECONDS = 1
        sys.exit(checklib.self_test(check_scripts, CASES))
    root = os.path.join(os.path.dirname(__file__), "..")
    total = len(list(transcripts(root)))
    found = list(check(root))
    for finding in found:
        print(checklib.show(finding))
    print("%d passed, %d failed" % (total - len(found), len(found)))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
