#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The examples that a transcript cannot hold: servers, driven by nc, curl and plain sockets, and
programs with arguments. Usage: check_examples.py [--self-test | PATTERN ...].

BUILD=dir, WRAPPER=command (an emulator) and TIME_FACTOR come from the environment. The last line
counts: `N passed, N failed`. The self-test runs the server's tests against a server in Python with
seeded faults (fake_server.py): the test of each fault must find it, and without one all pass."""
import os
import random
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
FACTOR = int(os.environ.get("TIME_FACTOR", "1"))
WRAPPER = shlex.split(os.environ.get("WRAPPER", ""))
SECONDS = 10 * FACTOR
FAULTS = {"echo": "echoes", "status": "ends_cleanly", "late": "ends_cleanly",
          "reset": "survives_resets", "table": "shows_its_tasks",
          "head": "answers_head_without_a_body", "garbage": "refuses_garbage",
          "limit": "does_not_wait_for_ever", "port": "says_that_a_port_is_taken",
          "option": "reads_its_options", "totals": "echoes", "stderr": "ends_cleanly",
          "many": "serves_many_at_once"}

tests = []
current = threading.local()  # .fault: what the fake server is to do wrong
server_command = WRAPPER + [os.path.join(BUILD, "examples/server")]


class Problem(Exception):
    """A test has failed: what was seen."""


def test(function):
    tests.append(function)
    return function


def equal(got, wanted, what):
    if got != wanted:
        raise Problem("%s: wanted %.200r, got %.200r" % (what, wanted, got))


def match(pattern, text, what):
    found = re.search(pattern, text)
    if not found:
        raise Problem("%s: no %r in %.300r" % (what, pattern, text))
    return found


def wait_for(predicate, what):
    """Until the predicate gives something true."""
    limit = time.monotonic() + SECONDS
    while time.monotonic() < limit:
        result = predicate()
        if result:
            return result
        time.sleep(0.01)
    raise Problem("waited in vain for " + what)


def environment():
    return dict(os.environ, FAULT=current.fault)


def run(*command, data=None):
    """A command's (status, stdout, stderr); a time limit for all."""
    result = subprocess.run(command, input=data, capture_output=True, timeout=SECONDS, check=False,
                            env=environment())
    return result.returncode, result.stdout, result.stderr.decode("utf-8", "replace")


def example(name, *args):
    """Runs an example to its end; what it prints."""
    status, out, errors = run(*WRAPPER, os.path.join(BUILD, name), *args)
    equal((status, errors), (0, ""), name)
    return out.decode()


def nc(port, data=b""):
    """What a service answers to these bytes and the end of them."""
    return run("nc", "-N", "127.0.0.1", str(port), data=data)[1]


def curl(port, *args, path="/"):
    return run("curl", "-sS", *args, "http://127.0.0.1:%d%s" % (port, path))[1].decode()


class Program:
    """A process in the background; what it prints goes to files that can be read meanwhile."""

    def __init__(self, *command):
        self.files = [tempfile.TemporaryFile(), tempfile.TemporaryFile()]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.files[0],
                                        stderr=self.files[1], env=environment())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        for file in self.files:
            file.close()

    def printed(self, which=0):
        size = os.fstat(self.files[which].fileno()).st_size
        return os.pread(self.files[which].fileno(), size, 0).decode("utf-8", "replace")

    def wait_print(self, pattern):
        return wait_for(lambda: re.search(pattern, self.printed()), "%r on stdout" % pattern)

    def finish(self, what):
        """Waits for the end, which must be a clean one."""
        try:
            status = self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            raise Problem("%s does not end" % what) from None
        equal((status, self.printed(1)), (0, ""), what)
        return self.printed()


