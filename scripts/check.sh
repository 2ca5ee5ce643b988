#!/bin/bash
# SPDX-License-Identifier: MIT
# Usage: check.sh [NAME ...]. Runs the checks (all, or check_NAME.py) on a built tree, each with its
# self-test before. Each counts as two tests; the last line sums up: `N passed, N failed`.
cd "$(dirname "$0")/.." || exit 1
passed=0 failed=0 skipped=""

# count TITLE COMMAND...: runs it, and shows what it says only where it fails.
count() {
    local title=$1 output status
    shift
    output=$("$@" 2>&1)
    status=$?
    case $status in
    0) passed=$((passed + 1)) ;;
    77) skipped+="skipped check $title: ${output#skipped: }"$'\n' ;;
    *)
        failed=$((failed + 1))
        printf 'FAILED check %s\n%s\n' "$title" "$output"
        ;;
    esac
}

names=("$@")
[ $# -gt 0 ] || names=(
    layers rooms style time docs headers must_not_compile symbols listings calls mutants
    amalgamation)
for name in "${names[@]}"; do
    count "$name (self-test)" "scripts/check_$name.py" --self-test
    count "$name" "scripts/check_$name.py"
done
if [ $# = 0 ]; then
    count "transcripts (self-test)" scripts/check_transcripts.py --self-test
    count "examples (self-test)" scripts/check_examples.py --self-test
    count "bench-peers (self-test)" bench/peers/run.py --self-test
    count "size (self-test)" scripts/size.py --self-test
    count "bench_check (self-test)" scripts/bench_check.py --self-test
fi
printf '%s' "$skipped"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
