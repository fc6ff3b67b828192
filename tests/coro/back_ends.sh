#!/bin/sh
# Only its own file names a back end: no other chapter of coro/ speaks of epoll or of io_uring's ring. The default in
# loop_options is the exception.
case ${1-} in
    "") ;;
    --help | -h) sed -n '2,3s/^# //p' "$0"; exit 0 ;;
    *) echo "usage: sh $0 [--help]" >&2; exit 2 ;;
esac
cd "$(dirname "$0")/../../include/netnotes/coro" || exit 1
found=$(grep -niwE 'epoll|epoll_[a-z_]+|io_uring[a-z_]*|ring' ./*.hpp io/back_end.hpp io/operation.hpp io/socket.hpp |
    grep -vE '^./loop\.hpp:[0-9]+:(#include "io/epoll.hpp"|.*io_backend::(epoll|io_uring)|.*coro/io/io_uring.hpp)')
test -z "$found" || { echo "$found"; exit 1; }
# The two back ends do not know each other, and a loop does not include the second.
if grep -nE '#include ".*(uring|ring)\.hpp"' loop.hpp io/epoll.hpp; then exit 1; fi
if grep -nE '#include ".*epoll\.hpp"' io/io_uring.hpp io/ring.hpp; then exit 1; fi
