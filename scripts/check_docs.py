#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every public function is documented where it is declared. Directly above it stands a block

    /* A summary: one or more lines.
     *
     *   fd:      each parameter, indented, with its unit where it is a quantity; `a, b:` for two
     *   timeout: nanoseconds, relative
     * Returns: what, and every error; void functions say `nothing`.
     * Blocks:  never, or the task until ...
     * Cancel:  what a cancelled scope does to it.
     * Threads: who may call it from where. */

Short fields may share a line. Declarations that follow each other without a blank line share one
block. Public are the functions hk_..., inline ones and function-like macros hk_...() as well;
hk__... are not."""
import errno
import re

import checklib
from checklib import Finding

FIELDS = ("Returns", "Blocks", "Cancel", "Threads")
FIELD = "(" + "|".join(FIELDS) + "):"
NAME = re.compile(r"\b(hk_(?!_)\w*)\s*\(")
MACRO = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(hk_(?!_)\w*)\(([^)]*)\)", re.M)
ATTRIBUTE = re.compile(r"__attribute__\s*\(\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)\)")


def same_length(match):
    return re.sub(r"[^\n]", " ", match.group())


def code_of(text):
    """Declarations alone: no comments, strings, preprocessor lines or attributes."""
    text = checklib.blank(text)
    text = re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", same_length, text, flags=re.M)
    text = re.sub(r'\bextern\s*" *"\s*\{', same_length, text)
    return ATTRIBUTE.sub(same_length, text)


def closing(text, start, pair):
    """The offset after the bracket that closes the one at start."""
    depth = 0
    for at in range(start, len(text)):
        depth += (text[at] == pair[0]) - (text[at] == pair[1])
        if depth == 0:
            return at + 1
    return len(text)


def statements(text):
    """(offset, text) of what stands at the outermost level, bodies left out."""
    start = at = 0
    while at < len(text):
        if text[at] == "{":
            is_function = text[start:at].rstrip().endswith(")")
            end = closing(text, at, "{}")
            text = text[:at] + same_length(re.match(r"(?s).*", text[at:end])) + text[end:]
            at = end - 1
            if is_function:
                yield start, text[start:end]
                start = end
        elif text[at] in ";}":
            yield start, text[start:at]
            start = at + 1
        at += 1


def parameters(text):
    """The names in a parameter list."""
    names, depth, part = [], 0, ""
    for char in text + ",":
        depth += (char in "([") - (char in ")]")
        if char == "," and depth == 0:
            pointer = re.search(r"\(\s*\*+\s*(\w+)", part)
            words = re.findall(r"\w+", re.sub(r"\[.*", "", part))
            if pointer:
                names.append(pointer.group(1))
            elif len(words) > 1:
                names.append(words[-1])
            part = ""
        else:
            part += char
    return names


def functions(text):
    """(line, name, parameters, is_void) of each public function or function-like macro."""
    code = code_of(text)
    for start, statement in statements(code):
        if re.match(r"\s*typedef\b", statement):
            continue
        first = start + len(statement) - len(statement.lstrip())
        for match in NAME.finditer(statement):
            before = statement[:match.start()]
            if before.count("(") != before.count(")") or "=" in before:
                continue
            end = closing(statement, match.end() - 1, "()")
            is_void = bool(re.search(r"\bvoid\s*$", before))
            yield (checklib.line_of(text, first), match.group(1),
                   parameters(statement[match.end():end - 1]), is_void)
    bare = checklib.blank(text)
    for match in MACRO.finditer(bare):
        names = [name.strip() for name in match.group(2).split(",")]
        yield (checklib.line_of(text, match.start(1)), match.group(1),
               [name for name in names if name not in ("", "...")], False)


def block_above(lines, line):
    """The comment directly above a line, declarations may stand between; None without one."""
    at = line - 2
    while at >= 0 and lines[at].strip() and not lines[at].rstrip().endswith("*/"):
        at -= 1
    while at >= 0 and lines[at].strip() and not re.match(r"\s*/\*", lines[at]):
        code = lines[at].split("/*")[0].strip()
        if lines[at].rstrip().endswith("*/") and "/*" in lines[at] and code:
            at -= 1  # a declaration with a remark behind it
            while at >= 0 and lines[at].strip() and not lines[at].rstrip().endswith("*/"):
                at -= 1
        else:
            at -= 1
    if at < 0 or not lines[at].strip():
        return None
    block = []
    for text in lines[at:line - 1]:
        block.append(re.sub(r"^\s*(/\*+|\*/|\*)? ?", "", text.split("*/")[0]))
        if "*/" in text:
            break
    return block


def complaints(block, names, is_void):
    """What a block lacks."""
    whole = " ".join(block)
    if not block[0].strip() or re.match(r"\s+\w+:|" + FIELD, block[0]):
        yield "no summary"
    known = set()
    fields = dict(re.findall(r"(?<!\S)" + FIELD + r"\s*(\S+)", whole))
    for text in block:
        match = re.match(r"\s+(\w+(?:, *\w+)*):\s*\S", text)
        if match:
            known.update(re.split(r", *", match.group(1)))
    for name in names:
        if name not in known:
            yield "parameter `%s` is not described" % name
    for field in FIELDS:
        if field not in fields:
            yield "no `%s:`" % field
    if is_void and "Returns" in fields and not re.match("(?i)nothing|never", fields["Returns"]):
        yield "a void function returns nothing: say so"
    for name in sorted(set(re.findall(r"(?<![\w-])-(E[A-Z0-9]+)\b", whole))):
        if not hasattr(errno, name):
            yield "there is no error -%s" % name


def check(root):
    for path in checklib.files(root, ["include"], (".h",)):
        text = checklib.read(root, path)
        lines = text.split("\n")
        for line, name, names, is_void in functions(text):
            block = block_above(lines, line)
            if block is None:
                yield Finding(path, line, "%s: no comment directly above" % name)
                continue
            for complaint in complaints(block, names, is_void):
                yield Finding(path, line, "%s: %s" % (name, complaint))


GOOD = """/* Reads from a file.
 *
 *   fd:  the file
 *   buf, n: where to, and how many bytes
 * Returns: bytes; 0 at the end; -EBADF.
 * Blocks:  the task.
 * Cancel:  -ECANCELED.
 * Threads: its own. */
