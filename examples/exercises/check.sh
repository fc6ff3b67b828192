#!/bin/sh
# Checks your answers to the exercises, one by one.
#
#     check.sh                 checks your answer to the first open exercise, and shows the task before you begin
#     check.sh NAME            checks one exercise: its number or its name
#     check.sh list            lists all exercises, and which you have solved
#     check.sh hint [NAME]     shows one more hint each time
#     check.sh reset [NAME]    puts your answer aside and begins again
#     check.sh watch [NAME]    checks again each time you save
#     check.sh all [--csv]     checks every answer that you have begun; --csv: one line each, for a teacher
#     check.sh --prove         for the people who write exercises: tries starts, solutions and mutants (half an hour)
#
# Your answers are files in ~/netnotes-exercises, or in $NETNOTES_EXERCISES. No command changes them but `reset`. You need
# g++ or clang++ with C++20; CXX names another compiler. The language of the tasks follows $LANG: English or Chinese.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
include=$here/../../include/single
answers=${NETNOTES_EXERCISES:-${HOME:?}/netnotes-exercises}
built=${NETNOTES_BUILT:-$answers/.built}
if [ "${1-}:${2-}" = all:--csv ]; then # A check that was handed in counts for nothing, and one folder of ours serves a whole class.
    built=${XDG_CACHE_HOME:-${HOME:?}/.cache}/netnotes-exercises
fi
state=$answers/.state
case ${NETNOTES_LANGUAGE:-${LC_ALL:-${LC_MESSAGES:-${LANG:-}}}} in
    zh*) chinese=.zh ;;
    *) chinese= ;;
esac

# say ENGLISH CHINESE
say() {
    if [ -n "$chinese" ]; then printf '%s\n' "$2"; else printf '%s\n' "$1"; fi
}
stop() {
    say "$1" "$2" >&2
    exit 2
}

# --- the list: one line an exercise: number | name | kind | headers | minutes | title | title in Chinese ---

exercises() {
    sed '/^#/d; /^$/d; s/ *| */|/g' "$here/list.txt"
}
# pick NUMBER_OR_NAME: sets number, name, kind, headers, title, folder and answer
pick() {
    line=$(exercises | awk -F'|' -v want="$1" '$1 == want || $1 + 0 == want || $2 == want || $1 "_" $2 == want' | head -n 1)
    [ -n "$line" ] || stop "There is no exercise $1; sh $0 list names them all." "没有练习 $1；用 sh $0 list 查看全部。"
    IFS='|' read -r number name kind headers minutes title title_zh <<END
$line
END
    [ -z "$chinese" ] || title=$title_zh
    folder=$here/${number}_$name
    case $kind in
        P | C) answer=$answers/${number}_$name.txt ;;
        *) answer=$answers/${number}_$name.cpp ;;
    esac
}
hash_of() {
    cksum <"$1" | tr ' ' '-'
}
is_solved() {
    [ -e "$answer" ] && [ -e "$state" ] && grep -qx "${number}_$name $(hash_of "$answer")" "$state"
}
mark_solved() {
    touch "$state"
    { grep -v "^${number}_$name " "$state" || :; } >"$state.new"
    echo "${number}_$name $(hash_of "$answer")" >>"$state.new"
    mv "$state.new" "$state"
}
first_open() {
    for each in $(exercises | cut -d'|' -f1); do
        pick "$each"
        is_solved || return 0
    done
    return 1
}
progress() {
    total=0 solved=0
    for each in $(exercises | cut -d'|' -f1); do
        (pick "$each" && is_solved) && solved=$((solved + 1))
        total=$((total + 1))
    done
    bar='' i=0
    while [ $i -lt 20 ]; do
        if [ $((i * total)) -lt $((solved * 20)) ]; then bar="$bar#"; else bar="$bar."; fi
        i=$((i + 1))
    done
    echo "[$bar] $solved/$total"
}