class Server(Program):
    def __init__(self):
        super().__init__(*server_command, "--echo-port", "0", "--http-port", "0")
        self.echo = int(self.wait_print(r"nc 127\.0\.0\.1 (\d+)\n").group(1))
        self.http = int(self.wait_print(r"http://127\.0\.0\.1:(\d+)/\n").group(1))

    def stop(self, number=signal.SIGINT):
        """Ends it as Ctrl-C does; its last line, which sums up."""
        started = time.monotonic()
        self.process.send_signal(number)
        out = self.finish("the server after signal %d" % number)
        if time.monotonic() - started > FACTOR:
            raise Problem("took %.1f s to end" % (time.monotonic() - started))
        return out.splitlines()[-1]

    def table(self):
        return Table(curl(self.http)).rows


class Table(HTMLParser):
    """The cells of the table in a page, row by row."""

    def __init__(self, page):
        super().__init__()
        self.rows, self.in_body = [], False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.in_body = self.in_body or tag == "tbody"
        if tag == "tr" and self.in_body:
            self.rows.append([])
        if tag == "td" and self.in_body:
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        self.in_body = self.in_body and tag != "tbody"

    def handle_data(self, data):
        if self.in_body and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip("\n")


def client(port):
    return socket.create_connection(("127.0.0.1", port), timeout=SECONDS)


def read_all(sock):
    data = b""
    while True:
        more = sock.recv(65536)
        if not more:
            return data
        data += more


# ---- The server ----

@test
def server_echoes():
    data = bytes(range(256)) * 4000
    with Server() as server:
        equal(nc(server.echo, b"hello\n"), b"hello\n", "nc")
        equal(nc(server.echo, data), data, "a megabyte through nc")
        equal(nc(server.echo), b"", "nothing")
        match("3 echo connections, %d bytes echoed; 0 requests" % (len(data) + 6), server.stop(),
              "the last line")


@test
def server_shows_its_tasks():
    with Server() as server:
        clients = [client(server.echo) for _ in range(3)]
        ports = ["echo, client %d" % c.getsockname()[1] for c in clients]

        def shown():
            rows = server.table()
            return {row[1]: row for row in rows} if len(rows) == 8 else None
        rows = wait_for(shown, "eight tasks in the table")
        for port in ports:
            match(r"^recv", rows[port][2], port)
        match("^accept", rows["echo listener"][2], "echo listener")
        match("^read", rows["signals"][2], "signals")
        equal([row[2] for name, row in rows.items() if name.startswith("page")], ["running"],
              "the task that writes the page")
        numbers = [int(row[0]) for row in rows.values()]
        equal(numbers, sorted(set(numbers)), "task numbers")
        for each in clients:
            each.close()
        wait_for(lambda: len(server.table()) == 5, "the clients' tasks to go")
        server.stop()


@test
def server_speaks_http():
    with Server() as server:
        page = curl(server.http, "-i")
        head, body = page.replace("\r\n", "\n").split("\n\n", 1)
        match(r"^HTTP/1\.1 200 OK\n", head, "the status line")
        match(r"\nContent-Type: text/html; charset=utf-8\n", head, "the head")
        match(r'<meta http-equiv="refresh" content="\d+">', body, "the page refreshes itself")
        match(r'<meta name="viewport"', body, "the page is made for phones")
        match(r"^HTTP/1\.1 200 OK", curl(server.http, "-i", path="/?a=b"), "a query")
        match(r"^HTTP/1\.1 404 ", curl(server.http, "-i", path="/nothing"), "404")
        match(r"(?s)^HTTP/1\.1 405 .*\nAllow: GET, HEAD\r", curl(server.http, "-i", "-d", "x=1"),
              "POST")
        match(r"^HTTP/1\.1 200 ", curl(server.http, "-i", "--http1.0"), "HTTP/1.0")
        match("5 requests, 2 of them refused", server.stop(), "the last line")


