#!/bin/sh
# platform.sh PLATFORM [TEST...]: compiles the headers for a platform, and compiles and runs its unit tests, or these only
# (ip, socket, ...). Build files go to build/platform/PLATFORM. PLATFORM is one of:
#     libcxx14  clang 14 with libc++ 14: each header alone, and the tests
#     musl      clang 19 with libc++ and musl's headers: each header alone, compiled only
#     i386      g++ -m32, size_t and time_t of 32 bits: all headers at once, and the tests
#     arm       g++ for arm-linux-gnueabihf, char without a sign: the same, under qemu-user
#     s390x     g++ for s390x, big endian: the same, under qemu-user
#     mingw     g++ for Windows: each header that needs no operating system, and their tests under wine
#
# Exit status: 0 if everything passed; 1 if something failed; 2 for wrong arguments; 77 if a compiler or an emulator is not
# installed. The script installs nothing and names the packages of Debian 12; libc++ 14 it unpacks into build/platform.
# JOBS is the number of compilers at a time; CXXFLAGS is added to the flags.
set -u

usage() {
    echo "usage: sh $0 [--help] libcxx14|musl|i386|arm|s390x|mingw [TEST...]" >&2
    exit 2
}
case ${1-} in
    --help | -h)
        sed -n '2,14s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    libcxx14 | musl | i386 | arm | s390x | mingw) platform=$1 ;;
    *) usage ;;
esac
shift
cd "$(dirname "$0")/.." || exit 1
top=$(pwd)
. tests/tools.sh
for test; do
    [ -f "tests/${test}_test.cpp" ] || {
        echo "$0: there is no file tests/${test}_test.cpp" >&2
        exit 2
    }
done

# need COMMAND_OR_FILE PACKAGES: says what is missing, and leaves.
need() {
    if ! command -v "$1" >/dev/null && [ ! -e "$1" ]; then
        echo "SKIPPED: $platform needs $1 (Debian 12: $2)"
        exit 77
    fi
}

