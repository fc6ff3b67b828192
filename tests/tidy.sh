#!/bin/sh
# tidy.sh [FILE...]: clang-tidy with the checks of .clang-tidy over every header of include/, or over these files (headers,
# tests, examples). CLANG_TIDY names another clang-tidy than clang-tidy-19 or clang-tidy (19 or newer: older ones lack
# some checks of coroutines, and say so).
#
# Exit status: 0 when there is nothing to say; 1 for findings; 2 for wrong arguments; 77 where clang-tidy is not installed.
set -u

case ${1-} in
    --help | -h)
        sed -n '2,6s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    -*)
        echo "usage: sh $0 [--help] [FILE...]" >&2
        exit 2
        ;;
esac
for file; do
    [ -f "$file" ] || {
        echo "$0: there is no file $file" >&2
        exit 2
    }
done
tidy=${CLANG_TIDY:-$(command -v clang-tidy-19 || command -v clang-tidy)}
command -v "${tidy:-none}" >/dev/null || {
    echo "SKIPPED: clang-tidy is not installed (Debian, Ubuntu: clang-tidy-19)"
    exit 77
}
top=$(cd "$(dirname "$0")/.." && pwd) || exit 1
[ $# -gt 0 ] || set -- "$top"/include/netnotes/*/*.hpp "$top"/include/netnotes/*/*/*.hpp

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

# Each file is looked at as if it were the source itself: a header alone, and each of its findings once. As many at a
# time as there are processors.
export tidy top
printf '%s\n' "$@" | xargs -P "$(nproc)" -I '{}' sh -c '
    "$tidy" --quiet --config-file="$top/.clang-tidy" "$1" -- -xc++ -std=c++20 -I"$top/include" -I"$top/tests" \
        -I"$top/examples" -Wall -Wextra -Wpedantic -Wshadow -Wconversion \
        >"$2/$(echo "$1" | tr / _)" 2>"$2/$(echo "$1" | tr / _).errors" || exit 1' sh '{}' "$scratch"
status=$?
for file; do
    name=$(echo "$file" | tr / _)
    cat "$scratch/$name" 2>/dev/null
    # "37 warnings generated." is said of what is switched off, too.
    grep -v -e 'warnings\{0,1\} .*generated' -e '^Suppressed' -e '^Use -header-filter' "$scratch/$name.errors" 2>/dev/null
done
if [ $status -ne 0 ]; then
    echo "tidy.sh: there are findings" >&2
    exit 1
fi
echo "tidy.sh: nothing to say about $# files"
