# SPDX-License-Identifier: MIT
"""Who takes part in `make bench-peers`: a contender is an entry of CONTENDERS.

Commands are the shell's, and run in the folder of this file. They know $SRC, that folder; $OUT,
where they build; $BUILD, the build folder, in which Meson has built ours. A contender is

    name      as it is shown
    version   prints the version of the peer; where it fails, the peer is not installed
    build     makes the program, quickly where nothing has changed; nothing to do: ""
    run       the program, and arguments before those of its protocol

The program's protocol: `run --rows` prints the rows it has, `run ROW SIZE COUNT` does the work once
and prints a line of key=value, `run echo` and `run http` serve and print `port=N`. See peer.h."""
from collections import namedtuple

Contender = namedtuple("Contender", "name version build run")


def debian(package):
    """The version of a package of the distribution."""
    return "dpkg-query -W -f '${Version}' %s && dpkg-query -s %s | grep -q 'ok installed'" % (
        package, package)


def c_peer(name, package, flags="", compiler="gcc -std=gnu11", suffix="c"):
    """One source and one package."""
    program, source = "$OUT/" + name, "%s.%s" % (name, suffix)
    is_built = " && ".join("[ %s -nt %s ]" % (program, file)
                           for file in (source, "peer.h", "contenders.py"))
    return Contender(name, debian(package), "%s || %s -O2 -Wall -Wextra -o %s %s %s" % (
        is_built, compiler, program, source, flags), program)


def cxx_peer(name, package, flags=""):
    return c_peer(name, package, "-DNDEBUG " + flags, "g++ -std=c++20", "cpp")


OURS = "sed -n \"s/^ *version: '\\(.*\\)',/\\1/p\" ../../meson.build"

CONTENDERS = [
    Contender("hocket", OURS, "", "$BUILD/bench/peers_hocket"),
    Contender("hocket_small", OURS, "", "$BUILD/bench/peers_hocket --small"),
    Contender("hocket_stackless", OURS, "", "$BUILD/bench/peers_stackless"),
    cxx_peer("boost_context", "libboost-context1.81-dev", "-lboost_context"),
    cxx_peer("boost_fiber", "libboost-fiber1.81-dev", "-lboost_fiber -lboost_context"),
    c_peer("libuv", "libuv1-dev", "-luv"),
    c_peer("libev", "libev-dev", "-lev"),
    c_peer("state_threads", "libst-dev", "-lst"),
    c_peer("pth", "libpth-dev", "-lpth"),
    cxx_peer("cpp20", "g++"),
    cxx_peer("asio", "libasio-dev"),
    Contender("nginx", debian("nginx-light"), "", "./nginx.py"),
]
