# SPDX-License-Identifier: MIT
"""Runs the programs of contenders: builds them, has them do work, loads the servers.

Nothing here measures: the programs read their own clock, and of a server the kernel's clock of its
process is read from outside. Whatever goes wrong with a contender is a Failure, one sentence."""
import os
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TARGET_S = 0.2    # of processor time that one run of work should take
LOAD_MS = 400     # how long an echo server is loaded in a round, and
MS_PER_CONNECTION = 0.2  # longer, so that all its clients have their share
CONNECTIONS_PER_S = 2500  # that wrk opens, where the processor is slow
START_S = 30      # a server must listen by then
CLOCK_OF_PROCESS = 2  # the kernel's number of a process's clock of processor time


class Failure(Exception):
    """Why a contender has no figure."""


class Stage:
    """Where all runs: folders, and the processors for who is measured and for the load."""

    def __init__(self, build, limit, target=TARGET_S):
        self.build = os.path.abspath(build)
        self.out = os.path.join(self.build, "peers")
        self.limit, self.target = limit, target  # seconds: what one run may take, and should
        cpus = sorted(os.sched_getaffinity(0))
        self.cpu, self.load_cpu = cpus[0], cpus[-1]
        self.files = os.path.join(self.out, "files")
        os.makedirs(self.out, exist_ok=True)
        # Memory in huge pages for whoever uses malloc: or rows with a million of something show
        # little but how long a machine takes to find so many pages.
        self.environment = dict(os.environ, SRC=HERE, OUT=self.out, BUILD=self.build,
                                PEERS_FILES=self.files,
                                GLIBC_TUNABLES="glibc.malloc.hugetlb=1")
        self.environment.pop("HOCKET_WORLD", None)

    def make_files(self, count, value):
        os.makedirs(self.files, exist_ok=True)
        for i in range(count):
            with open(os.path.join(self.files, str(i)), "wb") as file:
                file.write(value(i).to_bytes(8, "little") + bytes(4096 - 8))

    def command(self, contender):
        text = contender.run
        for name in ("SRC", "OUT", "BUILD"):
            text = text.replace("$" + name, self.environment[name])
        return shlex.split(text)

    def pinned(self, cpu, command):
        return ["taskset", "-c", str(cpu)] + command


def last_words(text):
    """The last line a program said, cut to what fits in a table."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:160] if lines else ""


def end(process):
    """Ends a process that we started, and what it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass
        try:
            process.wait(2)
            break
        except subprocess.TimeoutExpired:
            continue
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe:
            pipe.close()


def call(stage, command, limit):
    """Runs a command to its end. Returns what it printed."""
    try:
        process = subprocess.Popen(command, cwd=HERE, env=stage.environment, text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, start_new_session=True)
    except OSError as error:
        raise Failure("%s: %s" % (command[0], error.strerror)) from error
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired as error:
        raise Failure("not done after %g s" % limit) from error
    finally:
        end(process)
    if process.returncode < 0:
        raise Failure(last_words(err) or signal.Signals(-process.returncode).name)
    if process.returncode != 0:
        raise Failure(last_words(err) or "ended with %d" % process.returncode)
    return out


def parse(text):
    """A line of key=value as numbers."""
    answer = {}
    for name, value in re.findall(r"(\w+)=(-?[\d.]+)", text):
        answer[name] = float(value) if "." in value else int(value)
    return answer


# ---- contenders ----

def version(stage, contender):
    """The version of what is installed; None where it is not."""
    try:
        out = call(stage, ["sh", "-c", contender.version], 20)
    except Failure:
        return None
    found = re.search(r"\d+(\.\d+)+", out)
    return found.group() if found else out.strip() or None


def build(stage, contender):
    """Builds a contender. Returns the rows that its program has."""
    if contender.build:
        call(stage, ["sh", "-ec", contender.build], 600)
    rows = call(stage, stage.command(contender) + ["--rows"], 20).split()
    if not rows:
        raise Failure("it has no rows")
    return rows


# ---- work ----

def work(stage, contender, row, count):
    """One run: what it says, which must be right."""
    command = stage.command(contender) + [row.program, str(row.size), str(count)]
    answer = parse(call(stage, stage.pinned(stage.cpu, command), stage.limit))
    answer.setdefault("count", count)
    if "check" not in answer or (row.kind == "work" and not ("cpu_ns" in answer or
                                                              "bytes" in answer)):
        raise Failure("its answer is not complete")
    wanted = row.check(row.size, answer["count"])
    if answer["check"] != wanted:
        raise Failure("its check is %s, not %s" % (answer["check"], wanted))
    return answer


def whole(row, count):
    step = row.step(row.size)
    return max(step, round(count / step) * step)


