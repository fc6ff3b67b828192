#!/bin/sh
# Instructions of a server, in user code, for one echoed request of 64 bytes on one connection. Callgrind counts the
# instructions of a short run and of a long run; the difference belongs to the requests, and starting and stopping
# cancel out. The figure is the same on a busy machine and on an idle one.
#
#     instructions.sh [-m MOST] ECHO_LOAD SERVER [ARGUMENT...]
#     instructions.sh ./echo_load ./echo_server coroutine
#
# Prints one number. Exit status: 0; 1 when it is above MOST, or something failed; 2 for wrong arguments; 77 where
# valgrind is not installed. LOAD_OPTIONS are handed to ECHO_LOAD: "--depth 16 --connections 64", say.

set -u
case ${1-} in
    --help | -h) sed -n 's/^#     //p' "$0"; exit 0 ;;
    -[!m]* | -m?*) sed -n 's/^#     //p' "$0" >&2; exit 2 ;;
esac
most=
if [ "${1:-}" = -m ]; then
    most=${2:-}
    case $most in '' | *[!0-9]*) echo "instructions.sh: -m takes a number" >&2; exit 2 ;; esac
    shift 2
fi
if [ $# -lt 2 ]; then
    sed -n 's/^#     //p' "$0" >&2
    exit 2
fi
load=$1
shift
command -v valgrind > /dev/null || { echo "SKIPPED: valgrind is not installed"; exit 77; }

scratch=$(mktemp -d) || exit 1
server=
trap 'test -z "$server" || kill "$server" 2> /dev/null; rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM

# count REQUESTS SERVER [ARGUMENT...]: the instructions of a whole run
count() {
    requests=$1
    shift
    : > "$scratch/output"
    valgrind --tool=callgrind --callgrind-out-file="$scratch/profile" --log-file="$scratch/log" "$@" --port 0 \
        > "$scratch/output" &
    server=$!
    tries=0
    until grep -q '^listening on ' "$scratch/output"; do
        tries=$((tries + 1))
        if [ $tries -gt 300 ] || ! kill -0 "$server" 2> /dev/null; then
            echo "instructions.sh: the server does not start" >&2
            cat "$scratch/log" >&2
            exit 1
        fi
        sleep 0.1
    done
    port=$(sed -n 's/^listening on .*[^0-9]//; s/^listening on //; 1p' "$scratch/output")
    # shellcheck disable=SC2086 # several words
    "$load" --connect "$port" --requests "$requests" ${LOAD_OPTIONS:---connections 1} > "$scratch/load" || exit 1
    kill -TERM "$server"
    wait "$server"
    server=
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$scratch/log"
}

count 1000 "$@" > "$scratch/short" || exit 1
count 11000 "$@" > "$scratch/long" || exit 1
short=$(cat "$scratch/short")
long=$(cat "$scratch/long")
if [ -z "$short" ] || [ -z "$long" ]; then
    echo "instructions.sh: callgrind has counted nothing" >&2
    exit 1
fi
each=$(((long - short + 5000) / 10000))
echo "$each"
if [ -n "$most" ] && [ "$each" -gt "$most" ]; then
    echo "instructions.sh: more than $most" >&2
    exit 1
fi
