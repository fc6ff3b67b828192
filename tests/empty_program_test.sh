#!/bin/sh
# A program that includes headers and uses nothing of them gets no code for it. There is a trap: a class has virtual
# functions, and one of them is defined below the class. If it is not declared `inline` in the class, too, then every
# program gets the table of the class and all functions in it.
#
#     sh empty_program_test.sh CXX SOURCE_DIRECTORY
#
# Prints the tables that such a program contains. Exit status: 0 if it contains none; 1 if it contains some; 2 for wrong
# arguments; 77 if nm is not installed.

set -u
case ${1-} in
    --help | -h) sed -n 's/^#     //p' "$0"; exit 0 ;;
    -*) sed -n 's/^#     //p' "$0" >&2; exit 2 ;;
esac
[ $# -eq 2 ] || { sed -n 's/^#     //p' "$0" >&2; exit 2; }
command -v nm > /dev/null || { echo "SKIPPED: nm is not installed"; exit 77; }
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
for door in "$2"/include/netnotes/*.hpp; do
    echo "#include <netnotes/$(basename "$door")>"
done > "$scratch/empty.cpp"
# Without an optimiser g++ emits the coroutines of all headers.
"$1" -std=c++20 -O1 -I"$2/include" -c "$scratch/empty.cpp" -o "$scratch/empty.o" || exit 1
tables=$(nm -C "$scratch/empty.o" | grep 'vtable for netnotes::')
[ -z "$tables" ] || { echo "declare the first function of these that is defined below its class inline:"; echo "$tables"; exit 1; }
