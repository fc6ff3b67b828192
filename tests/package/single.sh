#!/bin/sh
# Tests the one-file headers as people copy them. No file is stale. Each compiles alone in an empty folder, and all meet
# in one program. The short programs of the lessons need no other file. Two files of different versions refuse each
# other. A program that does not ask for io_uring has none of its code.
#
#     sh tests/package/single.sh
#     sh tests/package/single.sh --programs [NN]...     compiles each short program of the lessons, or of the lessons NN
#
# With --programs each program is compiled in a folder that has nothing but the one-file headers that it includes, with
# g++ and with clang++ if they are installed. That takes minutes, so it is not a part of the test.
case ${1-} in
    "" | --programs) ;;
    --help | -h) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) sed -n 's/^#     //p' "$0" >&2; exit 2 ;;
esac
. "$(dirname "$0")/common.sh"

warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror"
single=$root/include/single/netnotes

"$CMAKE" -DOUTPUT="$work/fresh" -P "$root/include/single/generate.cmake"
diff -r -x .clang-format "$work/fresh" "$single" >"$work/difference" || {
    head -n 20 "$work/difference"
    fail "include/single is stale. Write it again: cmake --build build/default --target single"
}

if [ "${1-}" = --programs ]; then
    shift
    [ $# -gt 0 ] || set -- '[0-9][0-9]'
    count=0
    faults=0
    for lesson; do
        for program in "$root"/examples/$lesson[_]*/*.cpp; do
            case $program in */demo.cpp) continue ;; esac
            [ -e "$program" ] || fail "there is no lesson $lesson"
            name=${program#"$root/examples/"}
            rm -rf "$work/alone"
            mkdir -p "$work/alone/netnotes"
            for header in $(sed -n 's|^#include <netnotes/\(.*\)>.*|\1|p' "$program"); do
                cp "$single/$header" "$work/alone/netnotes"
            done
            cp "$program" "$work/alone/program.cpp"
            for compiler in g++ clang++; do
                command -v $compiler >/dev/null || continue
                echo "$compiler $name"
                # shellcheck disable=SC2086 # a list of words
                (cd "$work/alone" && $compiler -std=c++20 -fsyntax-only $warnings -I. program.cpp) || {
                    echo "FAILED: $compiler examples/$name"
                    faults=$((faults + 1))
                }
                count=$((count + 1))
            done
        done
    done
    echo "$count compilations, $faults failed"
    exit $((faults > 0))
fi

modules=$(cd "$single" && ls -- *.hpp | sed 's/\.hpp$//')

# in_parallel COMMAND: reads lines, and runs COMMAND with each line as $1, two at a time. The script ends if one fails.
in_parallel() {
    xargs -P 2 -I LINE sh -c "$1" sh LINE || fail "see above"
}
export warnings single root work

# Each alone, with the compiler of this build: a short program of some lesson begins with it, and the build has compiled
# that. With clang, where it is installed: here.
for module in $modules; do
    [ "$module" = netnotes ] && continue # it is the others
    first=
    for program in "$root"/examples/[0-9]*/*.cpp; do
        case $program in */demo.cpp) continue ;; esac
        grep -m1 '^#include' "$program" | grep -q "\<$module[.]hpp" && first=$program && break
    done
    [ -n "$first" ] || fail "no short program includes $module.hpp before anything else"
    case $CXX in *clang*) continue ;; esac
    if command -v clang++ >/dev/null; then echo "$module"; fi
done >"$work/alone.txt"
# shellcheck disable=SC2016 # expanded by the inner shell
in_parallel 'echo "clang++ $1" && echo "#include \"$1.hpp\"" |
    clang++ -std=c++20 $warnings -I "$single" -fsyntax-only -x c++ -' <"$work/alone.txt"

# All of them in one translation unit, in either order, and both units in one program: whatever two define twice the linker
# reports. Unoptimised, so that no function escapes by being inlined away. One of them is without run-time type
# information. The header <iomanip> comes first. Its std::quoted() is found by the arguments of a call. A call of our
# quoted() must therefore name the namespace.
for order in "sort" "sort -r"; do
    name=$(echo "$order" | tr -d ' -')
    {
        echo "#include <iomanip>"
        for module in $modules; do echo "#include \"$module.hpp\""; done | $order
        cat <<END
namespace net = netnotes;  // what is a template is compiled where it is used
static net::http::response hello(net::http::request&) { return {}; }
net::task<> ${name}_pages(net::tcp_listener at);
net::task<> ${name}_pages(net::tcp_listener at) { return net::http::serve(std::move(at), hello); }
net::task<> ${name}_lines(net::tcp_listener at);
net::task<> ${name}_lines(net::tcp_listener at) {
    return net::serve(std::move(at), [](net::async_stream) -> net::task<> { co_return; });
}
int use_$name();
int use_$name() { return NETNOTES_VERSION; }
END
    } >"$work/$name.cpp"
done
echo "int use_sort(); int use_sortr(); int main() { return use_sort() == use_sortr() ? 0 : 1; }" >"$work/main.cpp"
printf '%s\n' "sort" "sortr -fno-rtti" >"$work/units.txt"
# shellcheck disable=SC2016 # expanded by the inner shell
in_parallel 'set -- $1; $CXX $CXXFLAGS -std=c++20 $warnings ${2-} -O0 -I "$single" -c "$work/$1.cpp" -o "$work/$1.o"' \
    <"$work/units.txt"
compile "$work/main.cpp" "$work/sort.o" "$work/sortr.o" -pthread -o "$work/program"
"$work/program" || fail "two translation units: exit status $?"

# Every short program of the lessons compiles with them alone: the build does so, and here no program includes a
# chapter.
if grep -lE '#include *[<"]netnotes/[a-z_]+/' "$root"/examples/[0-9]*/*.cpp | grep -v /demo; then
    fail "a short program includes a chapter, which is not among the one-file headers"
fi

# Two releases in one program.
mkdir "$work/other"
sed 's/NETNOTES_VERSION != [0-9]*/NETNOTES_VERSION != 1/; s/^#define NETNOTES_VERSION [0-9]*/#define NETNOTES_VERSION 1/' \
    "$single/tcp.hpp" >"$work/other/tcp.hpp"
printf '#include "%s"\n#include "%s"\n' "$single/ip.hpp" "$work/other/tcp.hpp" >"$work/mixed.cpp"
if compile -fsyntax-only "$work/mixed.cpp" 2>"$work/errors"; then
    fail "headers of two versions compile together"
fi
grep -q "two versions meet" "$work/errors" || fail "headers of two versions: $(head -n 1 "$work/errors")"

# A module header that was copied without its chapters names the file to take.
mkdir "$work/alone"
cp "$root/include/netnotes/tcp.hpp" "$work/alone"
echo '#include "tcp.hpp"' >"$work/alone/use.cpp"
if compile -fsyntax-only "$work/alone/use.cpp" 2>"$work/errors"; then
    fail "tcp.hpp without its chapters compiles"
fi
grep -q "error.*include/single/netnotes/tcp.hpp" "$work/errors" || fail "tcp.hpp alone: $(head -n 1 "$work/errors")"

# A back end that no program asks for is not there.
cat >"$work/quiet.cpp" <<'END'
#include "coro.hpp"
netnotes::task<> nothing() { co_return; }
int main() {
    netnotes::event_loop loop;
    loop.run(nothing());
}
END
compile -O1 -I "$single" "$work/quiet.cpp" -pthread -o "$work/quiet"
"$work/quiet" || fail "exit status $?"
if nm -C "$work/quiet" | grep -i uring; then
    fail "a program that never asks for io_uring has code of it"
fi
