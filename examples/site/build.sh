#!/bin/sh
# build.sh [--check]: writes the site of netnotes to build/site, in English and Chinese. --check also checks every link,
# the translations, the questions of learners and, with Chromium, how pages look. On Debian and Ubuntu, what is not
# installed yet is installed with apt first.
set -eu

case "$# ${1-}" in
    "0 " | "1 --check") ;;
    "1 --help" | "1 -h")
        sed -n '2,4s/^# //p' "$0"
        exit 0
        ;;
    *)
        echo "usage: sh $0 [--help | --check]" >&2
        exit 2
        ;;
esac
cd "$(dirname "$0")/../.."

missing=
for tool in doxygen:doxygen dot:graphviz python3:python3; do
    command -v "${tool%%:*}" >/dev/null || missing="$missing ${tool##*:}"
done
[ -e /usr/share/doxygen-awesome-css/doxygen-awesome.css ] || missing="$missing doxygen-awesome-css"
if [ -n "$missing" ]; then
    sudo=
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    for tool in apt-get $sudo; do
        command -v "$tool" >/dev/null || {
            echo "Not installed:$missing. There is no $tool to install it with, so please do it your way." >&2
            exit 1
        }
    done
    echo "Not installed:$missing. Installing with ${sudo:+$sudo }apt-get; this may take a minute."
    # shellcheck disable=SC2086 # a list of words
    $sudo apt-get update -qq </dev/null &&
        $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing </dev/null >/dev/null
fi

python3 examples/site/build.py "$@"
if [ "${1-}" = --check ]; then
    python3 examples/site/pictures.py --check
    python3 examples/site/look.py
fi
