"""Plays a lesson's programs as people do: each in a terminal of its own, with the keyboard.

A script of this folder, NN_name.py, is given the folder of the built programs:

    from play import Lesson
    lesson = Lesson(__file__)
    server = lesson.start("server")
    client = lesson.start("client", "localhost")
    client.expect("(data to send): ")
    client.type("hello")
    server.expect("hello")
    client.ends(0)

The programs use the ports of the notes. So the script runs in a network namespace of its own where the system allows
that. Elsewhere the scripts take turns, and a script is skipped (status 77) if one of its ports is taken.
"""
import fcntl
import http.server
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unicodedata

PATIENCE = 60  # seconds: not a measure of speed, only the point at which something counts as stuck


class Failure(Exception):
    pass


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        name = struct.pack("16sH14x", b"lo", 1)  # struct ifreq with IFF_UP: netdevice(7)
        fcntl.ioctl(s, 0x8914, name)  # SIOCSIFFLAGS


def own_network(ports):
    """Runs this script again in a network namespace, or takes turns with the others."""
    if os.environ.get("NETNOTES_OWN_NETWORK") == "yes":
        loopback_up()
        return
    unshare = shutil.which("unshare")
    flags = ["-n"] if os.geteuid() == 0 else ["-r", "-n"]
    if unshare and subprocess.run([unshare, *flags, "true"], capture_output=True).returncode == 0:
        os.execve(unshare, [unshare, *flags, sys.executable, *sys.argv], {**os.environ, "NETNOTES_OWN_NETWORK": "yes"})
    lock = open(f"/tmp/netnotes-lessons-{os.geteuid()}", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    own_network.lock = lock  # held until this process ends
    for port in ports:
        for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
            with socket.socket(socket.AF_INET, kind) as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kind == socket.SOCK_STREAM)
                try:
                    s.bind(("", port))
                except OSError as error:
                    print(f"SKIPPED: port {port}: {error.strerror}")
                    sys.exit(77)


class Screen:
    """What a terminal shows of a text: its rows, and the place of the cursor. It obeys the orders of console_codes(4) that
    lessons use, and refuses others."""
    ORDER = re.compile(r"\x1b(?:\[(\d*)(?:;(\d+))?([BHKr])|([78]))|(.)", re.S)

    def __init__(self, text, columns, height):
        self.columns, self.height, self.rows, self.row, self.column = columns, height, [[] for _ in range(height)], 0, 0
        self.top, self.bottom = 0, height - 1  # the rows that scroll
        place = 0, 0
        for first, second, order, saves, character in self.ORDER.findall(text):
            if saves == "7":
                place = self.row, self.column
            elif saves == "8":
                self.row, self.column = place
            elif order == "B":  # down
                self.row = min(height - 1, self.row + int(first or 1))
            elif order == "H":  # to a row
                self.row, self.column = min(height, int(first or 1)) - 1, int(second or 1) - 1
            elif order == "K":  # erases the rest of the row
                del self.rows[self.row][self.column:]
            elif order == "r":  # lets only these rows scroll
                top, bottom = int(first or 1) - 1, int(second or height) - 1
                if top < bottom < height:
                    self.top, self.bottom, self.row, self.column = top, bottom, 0, 0
            else:
                self.put(character)

    def put(self, character):
        if character == "\r":
            self.column = 0
        elif character in "\n\v":
            self.line_feed()
        elif character < " ":
            raise Failure(f"a screen that knows no {character!r}")
        else:
            width = 2 if unicodedata.east_asian_width(character) in "WF" else 1
            if self.column + width > self.columns:
                self.column = 0
                self.line_feed()
            row = self.rows[self.row]
            row += [" "] * (self.column + width - len(row))
            row[self.column:self.column + width] = [character] + [""] * (width - 1)
            self.column += width

    def line_feed(self):
        if self.row == self.bottom:
            del self.rows[self.top]
            self.rows.insert(self.bottom, [])
        else:
            self.row = min(self.height - 1, self.row + 1)

    def text(self):
        """Returns the rows down to the row of the cursor. A | stands at the place of the cursor."""
        rows = ["".join(row) for row in self.rows[:self.row]]
        here = self.rows[self.row] + [" "] * (self.column - len(self.rows[self.row]))
        return rows + ["".join(here[:self.column]) + "|" + "".join(here[self.column:])]


