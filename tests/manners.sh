#!/bin/sh
# manners.sh help PROGRAM     --help: the usage on standard output, nothing on standard error, status 0
# manners.sh usage PROGRAM    an unknown option: the usage on standard error, nothing on standard output, status 2
#
# What every example owes a person who types the wrong thing, or asks.
set -u

case ${1-}-$# in
    help-2) option=--help expected=0 ;;
    usage-2) option=--no-such-option expected=2 ;;
    --help-1 | -h-1) sed -n '2,3s/^# //p' "$0"; exit 0 ;;
    *)
        sed -n '2,3s/^# //p' "$0" >&2
        exit 2
        ;;
esac
program=$2

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
timeout 300 "$program" "$option" </dev/null >"$scratch/out" 2>"$scratch/err"
status=$?

if [ "$1" = help ]; then
    usage=$scratch/out silent=$scratch/err
else
    usage=$scratch/err silent=$scratch/out
fi
{
    [ $status -eq $expected ] || echo "exit status is $status, should be $expected (124: still ran after 300 s)"
    [ ! -s "$silent" ] || echo "something on the wrong stream"
    grep -qi '^usage' "$usage" || echo "no line starts with 'usage' on the right stream"
} >"$scratch/problems"

if [ -s "$scratch/problems" ]; then
    echo "$program $option"
    cat "$scratch/problems"
    echo "--- standard output"
    cat "$scratch/out"
    echo "--- standard error"
    cat "$scratch/err"
    exit 1
fi
