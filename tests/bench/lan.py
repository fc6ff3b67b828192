#!/usr/bin/env python3
"""Measures lan.hpp beside ns-3: datagrams there and back through two routers, in slices that alternate.

    ninja lan_frames ns3_frames        (ns-3: Debian's libns3-dev)
    lan.py --programs DIR [--rounds N]

Both simulate the same net: A, R1, R2 and B in a row, cables of 1 Gbit/s and 10 us, UDP with 64 bytes and its echo. Each round
runs ours, ns-3 with Ethernet (CSMA) and ns-3 with PPP, one after the other, so a busy machine disturbs all of them alike. A
figure is the processor time for a frame on a cable, as the median of the rounds. A ratio is the median of the ratios of each
round; its middle half stands behind it. Exit status: 1 if a goal is missed; 77 if ns-3 is not there.
"""
import argparse
import pathlib
import statistics
import sys

from run import run, with_spread

OURS, SMALL, LARGE = "netnotes", 4_000, 100_000
GOAL_MICROSECONDS, GOAL_RATIO = 1, 20


def frames_and_seconds(*command):
    done = run(command)
    if done.returncode != 0:
        sys.exit(f"lan.py: {command[0]}: {done.stderr.strip()}")
    frames, seconds = done.stdout.split()
    return int(frames), float(seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", required=True, type=pathlib.Path)
    parser.add_argument("--rounds", default=25, type=int)
    options = parser.parse_args()
    ours, theirs = options.programs / "lan_frames", options.programs / "ns3_frames"
    if not theirs.exists():
        print("SKIPPED: ns3_frames was not built: is ns-3 (libns3-dev) installed?")
        sys.exit(77)
    ways = {OURS: (ours, LARGE), "ns-3, Ethernet": (theirs, "csma", SMALL), "ns-3, PPP": (theirs, "p2p", SMALL)}
    frames, cost = {}, {name: [] for name in ways}
    for name, words in ways.items():
        # ns-3 counts in a run of its own, because its traces cost time.
        frames[name] = frames_and_seconds(*words, *([] if name == OURS else ["count"]))[0]
    for _ in range(options.rounds):
        for name, words in ways.items():
            cost[name].append(frames_and_seconds(*words)[1] / frames[name] * 1e6)
    print("| | frames | processor time for a frame | beside ours (middle half) |\n|---|---|---|---|")
    met = statistics.median(cost[OURS]) <= GOAL_MICROSECONDS
    for name, all_rounds in cost.items():
        ratios = [other / own for other, own in zip(all_rounds, cost[OURS])]
        low, ratio, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
        met = met and (name == OURS or ratio >= GOAL_RATIO)
        spread = "" if name == OURS else with_spread(ratio, low, high)
        print(f"| {name} | {frames[name]:,} | {statistics.median(all_rounds):.3f} us | {spread} |")
    print(f"goals: at most {GOAL_MICROSECONDS} us, and ns-3 at least {GOAL_RATIO} times: {'met' if met else 'missed'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
