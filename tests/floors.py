#!/usr/bin/env python3
"""floors.py [--text | --dot [MODULE]]: checks that includes point down only, between the modules and between the headers.

Without an argument it checks include/netnotes, and exits with status 1 and the faults if there are any:

    - a module includes a module of its own floor or of a floor below it only, and no circle of modules exists
    - no circle of headers exists
    - packet, lan and the chapters PURE_HTTP have no socket, no descriptor, no thread and no clock: they include no header of
      the system
    - a chapter has at most 620 lines; EXCEPTIONS below names longer chapters, and a name that is not needed is a fault

--text prints the floors as a picture of text, --dot for Graphviz: python3 tests/floors.py --dot | dot -Tsvg. With the name
of a module, --dot prints its chapters. An arrow that follows from two others is left out.
"""

import pathlib
import re
import sys

HEADERS = pathlib.Path(__file__).resolve().parent.parent / "include" / "netnotes"
FLOORS = {
    "ip": 1, "socket": 2, "udp": 3, "tcp": 3, "poll": 3, "server": 3, "coro": 4, "packet": 4, "tftp": 5, "http": 5, "lan": 5,
    "web": 6, "netnotes": 7,
}
# On one floor server stands on the stairs: it includes tcp and poll. packet stands beside the stairs, with ip below it.
BESIDE = {("server", "tcp"), ("server", "poll")}
MAX_LINES = 620
EXCEPTIONS = {"tftp/transfer.hpp"}  # this list only shrinks

# These modules take bytes and time, and give bytes.
WITHOUT_SYSTEM = {"packet", "lan"}
# So do these chapters of http: the server and the client stand above them.
PURE_HTTP = {f"http/{chapter}.hpp" for chapter in (
    "syntax", "status", "fields", "target", "media", "message", "refusal", "head", "parser", "body", "write", "connection",
    "websocket")}
SYSTEM = re.compile(r"^\s*#include <(.*\.h|thread|mutex|condition_variable|atomic|future|fstream|iostream|filesystem)>|_clock::now",
                    re.M)

INCLUDE = re.compile(r'^\s*#include "([^"]+)"', re.M)


def module_of(path):
    return path.relative_to(HEADERS).parts[0].removesuffix(".hpp")


def circle_in(graph):
    """Returns the names along a circle of the graph, or an empty list."""
    done, path = set(), []

    def visit(node):
        if node in path:
            return path[path.index(node):] + [node]
        if node in done:
            return []
        path.append(node)
        for below in sorted(graph.get(node, ())):
            found = visit(below)
            if found:
                return found
        path.pop()
        done.add(node)
        return []

    for node in sorted(graph):
        found = visit(node)
        if found:
            return found
    return []


def all_below(graph, node, seen=None):
    """Returns the names that can be reached from this one."""
    seen = set() if seen is None else seen
    for below in graph.get(node, ()):
        if below not in seen:
            seen.add(below)
            all_below(graph, below, seen)
    return seen


def dot_of(graph):
    """Yields the arrows of a graph without circles, but no arrow that follows from two others."""
    for node, below in sorted(graph.items()):
        for other in sorted(below):
            if not any(other in all_below(graph, near) for near in below if near != other):
                yield f'    "{node}" -> "{other}"'


def main():
    of_module = sys.argv[2] if sys.argv[1:2] == ["--dot"] and sys.argv[2:] and sys.argv[2] in FLOORS else None
    if sys.argv[1:] not in ([], ["--text"], ["--dot"], ["--dot", of_module]):
        is_asked = sys.argv[1:] in (["--help"], ["-h"])
        print(__doc__, file=sys.stdout if is_asked else sys.stderr)
        return 0 if is_asked else 2
    headers, modules, faults = {}, {}, []
    for file in sorted(HEADERS.rglob("*.hpp")):
        name = str(file.relative_to(HEADERS))
        module = module_of(file)
        if module not in FLOORS:
            faults.append(f"{name}: the module {module} has no floor in tests/floors.py")
            continue
        text = file.read_text()
        lines = text.count("\n")
        if lines > MAX_LINES and name not in EXCEPTIONS:
            faults.append(f"{name}: {lines} lines, at most {MAX_LINES}: two ideas, which want two chapters")
        if lines <= MAX_LINES and name in EXCEPTIONS:
            faults.append(f"{name}: {lines} lines: take it out of EXCEPTIONS in tests/floors.py")
        for found in SYSTEM.finditer(text) if module in WITHOUT_SYSTEM or name in PURE_HTTP else ():
            faults.append(f"{name}: {found.group().strip()}, but {module} asks the system nothing")
        for included in INCLUDE.findall(text) if name in PURE_HTTP else ():
            if not included.startswith("../ip/") and included.startswith("../"):
                faults.append(f"{name}: includes {included}, but this chapter of http needs only ip")
        headers[name] = set()
        modules.setdefault(module, set())
        for included in INCLUDE.findall(text):
            target = (file.parent / included).resolve()
            if not target.exists():
                faults.append(f"{name}: includes {included}, which is not there")
                continue
            headers[name].add(str(target.relative_to(HEADERS)))
            other = module_of(target)
            if other == module:
                continue
            modules[module].add(other)
            if FLOORS[other] >= FLOORS[module] and (module, other) not in BESIDE:
                faults.append(f"{name}: {module} is on floor {FLOORS[module]}, and {other} on floor {FLOORS[other]}")
    for what, graph in ("modules", modules), ("headers", headers):
        circle = circle_in(graph)
        if circle:
            faults.append(f"a circle of {what}: {' -> '.join(circle)}")
    if len(headers) < 20:
        faults.append(f"only {len(headers)} headers were found in {HEADERS}")
    if sys.argv[1:] == ["--text"]:
        for floor in sorted({FLOORS[module] for module in modules}, reverse=True):
            for module in sorted(module for module in modules if FLOORS[module] == floor):
                print(f"  floor {floor}   {module:9} {' '.join(sorted(modules[module], key=lambda m: (-FLOORS[m], m)))}".rstrip())
    elif of_module:
        chapters = {name: {below for below in includes if below.startswith(of_module + "/")}
                    for name, includes in headers.items() if name.startswith(of_module + "/")}
        print("digraph chapters {\n    node [shape=box]; rankdir=LR")
        print("\n".join([f'    "{name}"' for name in sorted(chapters)] + list(dot_of(chapters))))
        print("}")
    elif sys.argv[1:] == ["--dot"]:
        print("digraph modules {\n    node [shape=box]")
        print("\n".join(dot_of(modules)))
        for floor in sorted({FLOORS[module] for module in modules}):
            same = "; ".join(sorted(module for module in modules if FLOORS[module] == floor))
            print(f"    {{ rank=same; {same} }}")
        print("}")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


sys.exit(main())
