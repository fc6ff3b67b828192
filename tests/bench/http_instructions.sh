#!/bin/sh
# Counts how many instructions parse_head() needs for a head of 703 bytes, and how many http-parser needs. Callgrind counts a
# short run and a long run; the difference belongs to the heads. The figures do not depend on the load of the machine.
#
#     http_instructions.sh HTTP_BENCH [MOST [PERCENT]]
#
# Prints a line for each way. Exit status: 0; 1 when parse_head() needs more than MOST instructions, or more than PERCENT per
# cent of http-parser's; 77 where valgrind is not installed.

set -u
case ${1-} in
    --help | -h) sed -n 's/^#     //p' "$0"; exit 0 ;;
    "" | -*) sed -n 's/^#     //p' "$0" >&2; exit 2 ;;
esac
bench=$1
most=${2:-5500}
percent=${3:-33}
command -v valgrind > /dev/null || { echo "SKIPPED: valgrind is not installed"; exit 77; }
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

count() { # WAY ROUNDS
    valgrind --tool=callgrind --callgrind-out-file="$scratch/profile" "$bench" "$1" "$2" 2>&1 |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}
failed=0
for way in netnotes owned short http-parser; do
    short=$(count "$way" 100)
    long=$(count "$way" 600)
    [ -n "$short" ] && [ -n "$long" ] || { echo "http_instructions.sh: callgrind has counted nothing" >&2; exit 1; }
    each=$(((long - short + 250) / 500))
    [ "$each" -gt 100 ] || continue # http-parser was not found
    printf '%-12s %6d instructions a head\n' "$way" "$each"
    case $way in
        netnotes) ours=$each
            [ "$each" -le "$most" ] || { echo "more than $most" >&2; failed=1; } ;;
        http-parser) [ $((ours * 100)) -le $((each * percent)) ] ||
            { echo "more than $percent % of $each" >&2; failed=1; } ;;
    esac
done
exit $failed
