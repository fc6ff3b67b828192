#!/bin/sh
# Mistakes of beginners. For each of them the compiler must say what to do. Each line of mistakes.txt has words of
# the advice, a bar, and a mistake. The first error of the compiler must show the words. Clang++ shows the advice of a
# deleted function in the note below its first error. There both lines count.
. "$(dirname "$0")/common.sh"

cat >"$work/all.hpp" <<'HEADER'
#include <netnotes/coro.hpp>
#include <netnotes/http.hpp>
#include <netnotes/udp.hpp>

#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

using namespace netnotes;
using namespace std::chrono_literals;
task<> work();
HEADER
# Twenty compilations of one header: precompiled, they take a second each.
case $CXX in
    *clang*)
        compile -w -I "$root/include" -x c++-header "$work/all.hpp" -o "$work/all.pch"
        header="-include-pch $work/all.pch" ;;
    *)
        compile -w -I "$root/include" -x c++-header "$work/all.hpp" -o "$work/all.hpp.gch"
        header="-include $work/all.hpp" ;;
esac
count=0
while IFS='|' read -r words mistake; do
    count=$((count + 1))
    printf 'task<> example() { %s co_return; }\n' "$mistake" | sed 's/ socket s;/ netnotes::socket s;/' \
        >"$work/mistake.cpp"
    # shellcheck disable=SC2086
    if compile -fsyntax-only -w $header -I "$root/include" "$work/mistake.cpp" >"$work/errors" 2>&1; then
        fail "compiles, but should not: $mistake"
    fi
    case $CXX in
        *clang*) sed -n '/error:/,$p' "$work/errors" | grep -E -m2 'error:|note:' >"$work/first" ;;
        *) grep -m1 'error:' "$work/errors" >"$work/first" ;;
    esac
    grep -qF "$words" "$work/first" || {
        cat "$work/first"
        fail "the first error does not say \"$words\": $mistake"
    }
done <"$here/mistakes.txt"

[ $count -ge 20 ] || fail "mistakes.txt has only $count lines"
echo "$count mistakes explained"
