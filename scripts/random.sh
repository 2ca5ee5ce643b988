#!/bin/bash
# SPDX-License-Identifier: MIT
# Usage: random.sh. Random programs of tasks (tests/random) from SEEDS seeds, 100000, and every
# schedule of the small ones with more preemptions than `make test` allows; all of it with clang's
# address and undefined behaviour sanitizers, two at a time, no longer than ten minutes. Prints
# `seeds: N` and `schedules: N`; a seed that fails, crashes or does not end prints its program, the
# command that runs it again, and that of a smaller program that fails too. The last line sums up:
# `N passed, N failed`.
cd "$(dirname "$0")/.." || exit 1
dir=build-random
seeds=${SEEDS:-100000}
half=$((seeds / 2))
flags=-fno-sanitize-recover=all
program=$dir/tests/hocket_random
passed=0 failed=0

CC=clang CXX=clang++ TARGETS=tests/hocket_random scripts/build.sh $dir \
    -Db_sanitize=address,undefined -Db_lundef=false "-Dc_args=$flags" "-Dcpp_args=$flags" || {
    echo "FAILED random: does not build"
    echo "0 passed, 1 failed"
    exit 1
}

# judge STATUS FILE
judge() {
    if [ "$1" = 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED random: ended with $1"
        tail -n 200 "$2"
    fi
}

# Frames that have returned are watched in a part of them: each task costs a mapping then.
ASAN_OPTIONS=detect_stack_use_after_return=1 \
    timeout 600 $program --first 1 --seeds $((seeds / 50)) >$dir/frames.txt 2>&1
judge $? $dir/frames.txt
export ASAN_OPTIONS=detect_stack_use_after_return=0
timeout 600 $program --first 1 --seeds $half >$dir/first.txt 2>&1 &
timeout 600 $program --first $((half + 1)) --seeds $((seeds - half)) >$dir/second.txt 2>&1
second=$?
wait $!
first=$?
timeout 600 $program --preemptions 4 --schedules all >$dir/schedules.txt 2>&1
schedules=$?

judge $first $dir/first.txt
judge $second $dir/second.txt
judge $schedules $dir/schedules.txt
sed -n 's/^seeds: //p' $dir/first.txt $dir/second.txt |
    awk '{ n += $1 } END { print "seeds: " n + 0 }'
sed -n '/^schedules: /p' $dir/schedules.txt
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
