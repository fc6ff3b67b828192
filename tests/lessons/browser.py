"""Chromium as a client of the lessons, without a window. It is told what to do over the DevTools protocol, through two pipes.

    with browser.start() as chromium:          nothing if Chromium is not installed or does not start
        if chromium:
            page = chromium.open("http://localhost:8000/")
            page.wait("document.title == 'Chat'")
            page.type("hello\\n")
            assert page.run("1 + 1") == 2
            page.answers                       each response: url, status, connectionId, fromDiskCache, headers, ...

What a page waits for, Chromium itself waits for: a promise in the page.
"""
import contextlib
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

PATIENCE = 60  # seconds: not a measure of speed, only the point at which something counts as stuck


class Page:
    def __init__(self, chromium, target):
        self.chromium, self.answers, self.is_loaded = chromium, [], False
        self.session = chromium.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        chromium.pages[self.session] = self
        for what in "Page", "Runtime", "Network":
            self.call(f"{what}.enable")

    def call(self, method, **parameters):
        return self.chromium.call(method, self.session, **parameters)

    def heard(self, method, parameters):
        if method == "Network.responseReceived":
            self.answers.append(parameters["response"])
        elif method == "Page.loadEventFired":
            self.is_loaded = True

    def go(self, method, **parameters):
        """Loads a page, until it is there with all its pictures."""
        self.is_loaded = False
        self.call(method, **parameters)
        self.chromium.until(lambda: self.is_loaded)

    def run(self, script):
        """Runs a script in the page, waits for its promise, and returns its value."""
        made = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in made, made
        return made["result"].get("value")

    def wait(self, condition):
        """Waits until an expression is true in the page, and returns its value."""
        return self.run(f"new Promise(done => {{ const look = () => {{ const value = {condition}; "
                        "if (value) done(value); else setTimeout(look, 5); }; look(); })")

    def type(self, text):
        """Types into the field that has the focus. A line's end is the key Enter."""
        for piece in text.splitlines(keepends=True):
            self.call("Input.insertText", text=piece.rstrip("\n"))
            if piece.endswith("\n"):
                enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
                self.call("Input.dispatchKeyEvent", type="keyDown", **enter)
                self.call("Input.dispatchKeyEvent", type="keyUp", **enter)

    def close(self):
        self.call("Page.close")


class Chromium:
    def __init__(self, program, folder):
        down, self.out = os.pipe()  # Chromium reads its orders from descriptor 3, and answers on descriptor 4
        self.back, up = os.pipe()

        def place():
            first, second = os.dup(down), os.dup(up)  # neither is 3 or 4 afterwards by accident
            os.dup2(first, 3)
            os.dup2(second, 4)
        try:
            self.process = subprocess.Popen(
                [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions",
                 "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
                 f"--user-data-dir={folder}", "--remote-debugging-pipe", "about:blank"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=place,
                close_fds=False, start_new_session=True)
        finally:
            os.close(down)
            os.close(up)
        self.number, self.bytes, self.results, self.pages = 0, b"", {}, {}

    def until(self, happened):
        end = time.monotonic() + PATIENCE
        while not happened():
            if not select.select([self.back], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError("Chromium says nothing more")
            piece = os.read(self.back, 1 << 16)
            if not piece:
                raise ConnectionError("Chromium has ended")
            *messages, self.bytes = (self.bytes + piece).split(b"\0")
            for message in map(json.loads, messages):
                if "id" in message:
                    self.results[message["id"]] = message
                elif page := self.pages.get(message.get("sessionId")):
                    page.heard(message["method"], message["params"])

    def call(self, method, session=None, **parameters):
        self.number += 1
        number = self.number
        order = {"id": number, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
        os.write(self.out, json.dumps(order).encode() + b"\0")
        self.until(lambda: number in self.results)
        answer = self.results.pop(number)
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    def open(self, url=None):
        page = Page(self, self.call("Target.createTarget", url="about:blank")["targetId"])
        if url:
            page.go("Page.navigate", url=url)
        return page

    def end(self):
        with contextlib.suppress(OSError):
            os.close(self.out)  # the end of its orders is the end of Chromium
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.back)


@contextlib.contextmanager
def start():
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not program:
        print("without Chromium: it is not installed")
        yield None
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        chromium = Chromium(program, folder)
        try:
            try:
                chromium.call("Browser.getVersion")
            except (OSError, ConnectionError, TimeoutError) as why:
                print(f"without Chromium: it does not start here: {why}")
                yield None
                return
            yield chromium
        finally:
            chromium.end()
