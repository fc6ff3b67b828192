#!/bin/sh
# Each header, copied into an empty folder with exactly the files that its first page names
# ("copy with: ip.hpp socket.hpp", or "copy with: nothing else"), compiles there without a warning.
# netnotes.hpp includes all others, so it must name them all.
. "$(dirname "$0")/common.sh"

cd "$root/include/netnotes"
headers=$(ls -- *.hpp)

for header in $headers; do
    line=$(sed -n -e '/copy with:/{p;q;}' -e 60q "$root/include/netnotes/$header")
    [ -n "$line" ] || fail "$header: no line 'copy with: ...' on its first page"
    with=${line#*copy with:}
    case $with in *"nothing else"*) with= ;; esac

    folder=$work/${header%.hpp}
    mkdir "$folder"
    for file in $header $with; do
        cp "$root/include/netnotes/$file" "$folder"
    done
    echo "#include \"$header\"" >"$folder/use.cpp"

    echo "$header with: $with"
    cd "$folder"
    compile -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -c use.cpp -MMD

    # Too long a list is wrong as well. use.d names the files that the compiler has read.
    [ "$header" != netnotes.hpp ] || with=$headers
    for file in $with; do
        grep -q -e "[ /]$file" use.d || fail "$header does not include $file"
    done
done
