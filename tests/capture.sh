#!/bin/sh
# capture.sh PROGRAM     PROGRAM is 11_tcp_states: the segments that it captures must be the segments of the textbook
#
# Which of them there are depends a little on how busy this machine is: an ACK may travel alone or ride on a FIN, and
# what is sent again may be sent twice. So this looks for what must be there whatever the load.
# Exit status: 0 all is there, 1 something is not, 77 nothing can be captured here.
set -u

case ${1-} in
    --help | -h) sed -n '2s/^# //p' "$0"; exit 0 ;;
    -*) sed -n '2s/^# //p' "$0" >&2; exit 2 ;;
esac
if [ $# -ne 1 ]; then
    sed -n '2s/^# //p' "$0" >&2
    exit 2
fi
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
timeout 300 "$1" capture </dev/null >"$scratch/out" 2>"$scratch/err"
status=$?

if [ $status -eq 0 ] && grep -q '^not here: ' "$scratch/out"; then
    echo "SKIPPED: $(cat "$scratch/out")"
    exit 77
fi
{
    [ $status -eq 0 ] || echo "exit status is $status, should be 0 (124: still ran after 300 s)"
    [ ! -s "$scratch/err" ] || echo "something on standard error"
    awk '
        # A section is a title, dashes, what the client tells, and segments: "C SYN seq 0;S SYN+ACK seq 0, ack 1;" ...
        function must(section, pattern, what) {
            if (sections == section && talk !~ pattern) print title ": " what
        }
        function check() {
            if (title == "") return
            ++sections
            if (talk !~ /^C SYN seq 0;S SYN[+]ACK seq 0, ack 1;C ACK seq 1, ack 1;C PSH[+]ACK seq 1, ack 1, 5 bytes;/)
                print title ": no handshake, or no hello"
            fin = "C FIN[+]ACK seq 6, ack 1;"
            answer = "S FIN[+]ACK seq 1, ack 7;C ACK seq 7, ack 2;$"
            must(1, fin "(S ACK seq 1, ack 7;)?" answer, "not closed by three segments, or four")
            must(2, fin "S ACK seq 1, ack 7;" answer, "not closed by four segments")
            must(3, fin ".*" fin, "the client does not send FIN again")
            must(3, "S FIN[+]ACK seq 1, ack 6;.*S FIN[+]ACK seq 1, ack 6;", "the server does not send FIN again")
            must(3, "C ACK seq 7, ack 2;", "the client does not acknowledge the FIN")
            must(3, "S ACK seq 2, ack 7;", "the server does not acknowledge the FIN")
            must(4, "C RST[+]ACK seq 6, ack 1;$", "no RST")
            must(5, "C ACK seq 5, ack 1;C ACK seq 5, ack 1;C RST[+]ACK seq 6, ack 1;$", "not two probes and RST")
            if (sections == 5 && told != "client: recv: Connection timed out") print title ": recv is not told"
        }
        /^---/ { check(); title = before; talk = told = "" }
        { before = $0 }
        /──>|<──/ {
            talk = talk (/──>/ ? "C " : "S ")
            sub(/^.*(server|client)  /, "")
            gsub(/ +/, " ")
            talk = talk $0 ";"
        }
        /^client: / { told = $0 }
        END { check(); if (sections != 5) print sections + 0 " sections, should be 5" }
    ' "$scratch/out"
} >"$scratch/problems"

if [ -s "$scratch/problems" ]; then
    cat "$scratch/problems"
    echo "--- standard output"
    cat "$scratch/out"
    echo "--- standard error"
    cat "$scratch/err"
    exit 1
fi
