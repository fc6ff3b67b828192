#!/usr/bin/env python3
"""keyboard.py 19_select_server

A shell starts the server with --keyboard, and a line is typed. The server must read that whole line, stop, and leave what
was typed behind it to the shell. The keyboard is a terminal, then a pipe; the line is typed at once, then bit by bit.
"""

import os
import pty
import subprocess
import sys
import time

PATIENCE = 60  # seconds: not a measure of speed, only the point at which something counts as stuck
SCRIPT = '"$0" serve --port 0 --keyboard; echo "status $?"; IFS= read -r rest; echo "the shell reads: $rest"'
TYPED = b"stop; it is enough\nfor the shell\n"


def read_until(output, what):
    """Returns what the shell and the server have printed up to these words."""
    heard = b""
    while what not in heard:
        piece = os.read(output, 4096)
        if not piece:
            raise SystemExit(f"FAILED: the output ends before {what!r}: {heard!r}")
        heard += piece
    return heard


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        is_asked = sys.argv[1:] in (["--help"], ["-h"])
        print(__doc__.strip(), file=sys.stdout if is_asked else sys.stderr)
        sys.exit(0 if is_asked else 2)
    program = sys.argv[1]
    for is_terminal in (True, False):
        for pieces in ([TYPED], [TYPED[:1], TYPED[1:7], TYPED[7:]], [TYPED[i:i + 1] for i in range(len(TYPED))]):
            reading, writing = pty.openpty()[::-1] if is_terminal else os.pipe()
            shell = subprocess.Popen(["timeout", "--foreground", str(PATIENCE), "sh", "-c", SCRIPT, program],
                                     stdin=reading, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            os.close(reading)
            heard = read_until(shell.stdout.fileno(), b"listening on ")
            for piece in pieces:
                os.write(writing, piece)
                if len(pieces) > 1:
                    time.sleep(0.002)  # so that most pieces come alone. Nothing depends on it
            rest = shell.stdout.read()
            shell.wait()
            os.close(writing)
            heard += rest
            for wanted in (b"status 0\n", b"the shell reads: for the shell\n"):
                if wanted not in heard:
                    raise SystemExit(f"FAILED: no {wanted!r} in {heard!r}; typed as {pieces}, terminal: {is_terminal}")
    print("a terminal and a pipe: the server reads its line, and the shell what is behind it")


main()
