#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The examples of tasks in groups whose output alone does not show all (their transcripts show the
rest). Run by check_examples.py."""
import os
import signal
import socket
import threading
import time

from exampleslib import BUILD, FACTOR, WRAPPER, Program, client, equal, match, run, test


@test
def graceful_breaks_nothing_off():
    """Under load: whatever request the server has read is answered, and it ends below its grace."""
    clients, answers, lock = 20, [], threading.Lock()
    with Program(*WRAPPER, os.path.join(BUILD, "examples/graceful"), "tcp:127.0.0.1:0") as server:
        port = int(server.wait_print(r"listening on 127\.0\.0\.1:(\d+)\n").group(1))

        def load(number):
            with client(port) as c:
                for i in range(10000):
                    question = b"%d %d" % (number, i)
                    try:
                        c.sendall(question)
                        answer = c.recv(100)
                    except ConnectionError:
                        return
                    if not answer:
                        return
                    with lock:
                        answers.append(answer == question)

        threads = [threading.Thread(target=load, args=(i,)) for i in range(clients)]
        for thread in threads:
            thread.start()
        with client(port):  # and one that is idle
            while len(answers) < 3 * clients:
                time.sleep(0.01)
            started = time.monotonic()
            server.signal(signal.SIGTERM)
            out = server.finish("graceful")
            took = time.monotonic() - started
        for thread in threads:
            thread.join()
        equal(took < 4 * FACTOR, True, "it took %.1f s" % took)
        match(r"\n%d requests, %d answers\n$" % (len(answers), len(answers)), out, "its last line")
        equal(all(answers), True, "the answers")
        with socket.socket() as late:
            equal(late.connect_ex(("127.0.0.1", port)) != 0, True, "who comes later")


@test
def echo_test_finds_the_error():
    name = os.path.join(BUILD, "examples/echo_test")
    status, out, errors = run(*WRAPPER, name, "shared")
    equal(status, 1, "echo_test shared")
    seed = match(r"^seed (\d+): .*HK_CHECK\(strcmp\(in, out\) == 0\) does not hold", out.decode(),
                 "echo_test shared").group(1)
    match("again: HOCKET_REPLAY=random:%s " % seed, errors, "how to have it again")


@test
def philosophers_are_told_of():
    name = os.path.join(BUILD, "examples/philosophers")
    status, _, errors = run(*WRAPPER, name)
    equal(status, 0, "philosophers")
    for i in range(3):
        match(r"cycle: (.|\n)*waits for mutex 'fork %d', held by task . 'philosopher %d'" % (i, i),
              errors, "who waits for what")
    schedule = match(r"again: HOCKET_REPLAY=(\S+) ", errors, "how to have it again").group(1)
    status, out, errors = run("env", "HOCKET_REPLAY=" + schedule, *WRAPPER, name)
    match("^left fork first: a deadlock\n", out.decode(), "again")
    match("philosopher 2.*mutex 'fork 0'", errors, "its turns")
