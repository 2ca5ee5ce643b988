#!/bin/sh
# SPDX-License-Identifier: MIT
# The contender Erlang, built into $OUT/erlang, with as many descriptors as it may have. Flags: one
# scheduler, room for two million processes, and no scheduler that spins while it has nothing to do.
ulimit -n "$(ulimit -Hn)"
exec erl -noshell -noinput +S 1:1 +P 2097152 +sbwt none +sbwtdcpu none +sbwtdio none \
    -pa "$OUT/erlang" -run bench main -extra "$@"
