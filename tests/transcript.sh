#!/bin/sh
# transcript.sh PROGRAM TRANSCRIPT             the program must print what the transcript says
# transcript.sh --update PROGRAM TRANSCRIPT    the transcript is written anew
#
# Runs an example without arguments and compares its output with the stored transcript, which the course shows. It must
# exit with status 0 within 300 s and leave standard error empty.
set -u

# What differs from run to run is replaced by a word, in the output and so in the stored transcript.
# One rule, one line (sed -E; the first that fits a place wins, as the word it leaves fits no other rule).
masks='
# the port after an address of this machine; four digits or more, so that a chosen 127.0.0.1:80 stays
s/(127\.[0-9]+\.[0-9]+\.[0-9]+|0\.0\.0\.0|\[::1?\]|\[::ffff:127\.[0-9]+\.[0-9]+\.[0-9]+\]):[1-9][0-9]{3,4}/\1:PORT/g
# "port 43211", but not "port 6666": the kernel gives ports far above 10000
s/\<port [1-9][0-9]{4}\>/port PORT/g
# the ports that this system gives out, a setting of the kernel
s/\<range [0-9]+ to [0-9]+/range FIRST to LAST/g
s/\<descriptor [0-9]+/descriptor N/g
s/\<pid [0-9]+/pid N/g
# a setting of this machine, for comparison
s/\<here: [0-9]+/here: N/g
# where a demonstration may have had a network of its own, and where not
s/^played in: .*/played in: PLACE/
# the table of 27: figures with their unit behind them, in columns
s= +[0-9]+(\.[0-9]+)?(/s|us|x|B|%)\>= N\2=g
s= +[0-9]+(\.[0-9]+)?%= N%=g
# ... and its row that not every kernel allows
s/^\.\.\. on io_uring .*/... on io_uring  FIGURES/
s#/tmp/[^][:space:]"'\''`,;:)}>]+#/tmp/PATH#g
'

case ${1-} in
    --help | -h) sed -n '2,3s/^# //p' "$0"; exit 0 ;;
esac
update=
if [ "${1-}" = --update ]; then
    update=yes
    shift
fi
if [ $# -ne 2 ]; then
    sed -n '2,3s/^# //p' "$0" >&2
    exit 2
fi
program=$1
transcript=$2

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

timeout 300 "$program" </dev/null >"$scratch/raw" 2>"$scratch/err"
status=$?
sed -E "$masks" "$scratch/raw" >"$scratch/out" || exit 1

if [ $status -ne 0 ] || [ -s "$scratch/err" ]; then
    if [ $status -eq 124 ]; then
        echo "$program: still ran after 300 s, stopped"
    else
        echo "$program: exit status $status, should be 0 with nothing on standard error"
    fi
    echo "--- standard output"
    cat "$scratch/out"
    echo "--- standard error"
    cat "$scratch/err"
    exit 1
fi

if [ -n "$update" ]; then
    cp "$scratch/out" "$transcript"
elif ! diff -u --label "$transcript" --label "what it prints now" "$transcript" "$scratch/out"; then
    echo "If the new text is right: sh $0 --update $program $transcript"
    exit 1
fi
