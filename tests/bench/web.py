#!/usr/bin/env python3
"""Measures templates and pages of web.hpp beside Django and Jinja2, in slices that alternate.

    ninja web_server
    web.py --programs DIR [--rounds N] [--only rows|page]

rows: a template with 1,000 rows. Each round gives each engine a second of processor time, one after the other. A figure is
milliseconds of processor time for a page.

page: a routed page of two templates, as http.py measures it with wrk. A figure is the processor time of the server for a
request. Django runs under gunicorn, with a worker `sync` and with a worker `gthread`.

A ratio is the median of the ratios of each round. All must make the same bytes, or nothing is measured. Exit status 77 if a peer is missing.
"""
import argparse
import importlib.util
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.remove(str(HERE))  # its http.py has the name of a module that urllib wants
import urllib.error  # noqa: E402
import urllib.request  # noqa: E402
PYTHON = "/usr/bin/python3"  # Debian's packages belong to it
MAKE = '''
import sys, time
texts = eval(open("texts").read())
class Row:
    def __init__(self, name, price, new): self.name, self.price, self.new = name, price, new
rows = {"rows": [Row(f"thing & {i}", i * 7 % 1000, i % 10 == 0) for i in range(1000)]}
def article(id):
    return {"id": id, "title": "Fish & chips", "menu": [{"name": each, "path": f"/{each}/"} for each in ("news", "shop", "about")],
            "comments": [f"<b>comment</b> {i}" for i in range(10)]}
def run(render):
    if sys.argv[1] == "--print":
        return sys.stdout.write(render())
    seconds, begin, count = float(sys.argv[2]), time.process_time(), 0
    while time.process_time() - begin < seconds:
        render()
        count += 1
    print((time.process_time() - begin) / count * 1000)
'''
DJANGO = MAKE + '''
import django
from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.template import engines
from django.urls import path
rows = {"rows": [vars(each) for each in rows["rows"]]}  # Django asks a dictionary first, and Jinja2 an attribute
settings.configure(SECRET_KEY="unused", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1"], USE_I18N=False, USE_L10N=False, USE_TZ=False, LOGGING_CONFIG=None,
                   TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": {"loaders": [(
                       "django.template.loaders.cached.Loader", [("django.template.loaders.locmem.Loader", texts)])]}}])
django.setup()
urlpatterns = [path("", lambda request: HttpResponse("start")),
               path("articles/<int:id>/", lambda request, id: render(request, "article.html", article(id)))]
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
if __name__ == "__main__":
    if sys.argv[2] == "page":
        from django.test import RequestFactory
        run(lambda: urlpatterns[1].callback(RequestFactory().get("/articles/42/"), 42).content.decode())
    else:
        page = engines["django"].get_template("rows.html")
        run(lambda: page.render(rows))
'''
JINJA = MAKE + '''
import jinja2
page = jinja2.Environment(autoescape=True, keep_trailing_newline=True).from_string(texts["rows.html"].replace("forloop.counter", "loop.index"))
run(lambda: page.render(rows))
'''


def http_bench():
    """Returns http.py, which has the name of a module of Python."""
    found = importlib.util.spec_from_file_location("http_bench", HERE / "http.py")
    made = importlib.util.module_from_spec(found)
    found.loader.exec_module(made)
    return made


def said(command, folder):
    return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, check=True, timeout=300, text=True).stdout


def same_bytes(what, commands, folder):
    pages = {name: said([*command, "--print", what], folder) for name, command in commands.items()}
    ours = next(iter(pages.values()))
    for name, page in pages.items():
        if page != ours:
            sys.exit(f"{what}: {name} makes another page: {page[:300]!r} and {ours[:300]!r}")
    return len(ours.encode())


def rows(commands, folder, rounds):
    size = same_bytes("rows", commands, folder)
    cost = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            cost[name].append(float(said([*command, "--rows", "1"], folder)))
    for name, each in cost.items():
        ratio = statistics.median(other / own for other, own in zip(each, cost["netnotes"]))
        print(f"| 1,000 rows, {size} bytes | {name} | {statistics.median(each):.3f} ms | {ratio:.1f} |", flush=True)


def answers(port):
    """Waits until a server answers."""
    end = time.monotonic() + 60
    while True:
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}/articles/42/", timeout=60).read()
        except urllib.error.URLError:
            if time.monotonic() > end:
                raise
            time.sleep(.1)


def page(commands, folder, rounds):
    same_bytes("page", {name: command for name, command in commands.items() if name != "Jinja2"}, folder)
    bench, running = http_bench(), []
    try:
        def start(port, *command):
            running.append(subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            return running[-1].pid, port

        servers = {"netnotes": start(8131, *commands["netnotes"], "8131")}
        for port, kind in (8132, "sync"), (8133, "gthread"):
            servers[f"Django, gunicorn {kind}"] = start(port, "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", "1", "--threads",
                                                        "1" if kind == "sync" else "4", "--worker-class", kind, "django_site:application")
        for _, port in servers.values():
            answers(port)
        bench.compare("routed page", servers, rounds, "/articles/42/")
    finally:
        for each in running:
            each.terminate()
        for each in running:
            each.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", required=True, type=pathlib.Path)
    parser.add_argument("--rounds", default=9, type=int)
    parser.add_argument("--only", choices=("rows", "page"))
    options = parser.parse_args()
    for module in "django", "jinja2":
        if subprocess.run([PYTHON, "-c", f"import {module}"], capture_output=True).returncode != 0:
            print(f"SKIPPED: {module} is not installed")
            return 77
    source = (HERE / "web_server.cpp").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        texts = dict(re.findall(r'\{"(\w+\.html)", R"\((.*?)\)"\}', source, re.S))
        pathlib.Path(folder, "texts").write_text(repr(texts))
        pathlib.Path(folder, "django_site.py").write_text(DJANGO)
        pathlib.Path(folder, "jinja_rows.py").write_text(JINJA)
        commands = {"netnotes": [options.programs.resolve() / "web_server"], "Django": [PYTHON, "django_site.py"],
                    "Jinja2": [PYTHON, "jinja_rows.py"]}
        print("| what | with | processor time | beside ours |\n|---|---|---|---|")
        if options.only != "page":
            rows(commands, folder, options.rounds)
        if options.only != "rows":
            missing = [each for each in ("wrk", "gunicorn") if not shutil.which(each)]
            if missing:
                print(f"SKIPPED: {', '.join(missing)} is not installed")
                return 77
            page(commands, folder, options.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