@test
def server_answers_head_without_a_body():
    with Server() as server:
        answer = nc(server.http, b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n").decode()
        match(r"^HTTP/1\.1 200 OK\r\n(?s:.*)\r\nContent-Length: [1-9]\d+\r\n", answer, "HEAD")
        equal(answer.split("\r\n\r\n", 1)[1], "", "what follows the head")
        server.stop()


GARBAGE = [
    b"\r\n\r\n", b"hello\r\n\r\n", b"GET /\r\n\r\n", b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", b" GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET nothing HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n more\r\n\r\n", b"GET / HTTP/1.1\nHost: x\n\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n", b"G\x80T / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n", bytes(range(256)) + b"\r\n\r\n", b"\x16\x03\x01\x02\x00\x01",
]


@test
def server_refuses_garbage():
    with Server() as server:
        for data in GARBAGE:
            equal(nc(server.http, data)[:13], b"HTTP/1.1 400 ", "%r" % data)
        long = b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 9000
        equal(nc(server.http, long)[:13], b"HTTP/1.1 431 ", "a head of 9000 bytes")
        equal(nc(server.http, b""), b"", "no request")
        equal(nc(server.http, b"get / HTTP/1.1\r\nHost: x\r\n\r\n")[:13], b"HTTP/1.1 405 ", "get")
        server.stop()


@test
def server_reads_in_any_pieces():
    with Server() as server:
        with client(server.http) as c:
            c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in b"GET / HTTP/1.1\r\nHost: x\r\n\r\n":
                c.send(bytes([byte]))
                time.sleep(0.002)
            match(b"^HTTP/1.1 200 ", read_all(c), "byte by byte")
        body = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300000
        with client(server.http) as c:
            c.sendall(body)
            c.shutdown(socket.SHUT_WR)
            match(b"^HTTP/1.1 405 ", read_all(c), "a body that nobody reads")
        server.stop()


@test
def server_does_not_wait_for_ever():
    """A request that never ends is given up; an echo connection may be idle."""
    with Server() as server, client(server.http) as c, client(server.echo) as idle:
        c.sendall(b"GET / HT")
        started = time.monotonic()
        equal(read_all(c), b"", "half a request")
        if not 4 < time.monotonic() - started < 6 * FACTOR:
            raise Problem("given up after %.1f s" % (time.monotonic() - started))
        idle.sendall(b"still here")
        equal(idle.recv(100), b"still here", "echo")
        server.stop()


@test
def server_serves_many_at_once():
    many, rounds = (200, 10) if FACTOR < 8 else (50, 3)
    with Server() as server:
        clients = [client(server.echo) for _ in range(many)]
        for turn in range(rounds):
            for i, each in enumerate(clients):
                each.sendall(b"%d %d\n" % (turn, i))
            for i, each in enumerate(clients):
                equal(each.recv(100), b"%d %d\n" % (turn, i), "client %d" % i)
        url = "http://127.0.0.1:%d/?[1-40]" % server.http
        status, out, _ = run("curl", "-sS", "-Z", "--parallel-max", "40", "-w", "%{http_code}\n",
                             "-o", os.devnull, url)
        equal((status, out), (0, b"200\n" * 40), "forty pages at once")
        page = curl(server.http)
        match(r"<dd>%d open, %d in all" % (many, many), page, "the page")
        if many > 150:
            match(r"<p>and \d+ more", page, "a table that is cut")
        for each in clients:
            each.close()
        match("%d echo connections" % many, server.stop(), "the last line")


@test
def server_survives_resets():
    with Server() as server:
        for port in (server.echo, server.http) * 10:
            c = client(port)
            c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            c.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
            c.close()
        equal(nc(server.echo, b"still here"), b"still here", "echo")
        server.stop()


@test
def server_survives_noise():
    """Requests with a few random bytes changed: each gets an answer or the end, and the server is
    there afterwards."""
    chance = random.Random(1)
    right = b"GET /?a HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n"
    with Server() as server:
        for _ in range(300 // FACTOR):
            data = bytearray(right)
            for _ in range(chance.randrange(4)):
                data[chance.randrange(len(data))] = chance.choice(b"\0\r\n :/AaG\xff\x7f")
            del data[chance.choice((len(data), chance.randrange(len(data)))):]
            with client(server.http) as c:
                c.sendall(data)
                c.shutdown(socket.SHUT_WR)
                answer = read_all(c)
            if answer or not data:
                match(rb"^(HTTP/1\.1 (200|400|404|405) |$)", answer, "%r" % bytes(data))
            else:
                raise Problem("no answer to %r" % bytes(data))
        match("^HTTP/1.1 200 ", curl(server.http, "-i"), "afterwards")
        server.stop()


@test
def server_ends_cleanly():
    """By either signal, with clients connected: they see the end."""
    for number in (signal.SIGINT, signal.SIGTERM):
        with Server() as server, client(server.echo) as c, client(server.http) as h:
            c.sendall(b"x")
            equal(c.recv(1), b"x", "echo")
            match(r"^stopped after \d+\.\d s: 1 echo connections, 1 bytes", server.stop(number),
                  "the last line")
            for sock in (c, h):
                try:
                    equal(sock.recv(1), b"", "the end at the client")
                except ConnectionResetError:
                    pass


@test
def server_says_that_a_port_is_taken():
    with Server() as server:
        for option, port in (("--echo-port", server.echo), ("--http-port", server.http)):
            others = {"--echo-port": "0", "--http-port": "0", option: str(port)}
            status, out, errors = run(*server_command, *sum(others.items(), ()))
            equal((status, out), (1, b""), "a second server")
            match("port %d: Address already in use" % port, errors, "stderr")
            match("choose another with %s" % option, errors, "stderr")
        server.stop()


@test
def server_reads_its_options():
    status, out, errors = run(*server_command, "--help")
    equal((status, errors), (0, ""), "--help")
    match("(?s)--echo-port.*--http-port", out.decode(), "--help")
    for args in (["--echo-port", "x"], ["--http-port", "65536"], ["--http-port", "-1"],
                 ["--echo-port", ""], ["--what"], ["more"], ["--http-port"]):
        status, out, errors = run(*server_command, *args)
        equal((status, out), (2, b""), " ".join(args))
        if not errors:
            raise Problem("nothing on stderr after %s" % args)


# ---- The echo servers ----

def echo_server(name, answer):
    with Program(*WRAPPER, os.path.join(BUILD, "examples", name), "0", "5") as program:
        port = int(program.wait_print(r"listening on 127\.0\.0\.1:(\d+)\n").group(1))
        status, _, errors = run(*WRAPPER, os.path.join(BUILD, "examples", name), str(port), "1")
        equal(status, 1, "a second %s" % name)
        match("port %d: Address already in use" % port, errors, "stderr")
        lines = b"one\ntwo\nthree\n"
        with client(port) as first, client(port) as second:
            second.sendall(b"b\n")
            equal(second.recv(10), answer(b"b\n"), "the second client")
            equal(nc(port, lines), answer(lines), "nc")
            first.sendall(b"a\n")
            equal(first.recv(10), answer(b"a\n"), "the first client")
        data = b"hello, world\n" * 50000
        equal(nc(port, data), answer(data), "650 kB")
        with client(port) as last:
            last.sendall(b"no newline")
            last.shutdown(socket.SHUT_WR)
            equal(read_all(last), answer(b"no newline"), "the rest")
        program.finish(name)


@test
def echo():
    echo_server("echo", bytes)


@test
def echo_wait():
    echo_server("echo_wait", bytes)


@test
def echo_object():
    echo_server("echo_object", bytes.upper)


# ---- Others ----

@test
def follow_follows():
    with tempfile.NamedTemporaryFile("w", suffix=".log") as log:
        log.write("python before it began\n")
        log.flush()
        name = os.path.join(BUILD, "examples/follow")
        with Program(*WRAPPER, name, log.name, "python", "3") as program:
            number = 0
            while program.process.poll() is None and number < 1000 * FACTOR:
                log.write("perl %d\npyth" % number)
                log.flush()
                time.sleep(0.03)
                log.write("on %d\n" % number)
                log.flush()
                number += 1
            out = program.finish("follow")
            first = int(match(r"python (\d+)\n", out, "follow").group(1))
            equal(out, "".join("python %d\n" % (first + i) for i in range(3)), "follow")


@test
def follow_has_no_file():
    status, out, errors = run(*WRAPPER, os.path.join(BUILD, "examples/follow"), "/nowhere", "x")
    equal((status, out), (1, b""), "follow")
    match("/nowhere", errors, "stderr")


@test
def many_tasks():
    count = 100000 if FACTOR == 1 else 500
    equal(example("examples/many_tasks", str(count)),
          "%d tasks slept, up to %d at once\n" % (count, count), "many_tasks")


@test
def installed_and_used():
    """What the README says of programs of one's own, in a folder instead of the system."""
    if FACTOR > 1:
        return  # sanitizers and emulators are no option of pkg-config's
    with tempfile.TemporaryDirectory() as root:
        status, _, errors = run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", root)
        equal((status, errors), (0, ""), "meson install")
        where = subprocess.check_output(["find", root, "-name", "hocket.pc"], text=True).strip()
        flags = subprocess.check_output(
            ["pkg-config", "--cflags", "--libs", "hocket"], text=True,
            env=dict(os.environ, PKG_CONFIG_PATH=os.path.dirname(where),
                     PKG_CONFIG_SYSROOT_DIR=root)).split()
        source = os.path.join(ROOT, "examples/01_hocket.c")
        program = os.path.join(root, "a.out")
        equal(run("cc", "-o", program, source, *flags), (0, b"", ""), "cc")
        library = os.path.dirname(os.path.dirname(where))
        status, out, _ = run("env", "LD_LIBRARY_PATH=" + library, program)
        with open(os.path.join(ROOT, "tests/transcripts/hocket.txt"), "rb") as file:
            equal((status, out), (0, file.read()), "the program")


# ---- The programs by which the interface was designed ----

@test
def api_programs():
    with open(os.path.join(ROOT, "tests/transcripts/appendix_a.txt"), encoding="utf-8") as file:
        transcript = file.read()
    equal(example("tests/api/api_scheduler"), transcript, "p02")
    equal(example("tests/api/api_foobar"), re.sub("Task . terminated\n", "", transcript), "p01")
    equal(example("tests/api/api_pipeline"), "python is nice\n" + "swig and python\n" * 2, "p03")
    equal(example("tests/api/api_embed"), "child 0\nchild 1\nchild 2\nparent 0 7\nparent ends\n"
          "the loop ends\n", "p12")


# ---- Running them ----

def run_test(function, fault=""):
    """What is wrong, or None."""
    current.fault = fault
    try:
        function()
        return None
    except (Problem, OSError, subprocess.TimeoutExpired, ValueError, IndexError, KeyError) as why:
        where = traceback.extract_tb(why.__traceback__)[1].lineno
        return "%s (line %d): %s: %s" % (function.__name__, where, type(why).__name__, why)


def run_tests(jobs, workers):
    """What is wrong with each (function, fault), in order; a few at a time: they mostly wait."""
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda job: run_test(*job), jobs))


def self_test():
    global SECONDS
    SECONDS = 7
    server_command[:] = [sys.executable, os.path.join(HERE, "fake_server.py")]
    by_name = {function.__name__: function for function in tests}
    jobs = [(by_name["server_" + name], fault) for fault, name in FAULTS.items()]
    jobs += [(function, "") for name, function in by_name.items() if name.startswith("server_")]
    wrong = 0
    for (function, fault), found in zip(jobs, run_tests(jobs, 16)):
        if bool(found) != bool(fault):
            print("self-test: %s, fault %r: found %s" % (function.__name__, fault, found))
            wrong += 1
    print("self-test: %d cases, %d wrong" % (len(jobs), wrong))
    return 1 if wrong else 0


def main():
    if "--self-test" in sys.argv:
        sys.exit(self_test())
    patterns = sys.argv[1:] or [""]
    functions = [f for f in tests if any(p in f.__name__ for p in patterns)]
    jobs = [(function, "") for function in functions]
    wrong = [text for text in run_tests(jobs, 4 if FACTOR == 1 else 2) if text]
    for text in wrong:
        print("FAILED " + text)
    print("%d passed, %d failed" % (len(functions) - len(wrong), len(wrong)))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
