"""Who sees which frame on a hub and on a switch; and the program `lan`: steps, pictures, captures, faults of a file."""
import pathlib
import subprocess
import tempfile
import xml.etree.ElementTree

from play import Failure, Lesson

LESSONS = pathlib.Path(__file__).parents[2] / "examples"
HERE = LESSONS / "32_hub_and_switch"


def expect(what, found, wanted):
    if found != wanted:
        raise Failure(f"{what}: {found}, not {wanted}")


def run(program, *arguments, status=0, typed=""):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, input=typed, timeout=60)
    if done.returncode != status:
        raise Failure(f"{program.name} {arguments}: status {done.returncode}, {done.stderr}")
    return done.stdout if status == 0 else done.stderr


with Lesson(__file__) as lesson, tempfile.TemporaryDirectory() as scratch:
    scratch = pathlib.Path(scratch)
    short, lan = lesson.folder / "hub_or_switch", lesson.folder / "lan"
    both = run(short)
    hub, switch = both.split("交换机")
    expect("C on the hub", [hub.count("ignored"), hub.count("\nsent    for me  ignored")], [5, 2])
    expect("C on the switch", [switch.count("ignored"), switch.count("for me  -  ") + switch.count("sent    -  ")], [0, 5])
    expect("what the switch has learnt", ["02:00:00:02:00:00  port 0" in switch, "02:00:00:03:00:00  port 1" in switch],
           [True, True])
    expect("one device", ["交换机" in run(short, "hub"), "集线器" in run(short, "switch")], [False, False])

    heard = run(lan, "run", HERE / "switch.net", "--tables", "--svg", scratch / "a.svg", "--pcap", scratch / "a.pcapng")
    expect("actions", [line for line in heard.splitlines() if line.startswith(">")],
           ["> show S", "> ping A B", "> show S", "> flush A", "> ping A B", "> wait 30s", "> show S"])
    expect("forgotten", heard.split("> show S")[3].split("host A")[0].strip(), "")
    expect("questions that C hears", heard.count("S → C  ARP: where is"), 2)
    expect("other frames that C gets", heard.count("S → C") - 2, 0)
    expect("the capture of the folder", (scratch / "a.pcapng").read_bytes() == (HERE / "switch.pcapng").read_bytes(), True)
    labels = [text.text for text in xml.etree.ElementTree.parse(scratch / "a.svg").iter("{http://www.w3.org/2000/svg}text")]
    expect("names in the picture", [labels.count(name) for name in "ABCS"], [2, 2, 2, 2])

    stepped = run(lan, "run", HERE / "hub.net", "--step", typed="\n" * 12)
    expect("steps", stepped.count("    0.0"), 12)
    storm = run(lan, "run", HERE / "storm.net")
    expect("a loop", ["still busy after 100000 events" in storm, len(storm.splitlines()) < 230], [True, True])

    bad = scratch / "bad.net"
    bad.write_text("hub H\nlink H X\n")
    expect("a fault", run(lan, "run", bad, status=1), 'lan: line 2: no node has the name "X"\n')
    expect("no file", "cannot be read" in run(lan, "run", scratch / "none.net", status=1), True)
    expect("no place", "cannot be written" in run(lan, "run", HERE / "hub.net", "--svg", "/nowhere/a.svg", status=1), True)
    for words in ([], ["run"], ["run", HERE / "hub.net", "--svg"], ["run", "a", "b"], ["walk", "a"]):
        expect(f"lan {words}", run(lan, *words, status=2).startswith("usage: lan run FILE.net"), True)
