#!/bin/bash
# SPDX-License-Identifier: MIT
# Usage: fuzz.sh [NAME ...]. Builds the fuzzers of tests/fuzz with clang's address and undefined
# behaviour sanitizers, and runs each (or those named) for FUZZ_SECONDS, 60. What it finds is a file
# build-fuzz/found/NAME-...; run the fuzzer with that file to see it again.
# The last line sums up: `N passed, N failed`.
cd "$(dirname "$0")/.." || exit 1
dir=build-fuzz
passed=0 failed=0
flags="-fno-sanitize-recover=all -fsanitize=fuzzer-no-link"

CC=clang CXX=clang++ TARGETS=fuzzers scripts/build.sh $dir -Dfuzz=true \
    -Db_sanitize=address,undefined -Db_lundef=false "-Dc_args=$flags" "-Dcpp_args=$flags" || {
    echo "FAILED fuzz: does not build"
    echo "0 passed, 1 failed"
    exit 1
}
mkdir -p $dir/found
[ $# -gt 0 ] || set -- $(cd $dir/tests/fuzz && ls | sed -n 's/^fuzz_\([a-z_]*\)$/\1/p')
for name in "$@"; do
    grown=$dir/corpus/$name
    mkdir -p "$grown"
    options=(-max_total_time="${FUZZ_SECONDS:-60}" -timeout=10 -print_final_stats=1 -verbosity=0
        -artifact_prefix="$dir/found/$name-")
    [ ! -f "tests/fuzz/$name.dict" ] || options+=(-dict="tests/fuzz/$name.dict")
    if log=$("$dir/tests/fuzz/fuzz_$name" "${options[@]}" "$grown" "tests/fuzz/$name" 2>&1); then
        passed=$((passed + 1))
        count=$(echo "$log" | sed -n 's/^stat::number_of_executed_units: *//p')
        echo "$name: $count executions, $(find "$grown" -type f | wc -l) inputs kept"
    else
        failed=$((failed + 1))
        echo "FAILED fuzz $name"
        echo "$log" | tail -n 40
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
