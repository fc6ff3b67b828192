"""Five routers: what ping and traceroute print, and the short program beside it."""
import re
import subprocess

from play import Failure, Lesson


def expect(what, found, wanted):
    if found != wanted:
        raise Failure(f"{what}: {found}, not {wanted}")


with Lesson(__file__) as lesson:
    heard = subprocess.run([lesson.folder / "router"], capture_output=True, text=True, check=True, timeout=60).stdout
    expect("routes that were learnt", [int(each) for each in re.findall(r"RIP, metric (\d+)", heard)], [5, 2, 3, 4])
    expect("ping", "64 bytes from 10.0.2.2: seq=1 ttl=59" in heard, True)
    expect("a time to live of 3", "from 10.1.2.2: seq=1 time to live exceeded" in heard, True)
    expect("an unknown network", "from 10.0.1.1: seq=1 destination network unreachable" in heard, True)
    expect("traceroute", re.findall(r"^ \d  (\S+)", heard, re.M),
           ["10.0.1.1", "10.1.1.2", "10.1.2.2", "10.1.3.2", "10.1.4.2", "10.0.2.2"])
