#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The programs by which the interface was designed (tests/api), run with real clients, files and
signals. Run by check_examples.py."""
import os
import re
import signal
import socket
import tempfile
import threading
import time

from exampleslib import (BUILD, FACTOR, ROOT, SECONDS, WRAPPER, Program, client, equal, example,
                         match, read_all, run, test)


def program(name):
    return os.path.join(BUILD, "tests/api/api_" + name)


class Listening(Program):
    """A server that names the port it got."""

    def __init__(self, name):
        super().__init__(*WRAPPER, program(name))
        self.port = int(self.wait_print(r"is 127\.0\.0\.1:(\d+)\n").group(1))


@test
def api_programs():
    with open(os.path.join(ROOT, "tests/transcripts/appendix_a.txt"), encoding="utf-8") as file:
        transcript = file.read()
    equal(example("tests/api/api_scheduler"), transcript, "p02")
    equal(example("tests/api/api_foobar"), re.sub("Task . terminated\n", "", transcript), "p01")
    equal(example("tests/api/api_pipeline"), "python is nice\n" + "swig and python\n" * 2, "p03")
    equal(example("tests/api/api_embed"), "child 0\nchild 1\nchild 2\nparent 0 7\nparent ends\n"
          "the loop ends\n", "p12")
    equal(example("tests/api/api_select"), "item 1\nitem 2\nitem 3\nserved: 0\n", "p07")
    equal(example("tests/api/api_generator"),
          "".join("attempt after %d ms\n" % (1 << i) for i in range(7)), "p08")


# ---- p04: echo ----

def echoes(c, data, what):
    c.sendall(data)
    got = b""
    while len(got) < len(data):
        more = c.recv(65536)
        if not more:
            break
        got += more
    equal(got, data, what)


@test
def api_echo_echoes():
    with Listening("echo") as server:
        clients = [client(server.port) for _ in range(20)]
        for i, c in enumerate(clients * 3):
            echoes(c, b"%d" % i * 50, "client %d" % i)
        for c in clients:
            c.shutdown(socket.SHUT_WR)
            equal(read_all(c), b"", "the end")
        server.signal(signal.SIGTERM)
        server.finish("echo")


@test
def api_echo_ends_idle_connections():
    """The grace is ten seconds: whoever waits between two messages does not take them."""
    with Listening("echo") as server, client(server.port) as idle, client(server.port) as fresh:
        echoes(idle, b"hello", "before")
        started = time.monotonic()
        server.signal(signal.SIGTERM)
        equal(read_all(idle), b"", "an idle connection")
        equal(read_all(fresh), b"", "one that never spoke")
        server.finish("echo")
        took = time.monotonic() - started
        equal(took < 5 * FACTOR, True, "it took %.1f s, below its grace" % took)


@test
def api_echo_survives_resets():
    with Listening("echo") as server:
        for _ in range(20):
            c = client(server.port)
            c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            c.send(b"x" * 100000)
            c.close()
        with client(server.port) as c:
            echoes(c, b"still here", "after the resets")
        server.signal(signal.SIGINT)
        server.process.wait(SECONDS)
        equal(server.process.returncode, 0, "echo")


# ---- p11: what was written for threads ----

@test
def api_port_echoes():
    with Listening("port") as server:
        clients = [client(server.port) for _ in range(20)]
        for i, c in enumerate(clients * 3):
            echoes(c, b"%d" % i * 50, "client %d" % i)
        for c in clients:
            c.shutdown(socket.SHUT_WR)
            equal(read_all(c), b"", "the end")
        equal(server.printed(1), "", "stderr")


# ---- p05: dial ----

@test
def api_eyeballs_takes_who_answers():
    """localhost is ::1 and 127.0.0.1; only one of them listens, the first or the second."""
    families = [(socket.AF_INET, "127.0.0.1")]
    if socket.has_dualstack_ipv6():
        families.append((socket.AF_INET6, "::1"))
    for family, host in families:
        with socket.create_server((host, 0), family=family) as listener:
            port = listener.getsockname()[1]

            def answer(listener=listener):
                with listener.accept()[0] as peer:
                    peer.sendall(b"it is me")
            thread = threading.Thread(target=answer)
            thread.start()
            got = run(*WRAPPER, program("eyeballs"), "tcp:localhost:%d" % port, "9000")
            equal(got, (0, b"it is me", ""), "eyeballs, " + host)
            thread.join()
    status, out, _ = run(*WRAPPER, program("eyeballs"), "tcp:localhost:%d" % port, "9000")
    equal(status, 1, "nobody listens")
    match("^111: ", out.decode(), "nobody listens")


@test
def api_eyeballs_gives_up():
    """A listener whose queue is full answers nothing at all."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        full = [socket.socket() for _ in range(4)]
        for sock in full:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        time.sleep(0.2)
        status, out, _ = run(*WRAPPER, program("eyeballs"), "tcp:127.0.0.1:%d" % port, "300")
        equal(status, 1, "nobody answers")
        match("^110: ", out.decode(), "nobody answers")
        for sock in full:
            sock.close()


