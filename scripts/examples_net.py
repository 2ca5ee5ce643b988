#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The examples that dial and serve, driven by programs that others wrote: nc, curl, iperf3, and
Python's HTTP server. Run by check_examples.py."""
import os
import random
import signal
import socket
import sys
import tempfile
import threading

from exampleslib import (BUILD, FACTOR, SECONDS, WRAPPER, Problem, Program, client, equal, example,
                         match, read_all, run, test, wait_for)

# ---- The proxy ----

class Proxy(Program):
    def __init__(self, target, listen="tcp:127.0.0.1:0"):
        super().__init__(*WRAPPER, os.path.join(BUILD, "examples/proxy"), listen, target)
        self.port = self.wait_print(r"listening on (?:127\.0\.0\.1:)?(\S+)\n").group(1)

    def stop(self):
        self.signal(signal.SIGINT)
        return self.finish("the proxy").splitlines()[1:]


def serve_files(root):
    """Python's own HTTP server, on a port that is free."""
    return Program(sys.executable, "-u", "-c",
                   "import functools, http.server as h; h.test(functools.partial("
                   "h.SimpleHTTPRequestHandler, directory=%r), h.ThreadingHTTPServer, "
                   "port=0, bind='127.0.0.1')" % root)


@test
def proxy_passes_http_on():
    data = random.Random(2).randbytes(3000000)
    with tempfile.TemporaryDirectory() as root, serve_files(root) as server:
        with open(os.path.join(root, "file"), "wb") as file:
            file.write(data)
        port = server.wait_print(r"port (\d+) ").group(1)
        with Proxy("tcp:localhost:" + port) as proxy:
            url = "http://127.0.0.1:%s/file" % proxy.port
            equal(run("curl", "-sS", url)[1], data, "a file")
            status, out, _ = run("curl", "-sS", "-Z", "--parallel-max", "20", "-o", os.devnull,
                                 "-w", "%{size_download}\n", url + "?[1-20]")
            equal((status, out), (0, b"%d\n" % len(data) * 20), "twenty at once")
            lines = proxy.stop()
            for line in lines:
                match(r"^127\.0\.0\.1:\d+: \d+ bytes there, \d+ back", line, "a line")


@test
def proxy_passes_half_closes_on():
    """nc -N ends its direction and then reads on: the answer comes after the end."""
    with socket.create_server(("127.0.0.1", 0)) as listener, tempfile.TemporaryDirectory() as root:
        where = os.path.join(root, "socket")
        with Proxy("tcp:127.0.0.1:%d" % listener.getsockname()[1], "unix:" + where) as proxy:
            def answer():
                peer = listener.accept()[0]
                peer.sendall(read_all(peer)[::-1])
                peer.close()
            thread = threading.Thread(target=answer)
            thread.start()
            equal(run("nc", "-N", "-U", where, data=b"hello" * 9999)[1], b"olleh" * 9999, "nc")
            thread.join()
            equal(proxy.stop(), [": 49995 bytes there, 49995 back"], "the line")


@test
def proxy_is_in_time():
    """Small pieces pass at once, in both directions; a reset of either side ends the other."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with Proxy("tcp:127.0.0.1:%d" % listener.getsockname()[1]) as proxy:
            for closes_first in (0, 1):
                pair = [client(int(proxy.port)), listener.accept()[0]]
                for i in range(50):
                    pair[i % 2].sendall(b"%d" % i)
                    equal(pair[1 - i % 2].recv(10), b"%d" % i, "piece %d" % i)
                pair[closes_first].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                              b"\1\0\0\0\0\0\0\0")
                pair[closes_first].close()
                pair[1 - closes_first].settimeout(SECONDS)
                try:
                    equal(pair[1 - closes_first].recv(1), b"", "the end")
                except ConnectionResetError:
                    pass
                pair[1 - closes_first].close()
            lines = proxy.stop()
            equal(len(lines), 2, "lines")


@test
def proxy_has_nobody_to_talk_to():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = "tcp:127.0.0.1:%d" % listener.getsockname()[1]
    with Proxy(address) as proxy, client(int(proxy.port)) as c:
        equal(read_all(c), b"", "the end at the client")
        match("^dial %s: Connection refused" % address, proxy.stop()[0], "the line")
    for args, wanted in ((["--help"], 0), ([], 2), (["x", "y"], 1), (["tcp:127.0.0.1:0"], 2)):
        status, out, errors = run(*WRAPPER, os.path.join(BUILD, "examples/proxy"), *args)
        equal(status, wanted, "proxy " + " ".join(args))
        match("LISTEN TARGET|address 'x'", out.decode() + errors, "what it says")


@test
def proxy_carries_iperf3():
    if run("sh", "-c", "command -v iperf3")[0] != 0:
        return  # an extra: setup.sh installs it where it may
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    with Program("iperf3", "-s", "-1", "--forceflush", "-B", "127.0.0.1", "-p", port) as server:
        wait_for(lambda: "listening" in server.printed(), "iperf3")
        with Proxy("tcp:127.0.0.1:" + port) as proxy:
            status, out, errors = run("iperf3", "-c", "127.0.0.1", "-p", proxy.port, "-n", "20M",
                                      "-P", "3", "--bidir", "-f", "m")
            equal((status, errors), (0, ""), "iperf3: " + out.decode()[-100:])
            proxy.stop()


# ---- The port scanner ----

def listening_ports():
    """Ports of 127.0.0.1 that somebody listens on, as the kernel lists them."""
    with open("/proc/net/tcp", encoding="ascii") as file:
        rows = [line.split() for line in file.readlines()[1:]]
    return {int(row[1].split(":")[1], 16) for row in rows
            if row[3] == "0A" and row[1].split(":")[0] in ("0100007F", "00000000")}


@test
def ports_finds_who_listens():
    with socket.create_server(("127.0.0.1", 0)) as one, \
            socket.create_server(("127.0.0.1", 0)) as two:
        mine = {sock.getsockname()[1] for sock in (one, two)}
        before = listening_ports()
        low, high = (1, 65535) if FACTOR == 1 else (min(mine), min(mine) + 200)
        name = os.path.join(BUILD, "examples/ports")
        status, out, errors = run(*WRAPPER, name, "127.0.0.1", "%d-%d" % (low, high), "200")
        equal((status, errors), (0, ""), "ports")
        lines = out.decode().splitlines()
        found = {int(line) for line in lines[:-1]}
        sure = {port for port in before & listening_ports() if low <= port <= high}
        possible = before | listening_ports()
        if not sure <= found:
            raise Problem("not found: %s" % (sure - found))
        if FACTOR == 1 and not mine <= found:
            raise Problem("the test's own ports are not found")
        match(r"^%d of %d ports are open$" % (len(found), high - low + 1), lines[-1], "the sum")
        if len(found - possible) > 5:  # other tests open and close listeners meanwhile
            raise Problem("found: %s" % sorted(found - possible))


@test
def ports_reads_its_options():
    name = os.path.join(BUILD, "examples/ports")
    for args, wanted in ((["--help"], 0), ([], 2), (["localhost", "x"], 2),
                         (["localhost", "5-4"], 2), (["localhost", "1-65536"], 2),
                         (["localhost", "1-2", "0"], 2),
                         (["a b", "1-2"], 1)):
        status, out, errors = run(*WRAPPER, name, *args)
        equal(status, wanted, "ports " + " ".join(args))
        match("usage|no name of a host", out.decode() + errors, "what it says")
    equal(example("examples/ports", "localhost", "1"), "0 of 1 ports are open\n", "one port")
