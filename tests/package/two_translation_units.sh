#!/bin/sh
# Two files of one program include everything: a function or variable that is not inline would be defined
# twice, and the linker say so. Unoptimised, so that no function escapes by being inlined away.
. "$(dirname "$0")/common.sh"

cat >"$work/one.cpp" <<'END'
#include <netnotes/netnotes.hpp>
int two();
int main() { return two() == NETNOTES_VERSION ? 0 : 1; }
END
cat >"$work/two.cpp" <<'END'
#include <netnotes/netnotes.hpp>
int two();
int two() { return NETNOTES_VERSION; }
END
compile -O0 -I "$root/include" "$work/one.cpp" "$work/two.cpp" -o "$work/program"
"$work/program" || fail "exit status $?"
