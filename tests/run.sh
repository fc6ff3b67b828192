#!/bin/sh
# run.sh [PRESET]: builds netnotes' examples and tests in build/PRESET and runs the tests.
# PRESET is one of CMakePresets.json: default, clang, asan, tsan. On Debian and Ubuntu, what is not
# installed yet is installed with apt first.
set -eu

case "$# ${1-}" in
    "1 --help" | "1 -h")
        sed -n '2,4s/^# //p' "$0"
        exit 0
        ;;
    "0 " | "1 "[!-]*) ;;
    *)
        echo "usage: sh $0 [--help] [PRESET]" >&2
        exit 2
        ;;
esac

preset=${1:-default}
case $preset in
    default | clang | asan | tsan) ;;
    *)
        echo "$0: PRESET is one of: default, clang, asan, tsan" >&2
        exit 2
        ;;
esac
cd "$(dirname "$0")/.."
. tests/tools.sh

# meson, pkg-config, python3, nc, socat, curl and dnsmasq are peers and consumers of the tests, netbase has
# /etc/services, valgrind counts instructions, and tshark reads packets; without them tests are skipped.
compiler=g++
if [ "$preset" = clang ]; then
    compiler=clang
fi
install_missing $compiler cmake ninja-build catch2 meson pkg-config python3 netcat-openbsd socat netbase \
    curl dnsmasq-base valgrind tshark
unpack_packages build/peers tftp-hpa tftpd-hpa atftp atftpd redis-tools

case $preset in
    default | clang) echo "Building and testing: about 20 minutes on two processors." ;;
    *) echo "Building and testing with a sanitizer: about 45 minutes on two processors." ;;
esac
exec cmake --workflow --preset "$preset"