# part FILE SECTION: the text before the first section, or the text of one section, of a task
task_file() {
    if [ -n "$chinese" ] && [ -e "$folder/task.zh.md" ]; then echo "$folder/task.zh.md"; else echo "$folder/task.md"; fi
}
part() {
    awk -v want="$1" '/^## (Hints|Why)$/ { now = $2; next } now == want' "$(task_file)"
}

# --- building: one object for the check, which stays, and one for the answer ---

compiler=${CXX-}
for each in g++ clang++; do
    if [ -z "$compiler" ] && command -v $each >/dev/null; then compiler=$each; fi
done
plain="-std=c++20 -O0 -g1 -Wall -Wextra -pthread" # line numbers are enough, and cost a quarter less time
# Without optimisation g++ 12 writes code for each coroutine of a header, called or not: 1.3 s a file.
coroutines="-std=c++20 -O1 -g1 -Wall -Wextra -pthread"
bare="-std=c++20 -O0 -Wall -Wextra -pthread" # a test names its lines itself
sanitized="$plain -fsanitize=address,undefined -fno-sanitize-recover=all"
# The flags of an answer: the sanitizers find many of its faults. They double the time of coroutines, a sheet is no program
# of the learner, and a test is built many times. NETNOTES_QUICK leaves them out (prove.py --sample).
flags() {
    case $headers:$kind in
        coro:*) echo "$coroutines" ;;
        *:K) echo "$bare" ;;
        *:[PC]) echo "$plain" ;;
        *) if [ -n "${NETNOTES_QUICK-}" ]; then echo "$plain"; else echo "$sanitized"; fi ;;
    esac
}
chapters=$here/../../include
# module: the precompiled header of a check. Most of the time goes into the headers, so they are precompiled once for all
# exercises of a module. The code of a check needs no sanitizer.
module() {
    if [ "$kind" = K ]; then
        echo "$number"
    elif [ "${headers#coro}" != "$headers" ]; then
        echo coro
    elif grep -qE '^#include ("serving|<netnotes/(tcp|udp|poll)\.)' "$folder/check.cpp"; then
        echo sockets
    else
        echo standard
    fi
}
# compile FLAGS SOURCE OBJECT INCLUDES...
compile() {
    with=$1 from=$2 to=$3
    shift 3
    # shellcheck disable=SC2086 # a list of words
    $compiler $with "$@" -I"$folder" -I"$here" -c "$from" -o "$to"
}
# contents MODULE: the text of a precompiled header
contents() {
    case $1 in
        coro) echo '#include <netnotes/coro.hpp>' ;;
        sockets) printf '#include "grader.hpp"\n#include <netnotes/%s.hpp>\n' tcp udp poll ;;
        standard) echo '#include "grader.hpp"' ;;
        *) # a test (kind K): the chapters that its mutants leave alone
            echo '#include "kill.hpp"'
            for each in $(sed -n 's/^# precompiled: //p' "$here/$1"_*/mutants.txt); do
                echo "#include <netnotes/$each.hpp>"
            done
            ;;
    esac
}
# precompile MODULE: builds this header if it is missing or old, and sets `prefix` to its name
precompile() {
    prefix=${NETNOTES_PCH:-$built/pch}/$({ echo "$plain $coroutines $bare" && $compiler --version; } | cksum | cut -d' ' -f1)
    mkdir -p "$prefix"
    prefix=$prefix/$1.hpp
    case $1 in
        coro) with=$coroutines ;;
        sockets | standard) with=$plain ;;
        *) with=$bare ;;
    esac
    [ -e "$prefix.gch" ] && contents "$1" | cmp -s - "$prefix" &&
        [ -z "$(find "$here"/*.hpp "$include/netnotes" "$chapters/netnotes" -newer "$prefix" -name '*.hpp')" ] && return
    contents "$1" >"$prefix"
    case $1 in
        coro | sockets) tree=$include ;;
        *) tree=$chapters ;;
    esac
    # shellcheck disable=SC2086
    $compiler $with -I"$here" -I"$tree" -x c++-header "$prefix" -o "$prefix.$$" && mv "$prefix.$$" "$prefix.gch"
}
# compile_check OBJECT [OPTION]...
compile_check() {
    object=$1
    shift
    precompile "$(module)" || return 1
    # A check may include a chapter, such as <netnotes/lan/route.hpp>: a chapter alone is compiled faster than its module.
    if grep -q '^#include <netnotes/[a-z_]*/' "$folder/check.cpp"; then tree=$chapters; else tree=$include; fi
    case $headers:$kind in coro*) with=$coroutines ;; *:K) with=$bare ;; *) with=$plain ;; esac
    compile "$with" "$folder/check.cpp" "$object" -include "$prefix" -I"$tree" "$@"
}
# linker: gold takes half of the time, where it is installed
linker() {
    if [ ! -e "$built/linker" ]; then
        ! $compiler -fuse-ld=gold -Wl,--version >/dev/null 2>&1 || echo -fuse-ld=gold >"$built/linker.$$"
        touch "$built/linker.$$" && mv "$built/linker.$$" "$built/linker"
    fi
    cat "$built/linker"
}
# need_check: compiles the check if it is missing or old
need_check() {
    mkdir -p "$built"
    check=$built/${number}_check.o
    if [ ! -e "$check" ] || [ -n "$(find "$folder" "$here"/*.hpp "$include/netnotes" -newer "$check" -name '*.[ch]pp')" ]; then
        say "Compiling the check; the next time it is there ..." "正在编译检查程序，下次就不必了……" >&2
        compile_check "$check" || stop "check.cpp does not compile" "check.cpp 编译失败"
    fi
}
compile_error() {
    cat "$1"
    say "Your file does not compile. The first error is the one to mend." "你的文件没有编译通过。请从第一个错误改起。"
    return 1
}
# build ANSWER PROGRAM [INCLUDE]: links the answer with the check; says in words what is missing
build() {
    need_check
    # The answer sees the library only where the task allows it: otherwise the library would be the answer.
    case $headers:$kind in
        *:K) precompile "$number" && compile "$(flags)" "$1" "$2.o" -include "$prefix" -I"$3" ;;
        -:*) compile "$(flags)" "$1" "$2.o" ;;
        coro:*) precompile coro && compile "$(flags)" "$1" "$2.o" -include "$prefix" -I"$include" ;;
        *) # the names of `without` are headers of the library that would be the answer
            compile "$(flags)" "$1" "$2.o" -I"$folder/without" -I"$include"
            ;;
    esac 2>"$2.log" || compile_error "$2.log" || return 1
    # shellcheck disable=SC2046,SC2086
    $compiler $(flags) $(linker) "$2.o" "$check" -o "$2" 2>"$2.log" || {
        missing=$(sed -n "s/.*undefined reference to .\(.*\)'.*/\1/p; s/.*undefined symbol: //p" "$2.log" | sort -u | head -n 3 |
            awk '{ printf "%s%s", between, $0; between = "; " }')
        [ -n "$missing" ] || cat "$2.log" >&2
        say "Your file has no ${missing:-function that the check calls}. Its declaration is in the exercise's header." \
            "你的文件缺少 ${missing:-检查要调用的函数}。声明在练习的头文件里。"
        return 1
    }
}
# A session of its own makes the answer and all its children one group, which can be ended as a whole.
if command -v setsid >/dev/null; then in_session=setsid; else in_session=; fi
# run PROGRAM [ARGUMENT]...: it has passed if it has come to its last step, and not if it only ended with status 0. Then the
# file of the verdict holds a word that the check reads before any code of the learner runs. A program that does not end its
# output must not fill the disk: a file ends at 100 or 200 MB. The group of the program ends with it, and on Ctrl-C. A shell
# runs a trap while it waits, and not while a program is in its foreground.
run() {
    program=$1
    shift
    rm -f "$program.verdict"
    status=0 word=$(od -An -N8 -tx8 /dev/urandom | tr -d ' ')
    echo "$word" | (
        ulimit -f 200000
        NETNOTES_LANGUAGE=${chinese:+zh} NETNOTES_VERDICT=$program.verdict ASAN_OPTIONS=detect_stack_use_after_return=1 \
            exec $in_session timeout -k 2 $((60 * ${NETNOTES_PATIENCE:-1})) "$program" "$@"
    ) &
    pid=$!
    trap 'kill -KILL "-$pid" "$pid" 2>/dev/null || :; exit 130' HUP INT TERM
    wait "$pid" || status=$?
    kill -KILL "-$pid" 2>/dev/null || : # without `--`, which dash and busybox refuse here
    trap - HUP INT TERM
    if [ $status -eq 0 ] && [ "$(cat "$program.verdict" 2>/dev/null)" = "$word" ]; then return 0; fi
    case $status in
        1 | 3) ;;
        *) echo ;; # the line of a step has no end yet
    esac
    case $status in
        0) say "The program ended before the last step." "程序在最后一步之前就结束了。" ;;
        1 | 3) ;;
        124 | 137) say "The program was stopped after 60 seconds." "程序运行了 60 秒，已被终止。" ;;
        153) say "The program was ended because it wrote more than 100 MB." "程序写了超过 100 MB，已被终止。" ;; # SIGXFSZ
        *) say "The program was ended by an error (status $status)." "程序因错误而结束（状态 $status）。" ;;
    esac
    return 1
}

