#!/bin/bash
# SPDX-License-Identifier: MIT
# Usage: test.sh [PATTERN ...]. What `make test` does: sets up, builds, runs the checks, the C tests
# (those whose names match, where patterns are given), the transcripts of the examples, and those
# examples that need somebody to talk to.
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
fi
part tests "$BUILD/tests/hocket_tests" -j "$(nproc)" "$@"
finish
