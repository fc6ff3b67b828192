# Every sample on the first page of a header, in README.md and in tests/bench compiles as it stands there. The servers
# among them survive resets and a lack of descriptors. How that is found out: first_pages.py.
. "$(dirname "$0")/common.sh"
need python3
# The samples are to be seen with the compiler's own eyes: a sanitizer would need more descriptors than there are.
CXXFLAGS=$(echo "$CXXFLAGS" | sed 's/-fsanitize[^ ]*//g; s/-fno-sanitize[^ ]*//g')
python3 "$here/first_pages.py" "$root" "$@"
