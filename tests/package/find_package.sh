#!/bin/sh
# Installed with CMake, found with find_package. The tree is moved in between: packages are relocatable.
. "$(dirname "$0")/common.sh"

install_with_cmake "$work/first"
mv "$work/first" "$work/prefix"

"$CMAKE" -S "$here/consumer" -B "$work/consumer" -DCMAKE_PREFIX_PATH="$work/prefix"
"$CMAKE" --build "$work/consumer"
run_consumer "$work/consumer/consumer"
