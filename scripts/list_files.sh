#!/bin/sh
# SPDX-License-Identifier: MIT
# Prints the files that the build finds by name, one a line: tests, their helpers, and examples.
cd "$(dirname "$0")/.." || exit 1
for file in tests/harness/*.c tests/support/*.c tests/*/test_*.c tests/*/test_*.cc \
            tests/fuzz/fuzz_*.c \
            examples/[0-9][0-9]_*.c examples/[0-9][0-9]_*.cc; do
    [ -f "$file" ] && echo "$file"
done | LC_ALL=C sort -u
