#!/bin/bash
# SPDX-License-Identifier: MIT
# Usage: test.sh [PATTERN ...]. What `make test` does: sets up, builds, runs the checks, the C tests
# (those whose names match, where patterns are given), the transcripts of the examples, and those
# examples that need somebody to talk to. What does input and output is tested in every world.
# The last line sums up: `N passed, N failed`.
cd "$(dirname "$0")/.." || exit 1
export BUILD=${BUILD:-build}
. scripts/sum.sh

scripts/setup.sh test || exit 1
if ! scripts/build.sh "$BUILD"; then
    failed=1
    finish
fi
if [ $# = 0 ]; then
    part checks scripts/check.sh
    part transcripts scripts/check_transcripts.py
    part examples scripts/check_examples.py
    part "bench-peers, ours, tiny" bench/peers/run.py --quick --who 'hocket*'
fi

# run_tests TITLE ARGUMENTS...: those that match, where patterns are given.
run_tests() {
    local title=$1
    shift
    part "$title" "$BUILD/tests/hocket_tests" -j "$(nproc)" "$@"
}

if [ $# != 0 ]; then
    run_tests tests "$@"
    finish
fi
# What does input and output runs once in each world, and once where the kernel refuses io_uring;
# all the rest once.
# shellcheck disable=SC2086 # a list
{
    run_tests tests --except $io_rooms
    for world in epoll uring uring:8; do
        HOCKET_WORLD=$world run_tests "I/O tests, HOCKET_WORLD=$world" $io_rooms
    done
    run_tests "I/O tests, no io_uring" --no-ring $io_rooms
}
finish