class Program:
    """One program in a terminal. The terminal does not echo, so `heard` is only what the program itself writes. With
    `size`, its columns and rows, it does what a person's terminal does, and screen() returns what the person sees."""

    def __init__(self, command, environment=None, size=None):
        self.name = os.path.basename(command[0])
        self.heard, self.position, self.status, self.size = "", 0, None, size
        self.terminal, slave = pty.openpty()
        if size:
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        else:
            modes = termios.tcgetattr(slave)
            modes[3] &= ~termios.ECHO
            modes[1] &= ~termios.ONLCR
            termios.tcsetattr(slave, termios.TCSANOW, modes)

        def own_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, preexec_fn=own_terminal,
                                        env={**os.environ, **(environment or {})})
        os.close(slave)
        self.bytes = b""

    def _read(self, limit):
        """Reads what the program writes next. Returns False at its end."""
        if not select.select([self.terminal], [], [], limit)[0]:
            raise Failure(f"{self.name} still writes nothing more; it wrote {self.heard!r}")
        try:
            piece = os.read(self.terminal, 65536)
        except OSError:  # EIO: the other end of the terminal is closed
            piece = b""
        self.bytes += piece
        self.heard = self.bytes.decode("utf-8", errors="replace")
        return bool(piece)

    def expect(self, text):
        """Waits for a text, or a match of a compiled pattern, behind what was expected before. Returns the match."""
        pattern = text if isinstance(text, re.Pattern) else re.compile(re.escape(text))
        end = time.monotonic() + PATIENCE
        while not (match := pattern.search(self.heard, self.position)):
            if not self._read(max(0, end - time.monotonic())):
                raise Failure(f"{self.name} ended without {pattern.pattern!r}; it wrote {self.heard!r}")
        self.position = match.end()
        return match

    def screen(self):
        return Screen(self.heard, *self.size).text()

    def type(self, line):
        os.write(self.terminal, (line + "\n").encode())

    def keys(self, text):
        os.write(self.terminal, text.encode())

    def end_of_input(self):
        self.keys("\x04")  # Ctrl-D

    def interrupt(self):
        self.keys("\x03")  # Ctrl-C: the terminal sends SIGINT

    def waits(self):
        """Returns as soon as the program sleeps: it waits for the keyboard, a peer, or a time."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as status:
                if status.read().rpartition(")")[2].split()[0] == "S":  # proc_pid_stat(5)
                    return
            time.sleep(0.001)
        raise Failure(f"{self.name} never waits")

    def ends(self, status):
        """Waits for the program's end, with this exit status (minus the number of a signal). Returns all it wrote."""
        end = time.monotonic() + PATIENCE
        while self._read(max(0, end - time.monotonic())):
            pass
        self.status = self.process.wait(PATIENCE)
        if self.status != status:
            raise Failure(f"{self.name} ended with status {self.status}, not {status}; it wrote {self.heard!r}")
        return self.heard

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self.terminal)


class Lesson:
    def __init__(self, script, ports=(6666, 7788, 8888, 4567, 6660, 1234, 69)):
        if len(sys.argv) != 2:
            sys.exit(f"usage: {os.path.basename(script)} FOLDER   (the folder of the lesson's built programs)")
        own_network(ports)
        self.folder, self.programs = pathlib.Path(sys.argv[1]).resolve(), []

    def start(self, program, *arguments, environment=None, size=None):
        started = Program([str(self.folder / program), *arguments], environment, size)
        self.programs.append(started)
        return started

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        for each in self.programs:
            each.kill()
        if kind is None:
            print("well")
        if kind is Failure:
            print(f"FAILED: {error}")
            sys.exit(1)


