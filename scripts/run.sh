#!/bin/sh
# SPDX-License-Identifier: MIT
# Usage: run.sh [ARGUMENTS OF THE SERVER]. What `make run` does after the build: the scheduler of
# the talk, which ends by itself, then the server, which stays until it is stopped.
set -eu
cd "$(dirname "$0")/.."
examples=${BUILD:-build}/examples

for name in appendix_a server; do
    if [ ! -x "$examples/$name" ]; then
        echo "run.sh: $examples/$name was not built (is libhttp-parser-dev there?)" >&2
        exit 1
    fi
done
"$examples/appendix_a"
exec "$examples/server" "$@"
