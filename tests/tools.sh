# Sourced by examples/tour.sh and tests/run.sh, the two commands that should work on a fresh Debian or Ubuntu.
# shellcheck shell=sh

# has PACKAGE: is what we want of this package here already, from wherever it came?
has() {
    case $1 in
        g++) command -v "${CXX:-c++}" ;;
        clang) command -v clang++ ;;
        ninja-build) command -v ninja ;;
        netcat-openbsd) command -v nc ;;
        dnsmasq-base) [ -x /usr/sbin/dnsmasq ] || command -v dnsmasq ;; # a user's PATH has no sbin
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

# install_missing PACKAGE...: installs the missing packages. It does not call apt if no package is missing.
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

# unpack_packages FOLDER PACKAGE...: fetches the packages that FOLDER does not have yet. It unpacks each into
# FOLDER/PACKAGE, because they use the same names and cannot be installed together. Only libraries that they lack are
# installed. Where there is no apt or no net it says so and goes on: the tests that need them are skipped.
unpack_packages() {
    folder=$1
    shift
    missing=
    for package; do
        [ -d "$folder/$package" ] || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    for tool in apt-get dpkg-deb ldd; do
        command -v "$tool" >/dev/null || {
            echo "Not there:$missing. There is no $tool to fetch them with, so tests against them are skipped."
            return 0
        }
    done
    echo "Unpacking into $folder:$missing"
    sudo=
    if [ "$(id -u)" -ne 0 ]; then
        sudo="sudo -n" # nobody is asked for a password for peers of a test
    fi
    part=$folder/part.$$
    has_updated=
    patience="-o Acquire::Retries=0 -o Acquire::http::Timeout=10"
    for package in $missing; do
        mkdir -p "$part"
        # shellcheck disable=SC2086 # several words
        until (cd "$part" && apt-get download -qq $patience "$package" </dev/null) >"$part/log" 2>&1; do
            # A fresh machine has no lists of packages, an old one such as name versions that are gone.
            if [ -z "$has_updated" ]; then
                has_updated=yes
                # shellcheck disable=SC2086 # several words
                $sudo apt-get update -qq $patience </dev/null >/dev/null 2>&1 && continue
            fi
            echo "$package cannot be fetched, so tests against it are skipped: $(tail -n 1 "$part/log")"
            rm -rf "$part"
            continue 2
        done
        mkdir "$part/tree"
        dpkg-deb -x "$part"/*.deb "$part/tree" || return 1
        for file in "$part"/tree/usr/bin/* "$part"/tree/usr/sbin/*; do
            case $(ldd "$file" 2>/dev/null) in
                *"not found"*)
                    libraries=$(dpkg-deb -f "$part"/*.deb Depends | tr ',' '\n' | sed -n 's/^ *\(lib[^ (|]*\).*/\1/p')
                    # shellcheck disable=SC2086 # lists of words
                    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $libraries \
                        </dev/null >/dev/null || echo "$package lacks a library: $libraries"
                    ;;
            esac
        done
        mv "$part/tree" "$folder/$package" # whole, or not there
        rm -rf "$part"
    done
}
