#!/bin/sh
# Tests the one-file headers as people copy them. No file is stale. Each compiles alone in an empty folder, and all meet
# in one program. The short programs of the lessons need no other file. Two files of different versions refuse each
# other. A program that does not ask for io_uring has none of its code.
. "$(dirname "$0")/common.sh"

warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror"
single=$root/include/single/netnotes

"$CMAKE" -DOUTPUT="$work/fresh" -P "$root/include/single/generate.cmake"
diff -r -x .clang-format "$work/fresh" "$single" >"$work/difference" || {
    head -n 20 "$work/difference"
    fail "include/single is stale. Write it again: cmake --build build/default --target single"
}
modules=$(cd "$single" && ls -- *.hpp | sed 's/\.hpp$//')

# in_parallel COMMAND: reads lines, and runs COMMAND with each line as $1, two at a time. The script ends if one fails.
in_parallel() {
    xargs -P 2 -I LINE sh -c "$1" sh LINE || fail "see above"
}
export warnings single root work

# Each alone: one object file a module, in a folder with that one header. With clang too, where it is installed.
for module in $modules; do
    mkdir "$work/$module"
    cp "$single/$module.hpp" "$work/$module"
    printf '#include "%s.hpp"\nint use_%s();\nint use_%s() { return NETNOTES_VERSION; }\n' "$module" "$module" "$module" \
        >"$work/$module/use.cpp"
    printf '%s\n' "$CXX $CXXFLAGS $module"
    case $CXX in *clang*) continue ;; esac
    command -v clang++ >/dev/null && printf '%s\n' "clang++ -fsyntax-only $module"
done >"$work/alone.txt"
# shellcheck disable=SC2016 # expanded by the inner shell
in_parallel 'cd "$work/${1##* }" && echo "$1" && ${1% *} -std=c++20 $warnings -O0 -c use.cpp' <"$work/alone.txt"

# Each in a translation unit of its own, all in one program: whatever two of them define twice the linker reports. One
# of them is netnotes.hpp, so everything is there twice. Unoptimised, so that no function escapes by being inlined away.
{
    for module in $modules; do echo "int use_$module();"; done
    echo "int main() {"
    for module in $modules; do echo "    if (use_$module() != use_ip()) return 1;"; done
    echo "}"
} >"$work/main.cpp"
compile "$work/main.cpp" "$work"/*/use.o -pthread -o "$work/program"
"$work/program" || fail "two translation units: exit status $?"

# Every short program of the lessons compiles with them alone: the build does so, and here no program includes a
# chapter.
if grep -lE '#include *[<"]netnotes/[a-z_]+/' "$root"/examples/[0-9]*/*.cpp | grep -v /demo; then
    fail "a short program includes a chapter, which is not among the one-file headers"
fi

# All of them in one translation unit, in either order, and without run-time type information. The header <iomanip>
# comes first. Its std::quoted() is found by the arguments of a call. A call of our quoted() must therefore name the
# namespace.
for order in "sort" "sort -r"; do
    echo "#include <iomanip>" >"$work/all.cpp"
    for module in $modules; do echo "#include \"$module.hpp\""; done | $order >>"$work/all.cpp"
    cat >>"$work/all.cpp" <<'EOT'
namespace net = netnotes;  // what is a template is compiled where it is used
net::http::response hello(net::http::request&);
net::task<> serve_pages(net::tcp_listener at) { return net::http::serve(std::move(at), hello); }
net::task<> serve_lines(net::tcp_listener at) { return net::serve(std::move(at), [](net::async_stream) -> net::task<> { co_return; }); }
EOT
    # shellcheck disable=SC2086 # a list of words
    compile $warnings -fno-rtti -fsyntax-only -I "$single" "$work/all.cpp"
done

# Two releases in one program.
mkdir "$work/other"
sed 's/NETNOTES_VERSION != 100/NETNOTES_VERSION != 200/; s/^#define NETNOTES_VERSION 100/#define NETNOTES_VERSION 200/' \
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
