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


def interpreted(name, version, run):
    """A source that needs no build."""
    return Contender(name, version, "", run)


# The standard library alone, nothing from a network, what is built for later below $OUT.
GO = """cd go && CGO_ENABLED=0 GOCACHE=$OUT/go_cache GOPROXY=off \\
    go build -buildvcs=false -o $OUT/go ."""

# Cargo writes beside the sources, so it gets a copy of them. The distribution's compiler, as the
# crates are the distribution's, which lie as sources in a folder.
CARGO = """mkdir -p $OUT/tokio && cp -rp tokio/. $OUT/tokio && cd $OUT/tokio &&
    CARGO_HOME=$OUT/tokio/home RUSTC=/usr/bin/rustc /usr/bin/cargo build --release --offline \\
    --config 'source.crates-io.replace-with="debian"' \\
    --config 'source.debian.directory="/usr/share/cargo/registry"'"""

ERLANG = "erl -noshell -eval 'io:put_chars(erlang:system_info(otp_release)), halt().'"

OURS = "sed -n \"s/^ *version: '\\(.*\\)',/\\1/p\" ../../meson.build"

CONTENDERS = [
    Contender("hocket", OURS, "", "$BUILD/bench/peers_hocket"),
    Contender("hocket_small", OURS, "", "$BUILD/bench/peers_hocket --small"),
    Contender("hocket_epoll", OURS, "", "$BUILD/bench/peers_hocket --epoll"),
    Contender("hocket_uring", OURS, "", "$BUILD/bench/peers_hocket --uring"),
    Contender("hocket_parser", OURS, "", "$BUILD/bench/peers_hocket --parser"),
    Contender("hocket_stackless", OURS, "", "$BUILD/bench/peers_stackless"),
    cxx_peer("boost_context", "libboost-context1.81-dev", "-lboost_context"),
    cxx_peer("boost_fiber", "libboost-fiber1.81-dev", "-lboost_fiber -lboost_context"),
    c_peer("libuv", "libuv1-dev", "-luv"),
    c_peer("libev", "libev-dev", "-lev"),
    c_peer("state_threads", "libst-dev", "-lst"),
    c_peer("pth", "libpth-dev", "-lpth"),
    cxx_peer("cpp20", "g++"),
    cxx_peer("asio", "libasio-dev"),
    Contender("go", "go version", GO, "$OUT/go"),
    Contender("tokio", "test -x /usr/bin/cargo && " + debian("librust-tokio-dev"), CARGO,
              "$OUT/tokio/target/release/peer"),
    Contender("erlang", ERLANG, "mkdir -p $OUT/erlang && erlc -o $OUT/erlang erlang/bench.erl",
              "erlang/run.sh"),
    interpreted("lua", "lua5.4 -v", "lua5.4 lua/bench.lua"),
    interpreted("luajit", "luajit -v", "luajit lua/bench.lua"),
    interpreted("cpython", "/usr/bin/python3 --version", "python/generators.py"),
    interpreted("asyncio", "/usr/bin/python3 --version", "python/aio.py"),
    interpreted("trio", "/usr/bin/python3 -c 'import trio; print(trio.__version__)'",
                "python/trio_peer.py"),
    Contender("nginx", debian("nginx-light"), "", "./nginx.py"),
]
