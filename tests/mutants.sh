#!/bin/sh
# mutants.sh [HEADER]: do the tests find faults that are put into the headers on purpose? See mutants.py, and --help.
command -v python3 >/dev/null || {
    echo "$0: python3 is not installed" >&2
    exit 77
}
exec python3 "$(dirname "$0")/mutants.py" "$@"
