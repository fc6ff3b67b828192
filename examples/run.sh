#!/bin/sh
# run.sh builds the programs of the lessons and runs them.
#
#     run.sh                              lists the lessons and their programs
#     run.sh NN [PROGRAM] [ARGUMENT]...   builds PROGRAM of lesson NN, if it is not built yet, and runs it
#     run.sh NN [PROGRAM] --help          says what the program does and which arguments it takes
#
#     sh examples/run.sh 10 server        in one terminal, and in a second terminal
#     sh examples/run.sh 10 client
#     sh examples/run.sh 10 demo          the demonstration: it plays all parts itself
#
# PROGRAM may be left out if the lesson has only one beside demo. CXX names another compiler than g++ or clang++; it needs
# C++20. The programs go to build/run.
set -eu

cd "$(dirname "$0")/.."

# programs FOLDER: the names of its programs, the notes' own first and demo last
programs() {
    names=
    for source in "$1"/*.cpp; do
        name=$(basename "$source" .cpp)
        [ "$name" = demo ] || names="$names $name"
    done
    [ ! -e "$1/demo.cpp" ] || names="$names demo"
    echo "${names# }"
}

usage() {
    sed -n '2,13s/^#\( \|$\)//p' examples/run.sh
}

case ${1-} in
    --help | -h)
        usage
        exit 0
        ;;
    "" | list)
        usage
        echo
        for folder in examples/[0-9][0-9]_*; do
            printf '%-34s %s\n' "${folder#examples/}" "$(programs "$folder")"
        done
        exit 0
        ;;
esac

lesson=
for folder in examples/[0-9][0-9]_*; do
    case ${folder#examples/} in
        "$1" | "$1"_* | 0"$1"_* | [0-9][0-9]_"$1") lesson=$folder ;;
    esac
done
if [ -z "$lesson" ]; then
    echo "run.sh: there is no lesson $1; sh examples/run.sh lists them" >&2
    exit 2
fi
shift

case "$# ${1-}" in
    "1 --help" | "1 -h")
        for source in "$lesson"/*.cpp; do sed -n '1s|^// \([^ ]*/\)\{0,1\}||p' "$source"; done
        exit 0
        ;;
esac

if [ -n "${1-}" ] && [ -e "$lesson/$1.cpp" ]; then
    program=$1
    shift
else
    # Without a name: the only program beside the demonstration, or the demonstration if it is alone.
    all=$(programs "$lesson")
    case ${all% demo} in
        *" "*)
            echo "run.sh: ${1:+there is no program $1; }which program of ${lesson#examples/}? One of: $all" >&2
            exit 2
            ;;
        *) program=${all% demo} ;;
    esac
fi

source=$lesson/$program.cpp
case "$# $program ${1-}" in
    "1 demo "*) ;;
    "1 "*" --help" | "1 "*" -h")
        # A short program has no --help: its opening comment says what it does and what it takes.
        sed -n '/^\/\//!q; s/^\/\/ \{0,1\}//p' "$source"
        exit 0
        ;;
esac

compiler=${CXX-}
for each in g++ clang++; do
    if [ -z "$compiler" ] && command -v $each >/dev/null; then compiler=$each; fi
done
if [ -z "$compiler" ]; then
    echo "run.sh: no C++ compiler found; on Debian and Ubuntu: sudo apt install g++" >&2
    exit 1
fi

built=build/run/${lesson#examples/}/$program
if [ ! -e "$built" ] || [ -n "$(find "$lesson" examples/*.hpp include/netnotes -name '*.[ch]pp' -newer "$built")" ]; then
    echo "Building $source ..." >&2
    mkdir -p "$(dirname "$built")"
    "$compiler" -std=c++20 -O1 -Iinclude "$source" -pthread -o "$built.new"
    mv "$built.new" "$built"
fi
exec "$built" "$@"
