#!/bin/bash
# SPDX-License-Identifier: MIT
# Usage: setup.sh run|test|test-all|bench-peers. Sees to it that the distribution packages are
# there: asks dpkg, which is quick when nothing is missing; installs what is missing where it may,
# else prints the line that does it and fails. Elsewhere than on Debian it checks the commands
# alone.
set -u

packages="gcc g++ meson ninja-build pkg-config libexpat1-dev libhttp-parser-dev liburing-dev"
packages+=" libuv1-dev libc-ares-dev libxxhash-dev make"
commands="gcc g++ meson ninja pkg-config"
set=${1:-run}
case "$set" in
run) ;;
bench-peers)
    # Each is a peer, or measures or draws: without one, that is left out.
    packages="golang-go cargo rustc librust-tokio-dev erlang-base lua5.4 luajit libboost1.81-dev"
    packages+=" libboost-fiber1.81-dev libboost-context1.81-dev libst-dev libpth-dev libasio-dev"
    packages+=" libev-dev libuv1-dev python3 python3-trio python3-matplotlib nginx-light wrk"
    commands=""
    ;;
test|test-all)
    packages+=" clang clang-format clang-format-14 libclang-rt-14-dev valgrind gdb"
    packages+=" netcat-openbsd curl xxhash wrk iperf3 python3 binutils"
    commands+=" clang clang-format-14 python3 nm"
    ;;
*)
    echo "usage: setup.sh run|test|test-all|bench-peers" >&2
    exit 2
    ;;
esac
if [ "$set" = test-all ]; then
    packages+=" qemu-user gcc-aarch64-linux-gnu g++-aarch64-linux-gnu libc6-dev-arm64-cross"
    packages+=" nginx-light" # for the bench
    commands+=" valgrind qemu-aarch64 aarch64-linux-gnu-gcc"
fi

# Without this one, C++ is not tried on that machine, and that is all.
optional=" g++-aarch64-linux-gnu"
is_optional() { [ "$set" = bench-peers ] || [ "$missing" = "$optional" ]; }

missing=""
if command -v dpkg-query >/dev/null; then
    # shellcheck disable=SC2016,SC2086 # the format is dpkg's, the list is meant to be split
    installed=" $(dpkg-query -W -f '${db:Status-Status}:${Package} ' $packages 2>/dev/null) "
    for package in $packages; do
        case "$installed" in
        *" installed:$package "*) ;;
        *) missing+=" $package" ;;
        esac
    done
else
    for name in $commands; do
        command -v "$name" >/dev/null || missing+=" $name"
    done
fi
[ -z "$missing" ] && exit 0

line="apt-get install -y --no-install-recommends$missing"
sudo=""
[ "$(id -u)" = 0 ] || sudo="sudo -n"
if command -v apt-get >/dev/null && { [ -z "$sudo" ] || sudo -n true 2>/dev/null; }; then
    echo "installing:$missing"
    # shellcheck disable=SC2086
    if $sudo env DEBIAN_FRONTEND=noninteractive $line >/dev/null 2>&1 ||
        { $sudo apt-get update -q >/dev/null && $sudo env DEBIAN_FRONTEND=noninteractive $line; }
    then
        exit 0
    fi
    # One that a mirror does not have must not keep the others away.
    all=$missing missing=""
    for package in $all; do
        [ "$set" = bench-peers ] &&
            $sudo env DEBIAN_FRONTEND=noninteractive ${line%%"$all"} "$package" >/dev/null 2>&1 ||
            missing+=" $package"
    done
    [ -z "$missing" ] && exit 0
fi
echo "missing:$missing" >&2
echo "install it with:" >&2
echo "    sudo apt-get update && sudo $line" >&2
is_optional && echo "going on without" >&2 && exit 0
exit 1
