#!/bin/sh
# Counts how many instructions dissect() needs for a packet, and how many a hand-written loop needs. Callgrind counts a
# short run and a long run; the difference belongs to the packets. The figures do not depend on the load of the machine.
#
#     packet_instructions.sh PACKET_BENCH [MOST [PERCENT]]
#
# Prints a line for each way. Exit status: 0; 1 when dissect() needs more than MOST instructions a packet, or more than
# PERCENT per cent of the loop by hand when all checksums are checked; 77 where valgrind is not installed.

set -u
case ${1-} in
    --help | -h) sed -n 's/^#     //p' "$0"; exit 0 ;;
    "" | -*) sed -n 's/^#     //p' "$0" >&2; exit 2 ;;
esac
bench=$1
most=${2:-150}
percent=${3:-125}
command -v valgrind > /dev/null || { echo "SKIPPED: valgrind is not installed"; exit 77; }
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

count() { # WAY ROUNDS
    valgrind --tool=callgrind --callgrind-out-file="$scratch/profile" "$bench" "$1" "$2" 2>&1 |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}
failed=0
for way in walk hand netnotes hand+sums netnotes+sums; do
    short=$(count "$way" 1)
    long=$(count "$way" 11)
    [ -n "$short" ] && [ -n "$long" ] || { echo "packet_instructions.sh: callgrind has counted nothing" >&2; exit 1; }
    each=$(((long - short + 20000) / 40000)) # ten rounds of 4,000 packets
    printf '%-14s %5d instructions a packet\n' "$way" "$each"
    case $way in
        netnotes) [ "$each" -le "$most" ] || { echo "more than $most" >&2; failed=1; } ;;
        hand+sums) by_hand=$each ;;
        netnotes+sums) [ $((each * 100)) -le $((by_hand * percent)) ] ||
            { echo "more than $percent % of $by_hand" >&2; failed=1; } ;;
    esac
done
exit $failed
