#!/bin/sh
# netnotes as a folder inside another CMake project, which is also what FetchContent does.
. "$(dirname "$0")/common.sh"

"$CMAKE" -S "$here/consumer" -B "$work/consumer" -DNETNOTES_SOURCE="$root"
"$CMAKE" --build "$work/consumer"
run_consumer "$work/consumer/consumer"

# The consumer installs nothing of its own, so whatever appears here would be ours.
"$CMAKE" --install "$work/consumer" --prefix "$work/prefix"
[ ! -e "$work/prefix" ] || fail "a project that contains netnotes must not install it unasked"