# ---- p06, p09: files ----

def make_files(folder, count):
    names = [os.path.join(folder, str(i)) for i in range(count)]
    for i, name in enumerate(names):
        with open(name, "wb") as file:
            file.write(b"line\n" * (i * 37) + b"no end")
    return names


@test
def api_pool_counts():
    with tempfile.TemporaryDirectory() as folder:
        names = make_files(folder, 100)
        equal(example("tests/api/api_pool", *names), "%d lines\n" % (37 * 99 * 50), "100 files")
        equal(example("tests/api/api_pool"), "0 lines\n", "none")
        names[50] = folder + "/none"
        status, out, errors = run(*WRAPPER, program("pool"), *names)
        equal((status, errors), (1, ""), "one is missing")
        match("^2: .*open %s: No such file or directory\n-1 lines\n$" % names[50], out.decode(),
              "one is missing")


def fnv(data):
    result = 0xcbf29ce484222325
    for byte in data:
        result = (result ^ byte) * 0x100000001b3 & (1 << 64) - 1
    return result


@test
def api_hash_hashes():
    with tempfile.TemporaryDirectory() as folder:
        names = make_files(folder, 30)
        status, out, _ = run(*WRAPPER, program("hash"), *names)  # its stderr shows how far it is
        wanted = ""
        for name in names:
            with open(name, "rb") as file:
                wanted += "%016x %s\n" % (fnv(file.read()), name)
        equal((status, out.decode()), (0, wanted), "30 files")
        status, out, _ = run(*WRAPPER, program("hash"), *names, folder + "/none")
        match("^2: .*open %s/none" % folder, out.decode(), "one is missing")


# ---- p13: C++ ----

@test
def api_raii():
    if not os.path.exists(program("raii")):
        return  # no C++ compiler
    with socket.create_server(("127.0.0.1", 0)) as a, socket.create_server(("127.0.0.1", 0)) as b:
        def serve():
            peers = [listener.accept()[0] for listener in (a, b)]
            for peer, size in zip(peers, (5000, 70000)):  # both dial before either is served
                peer.sendall(b"x" * size)
                peer.close()
        thread = threading.Thread(target=serve)
        thread.start()
        # As it stands it does not destroy its channel.
        settings = ["%s=%d" % (name, sock.getsockname()[1]) for name, sock in (("a", a), ("b", b))]
        status, out, errors = run("env", "ASAN_OPTIONS=detect_leaks=0", *settings, *WRAPPER,
                                  program("raii"))
        thread.join()
    leak = "hocket: channel 'sizes' was never destroyed\n"
    equal((status, out, errors), (0, b"75000 bytes\n", leak), "p13")


# ---- p14: a program that is fed ----

def filters(name):
    def both(text, *command):
        status, out, errors = run(*WRAPPER, program(name), text, *command)
        equal(errors, "", name)
        return status, out
    equal(both("some\nlines", "tr", "a-z", "A-Z"), (0, b"SOME\nLINES"), "tr")
    equal(both("x" * 100000, "wc", "-c"), (0, b"100000\n"), "wc")
    equal(both("unread", "sh", "-c", "exit 3"), (3, b""), "a status")
    equal(both("unread", "sh", "-c", "kill -9 $$"), (128 + 9, b""), "a signal")
    status, out = both("", "sleep", "100")
    equal(status, 100, "one that never ends")
    match("^110: ", out.decode(), "one that never ends")
    status, out = both("", "no-such-program")
    equal(status, 100, "none")
    match("^2: ", out.decode(), "none")


@test
def api_subprocess():
    if not WRAPPER:  # Valgrind knows no pidfd, under qemu a start that fails is not told
        filters("subprocess")
        filters("short")
