#!/bin/bash
# SPDX-License-Identifier: MIT
# Usage: test_all.sh. The matrix: the tests (slow ones too) and the examples under each compiler,
# sanitizer, machine and way of switching contexts, each in a build folder of its own, build-PART.
# Some test input and output in other worlds too.
# ONLY=part runs one. The last line sums up: `N passed, N failed`.
cd "$(dirname "$0")/.." || exit 1
. scripts/sum.sh

sanitize="-Db_lundef=false -Dc_args=-fno-sanitize-recover=all -Dcpp_args=-fno-sanitize-recover=all"
hard="-D_FORTIFY_SOURCE=2 -fstack-protector-strong"
[ "$(uname -m)" != x86_64 ] || hard+=" -fcf-protection=branch"
qemu="qemu-aarch64 -L /usr/aarch64-linux-gnu"
slow=--slow
factor=1
worlds=""
other="epoll uring:8" # than the best one, the usual

# What a tool is told, each for the parts that know it.
export ASAN_OPTIONS=detect_stack_use_after_return=1:allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=0:allocator_may_return_null=1

# build_and_test PART WRAPPER MESON_OPTIONS...: the two things that each part does.
build_and_test() {
    local name=$1 wrapper=$2 dir=build-$1 world
    shift 2
    if ! scripts/build.sh "$dir" "$@"; then
        echo "FAILED $name: does not build"
        failed=$((failed + 1))
        return
    fi
    # shellcheck disable=SC2086 # both are meant to be split
    part "$name: tests" $wrapper "$dir/tests/hocket_tests" $slow --time-factor $factor
    for world in $worlds; do
        # shellcheck disable=SC2086
        HOCKET_WORLD=$world part "$name: I/O tests, HOCKET_WORLD=$world" \
            $wrapper "$dir/tests/hocket_tests" --time-factor $factor $io_rooms
    done
    BUILD=$dir WRAPPER=$wrapper TIME_FACTOR=$factor \
        part "$name: transcripts" scripts/check_transcripts.py
    BUILD=$dir WRAPPER=$wrapper TIME_FACTOR=$factor part "$name: examples" scripts/check_examples.py
}

run_gcc()        { worlds=$other; CC=gcc CXX=g++ build_and_test gcc ""; }
run_clang()      { CC=clang CXX=clang++ build_and_test clang ""; }
run_reference()  { build_and_test reference "" -Dcontext=reference; }
run_outline()    { build_and_test outline "" -Dcontext=outline; }

# shellcheck disable=SC2086 # $sanitize is a list
run_asan_clang() {
    factor=4 worlds=$other
    CC=clang CXX=clang++ build_and_test asan_clang "" -Db_sanitize=address,undefined $sanitize
}

# shellcheck disable=SC2086
run_asan_gcc() {
    factor=4
    CC=gcc CXX=g++ build_and_test asan_gcc "" -Db_sanitize=address,undefined $sanitize
}

# shellcheck disable=SC2086
run_tsan_clang() {
    factor=8 worlds=$other
    local -x LOSES_SIGNALS=1
    CC=clang CXX=clang++ build_and_test tsan_clang "" -Db_sanitize=thread $sanitize
}

# shellcheck disable=SC2086
# It takes nearly ten milliseconds to make a task.
run_tsan_gcc() {
    factor=30
    local -x LOSES_SIGNALS=1
    CC=gcc CXX=g++ build_and_test tsan_gcc "" -Db_sanitize=thread $sanitize
}

# The runner forks, and a fork stays under Valgrind; what it has to say goes to a file for each
# process, so that a test that has to abort does not mix with it.
run_valgrind() {
    factor=20 slow=""
    rm -rf build-valgrind/log
    mkdir -p build-valgrind/log
    # Valgrind 3.19 takes io_uring_enter for a call that does not wait, and holds signals back.
    local before=$failed
    local -x HOCKET_WORLD=epoll
    # Its own libraries are bound when first called, for which 2 KiB of stack are too few.
    local -x LD_BIND_NOW=1
    build_and_test valgrind "valgrind -q --error-exitcode=99 --leak-check=full \
        --errors-for-leak-kinds=definite --log-file=build-valgrind/log/%p.txt"
    [ "$failed" = "$before" ] || find build-valgrind/log -size +0 -name '*.txt' \
        -exec tail -n 40 {} + | head -200
}

run_aarch64() {
    factor=10
    build_and_test aarch64 "$qemu" --cross-file scripts/aarch64.ini
}

run_hardened() {
    build_and_test hardened "" -Db_pie=true -Dc_args="$hard" -Dcpp_args="$hard" \
        "-Dc_link_args=-Wl,-z,relro,-z,now" "-Dcpp_link_args=-Wl,-z,relro,-z,now"
}

# Each fuzzer for a minute; it builds its own folder.
run_fuzz() { part fuzz scripts/fuzz.sh; }

# Random programs, by the hundred thousand; planted bugs, each of which some test must find.
run_random()  { part random scripts/random.sh; }
run_mutants() { part mutants timeout 3600 scripts/mutants.py; }

# What the hot paths cost, counted.
run_counts() {
    if ! CC=gcc CXX=g++ TARGETS=bench/hocket-bench scripts/build.sh build-counts; then
        echo "FAILED counts: does not build"
        failed=$((failed + 1))
        return
    fi
    BUILD=build-counts part counts scripts/bench_check.py
}

parts="gcc clang asan_clang asan_gcc tsan_clang tsan_gcc valgrind aarch64"
parts+=" reference outline hardened fuzz random mutants counts"
for name in ${ONLY:-}; do
    if [[ " $parts " != *" $name "* ]]; then
        echo "test_all.sh: no such part: $name (there are: $parts)" >&2
        exit 2
    fi
done

scripts/setup.sh test-all || exit 1
for name in ${ONLY:-$parts}; do
    echo
    echo "==== $name"
    factor=1 slow=--slow worlds=""
    "run_$name"
done
finish
