# SPDX-License-Identifier: MIT
"""What the contenders in Python share: the command line, the clocks, the line of results."""
import os
import resource
import sys
import time

SITES = 8


class Failure(Exception):
    """Why a row cannot be done: a sentence."""


class Mark:
    """A moment, on the clock of the wall and on the processor's."""

    def __init__(self):
        self.wall_ns = time.perf_counter_ns()
        self.cpu_ns = time.process_time_ns()


def report(begin, end, count, check):
    print("cpu_ns=%d wall_ns=%d count=%d check=%d" % (
        end.cpu_ns - begin.cpu_ns, end.wall_ns - begin.wall_ns, count, check))


def whole(count, step):
    return (count + step - 1) // step * step


def copies(source, name):
    """The function of that name, a copy for each call site: a copy has bytecode of its own, which
    the interpreter specializes by itself."""
    all_of_them = []
    for _ in range(SITES):
        names = {}
        exec(source, names)  # pylint: disable=exec-used
        all_of_them.append(names[name])
    return all_of_them


class Share:
    """How often each of size tasks does something: to warm up, and while the clock runs."""

    def __init__(self, size, count):
        self.size = size
        self.each = max(1, count // size)
        self.warm = max(1, self.each // 10)
        self.total = self.each * size
        self.entered = self.done = 0
        self.begin = self.end = None

    def enter(self):
        """A task is warm; the last one starts the clock."""
        self.entered += 1
        if self.entered == self.size:
            self.begin = Mark()

    def leave(self, times):
        """A task did it so many times; the last one stops the clock."""
        self.done += times
        if self.done == self.total:
            self.end = Mark()

    def tick(self, times):
        """All of them did it so many times: where they do not take turns, each time is counted."""
        if times == self.size * self.warm:
            self.begin = Mark()
        elif times == self.size * self.warm + self.total:
            self.end = Mark()

    def report(self, check):
        report(self.begin, self.end, self.total, check)


def skynet_tasks(leaves):
    tasks = whole_tree = 1
    while whole_tree < leaves:
        whole_tree *= 10
        tasks += whole_tree
    if whole_tree != leaves:
        raise Failure("skynet wants a power of ten")
    return tasks


def sleep_ms(i):
    return 1 + i * 7919 % 1000


def report_timers(begin, end, late_ns):
    late_ns.sort()
    size = len(late_ns)
    print("late_p50_ns=%d late_p99_ns=%d" % (late_ns[size // 2], late_ns[size - 1 - size // 100]),
          end=" ")
    report(begin, end, size, sum(map(sleep_ms, range(size))))


def memory_used():
    """Bytes of memory that this process has, and of its page tables."""
    with open("/proc/self/status", encoding="ascii") as file:
        return sum(1024 * int(line.split()[1]) for line in file
                   if line.startswith(("VmRSS:", "VmPTE:")))


def leave_at_once():
    """Ends the program: nobody waits until a million tasks are gone."""
    sys.stdout.flush()
    os._exit(0)  # pylint: disable=protected-access


def report_memory(before, parked):
    print("bytes=%d check=%d" % ((memory_used() - before) // parked, parked))
    leave_at_once()


def paths():
    """The paths of the files that tasks read."""
    if "PEERS_FILES" not in os.environ:
        raise Failure("PEERS_FILES does not name the folder with the files")
    return [os.path.join(os.environ["PEERS_FILES"], str(i)) for i in range(100)]


def read(path):
    """Reads a file by plain system calls. Returns what it adds to the sum."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    data = os.read(fd, 4096)
    os.close(fd)
    if len(data) != 4096:
        raise Failure("%s is short" % path)
    return int.from_bytes(data[:8], "little")


HELLO = (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\n"
         b"Hello, World!")
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def answer(request):
    """What to answer to a request whose blank line has come."""
    return HELLO if request.startswith(b"GET / ") else NOT_FOUND


def number(text, least):
    if not text.isdigit() or int(text) < least:
        raise Failure("%s is no number to use" % text)
    return int(text)


def run(rows, args):
    if args == ["--rows"]:
        print("\n".join(rows))
        return
    if len(args) not in (1, 3):
        raise Failure("usage: %s --rows | ROW SIZE COUNT | SERVER" % sys.argv[0])
    if args[0] not in rows:
        raise Failure("there is no row %s" % args[0])
    size, count = (number(args[1], 0), number(args[2], 1)) if len(args) == 3 else (0, 0)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    rows[args[0]](size, count)


def main(rows):
    try:
        run(rows, sys.argv[1:])
    except Failure as why:
        sys.exit(str(why))
    except MemoryError:
        sys.exit("no memory for so many tasks")
    leave_at_once()
