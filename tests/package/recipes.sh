#!/bin/sh
# The recipes for vcpkg and Conan, the release tarball, and one version everywhere.
. "$(dirname "$0")/common.sh"
need python3
CMAKE=$(command -v "$CMAKE") python3 "$here/recipes.py"