# --- one exercise ---

# begin: gives the learner a file
begin() {
    mkdir -p "$answers"
    case $kind in
        P | C)
            mkdir -p "$built"
            sheet || stop "check.cpp does not compile" "check.cpp 编译失败"
            NETNOTES_LANGUAGE=${chinese:+zh} "$built/${number}_sheet" questions "$(seed)" >"$answer"
            echo "# seed $(seed)" >>"$answer"
            ;;
        *) cp "$folder/start.cpp" "$answer" ;;
    esac
    part ""
    say "Your file: $answer" "你的文件：$answer"
    for each in "$folder"/*.hpp; do
        case $kind in P | C) continue ;; esac
        [ ! -e "$each" ] || say "Its header: $each" "它的头文件：$each"
    done
    say "Change it, save it, and run this command again." "修改并保存，然后再运行一次本命令。"
}
# The questions of a sheet depend on a number that stays the same until `reset`. The sheet's last line repeats the number,
# because a sheet may be handed in without our folder.
seed() {
    kept=$built/${number}_seed
    [ -e "$kept" ] || [ ! -e "$answer" ] || tr -d '\r' <"$answer" | sed -n 's/^# seed \([0-9][0-9]*\)$/\1/p' | head -n 1 >"$kept"
    [ -s "$kept" ] || awk 'BEGIN { srand(); print int(rand() * 1000000) }' >"$kept"
    cat "$kept"
}
sheet() {
    program=$built/${number}_sheet
    if [ ! -e "$program" ] || [ -n "$(find "$folder" "$here"/*.hpp -newer "$program" -name '*.[ch]pp')" ]; then
        compile_check "$program.o" ${NETNOTES_PROVE:+-DNETNOTES_PROVE} || return 1
        # shellcheck disable=SC2046
        $compiler $(flags) $(linker) "$program.o" -o "$program"
    fi
}
# mutants: each line `header | old text | new text | what it mirrors` of mutants.txt, each on a copy of the headers. A header is
# a chapter, such as tftp/transfer. Copy 0 is the library as it is.
copy_mutants() {
    copies=$built/${number}_copies
    [ -e "$copies/done" ] && [ -z "$(find "$folder/mutants.txt" "$here/check.sh" "$chapters/netnotes" -newer "$copies/done")" ] && return
    rm -rf "$copies"
    mkdir -p "$copies/0"
    cp -R "$chapters/netnotes" "$copies/0"
    sed '/^#/d; /^$/d' "$folder/mutants.txt" | awk '{ gsub(/ \| /, "\001"); print }' >"$copies/list"
    count=0
    while IFS=$(printf '\001') read -r header old new mirrors <&3; do
        count=$((count + 1))
        mkdir "$copies/$count"
        cp -R "$chapters/netnotes" "$copies/$count"
        OLD=$old NEW=$new awk '
            { at = index($0, ENVIRON["OLD"])
              if (at) { found++; $0 = substr($0, 1, at - 1) ENVIRON["NEW"] substr($0, at + length(ENVIRON["OLD"])) }
              print }
            END { if (found != 1) exit 1 }' "$chapters/netnotes/$header.hpp" >"$copies/$count/netnotes/$header.hpp" ||
            stop "mutant $count of ${number}_$name: its text does not occur once" "变体 $count 的原文没有恰好出现一次"
    done 3<"$copies/list"
    # shared: for each precompiled chapter, its namespaces can be named in a copy. KEEP: the other chapters are read again.
    find "$chapters/netnotes" -name '*.hpp' -exec cat {} + | awk '
        /^#ifndef NETNOTES_.*_HPP$/ { guard = $2; print "#ifdef", guard "\n#define KEEP_" guard "\n#endif" >"/dev/stderr" }
        /^namespace netnotes[a-z_:]* \{$/ { outer = $2; print guard, outer; next }
        /^namespace [a-z_:]+ \{$/ { print guard, outer "::" $2 }' 2>"$copies/guards" | sort -u >"$copies/shared"
    touch "$copies/done"
}
# together ANSWER PROGRAM: compiles the test with all copies, as PROGRAM.copies/0 and so on. The namespace of copy 3 is
# netnotes::v3, and the test for it is mutant_3::test(). A file has several copies. They share the precompiled chapters, which
# no mutant changes, so these chapters and the headers of the standard library are read once for each file. There are as many
# files as processors, and they are compiled side by side. Access is not checked, because `friend class reader` in a shared
# chapter does not name netnotes::v3::reader. So the test is also read with the library as it is.
together() {
    rm -rf "$2.copies"
    mkdir "$2.copies"
    awk -v folder="$folder" -v includes="$2.copies/includes" '
        function put(file, line, count, name) {
            if (file in seen) return
            seen[file]
            print "#line 1 \"" file "\""
            while ((getline line < file) > 0) {
                count++
                if (line ~ /^[ \t]*#[ \t]*include[ \t]*"/) {
                    split(line, name, "\"")
                    if (name[2] != "kill.hpp") put(folder "/" name[2])
                    print "#line " count + 1 " \"" file "\""
                } else if (line ~ /^[ \t]*#[ \t]*include/) {
                    print line >includes
                    print ""
                } else print line ~ /#pragma once/ ? "" : line
            }
        }
        BEGIN { printf "" >includes; put(ARGV[1]) }' "$1" >"$2.copies/test"
    files=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
    [ "$files" -le 4 ] || files=4
    # xargs, and not `&`: Ctrl-C ends the compilers, too.
    awk -v files="$files" 'BEGIN { print "read"; for (i = 0; i < files; i++) print i }' |
        NETNOTES_BUILT=$built NETNOTES_PREFIX=$prefix xargs -P "$files" -n 1 \
            sh "$here/check.sh" --together "$number" "$1" "$2" "$files"
    [ -e "$2.copies/is_read" ] || compile_error "$2.copies/read.log" || return 2
    for each in $(seq 0 "$(wc -l <"$copies/list")"); do
        [ -e "$2.copies/$each" ] || return 1
    done
}
# together_file ANSWER PROGRAM FILES FILE: one file of `together`, with the copies FILE, FILE + FILES and so on
together_file() {
    if [ "$4" = read ]; then
        ! compile "$(flags) -fsyntax-only" "$1" /dev/null -include "$prefix" -I"$chapters" 2>"$2.copies/read.log" ||
            touch "$2.copies/is_read"
        return
    fi
    source=$2.copies/file$4
    {
        grep -v '<netnotes/' "$2.copies/includes" || :
        cat "$copies/guards"
        each=$4
        while [ -e "$copies/$each" ]; do
            sed "s/^\(.*\) netnotes\(.*\)/#ifdef KEEP_\1\nnamespace netnotes::v$each\2 { using namespace ::netnotes\2; }\n#endif/" \
                "$copies/shared"
            echo "#define netnotes netnotes::v$each"
            sed -n "s|.*<\(netnotes/.*\)>.*|#include \"$copies/$each/\1\"|p" "$2.copies/includes"
            echo "namespace mutant_$each {"
            cat "$2.copies/test"
            printf '}\n#undef netnotes\n'
            sed 's/^#ifdef \(.*\)/#ifndef KEEP_\1/; s/^#define KEEP_/#undef /' "$copies/guards"
            each=$((each + $3))
        done
    } >"$source.cpp"
    compile "$(flags) -w -fno-access-control -Wfatal-errors" "$source.cpp" "$source.o" -include "$prefix" 2>"$source.log" || return 0
    each=$4
    while [ -e "$copies/$each" ]; do
        # shellcheck disable=SC2046,SC2086
        $compiler $(flags) $(linker) -Wl,--defsym=_Z4testv=_ZN$((7 + ${#each}))mutant_${each}4testEv "$source.o" "$check" \
            -o "$2.copies/$each" 2>>"$source.log" || return 0
        each=$((each + $3))
    done
}
kill_mutants() {
    copy_mutants
    need_check
    precompile "$number" || return 1
    is_together=yes real=$2.copies/0
    together "$1" "$2" || {
        [ $? -eq 1 ] || return 1
        is_together=
    }
    # A correct test may fail here: its globals are constructed once for each copy in the file, and may want the same port.
    if [ -n "$is_together" ] && run "$real" >"$2.out" 2>&1; then
        cat "$2.out"
    else
        [ -z "${NETNOTES_PROVE-}" ] || echo "copy by copy: $(cat "$2".copies/*.log ${is_together:+"$2.out"})"
        is_together='' real=$2
        build "$1" "$2" "$chapters" || return 1
        run "$real" || {
            say "Your test must pass with the real header." "你的测试必须能在真正的头文件上通过。"
            return 1
        }
    fi
    count=0
    while IFS=$(printf '\001') read -r header old new mirrors <&3; do
        count=$((count + 1))
        mutant=$2.copies/$count
        [ -n "$is_together" ] || build "$1" "$mutant" "$copies/$count" || return 1
        if run "$mutant" >"$2.out" 2>&1; then
            say "  mutant $count lives: your test does not notice this fault: $mirrors" \
                "  变体 $count 存活：你的测试没有发现这个错误：$mirrors"
            return 1
        fi
        say "  mutant $count: found" "  变体 $count：已发现"
    done 3<"$copies/list"
    run "$real" >"$2.out" || { # a test that fails by chance finds every mutant
        cat "$2.out"
        say "Your test has failed with the real header, after it had passed." "你的测试先前通过了，这次却在真正的头文件上失败。"
        return 1
    }
}
# grade FILE: status 0 if it passes
grade() {
    program=$built/${number}_$name
    mkdir -p "$built"
    case $kind in
        P | C) sheet && run "$built/${number}_sheet" check "$(seed)" "$1" ;;
        K) kill_mutants "$1" "$program" ;;
        *) build "$1" "$program" && run "$program" ;;
    esac
}
# solution: a sheet has none, because its answers are computed
solution() {
    file=$here/solutions/${number}_$name.cpp
    [ ! -e "$file" ] || say "Our solution: $file" "参考答案：$file"
}
check() {
    echo "${number}_$name: $title"
    if [ ! -e "$answer" ]; then
        begin
        return 1
    fi
    if ! grade "$answer"; then
        say "Not yet. (sh $0 hint $name: a hint)" "还没有通过。（sh $0 hint $name：看一条提示）"
        return 1
    fi
    mark_solved
    say "Solved." "通过。"
    part Why
    solution
    progress
}

[ -n "$compiler" ] || stop "No C++ compiler was found. On Debian and Ubuntu: sudo apt install g++" \
    "没有找到 C++ 编译器。Debian 和 Ubuntu：sudo apt install g++"

command=${1-}
case $command in
    --help | -h)
        sed -n '2,15s/^#\( \|$\)//p' "$here/check.sh"
        ;;
    --prove)
        shift
        exec python3 "$here/prove.py" "$@"
        ;;
    --grade) # --grade NAME FILE: judges a file, and remembers nothing (prove.py)
        pick "$2"
        grade "$3"
        ;;
    --answers) # --answers NAME: the sheet with the right answers (prove.py, which sets NETNOTES_PROVE)
        pick "$2"
        mkdir -p "$built"
        sheet
        "$built/${number}_sheet" answers "$(seed)"
        ;;
    --together) # --together NUMBER ANSWER PROGRAM FILES FILE: one compiler of several that run at once (see together)
        pick "$2"
        copies=$built/${number}_copies check=$built/${number}_check.o prefix=$NETNOTES_PREFIX
        together_file "$3" "$4" "$5" "$6"
        ;;
    --precompile) # --precompile MODULE (prove.py)
        precompile "$2"
        ;;
    "")
        first_open || {
            progress
            say "All exercises are solved." "所有练习都已通过。"
            exit 0
        }
        check
        ;;
    list)
        for each in $(exercises | cut -d'|' -f1); do
            pick "$each"
            mark=' '
            [ ! -e "$answer" ] || mark=-
            ! is_solved || mark='#'
            printf '%s %-22s %3s min  %s\n' "$mark" "${number}_$name" "$minutes" "$title"
        done
        say "# solved, - begun" "# 已通过，- 已开始"
        progress
        ;;
    hint)
        if [ -n "${2-}" ]; then pick "$2"; else first_open || exit 0; fi
        mkdir -p "$built"
        shown=$(cat "$built/${number}_hints" 2>/dev/null || echo 0)
        hint=$(part Hints | awk -v want=$((shown + 1)) '/^- / { count++ } count == want')
        if [ -z "$hint" ]; then
            say "There are no more hints for $name." "$name 没有更多提示了。"
            solution
        else
            printf '%s\n' "${hint#- }"
            echo $((shown + 1)) >"$built/${number}_hints"
        fi
        ;;
    reset)
        if [ -n "${2-}" ]; then pick "$2"; else first_open || exit 0; fi
        rm -f "$built/${number}_hints" "$built/${number}_seed"
        if [ -e "$answer" ]; then
            mv "$answer" "$answer.old"
            say "Your answer is now $answer.old" "你的答案已移到 $answer.old"
        fi
        begin
        ;;
    watch)
        if [ -n "${2-}" ]; then pick "$2"; else first_open || exit 0; fi
        [ -e "$answer" ] || begin
        seen=
        while :; do
            now=$(hash_of "$answer")
            if [ "$now" != "$seen" ]; then
                seen=$now
                echo
                if check; then exit 0; fi
                say "Waiting for you to save $answer; Ctrl-C ends." "等待你保存 $answer；按 Ctrl-C 结束。"
            fi
            sleep 0.3
        done
        ;;
    all)
        bad=0
        mkdir -p "$built" # a folder that was handed in may be without it
        for each in $(exercises | cut -d'|' -f1); do
            pick "$each"
            verdict=open
            if [ -e "$answer" ]; then
                verdict=solved
                [ "${2-}" != --csv ] || rm -f "$built/${number}_seed" # the number of another student
                grade "$answer" >"$built/all.log" 2>&1 || verdict=failed
            fi
            [ "$verdict" = solved ] || bad=1
            if [ "${2-}" = --csv ]; then
                echo "${number}_$name,$verdict"
            else
                printf '%-22s %s\n' "${number}_$name" "$verdict"
            fi
        done
        exit $bad
        ;;
    -*)
        echo "usage: sh check.sh [NAME | list | hint [NAME] | reset [NAME] | watch [NAME] | all [--csv] | --help]" >&2
        exit 2
        ;;
    *)
        pick "$command"
        check
        ;;
esac
