#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The contender Trio: nurseries, memory channels, streams."""
import time

import trio

import peer

YIELDER = """
from trio.lowlevel import checkpoint
async def yielder(share):
    for _ in range(share.warm):
        await checkpoint()
    share.enter()
    for _ in range(share.each):
        await checkpoint()
    share.leave(share.each)
"""


async def yields(size, count):
    bodies = peer.copies(YIELDER, "yielder")
    share = peer.Share(size, count)
    async with trio.open_nursery() as nursery:
        for i in range(size):
            nursery.start_soon(bodies[i % peer.SITES], share)
    share.report(share.done)


class Sum:
    """What tasks add to."""

    def __init__(self):
        self.value = 0

    async def add(self, i):
        self.value += i


async def batches(size, count):
    total = Sum()
    for _ in range(count):
        async with trio.open_nursery() as nursery:
            for i in range(size):
                nursery.start_soon(total.add, i)
    return total.value


async def spawn_join(size, count):
    times = peer.whole(count, size) // size
    await batches(size, times // 10 + 1)
    begin = peer.Mark()
    total = await batches(size, times)
    peer.report(begin, peer.Mark(), times * size, total)


async def transfer(capacity, count):
    send, receive = trio.open_memory_channel(capacity)
    total = 0

    async def produce():
        async with send:
            for i in range(count):
                await send.send(i)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(produce)
        async for item in receive:
            total += item
    return total


async def channel_buffered(size, count):
    await transfer(size, count // 10 + 1)
    begin = peer.Mark()
    total = await transfer(size, count)
    peer.report(begin, peer.Mark(), count, total)


async def ping_pong(capacity, count):
    send_there, receive_there = trio.open_memory_channel(capacity)
    send_back, receive_back = trio.open_memory_channel(capacity)
    last = 0

    async def answer():
        async for i in receive_there:
            await send_back.send(i + 1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer)
        for i in range(0, count, 2):
            await send_there.send(i)
            last = await receive_back.receive()
        send_there.close()
    return last


async def channel_handoff(size, count):
    count = peer.whole(count, 2)
    await ping_pong(size, count // 10 + 1)
    begin = peer.Mark()
    last = await ping_pong(size, count)
    peer.report(begin, peer.Mark(), count, last)


async def mutex_handoff(size, count):
    share = peer.Share(size, count)
    lock = trio.Lock()
    counter = 0

    async def section():
        nonlocal counter
        for _ in range(share.warm + share.each):
            async with lock:
                await trio.lowlevel.checkpoint()
                counter += 1
                share.tick(counter)

    async with trio.open_nursery() as nursery:
        for _ in range(size):
            nursery.start_soon(section)
    share.report(counter - share.size * share.warm)


async def ring(size, count):
    share = peer.Share(size, count)
    channels = [trio.open_memory_channel(1) for _ in range(size)]
    token = 0

    async def member(k):
        nonlocal token
        receive, send = channels[k][1].receive, channels[(k + 1) % size][0].send
        for _ in range(share.warm + share.each):
            token = await receive() + 1
            share.tick(token)
            await send(token)

    await channels[0][0].send(0)
    async with trio.open_nursery() as nursery:
        for k in range(size):
            nursery.start_soon(member, k)
    share.report(token - share.size * share.warm)


async def subtree(first, size, said):
    """Appends to said what the leaves sum up to."""
    if size > 1:
        part = size // 10
        children = []
        async with trio.open_nursery() as nursery:
            for i in range(10):
                nursery.start_soon(subtree, first + i * part, part, children)
        first = sum(children)
    said.append(first)


async def skynet(size, _):
    tasks = peer.skynet_tasks(size)
    said = []
    begin = peer.Mark()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(subtree, 0, size, said)
    peer.report(begin, peer.Mark(), tasks, said[0])


async def timers(size, _):
    late_ns = []

    async def sleeper(i):
        ms = peer.sleep_ms(i)
        start = time.perf_counter_ns()
        await trio.sleep(ms / 1000)
        late_ns.append(time.perf_counter_ns() - start - ms * 1000000)

    begin = peer.Mark()
    async with trio.open_nursery() as nursery:
        for i in range(size):
            nursery.start_soon(sleeper, i)
    peer.report_timers(begin, peer.Mark(), late_ns)


async def memory(size, _):
    never = trio.Event()
    parked = 0

    async def waiter():
        nonlocal parked
        parked += 1
        await never.wait()

    before = peer.memory_used()
    async with trio.open_nursery() as nursery:
        for _ in range(size):
            nursery.start_soon(waiter)
        while parked < size:
            await trio.lowlevel.checkpoint()
        peer.report_memory(before, parked)


async def files(size, _):
    paths = peer.paths()
    total = 0

    async def reader(i):
        nonlocal total
        value = await trio.to_thread.run_sync(peer.read, paths[i % 100])
        total += value

    begin = peer.Mark()
    async with trio.open_nursery() as nursery:
        for i in range(size):
            nursery.start_soon(reader, i)
    peer.report(begin, peer.Mark(), size, total % (1 << 64))


async def echo(stream):
    while True:
        data = await stream.receive_some(4096)
        if not data:
            return
        await stream.send_all(data)


async def http(stream):
    """A request after the other; a request may come in pieces."""
    request = b""
    while True:
        data = await stream.receive_some(4096)
        if not data:
            return
        request += data
        if b"\r\n\r\n" in request:
            await stream.send_all(peer.answer(request))
            request = b""


def server(handler):
    async def connection(stream):
        try:
            async with stream:
                await handler(stream)
        except trio.BrokenResourceError:
            pass  # the client is gone

    async def serve(_size, _count):
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=4096)
        print("port=%d" % listeners[0].socket.getsockname()[1], flush=True)
        await trio.serve_listeners(connection, listeners)
    return serve


def row(work):
    return lambda size, count: trio.run(work, size, count)


peer.main({name: row(work) for name, work in {
    "yield": yields,
    "spawn_join": spawn_join,
    "channel_buffered": channel_buffered,
    "channel_handoff": channel_handoff,
    "mutex_handoff": mutex_handoff,
    "ring": ring,
    "skynet": skynet,
    "timers": timers,
    "memory": memory,
    "files": files,
    "echo": server(echo),
    "http": server(http),
}.items()})