build=$top/build/platform/$platform
mkdir -p "$build" || exit 1
headers=$(cd include/netnotes && ls -- *.hpp */*.hpp */*/*.hpp)
free_headers="ip/text.hpp ip.hpp coro/generator.hpp socket/owner.hpp coro/task.hpp coro/timer_wheel.hpp tftp/packet.hpp tftp/netascii.hpp tftp/uri.hpp tftp/source.hpp tftp/settings.hpp tftp/transfer.hpp tftp/content.hpp"
free_tests="ip/notes ip/text ip/address ip/arithmetic ip/network ip/interface ip/special ip/endpoint coro/generator coro/task coro/timer_wheel tftp/packet tftp/netascii tftp/uri tftp/transfer tftp/table"
socket_tests="socket/stop socket/handle socket/address socket/interfaces socket/buffer socket/time socket/message socket/options socket/socket udp/socket udp/batch udp/multicast udp/connect tcp/stream tcp/reader socket/iostream server/blocking poll/interest poll/registration poll/poll server/reactor tftp/file"
coroutine_tests="coro/join coro/sleep coro/loop coro/descriptor coro/group coro/sync coro/signal coro/stream coro/listener coro/datagram coro/buffered coro/every_core tftp/client"
warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror"
flags=
libraries=-pthread
runner=
tests="$free_tests $socket_tests"
case $platform in
    libcxx14)
        compiler=clang++-14
        need $compiler clang-14
        # Debian has one libc++-dev installed at a time, so this one is only unpacked where another is.
        packages="libc++-14-dev libc++1-14 libc++abi-14-dev libc++abi1-14 libunwind-14"
        places=/usr
        if [ ! -d /usr/lib/llvm-14/include/c++/v1 ]; then
            places=
            for package in $packages; do places="$places $top/build/platform/$package/usr"; done
            # shellcheck disable=SC2086 # a list of words
            unpack_packages "$top/build/platform" $packages
        fi
        for place in $places; do
            for folder in "$place/lib/llvm-14/lib" "$place/lib/x86_64-linux-gnu"; do
                libraries="$libraries -L$folder -Wl,-rpath,$folder"
            done
        done
        place=${places# }
        place=${place%% *}/lib/llvm-14/include/c++/v1
        need "$place" "$packages"
        flags="-stdlib=libc++ -nostdinc++ -isystem $place -Wno-unused-command-line-argument"
        tests="$tests $coroutine_tests"
        ;;
    musl)
        compiler=clang++-19
        need $compiler clang-19
        need /usr/lib/llvm-19/include/c++/v1 libc++-19-dev
        need /usr/include/x86_64-linux-musl musl-dev
        # The kernel's headers are the host's, without the headers of glibc beside them.
        mkdir -p "$build/kernel"
        for folder in linux asm-generic; do ln -sfn /usr/include/$folder "$build/kernel/$folder"; done
        ln -sfn "/usr/include/$(uname -m)-linux-gnu/asm" "$build/kernel/asm"
        # The macro CMSG_NXTHDR of musl compares numbers of different signs.
        flags="--target=x86_64-linux-musl -nostdinc++ -nostdlibinc -D_LIBCPP_HAS_MUSL_LIBC -Wno-sign-compare
            -isystem /usr/lib/llvm-19/include/c++/v1 -isystem /usr/include/x86_64-linux-musl -isystem $build/kernel"
        tests=
        ;;
    i386)
        compiler=g++
        need $compiler g++
        headers=netnotes.hpp
        # gcc-multilib only adds the link /usr/include/asm, and cannot lie beside a compiler for another machine.
        flags="-m32 -D_FILE_OFFSET_BITS=64 -idirafter /usr/include/x86_64-linux-gnu"
        echo '#include <vector>' | $compiler -m32 -idirafter /usr/include/x86_64-linux-gnu -xc++ -std=c++20 -c -o "$build/try.o" - \
            2>/dev/null || need g++-m32 "g++-12-multilib"
        tests="$tests $coroutine_tests"
        ;;
    arm | s390x)
        headers=netnotes.hpp
        machine=s390x-linux-gnu
        [ $platform = s390x ] || machine=arm-linux-gnueabihf
        compiler=$machine-g++
        need "$compiler" "g++-$machine"
        runner=$(command -v qemu-$platform || command -v qemu-$platform-static)
        need "${runner:-qemu-$platform}" qemu-user
        runner="$runner -L /usr/$machine"
        [ $platform = s390x ] || flags="-D_FILE_OFFSET_BITS=64 -Wno-psabi"
        # /proc shows qemu's system calls for the program, with the numbers of this machine. See support.hpp.
        NETNOTES_SYSTEM_CALLS=$(uname -m)
        export NETNOTES_SYSTEM_CALLS
        ;;
    mingw)
        compiler=x86_64-w64-mingw32-g++-posix
        need $compiler g++-mingw-w64-x86-64-posix
        need wine wine
        headers=$free_headers
        tests=$free_tests
        flags=-static
        libraries=-lws2_32
        runner=wine
        WINEPREFIX=$build/wine WINEDEBUG=-all WINEDLLOVERRIDES="mscoree,mshtml="
        export WINEPREFIX WINEDEBUG WINEDLLOVERRIDES
        ;;
esac
[ $# -eq 0 ] || [ -z "$tests" ] || tests=$*
if [ -n "$tests" ]; then
    need /usr/include/catch2/catch.hpp "catch2, version 2: it needs no library"
    mkdir -p "$build/catch" && ln -sfn /usr/include/catch2 "$build/catch/catch2"
fi
flags="-std=c++20 -O1 $warnings -I$top/include $flags ${CXXFLAGS-}"

# compile LANGUAGE_FLAGS...: with a cache, if there is one.
cache=$(command -v ccache)
compile() {
    # shellcheck disable=SC2086 # lists of words
    nice $cache $compiler $flags "$@"
}

failed=
# In the background, JOBS at a time: each leaves NAME.log, and NAME.failed if it failed.
jobs=${JOBS:-$(nproc)}
running=0
one_more() {
    running=$((running + 1))
    if [ $running -ge "$jobs" ]; then
        wait
        running=0
    fi
}
find "$build" -name '*.failed' -exec rm {} +
for header in $headers; do
    mkdir -p "$build/$(dirname "$header")"
    printf '#include <netnotes/%s>\n#include <netnotes/%s>\n' "$header" "$header" >"$build/$header.cpp"
    { compile -fsyntax-only "$build/$header.cpp" >"$build/$header.log" 2>&1 || touch "$build/$header.failed"; } &
    one_more
done
wait
running=0
if [ -n "$tests" ]; then
    printf '#define CATCH_CONFIG_MAIN\n#include <catch2/catch.hpp>\n' >"$build/main.cpp"
    { compile -w -isystem "$build/catch" -c "$build/main.cpp" -o "$build/main.o" >"$build/main.log" 2>&1 ||
        touch "$build/main.failed"; } &
    one_more
    for test in $tests; do
        mkdir -p "$build/$(dirname "$test")"
        rm -f "$build/$test.o" "$build/$test.exe"
        # The headers are free of warnings in what the tests make of them, too. A test may put a token of 64 bits into a
        # size_t of 32.
        {
            compile -Wno-error=conversion -isystem "$build/catch" -c "tests/${test}_test.cpp" -o "$build/$test.o" \
                >"$build/$test.log" 2>&1 && ! grep -q 'include/netnotes/.*warning' "$build/$test.log" ||
                touch "$build/$test.failed"
        } &
        one_more
    done
    wait
fi
for log in $(find "$build" -name '*.failed' | sort); do
    name=${log#"$build/"}
    name=${name%.failed}
    echo "FAILED to compile: $name"
    grep -E 'error|warning|undefined' "$build/$name.log" | head -n 5
    failed="$failed $name"
done
# shellcheck disable=SC2086 # a list of words
set -- $headers
[ -n "$failed" ] || echo "$platform: compiled without a warning: $*"

if [ $platform = mingw ] && [ ! -e "$build/main.failed" ]; then
    wineserver -p >/dev/null 2>&1 # it stays, or each program would start it anew
    trap 'wineserver -k' EXIT
    wine wineboot -i >/dev/null 2>&1
fi
for test in $tests; do
    [ ! -e "$build/main.failed" ] && [ ! -e "$build/$test.failed" ] || continue
    # shellcheck disable=SC2086 # lists of words
    if ! compile "$build/main.o" "$build/$test.o" -o "$build/$test.exe" $libraries >"$build/$test.log" 2>&1; then
        echo "FAILED to link: $test"
        grep -E 'error|undefined' "$build/$test.log" | head -n 5
        failed="$failed $test"
    # shellcheck disable=SC2086 # a list of words
    elif timeout 900 $runner "$build/$test.exe" '~[.]' -w NoTests >"$build/$test.log" 2>&1 &&
        grep -q '^All tests passed' "$build/$test.log"; then # wine's exit status of a program that crashes is 0, too
        echo "passed: $test ($(sed -n 's/^All tests passed (\([^)]*\)).*/\1/p' "$build/$test.log"))"
        grep 'SKIPPED' "$build/$test.log"
    else
        echo "FAILED: $test, see $build/$test.log"
        tail -n 20 "$build/$test.log"
        failed="$failed $test"
    fi
done
if [ -n "$failed" ]; then
    echo "platform.sh $platform: failed:$failed"
    exit 1
fi
echo "platform.sh $platform: all passed"
