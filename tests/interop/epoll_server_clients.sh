#!/bin/sh
# epoll_server_clients.sh EPOLL_SERVER ITERATIVE_SERVER
#
# The echo servers of two examples against clients that we have not written: nc, socat, curl, and Python's
# asyncio with 200 connections at once. What a client sends must come back byte by byte, and SIGTERM and SIGINT
# must end a server with exit status 0, even while a client is connected.
#
# Exit status: 0 all went well, 1 a check failed, 77 no such client is installed.
set -u

case ${1-} in
    --help | -h) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
if [ $# -ne 2 ]; then
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
epoll_server=$1
iterative_server=$2

scratch=$(mktemp -d) || exit 1
server=
talker=
finish() {
    for process in $server $talker; do
        kill -s KILL "$process" 2>/dev/null
    done
    rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

failures=0
failed() {
    failures=$((failures + 1))
    echo "FAILED: $*"
}

# ---- the clients that there are

clients=
has() {
    case $1 in
        nc) nc -h 2>&1 | grep -q 'N.*[Ss]hutdown the network socket after EOF' ;; # the one of OpenBSD
        *) command -v "$1" >/dev/null 2>&1 ;;
    esac
}
for tool in nc socat curl python3; do
    if has $tool; then
        clients="$clients $tool"
    elif [ $tool = nc ]; then
        echo "SKIPPED: no nc with -N (Debian: netcat-openbsd)"
    else
        echo "SKIPPED: no $tool"
    fi
done
[ -n "$clients" ] || exit 77

# 300,000 bytes of every kind, and lines of text.
LC_ALL=C awk 'BEGIN { for (i = 0; i < 300000; i++) printf "%c", (i * 7 + int(i / 256) * 3) % 255 + 1 }' \
    >"$scratch/bytes"
echo "hello, whoever you are" >"$scratch/line"
: >"$scratch/nothing"

# ---- servers

# start WORD...: runs `WORD... serve --port 0 --quiet` and waits for its first line, which tells host and port.
start() {
    what=$*
    echo "$what" | sed 's#^[^ ]*/##'
    program=$1
    shift
    rm -f "$scratch/stdout"
    mkfifo "$scratch/stdout"
    # `timeout` ends what this script, if killed, leaves behind, and hands on the exit status. The signal goes to the
    # server itself: a `timeout` that is signalled before its fork() has returned ends and leaves the server running. And
    # without --foreground it sends each signal twice, and SIGCONT behind it, on which LeakSanitizer hangs when the
    # program just ends.
    # shellcheck disable=SC2016 # for the inner shell
    timeout --foreground 1500 sh -c 'echo $$ >"$0" && exec "$@"' "$scratch/pid" \
        "$program" serve --port 0 --quiet "$@" >"$scratch/stdout" 2>"$scratch/stderr" &
    guard=$!
    exec 3<"$scratch/stdout"
    line=
    read -r line <&3
    server=$(cat "$scratch/pid")
    case $line in
        "listening on "*:[1-9]*) ;;
        *)
            failed "$what: its first line is '$line', should be 'listening on ADDRESS:PORT'"
            cat "$scratch/stderr"
            exit 1
            ;;
    esac
    port=${line##*:}
    host=${line#listening on }
    host=${host%:*}
    host=${host#\[}
    host=${host%\]}
    case $host in
        *:*) bracketed="[$host]" ;;
        *) bracketed=$host ;;
    esac
}

# stop SIGNAL
stop() {
    kill -s "$1" "$server"
    wait "$guard"
    status=$?
    server=
    [ $status -eq 0 ] || failed "$what: exit status $status after SIG$1, should be 0"
    rest=$(cat <&3)
    exec 3<&-
    [ -z "$rest" ] || failed "$what: --quiet, and yet it printed '$rest'"
    [ ! -s "$scratch/stderr" ] || failed "$what: on standard error: $(cat "$scratch/stderr")"
}

# ---- clients that send a file, say that it was all, and take what comes back

