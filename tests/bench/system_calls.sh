#!/bin/sh
# System calls of a server for one request: strace counts the calls of a short run and of a long run. The difference
# belongs to the requests. On 64 connections, unless LOAD_OPTIONS say something else: "--short", say, for connections.
#
#     system_calls.sh ECHO_LOAD SERVER [ARGUMENT...]
#     system_calls.sh ./echo_load ./echo_server coroutine
#
# Prints the sum, and each call with its part. Exit status: 0; 1 when something failed; 2 for wrong arguments; 77 where
# strace is not installed.

set -u
case ${1-} in
    --help | -h) sed -n 's/^#     //p' "$0"; exit 0 ;;
    -*) sed -n 's/^#     //p' "$0" >&2; exit 2 ;;
esac
if [ $# -lt 2 ]; then
    sed -n 's/^#     //p' "$0" >&2
    exit 2
fi
load=$1
shift
command -v strace > /dev/null || { echo "SKIPPED: strace is not installed"; exit 77; }

scratch=$(mktemp -d) || exit 1
tracer=
trap 'test -z "$tracer" || kill -KILL "$tracer" 2> /dev/null; rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM

# count REQUESTS FILE SERVER [ARGUMENT...]: the calls of a whole run, NAME COUNT a line
count() {
    requests=$1
    file=$2
    shift 2
    : > "$scratch/output"
    strace -f -c -U name,calls -o "$scratch/table" "$@" --port 0 > "$scratch/output" &
    tracer=$!
    tries=0
    until grep -q '^listening on ' "$scratch/output"; do
        tries=$((tries + 1))
        if [ $tries -gt 100 ] || ! kill -0 "$tracer" 2> /dev/null; then
            echo "system_calls.sh: the server does not start" >&2
            exit 1
        fi
        sleep 0.1
    done
    port=$(sed -n 's/^listening on .*[^0-9]//; s/^listening on //; 1p' "$scratch/output")
    # shellcheck disable=SC2086 # several words
    "$load" --connect "$port" --requests "$requests" ${LOAD_OPTIONS:-} > "$scratch/load" || exit 1
    for server in $(cat "/proc/$tracer/task/$tracer/children"); do kill -TERM "$server"; done
    wait "$tracer"
    tracer=
    awk '$2 ~ /^[0-9]+$/ && $1 != "total" { print $1, $2 }' "$scratch/table" > "$file"
}

count 2000 "$scratch/short" "$@"
count 12000 "$scratch/long" "$@"
awk 'NR == FNR { short[$1] = $2; next }
     { each = ($2 - short[$1]) / 10000; sum += each; if (each >= 0.005) parts = parts sprintf("  %s %.2f", $1, each) }
     END { printf "%.2f %s\n", sum, parts }' "$scratch/short" "$scratch/long"
