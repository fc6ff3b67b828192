"""What the lessons about attacks share: nothing leaves their programs, and tshark sees the attacks."""
import pathlib
import re
import shutil
import subprocess

from play import Failure

# Functions of the C library through which a frame could leave a program.
OUTSIDE = {"socket", "socketpair", "connect", "bind", "send", "sendto", "sendmsg", "sendmmsg", "ioctl", "syscall", "open", "open64",
           "openat", "openat64", "execve", "system", "popen"}


def check(program):
    """Fails if the program calls one of these functions. Files are written by the streams of the standard library."""
    if not shutil.which("nm"):
        return
    listed = subprocess.run(["nm", "--undefined-only", program], capture_output=True, text=True, check=True).stdout
    called = {re.split("@", line.split()[-1])[0] for line in listed.splitlines() if line.split()}
    if called & OUTSIDE:
        raise Failure(f"{program} can leave the simulation: it calls {sorted(called & OUTSIDE)}")
    if not called:
        raise Failure(f"nm lists no function that {program} calls")


def marks(capture):
    """Returns what tshark's experts note, as lines. Returns no object if tshark is not installed."""
    if not shutil.which("tshark"):
        print("SKIPPED: tshark is not installed, so no capture is judged")
        return None
    heard = subprocess.run(["tshark", "-n", "-r", capture, "-q", "-z", "expert,note"], capture_output=True, text=True, check=True)
    return re.findall(r"^ +\d+ +\S+ +.+$", heard.stdout, re.M)


def judge(lesson, folder, name, word):
    """Plays `demo save`. The attack is marked with that word, the cured run with nothing. The capture beside the lesson is that of the attack."""
    source = pathlib.Path(__file__).parents[2] / "examples" / lesson.folder.name
    attack, cured = folder / "attack.pcapng", folder / "cured.pcapng"
    lesson.start("demo", "save", str(attack), str(cured)).ends(0)
    if attack.read_bytes() != (source / name).read_bytes():
        raise Failure(f"{name} is not what `demo save` writes")
    found = marks(attack)
    if found is None:
        return
    if not any(word in line for line in found):
        raise Failure(f"tshark does not mark the attack: {found}")
    if marks(cured):
        raise Failure(f"tshark marks the cured run: {marks(cured)}")
