#!/usr/bin/env python3
"""pictures.py [--record | --check]: draws the pictures of README.md in examples/site/pictures.

    road.svg        the lessons as a map, from the names of their folders and the titles of their pages
    terminal.svg    three terminals, a server and two clients, from recording.txt

--record starts the server of lesson 26 and two clients, and writes what they print, with the times, to recording.txt.
--check draws nothing; it fails if a picture differs from what the script would draw now.
"""

import html
import pathlib
import re
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FOLDER = HERE / "pictures"
RECORDING = FOLDER / "recording.txt"

# The stages of the road: first lesson, last lesson, colour, name in English and in Chinese.
STAGES = [(1, 5, "#2f7ed8", "addresses and sockets", "地址与套接字"), (6, 9, "#1aa3a3", "UDP", "UDP"),
          (10, 13, "#3a9d4f", "TCP", "TCP"), (14, 14, "#8a9a1c", "TFTP", "TFTP"),
          (15, 21, "#d98a00", "servers, select, epoll", "服务器、select、epoll"), (22, 27, "#d4573b", "coroutines", "协程"),
          (28, 31, "#b0408a", "packets", "报文"), (32, 37, "#7a4fc0", "the local network", "局域网"),
          (38, 42, "#4a5fc9", "HTTP", "HTTP"), (43, 49, "#2b6fb3", "web", "Web"), (50, 99, "#444c56", "database, chat", "数据库、聊天室")]
STYLE = ("text{font-family:system-ui,'Noto Sans','Noto Sans CJK SC',sans-serif}.m{font-family:ui-monospace,Menlo,Consolas,"
         "'DejaVu Sans Mono','Noto Sans Mono CJK SC',monospace;white-space:pre}")


def lessons():
    """Yields (number, title) of each lesson."""
    for page in sorted(ROOT.glob("examples/[0-9][0-9]_*/README.md")):
        title = page.read_text(encoding="utf-8").split("\n", 1)[0].removeprefix("# ")
        yield int(page.parent.name[:2]), re.sub(r"^\d+\s*·\s*", "", title).replace("`", "")


def road():
    """A road that winds from left to right and back, with a stop for each lesson."""
    each = list(lessons())
    a_row, step, top, high = 6, 172, 84, 104
    rows = -(-len(each) // a_row)
    width, height = 60 + a_row * step, top + (rows - 1) * high + 66
    places = []
    for number in range(len(each)):
        row, column = divmod(number, a_row)
        places.append((60 + step / 2 + (column if row % 2 == 0 else a_row - 1 - column) * step - 30, top + row * high))
    path = f"M {places[0][0] - 60:.0f} {places[0][1]}"
    for (x, y), (nx, ny) in zip(places, places[1:]):
        if y == ny:
            path += f" L {nx:.0f} {ny}"
        else:
            side = 74 if x > width / 2 else -74
            path += f" C {x + side:.0f} {y} {nx + side:.0f} {ny} {nx:.0f} {ny}"
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
           "<title>The road of the lessons, from the first socket to a chat in the browser</title>", f"<style>{STYLE}</style>",
           f'<rect width="{width}" height="{height}" rx="14" fill="#fbfaf6"/>',
           f'<path d="{path}" fill="none" stroke="#c9c4b5" stroke-width="26" stroke-linecap="round" stroke-linejoin="round"/>',
           f'<path d="{path}" fill="none" stroke="#fff" stroke-width="2" stroke-dasharray="10 9"/>',
           f'<text x="24" y="36" font-size="20" font-weight="700" fill="#333">{len(each)} lessons, '
           "from the first socket to a chat in the browser</text>"]
    x = 24
    seen = {number for number, _ in each}
    legend = []
    for first, last, colour, name, _ in STAGES:
        if any(first <= number <= last for number in seen):
            legend.append(f'<circle cx="{x + 6}" cy="55" r="6" fill="{colour}"/>'
                          f'<text x="{x + 16}" y="59" font-size="12" fill="#555">{name}</text>')
            x += 34 + len(name) * 6.4
    out += legend
    for (number, title), (px, py) in zip(each, places):
        colour = next(colour for first, last, colour, *_ in STAGES if first <= number <= last)
        out.append(f'<circle cx="{px:.0f}" cy="{py}" r="17" fill="{colour}" stroke="#fff" stroke-width="3"/>'
                   f'<text x="{px:.0f}" y="{py + 5}" font-size="14" font-weight="700" text-anchor="middle" fill="#fff">'
                   f"{number:02}</text>")
        lines, line = [], ""
        for word in title.split():
            if len(line) + len(word) > 23 and line:
                lines.append(line)
                line = ""
            line = (line + " " + word).strip()
        lines.append(line)
        if len(lines) > 2:
            lines = [lines[0], lines[1][:21].rstrip(" ,") + " …"]
        for at, part in enumerate(lines):
            out.append(f'<text x="{px:.0f}" y="{py + 34 + at * 15}" font-size="12.5" text-anchor="middle" fill="#333" '
                       f'paint-order="stroke" stroke="#fbfaf6" stroke-width="5" stroke-linejoin="round">{html.escape(part)}</text>')
    out.append("</svg>\n")
    return "\n".join(out)