def listens(port, protocol="tcp"):
    """Waits until a socket of this machine has the port: a listener, or a bound UDP socket."""
    state, end = {"tcp": "0A", "udp": "07"}[protocol], time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for file in (f"/proc/net/{protocol}", f"/proc/net/{protocol}6"):
            with open(file, encoding="ascii") as table:
                for line in list(table)[1:]:
                    local, _, seen = line.split()[1:4]
                    if int(local.rsplit(":", 1)[1], 16) == port and seen == state:
                        return
        time.sleep(0.01)
    raise Failure(f"nothing has {protocol} port {port}")


class Pages(http.server.ThreadingHTTPServer):
    """A site of fixed pages: {path: HTML}. It serves as long as the `with`."""

    def __init__(self, port, pages):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                page = pages.get(self.path, "").encode()
                self.send_response(200 if page else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *_):
                pass
        super().__init__(("127.0.0.1", port), Handler)

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Chromium:
    """A browser without a window, which is told through two pipes what to do (Chrome DevTools Protocol)."""

    @staticmethod
    def found():
        """Returns a browser. Prints a word if no browser starts."""
        program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        if not program:
            return print("without Chromium: it is not installed")
        try:
            return Chromium(program)
        except Failure as error:
            return print(f"without Chromium: {error}")

    def __init__(self, program):
        self.name, self.count, self.rest = os.path.basename(program), 0, b""
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        (commands, self.commands), (self.answers, answers) = os.pipe(), os.pipe()
        theirs = [fcntl.fcntl(each, fcntl.F_DUPFD, 10) for each in (commands, answers)]  # not 3 and 4, which they become

        def three_and_four():
            os.dup2(theirs[0], 3)
            os.dup2(theirs[1], 4)
        self.process = subprocess.Popen([program, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
                                         f"--user-data-dir={self.profile.name}", "about:blank"], preexec_fn=three_and_four,
                                        pass_fds=(3, 4), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        for each in (commands, answers, *theirs):
            os.close(each)
        self.session = None
        try:
            target = self.ask("Target.createTarget", url="about:blank")["targetId"]
            self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        except Failure:
            self.__exit__()
            raise

    def ask(self, method, **parameters):
        """Sends a command, and returns its result."""
        self.count += 1
        command = {"id": self.count, "method": method, "params": parameters, **({"sessionId": self.session} if self.session else {})}
        try:
            os.write(self.commands, json.dumps(command).encode() + b"\0")
        except BrokenPipeError:
            raise Failure(f"{self.name} has ended") from None
        end = time.monotonic() + PATIENCE
        while True:
            while b"\0" not in self.rest:
                if not select.select([self.answers], [], [], max(0, end - time.monotonic()))[0]:
                    raise Failure(f"{self.name} does not answer {method}")
                piece = os.read(self.answers, 1 << 16)
                if not piece:
                    raise Failure(f"{self.name} has ended")
                self.rest += piece
            text, _, self.rest = self.rest.partition(b"\0")
            answer = json.loads(text)
            if answer.get("id") == self.count:  # events have no number
                if "error" in answer:
                    raise Failure(f"{method}: {answer['error']}")
                return answer["result"]

    def open(self, address):
        self.ask("Page.navigate", url=address)

    def evaluate(self, script):
        """Returns the value of a script in the page, or None while the page changes."""
        try:
            return self.ask("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")
        except Failure as error:
            if re.search("navigated|context", str(error)):  # the page that was asked is gone, and its answer with it
                return None
            raise

    def shows(self, text, where="document.documentElement.outerHTML"):
        """Waits until the page has a text and is there as a whole, with its style. Returns the page."""
        end, page = time.monotonic() + PATIENCE, ""
        where = f"document.readyState == 'complete' ? {where} : ''"
        while text not in page:
            if time.monotonic() > end:
                raise Failure(f"{self.name} does not show {text!r}; it shows {page!r}")
            time.sleep(0.02)
            page = self.evaluate(where) or ""
        return page

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.commands)
        os.close(self.answers)
        self.profile.cleanup()
