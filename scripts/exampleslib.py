#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the tests of the examples share (check_examples.py, examples_*.py): running programs and
talking to them. BUILD, WRAPPER and TIME_FACTOR come from the environment."""
import os
import re
import shlex
import socket
import subprocess
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
FACTOR = int(os.environ.get("TIME_FACTOR", "1"))
WRAPPER = shlex.split(os.environ.get("WRAPPER", ""))
SECONDS = 10 * FACTOR
# ThreadSanitizer keeps a signal for the fiber that it came to: with a task that ends it is lost.
LOSES_SIGNALS = os.environ.get("LOSES_SIGNALS") == "1"
tests = []
current = threading.local()  # .fault: what the fake server is to do wrong


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

    def signal(self, number):
        """Asks it to end."""
        self.process.send_signal(number)
        if LOSES_SIGNALS:
            try:
                self.process.wait(FACTOR / 2)
            except subprocess.TimeoutExpired:
                self.process.send_signal(number)

    def finish(self, what):
        """Waits for the end, which must be a clean one."""
        try:
            status = self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            raise Problem("%s does not end" % what) from None
        equal((status, self.printed(1)), (0, ""), what)
        return self.printed()


def client(port):
    return socket.create_connection(("127.0.0.1", port), timeout=SECONDS)


def read_all(sock):
    data = b""
    while True:
        more = sock.recv(65536)
        if not more:
            return data
        data += more
