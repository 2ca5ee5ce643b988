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
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser

import examples_api  # their tests register themselves
import examples_net
import examples_tasks
import exampleslib
from exampleslib import (BUILD, FACTOR, HERE, ROOT, SECONDS, WRAPPER, Problem, Program, client,
                         curl, current, equal, example, match, nc, read_all, run, test, tests,
                         wait_for)

FAULTS = {"echo": "echoes", "status": "ends_cleanly", "late": "ends_cleanly",
          "reset": "survives_resets", "table": "shows_its_tasks",
          "head": "answers_head_without_a_body", "garbage": "refuses_garbage",
          "limit": "does_not_wait_for_ever", "port": "says_that_a_port_is_taken",
          "option": "reads_its_options", "totals": "echoes", "stderr": "ends_cleanly",
          "many": "serves_many_at_once"}

server_command = WRAPPER + [os.path.join(BUILD, "examples/server")]


class Server(Program):
    def __init__(self):
        super().__init__(*server_command, "--echo-port", "0", "--http-port", "0")
        self.echo = int(self.wait_print(r"nc 127\.0\.0\.1 (\d+)\n").group(1))
        self.http = int(self.wait_print(r"http://127\.0\.0\.1:(\d+)/\n").group(1))

    def stop(self, number=signal.SIGINT):
        """Ends it as Ctrl-C does; its last line, which sums up."""
        started = time.monotonic()
        self.signal(number)
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
        ports = ["echo, 127.0.0.1:%d" % c.getsockname()[1] for c in clients]

        def shown():
            rows = server.table()
            return {row[1]: row for row in rows} if len(rows) == 8 else None
        rows = wait_for(shown, "eight tasks in the table")
        for port in ports:
            match(r"^recv", rows[port][2], port)
        match("^accept", rows["echo listener"][2], "echo listener")
        match("^signal", rows["signals"][2], "signals")
        equal([row[2] for name, row in rows.items() if name.startswith("http, ")], ["running"],
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
    b"GET /\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    b" GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET nothing HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n",
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
        other = b"hello / HTTP/1.1\r\nHost: x\r\n\r\n"
        equal(nc(server.http, other)[:13], b"HTTP/1.1 501 ", "another method")
        other = b"GET / HTTP/2.0\r\nHost: x\r\n\r\n"
        equal(nc(server.http, other)[:13], b"HTTP/1.1 505 ", "another version")
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
            if answer or not data.strip(b"\r\n"):
                match(rb"^(HTTP/1\.1 (200|400|404|405|501|505) |$)", answer, "%r" % bytes(data))
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


# ---- The file server ----

class Files(Program):
    """The file server on a folder of its own, with a few files in it."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.write("hello.txt", b"Hello, files!\n")
        self.write("docs/index.html", b"<p>index\n")
        self.write("list/a b&<c>.txt", b"strange")
        self.write("list/sub/x", b"x")
        self.write("empty", b"")
        os.symlink("hello.txt", self.path("link"))
        os.symlink("/etc/passwd", self.path("leads-out"))
        os.symlink("..", self.path("up"))
        os.mkfifo(self.path("fifo"))
        super().__init__(*WRAPPER, os.path.join(BUILD, "examples/http_files"), "--listen",
                         "tcp:127.0.0.1:0", self.folder.name)
        self.port = int(self.wait_print(r"http://127\.0\.0\.1:(\d+)/\n").group(1))

    def __exit__(self, *what):
        super().__exit__(*what)
        self.folder.cleanup()

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def write(self, name, data):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as file:
            file.write(data)

    def get(self, path, *args):
        """(head, body) as curl sees them."""
        out = run("curl", "-sSi", "--path-as-is", *args,
                  "http://127.0.0.1:%d%s" % (self.port, path))[1]
        head, _, body = out.partition(b"\r\n\r\n")
        return head.decode(), body

    def status(self, path, *args):
        return int(self.get(path, *args)[0].split()[1])

    def field(self, name, path, *args):
        return match(r"(?im)^%s: (.*?)\r?$" % name, self.get(path, *args)[0], name).group(1)

    def stop(self, number=signal.SIGTERM):
        self.signal(number)
        return self.finish("the file server").splitlines()[-1]


def files_test(function):
    """A test with a file server; it must end cleanly."""
    def body():
        with Files() as files:
            function(files)
            match(r"^stopped after \d+\.\d s: \d+ connections, \d+ requests", files.stop(),
                  "the last line")
    body.__name__ = "files_" + function.__name__
    return test(body)


@files_test
def gives_files(files):
    head, body = files.get("/hello.txt")
    equal(body, b"Hello, files!\n", "a file")
    for line in (r"^HTTP/1\.1 200 OK\r\n", r"\nContent-Length: 14$",
                 r"\nDate: \w{3}, .* GMT\r\n",
                 r"\nContent-Type: text/plain; charset=utf-8\r\n", r'\nETag: "[\w.-]+"\r\n',
                 r"\nAccept-Ranges: bytes\r\n", r"\nLast-Modified: \w{3}, .* GMT\r\n"):
        match(line, head, "the head")
    equal(files.get("/hello.txt?a=b")[1], b"Hello, files!\n", "a query")
    equal(files.get("/hello%2Etx%74")[1], b"Hello, files!\n", "an encoded name")
    equal(files.get("/empty")[1], b"", "an empty file")
    equal(files.status("/link"), 404, "links are not followed")
    equal(files.get("/docs/")[1], b"<p>index\n", "a folder with an index")
    equal(files.status("/docs"), 301, "a folder without its slash")
    equal(files.field("Location", "/docs"), "/docs/", "where it is")
    equal(files.field("Location", "//docs"), "/docs/", "not another host's")
    equal(run("curl", "-sSL", "http://127.0.0.1:%d/docs" % files.port)[1], b"<p>index\n", "-L")
    equal(files.status("/nothing"), 404, "nothing")
    equal(files.status("/hello.txt/"), 404, "a file as a folder")
    equal(files.status("/fifo"), 404, "a FIFO")
    equal(files.status("/" + "a" * 300), 404, "a name that is too long")


@files_test
def lists_folders(files):
    page = files.get("/list/")[1].decode()
    match(re.escape('<a href="./a%20b%26%3Cc%3E.txt">a b&amp;&lt;c&gt;.txt</a>'), page, "a file")
    match(re.escape('<a href="./sub/">sub/</a>'), page, "a folder")
    match(re.escape('<a href="../">'), page, "the folder above")
    equal(files.get("/list/a%20b%26%3Cc%3E.txt")[1], b"strange", "the link")
    equal("../" in files.get("/")[1].decode(), False, "the root has nothing above it")


@files_test
def stays_inside(files):
    """Nothing outside the folder, however the path is written."""
    for path in ("/../etc/passwd", "/%2e%2e/etc/passwd", "/..%2f..%2fetc/passwd", "/leads-out",
                 "/docs/../../etc/passwd", "/up/etc/passwd", "/up/", "/%2e%2e/", "/..",
                 "/%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2fetc%2fpasswd", "//../etc/passwd"):
        equal(files.status(path), 404, path)
    equal(files.status("//etc/passwd"), 404, "two slashes")
    equal(files.status("/docs/../hello.txt"), 404, "dots that stay inside")
    equal(files.get("/./docs//./index.html")[1], b"<p>index\n", "one dot, two slashes")
    for path in ("/hello.txt%00.png", "/%", "/%4", "/%xx"):
        equal(files.status(path), 400, path)


@files_test
def gives_parts(files):
    files.write("digits", b"0123456789")
    for part, body, where in (("0-3", b"0123", "0-3"), ("5-", b"56789", "5-9"),
                              ("-2", b"89", "8-9"), ("9-100", b"9", "9-9"),
                              ("-100", b"0123456789", "0-9")):
        head, got = files.get("/digits", "-r", part)
        equal(got, body, part)
        match(r"^HTTP/1\.1 206 Partial Content\r\n", head, part)
        match(r"\nContent-Range: bytes %s/10\r\n" % where, head, part)
    head, got = files.get("/digits", "-r", "10-")
    match(r"(?s)^HTTP/1\.1 416 .*\nContent-Range: bytes \*/10\r\n", head, "behind the end")
    equal(files.get("/digits", "-r", "0-1,4-5")[1], b"0123456789", "several: all of it")
    tag = files.field("ETag", "/digits")
    equal(files.status("/digits", "-r", "1-2", "-H", "If-Range: " + tag), 206, "the same version")
    equal(files.status("/digits", "-r", "1-2", "-H", 'If-Range: "x"'), 200, "another version")
    equal(files.status("/digits", "-r", "1-2", "-I"), 200, "HEAD")
    files.write("half", b"0123")
    with open(files.path("half"), "r+b") as file:
        run("curl", "-sS", "-C", "-", "-o", file.name, "http://127.0.0.1:%d/digits" % files.port)
        equal(file.read(), b"0123456789", "a download that is continued")


@files_test
def knows_what_is_known(files):
    tag = files.field("ETag", "/hello.txt")
    date = files.field("Last-Modified", "/hello.txt")
    for field, status in (("If-None-Match: " + tag, 304), ("If-None-Match: W/" + tag, 304),
                          ("If-None-Match: *", 304), ('If-None-Match: "x"', 200),
                          ("If-Modified-Since: " + date, 304),
                          ("If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT", 200)):
        head, body = files.get("/hello.txt", "-H", field)
        equal((int(head.split()[1]), body), (status, b"" if status == 304 else b"Hello, files!\n"),
              field)
    files.write("hello.txt", b"Other words.\n\n")
    equal(files.status("/hello.txt", "-H", "If-None-Match: " + tag), 200, "a new version")


@files_test
def answers_head_without_a_body(files):
    request = b"HEAD /hello.txt HTTP/1.1\r\nHost: x\r\n\r\n"
    got = nc(files.port, request * 2)
    equal(got.count(b"HTTP/1.1 200 OK\r\n"), 2, "two answers")
    equal(got.count(b"Content-Length: 14\r\n"), 2, "two lengths")
    equal(b"Hello" in got, False, "no body")


@files_test
def keeps_connections(files):
    url = "http://127.0.0.1:%d/" % files.port
    out = run("curl", "-sS", "-o", os.devnull, url + "hello.txt", "-o", os.devnull, url + "docs/",
              "-o", os.devnull, url + "nothing", "-w", "%{num_connects} %{http_code}\n")[1]
    equal(out, b"1 200\n0 200\n0 404\n", "three on one connection")
    head = files.get("/hello.txt", "-H", "Connection: close")[0]
    match(r"\nConnection: close", head, "close")
    match(r"\nConnection: close", files.get("/hello.txt", "--http1.0")[0], "HTTP/1.0")
    head = files.get("/hello.txt", "--http1.0", "-H", "Connection: keep-alive")[0]
    match(r"\nConnection: keep-alive", head, "keep-alive in HTTP/1.0")


@files_test
def answers_in_order(files):
    """Many requests at once, more than any buffer holds of either side."""
    names = [b"/hello.txt", b"/docs/", b"/nothing"]
    bodies = [b"Hello, files!\n", b"<p>index\n", b"<p>404 Not Found\n"]
    count = 3000 if FACTOR == 1 else 300
    requests = b"".join(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % names[i % 3] for i in range(count))
    got = nc(files.port, requests)
    at = 0
    for i in range(count):
        at = got.find(bodies[i % 3], at)
        if at < 0:
            raise Problem("no answer to request %d of %d" % (i, count))
        at += len(bodies[i % 3])
    equal(got.count(b"HTTP/1.1 "), count, "answers")


@files_test
def gives_big_files(files):
    size = 50 << 20 if FACTOR == 1 else 5 << 20
    with open(files.path("big"), "wb") as file:
        for _ in range(size >> 20):
            file.write(os.urandom(1 << 20))
    url = "http://127.0.0.1:%d/big" % files.port
    copies = [files.path("copy%d" % i) for i in range(3)]
    downloads = [subprocess.Popen(["curl", "-sS", "-o", copy, url]) for copy in copies]
    slow = client(files.port)  # takes nothing of what it has asked for
    slow.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
    for download, copy in zip(downloads, copies):
        equal(download.wait(5 * SECONDS), 0, "curl")
        equal(run("cmp", copy, files.path("big")), (0, b"", ""), "cmp")
    slow.close()
    equal(files.get("/big", "-r", "%d-" % (size - 5))[1], open(files.path("big"), "rb").read()[-5:],
          "its end")


@files_test
def tells_when_a_file_shrinks(files):
    """What was announced is not there: the connection ends early, and is not gone on with."""
    files.write("shrinks", b"x" * (20 << 20))
    with client(files.port) as c:
        c.sendall(b"GET /shrinks HTTP/1.1\r\nHost: x\r\n\r\n")
        c.recv(1000)
        os.truncate(files.path("shrinks"), 0)
        try:
            got = len(read_all(c))
        except ConnectionResetError:
            got = 0
        equal(got < 20 << 20, True, "an early end")


BAD_REQUESTS = GARBAGE + [
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
]


@files_test
def refuses_garbage(files):
    """400, and the end: what follows is not looked at."""
    for data in BAD_REQUESTS:
        got = nc(files.port, data + b"GET /hello.txt HTTP/1.1\r\nHost: x\r\n\r\n")
        equal((got[:13], got.count(b"HTTP/1.1 ")), (b"HTTP/1.1 400 ", 1), "%r" % data)
        match(rb"\nConnection: close\r\n", got, "%r" % data)
    for data, status in ((b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 9000), 414),
                         (b"GET / HTTP/1.1\r\nHost: x\r\nA: %s\r\n\r\n" % (b"a" * 9000), 431),
                         (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n", 413),
                         (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
                         (b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 501),
                         (b"GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505)):
        equal(nc(files.port, data).split()[1], b"%d" % status, "%.60r" % data)


@files_test
def reads_bodies(files):
    """They are read and dropped, and the connection goes on."""
    after = b"GET /hello.txt HTTP/1.1\r\nHost: x\r\n\r\n"
    post = b"POST / HTTP/1.1\r\nHost: x\r\n"
    for body in (b"Content-Length: 5\r\n\r\nhello",
                 b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n",
                 b"Content-Length: 1000000\r\n\r\n" + b"x" * 1000000):
        got = nc(files.port, post + body + after)
        equal(re.findall(rb"HTTP/1\.1 (\d+) ", got), [b"405", b"200"], "%.40r" % body)
    head = files.get("/", "-H", "Expect: 100-continue", "-d", "x" * 100)[0]
    match(r"^HTTP/1\.1 100 Continue", head, "Expect")
    equal(files.status("/", "-H", "Expect: more", "-d", "x"), 417, "Expect: more")
    files.write("body", b"x" * 2000000)
    chunked = ("-H", "Transfer-Encoding: chunked", "-H", "Expect:", "-T", files.path("body"))
    equal(files.status("/", *chunked), 413, "an endless body in chunks")


@files_test
def serves_wrk(files):
    if not shutil.which("wrk"):
        return
    url = "http://127.0.0.1:%d/hello.txt" % files.port
    out = run("wrk", "-t", "1", "-c", "50", "-d", "1s", url)[1].decode()
    if "Socket errors" in out or "Non-2xx" in out:
        raise Problem("wrk: " + out)
    match(r" [1-9]\d* requests in ", out, "wrk")


@test
def files_finishes_what_is_under_way():
    """After SIGTERM nobody new is let in, idle connections end, and a slow download is complete."""
    with Files() as files, client(files.port) as idle, client(files.port) as slow:
        size = 20 << 20
        files.write("big", b"x" * size)
        slow.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        got = len(slow.recv(1000))
        files.process.send_signal(signal.SIGTERM)
        equal(idle.recv(1), b"", "the idle one")
        try:
            client(files.port).close()
            raise Problem("a new connection was accepted")
        except ConnectionRefusedError:
            pass
        got += len(read_all(slow))
        if got < size:
            raise Problem("%d bytes of a download of %d" % (got, size))
        match("(?m)^stopped after .*: 2 connections, 1 requests", files.finish("the server"),
              "the last line")


@test
def files_reads_its_options():
    program = WRAPPER + [os.path.join(BUILD, "examples/http_files")]
    status, out, errors = run(*program, "--help")
    equal((status, errors), (0, ""), "--help")
    match("(?s)--listen", out.decode(), "--help")
    for args, status, words in ((["--what"], 2, "usage"), (["a", "b"], 2, "usage"),
                                (["/nowhere"], 1, "/nowhere: No such file or directory"),
                                (["--listen", "nonsense"], 1, "nonsense")):
        got, out, errors = run(*program, *args)
        equal((got, out), (status, b""), " ".join(args))
        match(words, errors, "stderr")
    with Files() as files:
        got, out, errors = run(*program, "--listen", "tcp:127.0.0.1:%d" % files.port)
        equal((got, out), (1, b""), "a port that is taken")
        match("Address already in use", errors, "stderr")


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


# ---- Following logs, running programs ----

LOG_SCRIPT = r"""
set -e
cd "$1"
echo one >> a.log; echo b1 >> b.log
sleep 0.1
mv a.log a.log.1; echo two >> a.log.1; sleep 0.05; echo three > a.log; echo four >> a.log
sleep 0.1
: > b.log; echo b2 >> b.log
sleep 0.1
mv a.log a.log.2; printf 'fi' > a.log; sleep 0.05; printf 've\nsix\n' >> a.log
echo c1 > c.log; echo other > other
sleep 0.1
rm a.log; echo seven > a.log
sleep 0.1
printf 'no newline' >> b.log; sleep 0.05; mv b.log b.log.1; echo b3 > b.log
"""


@test
def follow_log_follows():
    """Moves and cuts as logrotate makes them; writes by a shell."""
    with tempfile.TemporaryDirectory() as folder:
        names = [os.path.join(folder, name) for name in ("a.log", "b.log", "c.log")]
        for name in names[:2]:
            with open(name, "w", encoding="utf-8") as log:
                log.write("before\n")
        command = WRAPPER + [os.path.join(BUILD, "examples/follow_log")]
        with Program(*command, *names) as program:
            wait_for(lambda: "following 3 files" in program.printed(1), "the start")
            equal(run("sh", "-c", LOG_SCRIPT, "sh", folder)[0], 0, "the script")
            wait_for(lambda: "b3\n" in program.printed(), "the last line")
            program.signal(signal.SIGTERM)
            equal(program.process.wait(SECONDS), 0, "follow_log")
            lines = program.printed().replace(folder + "/", "").splitlines()
            for name, wanted in (("a.log", "one two three four five six seven"),
                                 ("b.log", "b1 b2 no_newline b3"), ("c.log", "c1")):
                got = [line.split(": ", 1)[1].replace(" ", "_") for line in lines
                       if line.startswith(name)]
                equal(" ".join(got), wanted, name)
            match("12 lines, 5 new files, 1 cut short", program.printed(1), "the summary")


@test
def follow_log_runs_a_command():
    if WRAPPER:
        return  # Valgrind knows no pidfd
    with tempfile.TemporaryDirectory() as folder:
        log, out = os.path.join(folder, "a.log"), os.path.join(folder, "out")
        command = WRAPPER + [os.path.join(BUILD, "examples/follow_log")]
        with Program(*command, "-g", "bad", "-x", "cat >> %s; echo >> %s" % (out, out),
                     log) as program:
            wait_for(lambda: "following 1 files" in program.printed(1), "the start")
            with open(log, "w", encoding="utf-8") as file:
                file.write("good 1\nbad 1\ngood 2\nbad 2\n")
            wait_for(lambda: os.path.exists(out) and os.path.getsize(out) == 12, "the commands")
            program.signal(signal.SIGINT)
            equal(program.process.wait(SECONDS), 0, "follow_log")
            with open(out, encoding="utf-8") as file:
                equal(file.read(), "bad 1\nbad 2\n", "what the command got")
            equal(program.printed().count("\n"), 2, "lines")


@test
def follow_log_reads_its_options():
    name = os.path.join(BUILD, "examples/follow_log")
    status, out, _ = run(*WRAPPER, name, "--help")
    equal(status, 0, "--help")
    match("-x COMMAND", out.decode(), "--help")
    equal(run(*WRAPPER, name)[0], 2, "no file")
    status, _, errors = run(*WRAPPER, name, "/no/such/directory/x.log")
    equal(status, 1, "no directory")
    match("/no/such/directory/x.log", errors, "stderr")


@test
def filter_filters():
    if WRAPPER:
        return  # Valgrind knows no pidfd, under qemu a start that fails is not told
    name = os.path.join(BUILD, "examples/filter")
    data = b"some\nlines\n" * 1000
    equal(run(*WRAPPER, name, "cat", data=data), (0, data, ""), "cat")
    equal(run(*WRAPPER, name, "sh", "-c", "exit 3", data=data), (3, b"", ""), "a status")
    equal(run(*WRAPPER, name, "tr", "a-z", "A-Z", data=data)[1], data.upper(), "tr")
    status, out, _ = run(*WRAPPER, name, "yes", data=b"")
    equal((status, len(out)), (128 + signal.SIGPIPE, 65536), "one that prints for ever")
    status, out, errors = run(*WRAPPER, name, "sleep", "100", data=data)
    equal((status, out), (1, b""), "one that never ends")
    match("more than two seconds", errors, "stderr")
    status, out, errors = run(*WRAPPER, name, "no-such-program", data=data)
    equal((status, out), (1, b""), "none")
    match("cannot start 'no-such-program'", errors, "stderr")


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
        where = os.path.dirname(where)

        def use(text, *asked):
            """Compiles a program with what pkg-config says, and runs it."""
            flags = subprocess.check_output(
                ["pkg-config", "--cflags", "--libs", *asked], text=True,
                env=dict(os.environ, PKG_CONFIG_PATH=where, PKG_CONFIG_SYSROOT_DIR=root)).split()
            program = os.path.join(root, "a.out")
            with open(program + ".c", "w", encoding="utf-8") as file:
                file.write(text)
            status, _, errors = run("cc", "-o", program, program + ".c", *flags,
                                    *[f[1:] for f in asked if f == "--static"])
            equal((status, re.findall("undefined .*", errors)), (0, []), "cc " + " ".join(asked))
            return run("env", "LD_LIBRARY_PATH=" + os.path.dirname(where), program)

        with open(os.path.join(ROOT, "examples/01_hocket.c"), encoding="utf-8") as file:
            source = file.read()
        with open(os.path.join(ROOT, "tests/transcripts/hocket.txt"), "rb") as file:
            equal(use(source, "hocket")[:2], (0, file.read()), "the program")
        if os.path.exists(os.path.join(where, "hocket-dns.pc")):
            source = ("#include <hocket/dns.h>\n"
                      "int main(void) { return hk_dns_start(NULL) < 0; }\n")
            equal(use(source, "hocket-dns")[0], 0, "with hocket-dns")
            equal(use(source, "--static", "hocket-dns")[0], 0, "with hocket-dns, static")


# ---- hash ----

def hash_of(*arguments, **more):
    return subprocess.run(WRAPPER + [os.path.join(BUILD, "examples/hash"), *arguments],
                          capture_output=True, timeout=SECONDS * 3, check=False, **more)


def make_tree(folder):
    """Big, small and empty files, some below folders; every file, in the order of a walk."""
    names = ["big", "empty", "sub/a", "sub/b/c", "sub/b/d with a blank", "z"]
    for number, name in enumerate(names):
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        size = {"big": 5_000_000, "empty": 0}.get(name, 1000 * number + 17 * number * number)
        with open(path, "wb") as file:
            file.write(random.Random(number).randbytes(size))
    for number in range(200):
        name = "many/%03d" % number
        os.makedirs(os.path.join(folder, "many"), exist_ok=True)
        with open(os.path.join(folder, name), "wb") as file:
            file.write(b"x" * number * 100)
        names.append(name)
    return sorted(names, key=lambda name: name.split("/"))


@test
def hash_as_xxhsum():
    if not shutil.which("xxhsum"):
        return
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in make_tree(folder)]
        wanted = subprocess.run(["xxhsum", "-H1", *paths], capture_output=True, check=True).stdout
        for tasks in "1", "8", "64":
            done = hash_of("-j", tasks, folder)
            equal(done.stdout, wanted, "-j " + tasks)
            equal((done.returncode, done.stderr), (0, b""), "its end")
        equal(hash_of(paths[0]).stdout, wanted.split(b"\n")[0] + b"\n", "one file")


@test
def hash_goes_on_after_errors():
    with tempfile.TemporaryDirectory() as folder:
        make_tree(folder)
        os.symlink("/none", os.path.join(folder, "link")) # not followed, not hashed
        done = hash_of(folder + "/none", folder + "/z", "/proc/self/mem", folder + "/empty")
        equal(done.returncode, 1, "exit status")
        match("none: No such file or directory", done.stderr.decode(), "stderr")
        match("/proc/self/mem: Input/output error", done.stderr.decode(), "stderr")
        equal(len(done.stdout.splitlines()), 2, "lines")


@test
def hash_reads_its_options():
    equal(hash_of("--help").returncode, 0, "--help")
    match("^usage: hash", hash_of("--help").stdout.decode(), "--help")
    for wrong in [], ["-j"], ["-j", "0", "x"], ["-j", "65", "x"], ["-x"]:
        equal(hash_of(*wrong).returncode, 2, " ".join(wrong))


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
    exampleslib.SECONDS = 7
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


def is_left_out(name):
    """Whether the build had no library for the example that is tested."""
    listed = os.path.join(BUILD, "examples/left_out.txt")
    with open(listed, encoding="utf-8") as file:
        left_out = file.read().split()
    program = {"server": "server", "files": "http_files", "hash": "hash"}.get(name.split("_")[0])
    return program in left_out


def main():
    if "--self-test" in sys.argv:
        sys.exit(self_test())
    patterns = sys.argv[1:] or [""]
    functions = [f for f in tests if any(p in f.__name__ for p in patterns)
                 and not is_left_out(f.__name__)]
    jobs = [(function, "") for function in functions]
    wrong = [text for text in run_tests(jobs, 4 if FACTOR == 1 else 2) if text]
    for text in wrong:
        print("FAILED " + text)
    print("%d passed, %d failed" % (len(functions) - len(wrong), len(wrong)))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