def terminal():
    """Three terminals. Each line appears at its time; a viewer without animation sees the end."""
    events = []
    for line in RECORDING.read_text(encoding="utf-8").split("\n"):
        if line.strip() and not line.startswith("#"):
            at, pane, kind, text = line.split("\t")
            events.append((float(at), pane, kind, text))
    names = {"server": (0, 0, 860, 200, "the server: one thread for all clients"), "first": (0, 216, 422, 182, "first client"),
             "second": (438, 216, 422, 182, "second client")}
    height = 398
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-8 -8 876 {height + 16}" width="876" height="{height + 16}" role="img">',
           "<title>A server of coroutines and two clients at the same time</title>",
           f"<style>{STYLE}.l{{animation:a .01s both}}@keyframes a{{from{{opacity:0}}to{{opacity:1}}}}"
           "@media (prefers-reduced-motion:reduce){.l{animation:none}}</style>"]
    rows = {name: 0 for name in names}
    for x, y, w, h, title in names.values():
        out.append(f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="9" fill="#1d232b"/>'
                   f'<path d="M{x} {y + 28}h{w}" stroke="#323a45"/>'
                   + "".join(f'<circle cx="{x + 16 + 16 * n}" cy="{y + 14}" r="5" fill="{colour}"/>'
                             for n, colour in enumerate(("#ff5f57", "#febc2e", "#28c840")))
                   + f'<text x="{x + 70}" y="{y + 19}" font-size="12" fill="#9aa5b1">{title}</text>')
    for at, pane, kind, text in events:
        x, y, *_ = names[pane]
        top = y + 50 + rows[pane] * 19
        rows[pane] += 1
        colour = {"type": "#8fd3a6", "print": "#e6edf3"}[kind]
        prompt = '<tspan fill="#6b7785">$ </tspan>' if kind == "type" and text.startswith(("sh ", "nc ")) else ""
        out.append(f'<text class="m l" style="animation-delay:{at:.2f}s" x="{x + 14}" y="{top}" font-size="13.5" fill="{colour}">'
                   f"{prompt}{html.escape(text)}</text>")
    out.append("</svg>\n")
    return "\n".join(out)


def record():
    """Plays a server and two clients, and notes each line with its time."""
    events, began = [], time.monotonic()
    server = subprocess.Popen(["sh", "examples/run.sh", "26", "coroutine_server"], cwd=ROOT, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)

    def hear(pane, stream):
        line = stream.readline().rstrip("\n")
        events.append([time.monotonic() - began, pane, "print", line])
        return line

    clients = {}
    try:
        hear("server", server.stdout)
        began = time.monotonic()
        events[0][0] = 0.0
        for pane in "first", "second":
            clients[pane] = subprocess.Popen(["nc", "localhost", "4567"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            events.append([time.monotonic() - began, pane, "type", "nc localhost 4567"])
        for pane, line in (("first", "hello"), ("second", "你好，世界"), ("first", "two clients, one thread"),
                           ("second", "no client waits"), ("second", "再见"), ("first", "bye")):
            events.append([time.monotonic() - began, pane, "type", line])
            clients[pane].stdin.write(line + "\n")
            clients[pane].stdin.flush()
            hear("server", server.stdout)
            hear(pane, clients[pane].stdout)
    finally:
        for client in clients.values():
            client.terminate()
            client.wait()
        server.terminate()
        server.wait()
    # A person needs time to type. The order is what was recorded.
    at, lines = 0.4, [("0.30", "server", "type", "sh examples/run.sh 26 coroutine_server")]
    for _, pane, kind, text in events:
        at += 0.9 if kind == "type" else 0.15
        lines.append((f"{at:.2f}", pane, kind, text))
    RECORDING.write_text("# What lesson 26 printed: seconds in the picture, terminal, typed or printed, text. pictures.py --record.\n"
                         + "".join("\t".join(line) + "\n" for line in lines), encoding="utf-8")


def main(arguments):
    if arguments == ["--record"]:
        record()
    elif arguments not in ([], ["--check"]):
        is_asked = arguments in (["--help"], ["-h"])
        print(__doc__, file=sys.stdout if is_asked else sys.stderr)
        return 0 if is_asked else 2
    status = 0
    for name, draw in (("road.svg", road), ("terminal.svg", terminal)):
        text, path = draw(), FOLDER / name
        if arguments == ["--check"]:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                print(f"{path.relative_to(ROOT)}: is not what pictures.py draws now: python3 examples/site/pictures.py", file=sys.stderr)
                status = 1
        else:
            path.write_text(text, encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
