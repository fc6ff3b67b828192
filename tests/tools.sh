# Sourced by examples/tour.sh and tests/run.sh, the two commands that should work on a fresh Debian or Ubuntu.
# shellcheck shell=sh

# has PACKAGE: is what we want of this package here already, from wherever it came?
has() {
    case $1 in
        g++) command -v "${CXX:-c++}" ;;
        clang) command -v clang++ ;;
        ninja-build) command -v ninja ;;
        netcat-openbsd) command -v nc ;;
        netbase) [ -e /etc/services ] ;;
        catch2)
            for file in /usr/include /usr/local/include; do
                [ -e $file/catch2/catch_all.hpp ] || [ -e $file/catch2/catch.hpp ] || continue
                return 0
            done
            return 1
            ;;
        *) command -v "$1" ;;
    esac >/dev/null
}

# install_missing PACKAGE...: installs those that are missing. Leaves apt alone when none is.
install_missing() {
    missing=
    for package; do
        has "$package" || missing="$missing $package"
    done
    if [ -n "$missing" ]; then
        sudo=
        if [ "$(id -u)" -ne 0 ]; then
            sudo=sudo
        fi
        for tool in apt-get $sudo; do
            command -v "$tool" >/dev/null || {
                echo "Not installed:$missing. There is no $tool to install it with, so please do it your way."
                return 1
            }
        done >&2
        echo "Not installed:$missing. Installing with ${sudo:+$sudo }apt-get; this may take a minute."
        # shellcheck disable=SC2086 # a list of words
        $sudo apt-get update -qq </dev/null &&
            $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing \
                </dev/null >/dev/null || return 1
        echo
    fi

    # The presets have workflows, which are as old as this.
    version=$(cmake --version | sed -n '1s/[^0-9]*//p')
    if [ "$(printf '3.25\n%s\n' "$version" | sort -V | head -n 1)" != 3.25 ]; then
        echo "CMake 3.25 or newer is needed (Debian 12, Ubuntu 24.04), this is $version." >&2
        return 1
    fi
}
