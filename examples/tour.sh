#!/bin/sh
# tour.sh: builds the numbered examples and shows what each of them prints, in the order of the course.
# At the end, real clients talk to the server of lesson 21. On Debian and Ubuntu, the compiler, CMake and Ninja are
# installed with apt first, if they are missing. Everything built goes to build/tour.
set -eu

case "$# ${1-}" in
    "0 ") ;;
    "1 --help" | "1 -h")
        sed -n '2,4s/^# //p' "$0"
        exit 0
        ;;
    *)
        echo "usage: sh $0 [--help]" >&2
        exit 2
        ;;
esac

cd "$(dirname "$0")/.."
. tests/tools.sh
install_missing g++ cmake ninja-build

# Whatever ends this script also ends what it has started and removes what it has written.
scratch=$(mktemp -d)
child=
leave() {
    status=$?
    trap - EXIT
    [ -z "$child" ] || kill "$child" 2>/dev/null || :
    rm -rf "$scratch"
    exit $status
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

stop() {
    echo "$*" >&2
    exit 1
}

# heading TITLE [LINE]
heading() {
    echo
    echo "=============================================================================="
    printf ' %s\n' "$@"
    echo "=============================================================================="
    echo
}

# --- build: one line that counts ninja's steps, or all that the compiler said if it fails ---

# CMake starts Ninja, and Ninja starts compilers. timeout passes our SIGTERM on to all of them; 0 is no limit.
timeout 0 cmake --workflow --preset tour </dev/null >"$scratch/log" 2>&1 &
child=$!
printf 'Building the examples'
while kill -0 $child 2>/dev/null; do
    # Redrawing one line is for a terminal; elsewhere (a log) the start and the end are enough.
    if [ -t 1 ]; then
        printf '\rBuilding the examples %s' "$(sed -n 's/^\(\[[0-9]*\/[0-9]*\]\).*/\1/p' "$scratch/log" | tail -n 1)"
    fi
    sleep 0.2
done
if wait $child; then
    echo ": done"
    child=
else
    status=$?
    child=
    echo ": failed"
    cat "$scratch/log"
    exit $status
fi
bin=build/tour/examples

# --- the demonstrations ---

set -- examples/[0-9][0-9]_*/demo.cpp
total=$#
number=0
for source; do
    number=$((number + 1))
    name=$(basename "${source%/demo.cpp}")
    about=$(sed -n '1s/^\/\/ *[^ :]*: *//p' "$source")
    heading "$number/$total  $name${about:+: $about}" "      the program: $source"
    status=0
    timeout 60 "$bin/$name/demo" </dev/null || status=$?
    if [ $status -ne 0 ]; then
        echo "$bin/$name failed: exit status $status (124: still ran after 60 s)" >&2
        exit $status
    fi
done

# --- the finale ---

heading "The server of lesson 21 once more, and real clients talk to it"

echo "\$ ./21_epoll_server/demo serve --bind 127.0.0.1 --port 0 --quiet &"
# timeout, so that nothing is left running if all else fails; it passes our SIGTERM on.
timeout -k 5 60 "$bin/21_epoll_server/demo" serve --bind 127.0.0.1 --port 0 --quiet </dev/null >"$scratch/server" &
child=$!
tries=0
until grep -q '^listening on' "$scratch/server"; do
    tries=$((tries + 1))
    if [ $tries -gt 100 ] || ! kill -0 $child 2>/dev/null; then
        stop "the server did not start"
    fi
    sleep 0.1
done
line=$(head -n 1 "$scratch/server")
port=${line##*:}
echo "$line"

# ask COMMAND: sends a line through the command (as one would type it) and shows the answer
ask() {
    echo
    echo "\$ $1"
    answer=$(cd "$bin" && timeout 10 sh -c "$1") || stop "the client failed: exit status $?"
    [ -n "$answer" ] || stop "the server did not answer"
    echo "$answer"
}

ask "echo 'hello from a netnotes client' | ./21_epoll_server/demo connect 127.0.0.1 $port"

if command -v nc >/dev/null; then
    # Several programs are called nc, and each wants to be told in its own way to hang up after its input.
    case $(nc -h 2>&1) in
        *OpenBSD*) nc="nc -N" ;;
        *"-q "*) nc="nc -q 1" ;;
        *) nc="nc" ;;
    esac
    ask "echo 'hello from netcat' | $nc 127.0.0.1 $port"
else
    echo
    echo "(nc is not installed: left out)"
fi

if command -v python3 >/dev/null; then
    ask "python3 -c '
import socket
with socket.create_connection((\"127.0.0.1\", $port)) as s, s.makefile(\"rw\") as file:
    print(\"hello from Python\", file=file, flush=True)
    print(file.readline(), end=\"\")'"
else
    echo
    echo "(python3 is not installed: left out)"
fi

echo
echo "\$ kill -TERM %1"
kill -TERM $child
status=0
wait $child || status=$?
child=
[ $status -eq 0 ] || stop "the server did not stop cleanly: exit status $status"
echo "The server has stopped, with status 0."

heading "That was the tour. Next: read examples/01_first_socket/demo.cpp, change it, and run it again"
