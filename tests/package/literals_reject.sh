#!/bin/sh
# A literal that is no address must not compile. bad_literals.txt and good_literals.txt have one expression
# on a line. The good ones are the control: they compile in the same frame, so what is wrong with a bad one
# is the literal and nothing around it.
. "$(dirname "$0")/common.sh"

# try EXPRESSION
try() {
    cat >"$work/try.cpp" <<END
#include <netnotes/ip.hpp>
using namespace netnotes::literals;
[[maybe_unused]] const auto value = $1;
END
    compile -fsyntax-only -I "$root/include" "$work/try.cpp" >"$work/errors" 2>&1
}

count=0
while read -r literal; do
    try "$literal" || {
        cat "$work/errors"
        fail "does not compile, but should: $literal"
    }
done <"$here/good_literals.txt"

while read -r literal; do
    suffix=${literal##*\"}
    grep -q "^\"[^\"]*\"$suffix\$" "$here/good_literals.txt" ||
        fail "bad_literals.txt: not of the form of any good one: $literal"
    if try "$literal"; then
        fail "compiles, but should not: $literal"
    fi
    count=$((count + 1))
done <"$here/bad_literals.txt"

[ $count -gt 0 ] || fail "bad_literals.txt is empty"
echo "$count bad literals rejected"