def calibrate(run, row, target_s, most=10 ** 10):
    """The count with which run(count) takes about the target. It grows from a small one, tenfold at
    most, until what a run takes can be told from nothing."""
    if row.fixed:
        return row.fixed(row.size)
    count = whole(row, 1000)
    while True:
        took = max(run(count)["cpu_ns"] / 1e9, 1e-6)
        if took >= target_s / 5 or count >= most:
            return whole(row, count * target_s / took)
        count = whole(row, count * min(10, target_s / took))


# ---- servers ----

def read_line(process, limit, what):
    """A line of a process's output."""
    line, until = b"", time.monotonic() + limit
    while not line.endswith(b"\n"):
        if not select.select([process.stdout], [], [], max(0, until - time.monotonic()))[0]:
            raise Failure("%s after %g s" % (what, limit))
        byte = os.read(process.stdout.fileno(), 1)
        if not byte:
            process.wait(5)
            raise Failure(last_words(process.stderr.read().decode(errors="replace"))
                          or "%s: it ended with %s" % (what, process.returncode))
        line += byte
    return line.decode()


def start(stage, cpu, command):
    return subprocess.Popen(stage.pinned(cpu, command), cwd=HERE, env=stage.environment,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            start_new_session=True)


def cpu_us(process):
    return time.clock_gettime(~process.pid << 3 | CLOCK_OF_PROCESS) * 1e6


def dial(port):
    until = time.monotonic() + START_S
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 5)
        except OSError as error:
            if time.monotonic() > until:
                raise Failure("it does not listen: %s" % error) from error
            time.sleep(0.02)


def greet_http(port):
    """A request whose head comes in two pieces; the answer must be the one that is meant."""
    answer = b""
    with dial(port) as sock:
        try:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
            time.sleep(0.02)
            sock.sendall(b"\r\n")
            while not answer.endswith(b"Hello, World!"):
                piece = sock.recv(4096)
                if not piece:
                    break
                answer += piece
        except OSError as error:
            raise Failure("a request is not answered: %s" % error) from error
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 ") or body != b"Hello, World!":
        raise Failure("it answers %r" % answer[:80])


class Server:
    """A server of a row, which lives through all of its rounds."""

    def __init__(self, stage, contender, row, quick=False):
        if row.kind == "http" and not shutil.which("wrk"):
            raise Failure("there is no wrk")
        self.stage, self.row = stage, row
        self.process = start(stage, stage.cpu, stage.command(contender) + [row.program])
        try:
            line = read_line(self.process, START_S, "it does not listen")
            self.port = parse(line).get("port", 0)
            if row.kind == "http":
                greet_http(self.port)
            if row.kind == "http" and not quick:
                self.http_load(1)  # so that all memory was touched before
        except BaseException:
            self.end()
            raise

    def end(self):
        end(self.process)

    def settle(self):
        """Waits until it has closed the connections of its load, and lets others work."""
        for _ in range(100):
            before = cpu_us(self.process)
            time.sleep(0.02)
            if cpu_us(self.process) - before < 1000:
                return

    def echo_load(self, milliseconds):
        """What the clients saw, and the processor time that the server had meanwhile."""
        stage = self.stage
        program = os.path.join(stage.build, "bench/peers_load")
        load = start(stage, stage.load_cpu,
                     [program, str(self.port), str(self.row.size), str(milliseconds)])
        try:
            read_line(load, stage.limit, "the load is not ready")
            before = cpu_us(self.process)
            load.stdin.write(b"go\n")
            load.stdin.flush()
            read_line(load, stage.limit, "the load is not done")
            took = cpu_us(self.process) - before
            return parse(read_line(load, stage.limit, "the load has not summed up")), took
        finally:
            end(load)

    def http_load(self, seconds):
        """The same for HTTP, with wrk. Here the connections are in it, each opened once."""
        command = ["wrk", "-t", "1", "-c", str(self.row.size), "-d", "%ds" % seconds,
                   "--timeout", "30s", "-s", os.path.join(HERE, "wrk.lua"),
                   "http://127.0.0.1:%d/" % self.port]
        before = cpu_us(self.process)
        out = call(self.stage, self.stage.pinned(self.stage.load_cpu, command), self.stage.limit)
        took = cpu_us(self.process) - before
        answer = parse(last_words(out))
        if answer.get("errors") != 0:
            raise Failure("wrk has seen %s errors" % answer.get("errors"))
        return answer, took

    def round(self, quick):
        if self.row.kind == "http":
            answer, took = self.http_load(1 + self.row.size // CONNECTIONS_PER_S)
        else:
            answer, took = self.echo_load(
                50 if quick else LOAD_MS + int(self.row.size * MS_PER_CONNECTION))
        if self.process.poll() is not None:
            raise Failure("the server has ended with %d" % self.process.returncode)
        self.settle()
        if answer.get("requests", 0) < self.row.size or took <= 0:
            raise Failure("it has answered %d requests" % answer.get("requests", 0))
        answer["cpu_us"] = took / answer["requests"]
        return answer
