# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced: adds up the parts of a test run, each of which ends in `N passed, N failed[, N skipped]`.
passed=0 failed=0

# Where input and output is tested: in more than one world.
# shellcheck disable=SC2034 # for those who source this
io_rooms="io/ world/ net/ os/ file/"

# part TITLE COMMAND...: runs it under a heading and adds its numbers. No such line: it has failed.
part() {
    local title=$1 start=$SECONDS log status line
    shift
    echo "== $title"
    log=$(mktemp)
    "$@" 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    line=$(tail -n 1 "$log")
    rm -f "$log"
    if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed ]]; then
        passed=$((passed + BASH_REMATCH[1]))
        failed=$((failed + BASH_REMATCH[2]))
        [ "$status" = 0 ] || [ "${BASH_REMATCH[2]}" != 0 ] || failed=$((failed + 1))
    else
        echo "FAILED $title: ended with $status before its sum"
        failed=$((failed + 1))
    fi
    [ $((SECONDS - start)) -lt 10 ] || echo "   ($((SECONDS - start)) s)"
}

finish() {
    echo
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
    exit
}
