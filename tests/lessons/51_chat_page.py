"""The chat room: two pages in Chromium, a member that breaks the rules, and a page of another site."""
import base64
import os
import socket
import struct

import browser
from hostile import connect, reset
from play import Lesson

PORT = 8000


class Member:
    """A client with bytes of its own, beside the library's."""

    def __init__(self, name, *fields):
        self.socket, self.bytes = connect(PORT), b""
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall("\r\n".join([f"GET /room?name={name} HTTP/1.1", "Host: localhost:8000", "Upgrade: websocket",
                                         "Connection: keep-alive, Upgrade", f"Sec-WebSocket-Key: {key}",
                                         "Sec-WebSocket-Version: 13", *fields, "", ""]).encode())
        while b"\r\n\r\n" not in self.bytes:
            self.bytes += self.socket.recv(1 << 16)
        head, _, self.bytes = self.bytes.partition(b"\r\n\r\n")
        self.status = int(head.split()[1])

    def say(self, text, kind=1, last=True):
        data, mask = text if isinstance(text, bytes) else text.encode(), os.urandom(4)
        size = bytes([0x80 | len(data)]) if len(data) < 126 else struct.pack("!BH", 0x80 | 126, len(data))
        self.socket.sendall(bytes([kind | (0x80 if last else 0)]) + size + mask +
                            bytes(byte ^ mask[i % 4] for i, byte in enumerate(data)))

    def exactly(self, size):
        while len(self.bytes) < size:
            piece = self.socket.recv(1 << 16)
            assert piece, f"the server has closed the connection; it said {self.bytes!r}"
            self.bytes += piece
        taken, self.bytes = self.bytes[:size], self.bytes[size:]
        return taken

    def frame(self):
        first, size = self.exactly(2)
        assert first & 0x80 and size <= 126, "a fragment, a mask, or a long line"
        if size == 126:
            size, = struct.unpack("!H", self.exactly(2))
        return first & 15, self.exactly(size)

    def hears(self, *lines):
        for line in lines:
            assert (frame := self.frame()) == (1, line.encode()), (frame, line)

    def is_closed(self, code):
        kind, data = self.frame()
        assert (kind, data[:2]) == (8, struct.pack("!H", code)), (kind, data)
        self.socket.shutdown(socket.SHUT_WR)
        assert self.socket.recv(1) == b""


with Lesson(__file__, (PORT,)) as lesson:
    server = lesson.start("chat_page")
    server.expect("open http://localhost:8000 in two windows")

    li, wang = Member("Li"), Member("%E7%8E%8B")
    li.hears("Li 来了 (joins)", "王 来了 (joins)")
    wang.hears("王 来了 (joins)")
    wang.say("hello")
    li.hears("王: hello")
    li.say("in ", last=False)
    li.say("?", kind=9)
    li.say("pieces", kind=0)
    wang.hears("王: hello", "Li: in pieces")
    assert sorted((li.frame(), li.frame())) == [(1, b"Li: in pieces"), (10, b"?")]
    server.expect("Li: in pieces")

    bad = Member("Bad")  # whatever a member does wrong, it ends only itself
    bad.hears("Bad 来了 (joins)")
    bad.socket.sendall(b"\x81\x05hello")
    bad.is_closed(1002)
    wang.hears("Bad 来了 (joins)", "Bad 走了 (leaves)")
    gone = Member("Gone")
    server.expect("Gone 来了 (joins)")
    reset(gone.socket)
    wang.hears("Gone 来了 (joins)", "Gone 走了 (leaves)")
    assert Member("X", "Origin: http://evil.example").status == 403
    own_page = Member("Own", "Origin: http://localhost:8000")
    assert own_page.status == 101
    wang.hears("Own 来了 (joins)")
    own_page.say(b"\x03\xe8bye", kind=8)
    own_page.hears("Own 来了 (joins)")
    own_page.is_closed(1000)
    server.expect("Own 走了 (leaves)")

    with browser.start() as chromium:
        if chromium:
            zhao, qian = (chromium.open(f"http://localhost:{PORT}/?name={name}") for name in ("Zhao", "Qian"))
            lines = "[...document.querySelectorAll('p')].map(each => each.textContent).join('|')"
            zhao.wait(f"{lines}.includes('Qian 来了 (joins)')")
            qian.wait(f"{lines}.includes('Qian 来了 (joins)')")
            zhao.run("text.focus()")
            zhao.type("<b>你好</b>\n")
            assert qian.wait(f"{lines}.includes('Zhao: ') && {lines}") == "Qian 来了 (joins)|Zhao: <b>你好</b>"
            qian.run("text.value = 'hello, Zhao'; document.forms[0].requestSubmit()")
            zhao.wait(f"{lines}.includes('Qian: hello, Zhao')")
            server.expect("Qian: hello, Zhao")
            qian.close()
            zhao.wait(f"{lines}.includes('Qian 走了 (leaves)')")
            # A page of another site, whose origin Chromium itself tells.
            closed = zhao.run("""new Promise(done => {
                const frame = document.createElement("iframe");
                frame.sandbox = "allow-scripts";
                frame.srcdoc = `<script>const s = new WebSocket("ws://localhost:8000/room?name=Evil");
                    s.onopen = () => parent.postMessage("open", "*"); s.onclose = e => parent.postMessage(e.code, "*");<\\/script>`;
                onmessage = event => done(event.data);
                document.body.append(frame);
            })""")
            assert closed == 1006, closed
            server.interrupt()
            assert "再见 (closed): 1001" in zhao.wait(f"{lines}.includes('(closed)') && {lines}")
        else:
            server.interrupt()
    while (frame := wang.frame())[0] != 8:
        pass
    assert frame == (8, struct.pack("!H", 1001)), frame
    server.ends(0)