"""
DECLARED = "HK_API ssize_t hk_read(int fd, void *buf, size_t n) __attribute__((pure(1, 2)));\n"


def header(text):
    return {"include/hocket/io.h": text}


CASES = [
    ("clean", header('#ifdef __cplusplus\nextern "C" {\n#endif\n' + GOOD + DECLARED +
                     "struct hk_x { void (*hk_do)(int a); int hk_y; };\n"
                     "typedef void *hk_entry(void *arg);\n"
                     "int hk__inside(int x);\n" + GOOD +
                     "static inline int hk_x(int fd, const char (*buf)[3], int n[])\n{\n"
                     "    return hk_y(1);\n}\n"
                     "#ifdef __cplusplus\n}\n#endif\n"), None),
    ("shared", header(GOOD + DECLARED + "int hk_b(int fd); /* too */\nvoid *hk_c(int n);\n"), None),
    ("one line", header("/* Makes one: of these.\n *   a: it.\n * Returns: nothing. Blocks: never. "
                        "Cancel: no. Threads: any. */\nvoid hk_f(int a);\n"), None),
    ("umbrella", {"include/hocket.h": "\nint hk_f(void);\n"}, r"hocket\.h:2: hk_f: no comment"),
    ("blank line", header(GOOD + "\n" + DECLARED), r"io\.h:10: hk_read: no comment directly above"),
    ("after a gap", header(GOOD + DECLARED + "\nint hk_b(int fd);\n"), r"io\.h:11: hk_b: no co"),
    ("parameter", header(GOOD.replace("buf, n", "buf") + DECLARED), r"io\.h:9: hk_read: .*`n`"),
    ("second of a line", header(GOOD + "int hk_a(int fd), hk_b(int x);\n"), r"hk_b: .*`x`"),
    ("blocks", header(GOOD.replace(" * Blocks:  the task.\n", "") + DECLARED), r"no `Blocks:`"),
    ("cancel", header(GOOD.replace("Cancel:", "Cancels:") + DECLARED), r"no `Cancel:`"),
    ("threads", header(GOOD.replace("Threads:", "Thread:") + DECLARED), r"no `Threads:`"),
    ("returns", header(GOOD.replace("Returns:", "Result:") + DECLARED), r"no `Returns:`"),
    ("void", header(GOOD + "void hk_f(int fd);\n"), r"hk_f: a void function"),
    ("errno", header(GOOD.replace("EBADF", "EBADFILE") + DECLARED), r"no error -EBADFILE"),
    ("summary", header(GOOD.replace(" Reads from a file.", "") + DECLARED), r"no summary"),
    ("inline", header("static inline int hk_f(int a) { return a; }\n"), r"io\.h:1: hk_f: no co"),
    ("macro", header(GOOD + "#define hk_go(fd, fn, ...) \\\n    f(fd, fn)\n"), r"hk_go: .*`fn`"),
]

if __name__ == "__main__":
    checklib.main(check, CASES)
