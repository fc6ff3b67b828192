"""The load of many clients on an echo server."""
import contextlib
import re
import socket
import threading

from play import Lesson


def echo(client):
    with client:
        while bytes_in := client.recv(1000):
            client.sendall(bytes_in)


@contextlib.contextmanager
def server(handler):
    def accept_all():
        with contextlib.suppress(OSError):  # the listener is shut down
            while True:
                threading.Thread(target=handler, args=(listener.accept()[0],), daemon=True).start()
    with socket.create_server(("127.0.0.1", 6660)) as listener:
        thread = threading.Thread(target=accept_all)
        thread.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def stranger(answer):
    def handler(client):
        with client:
            client.recv(1000)
            client.sendall(answer)
    return handler


with Lesson(__file__) as lesson:
    with server(echo):
        load = lesson.start("load", "localhost", "6660", "20", "1")
        load.expect("20 clients ask localhost:6660 for 1 s\n")
        answers = load.expect(re.compile(r"(\d+) answers a second; the slowest answer took (\d+) us\n"))
        assert int(answers[1]) >= 20 and int(answers[2]) > 0
        load.ends(0)

    # A server that closes, a server that answers something else, no server, wrong arguments.
    for answer in b"", b"!" * 64:
        with server(stranger(answer)):
            text = lesson.start("load", "localhost", "6660", "1", "1").ends(1)
            assert "load: the server has closed, or is no echo server\n" in text
    assert "Connection refused" in lesson.start("load", "localhost", "6660", "1").ends(1)
    for wrong in (), ("localhost",), ("localhost", "6660"), ("localhost", "6660", "x"), ("localhost", "6660", "1", "0"):
        assert "load: usage: load HOST PORT CLIENTS [SECONDS]" in lesson.start("load", *wrong).ends(1)

    # The demonstration says what it measures while it does so, and a row of the table takes the place of these words.
    table = lesson.start("demo", "run", "--only", "select", "--clients", "1", "--silent", "1")
    table.expect(re.compile(r"select \.\.\.\r\x1b\[Kselect +19, 20 +\d+/s"))
    table.ends(0)
