#!/bin/sh
# netnotes.pc, as installed by CMake and as installed by Meson, with no build system on the consumer's side.
. "$(dirname "$0")/common.sh"
need pkg-config

# try PREFIX
try() {
    PKG_CONFIG_PATH=$1/share/pkgconfig
    export PKG_CONFIG_PATH
    version=$(pkg-config --modversion netnotes)

    # What pkg-config prints is a list of words.
    # shellcheck disable=SC2046
    compile -Werror $(pkg-config --cflags --libs netnotes) "$here/consumer/main.cpp" "$here/consumer/careless.cpp" \
        -o "$1/consumer"
    [ "$(run_consumer "$1/consumer")" = "netnotes $version" ] ||
        fail "$PKG_CONFIG_PATH/netnotes.pc says $version, the headers say: $(cat "$work/output")"
}

install_with_cmake "$work/first"
mv "$work/first" "$work/with_cmake" # the .pc that CMake installs may be moved
try "$work/with_cmake"

need meson
install_with_meson "$work/with_meson"
try "$work/with_meson"
