#!/bin/sh
# A literal that is no address must not compile. bad_literals.txt and good_literals.txt have one expression
# on a line. The good ones are the control: they compile in the same frame, so what is wrong with a bad one
# is the literal and nothing around it. All lines of a file are one program, and the compiler must complain of each: it names the line, though it may find the error
# in a function that the line calls.
. "$(dirname "$0")/common.sh"

# frame FILE: a program with an expression on each line, which has the number that it has in the file.
frame() {
    printf '#include <netnotes/ip.hpp>\nusing namespace netnotes::literals;\n'
    echo '#line 1 "literals"'
    sed 's/.*/[[maybe_unused]] const auto value = &;/' "$1" | awk '{ sub("value", "value" NR); print }'
}

frame "$here/good_literals.txt" >"$work/good.cpp"
compile -fsyntax-only -I "$root/include" "$work/good.cpp" || fail "a good literal does not compile: see above"

frame "$here/bad_literals.txt" >"$work/bad.cpp"
case $CXX in *clang*) all_errors=-ferror-limit=0 ;; *) all_errors=-fmax-errors=0 ;; esac
if compile -fsyntax-only $all_errors -I "$root/include" "$work/bad.cpp" >"$work/errors" 2>&1; then
    fail "all bad literals compile"
fi
count=0
while read -r literal; do
    count=$((count + 1))
    suffix=${literal##*\"}
    grep -q "^\"[^\"]*\"$suffix\$" "$here/good_literals.txt" ||
        fail "bad_literals.txt: not of the form of any good one: $literal"
    grep -q "^literals:$count:" "$work/errors" || fail "compiles, but should not: $literal"
done <"$here/bad_literals.txt"

[ $count -gt 0 ] || fail "bad_literals.txt is empty"
echo "$count bad literals rejected"
