#!/bin/sh
# The project built by Meson: all of its build files are read, and a sample is built and tested, unoptimised. CMake builds
# and tests the rest. The sample is what only Meson can break: an example with its three tests, a plain test, a test that
# runs on both back ends, and the tests with the linker's options that make system calls fail.
#
# The whole project by Meson, which takes some minutes:
#
#     meson setup build/meson && meson compile -C build/meson && meson test -C build/meson
. "$(dirname "$0")/common.sh"
need meson

meson setup "$work/build" "$root" -Dbuildtype=plain -Dwerror=true

# A test or an example that is missing from one of the two builds is named here.
meson test -C "$work/build" --list | sed 's/.* //' >"$work/names"
for file in "$root"/tests/*/*_test.cpp; do
    path=${file#"$root/tests/"}
    path=${path%_test.cpp}
    grep -q "netnotes_test($path[) ]" "$root/tests/CMakeLists.txt" || fail "$path is missing from tests/CMakeLists.txt"
    [ "$path" = ip/exhaustive ] || grep -qx "unit.$(echo "$path" | tr / .)" "$work/names" ||
        fail "$path is missing from tests/meson.build"
done
meson test -C "$work/build" --print-errorlogs example.01_first_socket example.01_first_socket.help \
    example.01_first_socket.usage unit.tcp.reader unit.coro.connect unit.coro.connect.io_uring
meson compile -C "$work/build" server_faults_test
"$work/build/tests/server_faults_test" "*caught by the seam*"
