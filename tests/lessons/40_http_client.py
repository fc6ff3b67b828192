"""The web client: one page, and ten at once, from a server of Python."""
import http.server
import threading
import time

from play import Lesson


class Pages(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    connections, most, present, lock = set(), 0, 0, threading.Lock()

    def do_GET(self):
        with Pages.lock:
            Pages.connections.add(self.client_address)
            Pages.present += 1
            Pages.most = max(Pages.most, Pages.present)
        if self.path.startswith("/?page="):
            time.sleep(0.05)  # so that ten requests are under way together; the test does not depend on it
        body = f"page {self.path}\n".encode()
        with Pages.lock:
            Pages.present -= 1
        self.send_response(404 if self.path == "/nothing" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


with Lesson(__file__, (8000,)) as lesson:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 8000), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = lesson.start("http_get", "http://127.0.0.1:8000/a?b=1")
    assert "page /a?b=1" in page.ends(0)
    page = lesson.start("http_get", "http://127.0.0.1:8000/nothing")
    heard = page.ends(1)
    assert "404 Not Found" in heard and "page /nothing" in heard, heard

    Pages.connections.clear()
    ten = lesson.start("ten_pages", "http://127.0.0.1:8000/")
    ten.expect("at once: ")
    heard = ten.ends(0)
    assert heard.count("200 http://127.0.0.1:8000/?page=") == 20, heard
    assert 1 <= len(Pages.connections) <= 10, Pages.connections
    server.shutdown()
    server.server_close()

    assert "Connection refused" in lesson.start("http_get", "http://127.0.0.1:8000/").ends(1)
    assert "https needs TLS" in lesson.start("http_get", "https://example.com/").ends(1)
    assert "is no URL of http" in lesson.start("ten_pages", "nonsense").ends(1)
