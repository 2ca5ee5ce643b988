#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The contender asyncio, with its own event loop.

Servers are protocols, not streams, and have buffers of their own: for one that has not, the loop
takes 256 KiB for each read, which cost ten times as much as all the rest."""
import asyncio
import time

import peer

YIELDER = """
from asyncio import sleep
async def yielder(share):
    for _ in range(share.warm):
        await sleep(0)
    share.enter()
    for _ in range(share.each):
        await sleep(0)
    share.leave(share.each)
"""


async def yields(size, count):
    bodies = peer.copies(YIELDER, "yielder")
    share = peer.Share(size, count)
    await asyncio.gather(*[bodies[i % peer.SITES](share) for i in range(size)])
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
        async with asyncio.TaskGroup() as group:
            for i in range(size):
                group.create_task(total.add(i))
    return total.value


async def spawn_join(size, count):
    times = peer.whole(count, size) // size
    await batches(size, times // 10 + 1)
    begin = peer.Mark()
    total = await batches(size, times)
    peer.report(begin, peer.Mark(), times * size, total)


async def transfer(capacity, count):
    queue = asyncio.Queue(capacity)

    async def produce():
        for i in range(count):
            await queue.put(i)

    async def consume():
        total = 0
        for _ in range(count):
            total += await queue.get()
        return total

    return (await asyncio.gather(consume(), produce()))[0]


async def channel_buffered(size, count):
    await transfer(size, count // 10 + 1)
    begin = peer.Mark()
    total = await transfer(size, count)
    peer.report(begin, peer.Mark(), count, total)


async def ping_pong(count):
    there, back = asyncio.Queue(1), asyncio.Queue(1)

    async def ask():
        last = 0
        for i in range(0, count, 2):
            await there.put(i)
            last = await back.get()
        return last

    async def answer():
        for _ in range(0, count, 2):
            await back.put(await there.get() + 1)

    return (await asyncio.gather(ask(), answer()))[0]


async def channel_handoff(_, count):
    count = peer.whole(count, 2)
    await ping_pong(count // 10 + 1)
    begin = peer.Mark()
    last = await ping_pong(count)
    peer.report(begin, peer.Mark(), count, last)


async def mutex_handoff(size, count):
    share = peer.Share(size, count)
    lock = asyncio.Lock()
    counter = 0

    async def section():
        nonlocal counter
        for _ in range(share.warm + share.each):
            async with lock:
                await asyncio.sleep(0)
                counter += 1
                share.tick(counter)

    await asyncio.gather(*[section() for _ in range(size)])
    share.report(counter - share.size * share.warm)


async def member(share, receive, send):
    token = 0
    for _ in range(share.warm + share.each):
        token = await receive() + 1
        share.tick(token)
        await send(token)
    return token


async def ring(size, count):
    share = peer.Share(size, count)
    queues = [asyncio.Queue(1) for _ in range(size)]
    queues[0].put_nowait(0)
    tokens = await asyncio.gather(*[
        member(share, queues[k].get, queues[(k + 1) % size].put) for k in range(size)])
    share.report(max(tokens) - share.size * share.warm)


async def subtree(first, size):
    if size == 1:
        return first
    part = size // 10
    return sum(await asyncio.gather(*[subtree(first + i * part, part) for i in range(10)]))


async def skynet(size, _):
    tasks = peer.skynet_tasks(size)
    begin = peer.Mark()
    total = await asyncio.create_task(subtree(0, size))
    peer.report(begin, peer.Mark(), tasks, total)


async def timers(size, _):
    async def sleeper(i):
        ms = peer.sleep_ms(i)
        start = time.perf_counter_ns()
        await asyncio.sleep(ms / 1000)
        return time.perf_counter_ns() - start - ms * 1000000

    begin = peer.Mark()
    late_ns = await asyncio.gather(*map(sleeper, range(size)))
    peer.report_timers(begin, peer.Mark(), late_ns)


async def memory(size, _):
    never = asyncio.Event()
    parked = 0

    async def waiter():
        nonlocal parked
        parked += 1
        await never.wait()

    before = peer.memory_used()
    tasks = [asyncio.create_task(waiter()) for _ in range(size)]
    while parked < len(tasks):
        await asyncio.sleep(0)
    peer.report_memory(before, parked)


async def files(size, _):
    paths = peer.paths()
    loop = asyncio.get_running_loop()

    async def reader(i):
        return await loop.run_in_executor(None, peer.read, paths[i % 100])

    begin = peer.Mark()
    values = await asyncio.gather(*map(reader, range(size)))
    peer.report(begin, peer.Mark(), size, sum(values) % (1 << 64))


class Echo(asyncio.BufferedProtocol):
    """A connection whose bytes go back."""

    def __init__(self):
        self.buffer = memoryview(bytearray(4096))
        self.write = None

    def connection_made(self, transport):
        self.write = transport.write

    def get_buffer(self, sizehint):
        return self.buffer

    def buffer_updated(self, nbytes):
        self.write(self.buffer[:nbytes])


class Http(asyncio.BufferedProtocol):
    """A connection with a request after the other; a request may come in pieces."""

    def __init__(self):
        self.buffer = bytearray(4096)
        self.length = 0
        self.write = None

    def connection_made(self, transport):
        self.write = transport.write

    def get_buffer(self, sizehint):
        return memoryview(self.buffer)[self.length:]

    def buffer_updated(self, nbytes):
        self.length += nbytes
        if self.buffer.find(b"\r\n\r\n", 0, self.length) >= 0:
            self.write(peer.answer(self.buffer))
            self.length = 0


def server(protocol):
    async def serve(_size, _count):
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(protocol, "127.0.0.1", 0, backlog=4096)
        print("port=%d" % listener.sockets[0].getsockname()[1], flush=True)
        await listener.serve_forever()
    return serve


def row(work):
    return lambda size, count: asyncio.run(work(size, count))


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
    "echo": server(Echo),
    "http": server(Http),
}.items()})
