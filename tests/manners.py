#!/usr/bin/env python3
"""Checks how the scripts of this repository answer a question and a wrong option.

    manners.py [SCRIPT]...        without SCRIPT: each script that begins with #!, but tests/package/*.sh

--help prints the usage on standard output and nothing on standard error, and the exit status is 0. An unknown option
prints the usage on standard error and nothing on standard output, and the exit status is 2. tests/manners.sh asks the same
of programs.
"""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
PATIENCE = 300  # seconds: then a script counts as one that hangs


def scripts():
    """Returns the scripts that people call. Only ctest calls the scripts of tests/package, without an argument."""
    found = [path for folder in ("examples", "tests", "include") for end in ("py", "sh") for path in (ROOT / folder).rglob(f"*.{end}")]
    return sorted(path for path in found if path.parent.name != "package" and path.read_bytes().startswith(b"#!"))


def problems(script):
    shell = ["sh"] if script.suffix == ".sh" else [sys.executable]
    for option, status in ("--help", 0), ("--no-such-option", 2):
        try:
            done = subprocess.run([*shell, script, option], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=PATIENCE, cwd=ROOT)
        except subprocess.TimeoutExpired:
            yield f"{option}: still runs after {PATIENCE} s"
            continue
        usage, silent = (done.stderr, done.stdout) if status else (done.stdout, done.stderr)
        if done.returncode != status:
            yield f"{option}: exit status {done.returncode} instead of {status}"
        if silent:
            yield f"{option}: on standard {'output' if status else 'error'}: {silent.splitlines()[0]}"
        if not usage.strip():
            yield f"{option}: nothing on standard {'error' if status else 'output'}"


def main(arguments):
    if arguments and arguments[0].startswith("-"):
        is_asked = arguments in (["--help"], ["-h"])
        print(__doc__.strip(), file=sys.stdout if is_asked else sys.stderr)
        return 0 if is_asked else 2
    checked = [pathlib.Path(each).resolve() for each in arguments] or scripts()
    failed = [f"{script.relative_to(ROOT)}: {problem}" for script in checked for problem in problems(script)]
    print("\n".join(failed) or f"{len(checked)} scripts: well")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
