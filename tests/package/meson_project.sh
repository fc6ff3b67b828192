#!/bin/sh
# The whole project built and tested by Meson, unoptimised, while the tests around this one are optimised.
. "$(dirname "$0")/common.sh"
need meson

meson setup "$work/build" "$root" -Dbuildtype=debug -Dwerror=true
meson compile -C "$work/build"
meson test -C "$work/build" --print-errorlogs
