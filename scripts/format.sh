#!/bin/sh
# SPDX-License-Identifier: MIT
# Formats every C and C++ file in place, or those given.
cd "$(dirname "$0")/.." || exit 1
if [ $# -gt 0 ]; then
    exec clang-format-14 -i --style=file "$@"
fi
find src include tests examples bench tools -name '*.[ch]' -o -name '*.cc' 2>/dev/null |
    LC_ALL=C sort | xargs -r clang-format-14 -i --style=file
