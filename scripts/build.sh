#!/bin/bash
# SPDX-License-Identifier: MIT
# Usage: build.sh [DIR [MESON OPTIONS]]. Builds into DIR (build), which it configures where that is
# needed: the first time, and when a test or an example came or went. Quiet unless it fails.
# TARGETS=name builds a part.
set -eu
cd "$(dirname "$0")/.."
dir=${1:-build}
shift || true

configure() {
    local log
    log=$(meson setup "$@" 2>&1) || { echo "$log" | tail -40 >&2; return 1; }
}

if [ ! -f "$dir/build.ninja" ]; then
    rm -rf "$dir/meson-private" "$dir/meson-info"
    configure "$dir" -Dwerror=true "$@"
elif ! scripts/list_files.sh | cmp -s - "$dir/files.list"; then
    configure --reconfigure "$dir"
fi
log=$(ninja -C "$dir" ${TARGETS:+"$TARGETS"} 2>&1) || {
    echo "$log" | grep -v '^\[[0-9/]*\] \(Compiling\|Linking\|Generating\)' >&2
    exit 1
}
