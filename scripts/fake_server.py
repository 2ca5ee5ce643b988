#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Plays examples/server for the self-test of check_examples.py: what that program does, as far as
the tests look, with one fault if FAULT=name is in the environment."""
import argparse
import asyncio
import errno
import itertools
import os
import re
import signal
import sys
import time

FAULT = os.environ.get("FAULT", "")
HEAD = re.compile(
    rb"([!#$%&'*+.^_`|~\w-]+) (/[!-$&->@-~]*)(?:\?[!-~]*)? HTTP/([12])\.([01])\r\n"
    rb"((?:[!#$%&'*+.^_`|~\w-]+:[\t -~\x80-\xff]*\r\n)*)\r\n", re.A)
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed",
           431: "Request Header Fields Too Large", 501: "Not Implemented",
           505: "HTTP Version Not Supported"}
numbers = itertools.count(1)
tasks = {}
totals = {"echo": 0, "bytes": 0, "requests": 0, "refused": 0, "open": 0}
started = time.monotonic()


def name(text, waits):
    number = next(numbers)
    tasks[number] = (text, waits)
    return number


def page():
    rows = [(n, *task) for n, task in sorted(tasks.items())
            if FAULT != "table" or "echo," not in task[0]]
    cells = "".join("<tr><td>%d<td>%s<td>%s</tr>\n" % row for row in rows[:200])
    more = "<p>and %d more\n" % (len(rows) - 200) if len(rows) > 200 else ""
    return ('<meta http-equiv="refresh" content="2">\n<meta name="viewport" content="x">\n'
            "<dd>%d open, %d in all\n<table><tbody>%s</tbody></table>%s" %
            (totals["open"], totals["echo"], cells, more))


async def echo(reader, writer):
    if FAULT == "many" and totals["open"] >= 50:
        await asyncio.sleep(1000)
    number = name("echo, 127.0.0.1:%d" % writer.get_extra_info("peername")[1], "recv")
    totals["echo"] += FAULT != "totals"
    totals["open"] += 1
    try:
        while True:
            data = await reader.read(65536)
            if not data:
                break
            writer.write(data.replace(b"e", b"x") if FAULT == "echo" else data)
            await writer.drain()
            totals["bytes"] += len(data)
        writer.close()
    except ConnectionError:
        if FAULT == "reset":
            os._exit(1)
    finally:
        totals["open"] -= 1
        del tasks[number]


def judge(head):
    found = HEAD.fullmatch(head)
    if not found:
        return (200 if FAULT == "garbage" else 400), b""
    method, path, major, minor, fields = found.groups()
    if major != b"1":
        return 505, method
    hosts = len(re.findall(rb"(?im)^host:", fields))
    if hosts > 1 or hosts < int(minor):
        return 400, method
    if method not in (b"GET", b"HEAD"):
        return (405 if method == b"POST" else 501), method
    return (200 if path == b"/" else 404), method


async def read_head(reader):
    head = b""
    while not re.search(rb"\n\r?\n", head):
        if len(head) >= 8192:
            return 431, b""
        data = await reader.read(8192 - len(head))
        if not data:
            return (400 if head else 0), b""
        head += data
    return judge(head[:re.search(rb"\n\r?\n", head).end()])


async def answer(reader, writer):
    status, method = await read_head(reader)
    if status == 0:
        return
    totals["requests"] += 1
    totals["refused"] += status != 200
    body = page() if status == 200 else str(status)
    head = "HTTP/1.1 %d %s\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: %d\r\n" % (
        status, REASONS[status], len(body))
    head += "Allow: GET, HEAD\r\n" if status == 405 else ""
    writer.write((head + "\r\n").encode())
    if method != b"HEAD" or FAULT == "head":
        writer.write(body.encode())
    await writer.drain()
    writer.write_eof()
    while await reader.read(65536):
        pass


async def http(reader, writer):
    mine = [name("http, 127.0.0.1:1", "running")]
    try:
        await asyncio.wait_for(answer(reader, writer), 1000 if FAULT == "limit" else 5)
    except (ConnectionError, asyncio.TimeoutError):
        pass
    finally:
        for number in mine:
            del tasks[number]
        writer.close()


async def listen(fn, port, option):
    try:
        server = await asyncio.start_server(fn, "127.0.0.1", port, backlog=500)
    except OSError as why:
        if why.errno == errno.EADDRINUSE and FAULT != "port":
            print("fake: port %d: Address already in use\nchoose another with %s" %
                  (port, option), file=sys.stderr)
        sys.exit(1)
    return server.sockets[0].getsockname()[1]


def port_of(text):
    port = int(text)
    if not 0 <= port <= 65535:
        raise ValueError
    return port


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--echo-port", type=port_of, default=7777)
    parser.add_argument("--http-port", type=int if FAULT == "option" else port_of, default=8080)
    args = parser.parse_args()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    ports = [await listen(echo, args.echo_port, "--echo-port"),
             await listen(http, args.http_port, "--http-port")]
    for text, waits in (("signals", "signal INT or others"), ("echo listener", "accept"),
                        ("http listener", "accept"), ("http watch", "sleep")):
        name(text, waits)
    print("nc 127.0.0.1 %d\nhttp://127.0.0.1:%d/" % tuple(ports), flush=True)
    await stopped.wait()
    if FAULT == "stderr":
        print("something is wrong", file=sys.stderr)
    if FAULT == "late":
        await asyncio.sleep(3)
    print("stopped after %.1f s: %d echo connections, %d bytes echoed; %d requests, %d of them "
          "refused" % (time.monotonic() - started, totals["echo"], totals["bytes"],
                       totals["requests"], totals["refused"]), flush=True)
    os._exit(FAULT == "status")


asyncio.run(main())
