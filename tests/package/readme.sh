#!/bin/sh
# The first program of the README is what most people will type first. It compiles as it stands, without a warning.
. "$(dirname "$0")/common.sh"

sed -n '/^```cpp$/,/^```$/{/^```/d;p;}' "$root/README.md" >"$work/main.cpp"
grep -q 'int main()' "$work/main.cpp" || fail "there is no program in README.md"
compile -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -I "$root/include" "$work/main.cpp" -o "$work/program"
