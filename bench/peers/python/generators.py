#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The contender CPython: generators, and a scheduler that goes through a list of them."""
import peer

GENERATOR = """
def generator():
    v = yield
    while True:
        v = yield v + 1
"""

YIELDER = """
def yielder(share):
    for _ in range(share.warm):
        yield
    share.enter()
    for _ in range(share.each):
        yield
    share.leave(share.each)
"""


def drive(sends, count):
    """Asks the generators by turns, from eight call sites. Returns the sum of their answers."""
    answers = at = 0
    for i in range(0, count, peer.SITES):
        send0, send1, send2, send3, send4, send5, send6, send7 = sends[at]
        answers += send0(i)
        answers += send1(i + 1)
        answers += send2(i + 2)
        answers += send3(i + 3)
        answers += send4(i + 4)
        answers += send5(i + 5)
        answers += send6(i + 6)
        answers += send7(i + 7)
        at = (at + 1) % len(sends)
    return answers


def send_yield(size, count):
    count = peer.whole(count, peer.SITES)
    bodies = peer.copies(GENERATOR, "generator")
    sends = [[body().send for body in bodies] for _ in range(0, size, peer.SITES)]
    for eight in sends:
        for send in eight:
            send(None)
    drive(sends, count // 10)
    begin = peer.Mark()
    answers = drive(sends, count)
    peer.report(begin, peer.Mark(), count, answers)


def run(tasks):
    """Goes through the tasks, round after round, until all are over."""
    while tasks:
        left = []
        for task in tasks:
            for _ in task:
                left.append(task)
                break
        tasks = left


def yields(size, count):
    bodies = peer.copies(YIELDER, "yielder")
    share = peer.Share(size, count)
    run([bodies[i % peer.SITES](share) for i in range(size)])
    share.report(share.done)


class Sum:
    """What tasks add to."""

    def __init__(self):
        self.value = 0

    def add(self, i):
        """A task: it adds, and is over without a yield."""
        self.value += i
        return
        yield  # pylint: disable=unreachable


def batches(size, count):
    total = Sum()
    for _ in range(count):
        run([total.add(i) for i in range(size)])
    return total.value


def spawn_join(size, count):
    times = peer.whole(count, size) // size
    batches(size, times // 10 + 1)
    begin = peer.Mark()
    total = batches(size, times)
    peer.report(begin, peer.Mark(), times * size, total)


def member():
    """A member of the ring gives the token to whoever sent it: the loop, which asks the next."""
    token = yield
    while True:
        token = yield token + 1


def ring(size, count):
    share = peer.Share(size, count)
    sends = [member().send for _ in range(size)]
    for send in sends:
        send(None)

    def laps(times):
        token = 0
        for _ in range(times):
            for send in sends:
                token = send(token)
        return token

    laps(share.warm)
    begin = peer.Mark()
    token = laps(share.each)
    peer.report(begin, peer.Mark(), share.total, token)


def memory(size, _):
    def waiter():
        nonlocal parked
        parked += 1
        yield

    parked = 0
    before = peer.memory_used()
    tasks = [waiter() for _ in range(size)]
    for task in tasks:
        next(task)
    peer.report_memory(before, parked)


peer.main({
    "send_yield": send_yield,
    "yield": yields,
    "spawn_join": spawn_join,
    "ring": ring,
    "memory": memory,
})
