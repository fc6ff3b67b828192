#!/bin/sh
# The whole project built and tested by Meson, unoptimised, while the tests around this one are optimised. The peers of
# interop/ see the same examples there, and the faults take a minute and more when they are slow.
. "$(dirname "$0")/common.sh"
need meson

meson setup "$work/build" "$root" -Dbuildtype=plain -Dwerror=true
meson compile -C "$work/build"
meson test -C "$work/build" --no-suite interop --no-suite sweep --print-errorlogs
