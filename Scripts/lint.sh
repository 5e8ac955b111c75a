#!/usr/bin/env bash
# Formatting, and rules that a compiler doesn't know.
set -euo pipefail
cd "$(dirname "$0")/.."
status=0
fail() { echo "lint: $*" >&2; status=1; }

mapfile -t swift_files < <(git ls-files '*.swift' | grep -v '\.pb\.swift$')
swift format lint --strict --parallel "${swift_files[@]}" || fail "swift format found something: run 'make format'"

# One way in to each C library.
only() {
    local module=$1 room=$2 found
    found=$(git grep -lE "^(@_exported )?import $module\$" -- 'Sources/*.swift' | grep -v "^Sources/$room/" || true)
    [ -z "$found" ] || fail "$module is imported outside $room: $found"
}
only CFFmpeg FathomMedia
only CVideo4Linux FathomMedia
only COpenBLAS FathomEngine
only CCairo FathomPicture

# Files that have outgrown one topic.
git ls-files -z 'Sources/*.swift' 'Sources/*.c' 'Sources/*.inc' | xargs -0 wc -l | awk '$2 != "total" && $1 > 600 && $2 !~ /\.pb\.swift$/ {print; bad=1} END {exit bad}' \
    || fail "files of over 600 lines"
git grep -nE 'unsafeFlags|try!|fatalError\(' -- Package.swift 'Sources/*.swift' && fail "unsafeFlags, try! or fatalError in sources"
git grep -nE '\b(TODO|FIXME|XXX)\b' -- Sources Tests Samples && fail "something was left open"
for script in Scripts/*.sh .ci/run; do bash -n "$script" || fail "$script does not parse"; done
[ $status -eq 0 ] && echo "lint: clean"
exit $status
