#!/usr/bin/env python3
"""http_nginx.py HTTP_VERDICTS HTTP_SERVER: nginx in front of our server: one request in, one counted behind.

Each request of the corpus, good or bad, goes to nginx with a second request behind it. nginx gives each request that it
passes on a number, as User-Agent, and notes it. Our server (the demonstration of lesson 39) prints a line for each answer,
with the User-Agent. Every number must stand in both lists exactly once. Only a head that our server refuses is a line
without a number, and these are counted, too. So a request that hides in another would be one too many. Exit status 77 where nginx is not installed.
"""
import collections
import concurrent.futures
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading

from http_peers import SENTINEL, free_port, nginx_configuration, socket_peer, talk

LOCATION = ('proxy_pass http://ours; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;'
            "proxy_set_header User-Agent $request_id; proxy_next_upstream off; access_log {folder}/passed.log ids;")


def main():
    if len(sys.argv) != 3 or sys.argv[1].startswith("-"):
        is_asked = sys.argv[1:] in (["--help"], ["-h"])
        print(__doc__.strip(), file=sys.stdout if is_asked else sys.stderr)
        return 0 if is_asked else 2
    if not shutil.which("nginx"):
        print("SKIPPED: nginx is not installed")
        return 77
    corpus = subprocess.run([sys.argv[1], "corpus"], capture_output=True, text=True, check=True).stdout.splitlines()
    corpus += subprocess.run([sys.argv[1], "mutate", "100", "7"], capture_output=True, text=True, check=True).stdout.splitlines()
    server = subprocess.Popen([sys.argv[2], "serve", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        port, own = int(server.stdout.readline().rsplit(":", 1)[1]), free_port()
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(server.stdout))  # until the server has ended
        reader.start()
        with tempfile.TemporaryDirectory() as folder:
            upstream = (f"log_format ids '$request_id $upstream_addr'; "
                        f"upstream ours {{ server 127.0.0.1:{port}; keepalive 4; }}")
            front = socket_peer("nginx", nginx_configuration(folder, own, LOCATION.format(folder=folder), upstream), own)
            try:
                with concurrent.futures.ThreadPoolExecutor(32) as pool:
                    others = []
                    answers = list(pool.map(lambda line: talk(own, bytes.fromhex(line.split(" ", 2)[1]) + SENTINEL, others), corpus))
            finally:
                front.process.send_signal(3)  # SIGQUIT: nginx finishes its requests and writes its log
                front.process.wait()
            server.terminate()
            status = server.wait(60)
            assert status == 0, status
            reader.join()
            passed = [line.split()[0] for line in pathlib.Path(folder, "passed.log").read_text().splitlines()
                      if not line.endswith(" -")]
    finally:
        server.kill()
    counted = [re.search(r' "([^"]*)"$', line.rstrip())[1] for line in lines]
    refused = sum('] "-" 4' in line for line in lines)  # heads that our server refuses: it does not know their numbers
    counted = [number for number in counted if number != "-"]
    assert len(counted) + refused == len(lines), "a request without a number reached our server"
    for number, times in collections.Counter(counted).items():
        assert re.fullmatch("[0-9a-f]{32}", number), f"a request without a number reached our server: {number}"
        assert times == 1, f"{number} was counted {times} times"
    assert set(counted) <= set(passed), set(counted) - set(passed)
    assert len(passed) == len(counted) + refused, (len(passed), len(counted), refused)
    replies = sum(len(re.findall(rb"HTTP/1\.1 \d\d\d ", answer)) for answer in answers + others)
    assert len(counted) > 100 and replies >= len(passed), (len(corpus), replies, len(passed))
    print(f"nginx: {len(corpus)} texts in, {replies} answers, {len(passed)} requests passed on, {len(counted)} answered "
          f"and {refused} refused behind: well")
    return 0


sys.exit(main())
