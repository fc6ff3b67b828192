# What the package tests share; sourced by each, first thing. May be set from outside: CMAKE,
# CMAKE_GENERATOR, CXX, CXXFLAGS, and WORK, a folder that is emptied first and left behind to look at.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
: "${CMAKE:=cmake}" "${CMAKE_GENERATOR:=Ninja}" "${CXX:=c++}" "${CXXFLAGS:=}"
export CMAKE_GENERATOR CXX CXXFLAGS
unset DESTDIR CMAKE_PREFIX_PATH PKG_CONFIG_PATH CPATH CPLUS_INCLUDE_PATH # only what the test sets may be found

if [ -n "${WORK-}" ]; then
    work=$WORK
    rm -rf "$work"
    mkdir -p "$work"
else
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
fi

fail() {
    echo "FAILED: $*"
    exit 1
}

# need TOOL...: skips the test, saying so, unless all are installed (77 is what ctest is told to expect).
need() {
    for tool; do
        command -v "$tool" >/dev/null || {
            echo "SKIPPED: $tool is not installed"
            exit 77
        }
    done
}

# compile ARGUMENT...: the compiler as a person would call it, as a rule without a build system around.
compile() {
    # CXXFLAGS is a list of words.
    # shellcheck disable=SC2086
    "$CXX" $CXXFLAGS -std=c++20 "$@"
}

# install_with_cmake PREFIX / install_with_meson PREFIX: netnotes installed there, every header of it.
install_with_cmake() {
    "$CMAKE" -S "$root" -B "$work/cmake" -DNETNOTES_BUILD_TESTS=OFF -DNETNOTES_BUILD_EXAMPLES=OFF
    "$CMAKE" --install "$work/cmake" --prefix "$1"
    same_headers "$1" CMakeLists.txt
}
install_with_meson() {
    meson setup "$work/meson" "$root" --prefix "$1" -Dtests=disabled -Dexamples=disabled
    meson install -C "$work/meson"
    same_headers "$1" meson.build
}
same_headers() {
    diff -r "$root/include/netnotes" "$1/include/netnotes" || fail "$2 does not install what is in include/netnotes"
    diff -r -x .clang-format "$root/include/single/netnotes" "$1/share/netnotes/single/netnotes" ||
        fail "$2 does not install what is in include/single"
    [ ! -e "$1/lib" ] || fail "headers need nothing in lib/, which differs between architectures"
}

# run_consumer PROGRAM: runs the built consumer/main.cpp; prints the version that it was compiled with.
run_consumer() {
    "$1" >"$work/output" || fail "$1: exit status $?"
    cat "$work/output"
}
