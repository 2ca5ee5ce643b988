# SPDX-License-Identifier: MIT
"""The rows of bench-peers: what the programs are asked for, and what a right answer is.

A row has a kind: "work", done by one process that ends; "echo" and "http", servers under load; and
values, each a line of the table: (suffix of its name, unit, function of the answer). The first is
the row's main one."""
from collections import namedtuple

Row = namedtuple("Row", "name program size kind fixed step check values")
WRAP = 1 << 64


def triangle(n):
    return n * (n - 1) // 2


def per_count(answer):
    return answer["cpu_ns"] / answer["count"]


def key(name, scale=1.0):
    return lambda answer: answer[name] / scale


def sleeps(size):
    """What all sleepers together ask for, in ms."""
    return sum(1 + i * 7919 % 1000 for i in range(size))


# Each file of the row files begins with this number.
FILES = 100


def file_value(i):
    return i * 0x9e3779b97f4a7c15 % WRAP


def files_sum(size):
    return sum(file_value(i % FILES) for i in range(size)) % WRAP


def skynet_tasks(leaves):
    tasks = leaves
    while leaves > 1:
        leaves //= 10
        tasks += leaves
    return tasks


NS = [("", "ns", per_count)]
TIMERS = [("", "ns/sleeper", per_count),
          ("_late_p50", "ms", key("late_p50_ns", 1e6)),
          ("_late_p99", "ms", key("late_p99_ns", 1e6))]
MEMORY = [("", "B/task", key("bytes"))]
SERVER = [("", "us/req", key("cpu_us")),
          ("_p50", "us", key("p50_us")),
          ("_p99", "us", key("p99_us")),
          ("_p999", "us", key("p999_us"))]

# What a program does: whether COUNT follows from SIZE (else COUNT is ours to choose, in whole steps
# of so many), the check of SIZE and COUNT, the values.
PROGRAMS = {
    "send_yield": (None, lambda s: 8, lambda s, n: (triangle(n) + n) % WRAP, NS),
    "yield": (None, lambda s: s, lambda s, n: n, NS),
    "spawn_join": (None, lambda s: s, lambda s, n: n // s * triangle(s) % WRAP, NS),
    "channel_buffered": (None, lambda s: 1, lambda s, n: triangle(n) % WRAP, NS),
    "channel_handoff": (None, lambda s: 2, lambda s, n: n - 1, NS),
    "mutex_handoff": (None, lambda s: s, lambda s, n: n, NS),
    "ring": (None, lambda s: s, lambda s, n: n, NS),
    "skynet": (skynet_tasks, None, lambda s, n: triangle(s), NS),
    "timers": (lambda s: s, None, lambda s, n: sleeps(s), TIMERS),
    "memory": (lambda s: s, None, lambda s, n: s, MEMORY),
    "files": (lambda s: s, None, lambda s, n: files_sum(s), NS),
}


def work(program, size, name=None):
    fixed, step, check, values = PROGRAMS[program]
    return Row(name or program, program, size, "work", fixed, step, check, values)


def server(program, connections):
    name = "%s_%d" % (program, connections)
    return Row(name, program, connections, program, None, None, None, SERVER)


ROWS = [
    work("send_yield", 8),
    work("yield", 2, "yield_2"),
    work("yield", 1000, "yield_1000"),
    work("yield", 100000, "yield_100000"),
    work("spawn_join", 1000),
    work("channel_buffered", 128),
    work("channel_handoff", 0),
    work("mutex_handoff", 100),
    work("ring", 1000),
    work("skynet", 1000000),
    work("timers", 1000000),
    work("memory", 100000, "memory_100000"),
    work("memory", 1000000, "memory_1000000"),
    work("files", 10000),
] + [server(program, n) for program in ("echo", "http") for n in (1, 64, 1000)]

DECADES = [10 ** k for k in range(7)]


def sweep_sizes():
    """(program, sizes) of the rows that have a size."""
    for program in ("yield", "spawn_join", "mutex_handoff"):
        yield program, DECADES
    for program in ("ring", "skynet"):
        yield program, DECADES[1:]
    for program in ("timers", "memory"):
        yield program, DECADES[2:]
    for program in ("echo", "http"):
        yield program, DECADES[:5]


def sweeps():
    """The rows of the sweep: each program at each of its sizes, the smallest first."""
    return [server(program, size) if program in ("echo", "http")
            else work(program, size, "%s_%d" % (program, size))
            for program, sizes in sweep_sizes() for size in sizes]


# The tiny sizes of --quick.
QUICK = [
    work("send_yield", 8), work("yield", 10), work("spawn_join", 10), work("channel_buffered", 4),
    work("channel_handoff", 0), work("mutex_handoff", 10), work("ring", 10), work("skynet", 100),
    work("timers", 10), work("memory", 1000), work("files", 200), server("echo", 4),
    server("http", 4),
]