send_file() {
    case $1 in
        nc) timeout 300 nc -N "$host" "$port" ;;
        socat) timeout 300 socat -t 300 STDIO "TCP:$bracketed:$port" ;;
    esac
}
files_come_back() {
    for client in $clients; do
        case $client in nc | socat) ;; *) continue ;; esac
        for file in line bytes nothing; do
            rm -f "$scratch/answer"
            send_file "$client" <"$scratch/$file" >"$scratch/answer" 2>"$scratch/complaint" ||
                failed "$what: $client ended with status $?: $(cat "$scratch/complaint")"
            cmp "$scratch/$file" "$scratch/answer" || failed "$what: $client got something else than the $file it sent"
        done
    done
}

# ---- clients in a dialogue: a line there, a line back, and the connection stays

start_talking() {
    rm -f "$scratch/say" "$scratch/hear"
    mkfifo "$scratch/say" "$scratch/hear"
    case $1 in
        nc) timeout 300 nc -N "$host" "$port" ;;
        socat) timeout 300 socat -t 300 STDIO "TCP:$bracketed:$port" ;;
        curl) timeout 300 curl --silent --no-buffer --globoff "telnet://$bracketed:$port" ;;
    esac <"$scratch/say" >"$scratch/hear" 2>/dev/null &
    talker=$!
    exec 4>"$scratch/say" 5<"$scratch/hear"
    for word in "first" "and second"; do
        echo "$word" >&4
        heard=
        read -r heard <&5
        [ "$heard" = "$word" ] || failed "$what: $1 said '$word' and heard '$heard'"
    done
}
stop_talking() {
    exec 4>&-
    rest=$(cat <&5)
    exec 5<&-
    wait "$talker" # its status is its own affair: not every client takes the server's end for a success
    talker=
    [ -z "$rest" ] || failed "$what: something came that nobody had sent: '$rest'"
}
dialogues() {
    for client in $clients; do
        # curl does not end when its input does, so it can only be used where the server ends.
        case $client in nc | socat) ;; *) continue ;; esac
        start_talking "$client"
        stop_talking
    done
}
# The server is asked to stop while a client is connected, and silent: each time another one.
turn=0
stop_during_dialogue() {
    # shellcheck disable=SC2046 # a list of words
    set -- "$1" $(echo "$clients" | sed 's/python3//')
    if [ $# -eq 1 ]; then
        stop "$1"
        return
    fi
    turn=$((turn + 1))
    signal=$1
    shift $((1 + turn % ($# - 1)))
    start_talking "$1"
    stop "$signal"
    stop_talking
}

# ---- a crowd

# crowd COUNT: COUNT connections at once, also from one thread.
crowd() {
    case $clients in *python3*) ;; *) return ;; esac
    timeout 300 python3 - "$host" "$port" "$1" <<'PYTHON' || failed "$what: asyncio, status $?"
import asyncio
import random
import sys

host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


async def one(number):
    chance = random.Random(number)
    data = chance.randbytes(chance.choice((1, 100, 10_000, 200_000)))
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(data)
    if number % 2:  # a dialogue: everything back, and only then the end
        back = await reader.readexactly(len(data))
        writer.write_eof()
    else:  # the end first
        writer.write_eof()
        back = b""
    back += await reader.read()
    writer.close()
    await writer.wait_closed()
    return back == data


async def vanish():
    """Says something, and leaves with a reset before the answer."""
    _, writer = await asyncio.open_connection(host, port)
    writer.write(b"x" * 1000)
    writer.transport.abort()


async def main():
    right = await asyncio.gather(*map(one, range(count)), *(vanish() for _ in range(count // 10)))
    wrong = [number for number, equal in enumerate(right[:count]) if not equal]
    if wrong:
        sys.exit(f"{len(wrong)} of {count} connections got something else than they sent, the first is {wrong[0]}")


asyncio.run(main())
PYTHON
}

# ---- all of it

# try SIGNAL CROWD WORD...
try() {
    ending=$1
    many=$2
    shift 2
    start "$@"
    files_come_back
    dialogues
    crowd "$many"
    stop_during_dialogue "$ending"
}

try TERM 200 "$epoll_server"
try INT 200 "$epoll_server" --trigger level
try TERM 200 "$epoll_server" --trigger edge
if grep -q '^0\{31\}1 ' /proc/net/if_inet6 2>/dev/null; then
    try INT 200 "$epoll_server" --bind ::1
else
    echo "SKIPPED: there is no ::1 here"
fi
try TERM 20 "$iterative_server"
start "$iterative_server"
stop INT # and nobody was ever there

[ $failures -eq 0 ]
