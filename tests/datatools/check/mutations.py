"""Checks and reads a thousand damaged data sets: each must be read correctly or refused.

    python tests/datatools/check/mutations.py [--count 1000] [--first 0] [--json]

A command, not a test of the suite, which tries a sample of them. Every data set is tried in a child process that may be
killed: one that dies or is silent for a minute counts as a crash or a hang, and the next child goes on behind it.
Prints how reading ended, by healthy data set and by kind of damage; exit code 0 if nothing is wrong.
"""

import argparse
import json
import resource
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

LIMIT_S = 60.0
MEMORY = 8 * 2**30  # bytes of address space; more raises a MemoryError, which is a fault


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        _child(options.first, options.count)
        return 0
    began = time.monotonic()
    trials = _all(options.first, options.count)
    summary = {**_summary(trials), "seconds": round(time.monotonic() - began, 1)}
    for trial in trials:
        for fault in trial["faults"]:
            print(f"{trial['number']} {trial['kind']} {'|'.join(trial['where'])}: {fault}"[:400], file=sys.stderr)
    if options.json:
        print(json.dumps(summary, indent=1))
    else:
        print("\n".join(f"{name:32s} {value}" for name, value in summary.items()))
    return 1 if summary["faults"] else 0


def _child(first: int, count: int) -> None:
    """Try data sets one after the other; prints one line of JSON each."""
    from damage import damaged, healthy
    from trial import attempt, read_truth

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with tempfile.TemporaryDirectory() as folder:
        bases = healthy(Path(folder))
        truth = {base: read_truth(Path(folder) / base) for base in bases}
        print("ready", flush=True)
        for number in range(first, first + count):
            one = damaged(bases, number)
            trial = attempt(Path(folder) / "damaged", one, truth[one.base])
            print(json.dumps(trial.to_json()), flush=True)


def _all(first: int, count: int) -> list[dict]:
    trials: list[dict] = []
    while len(trials) < count:
        trials += _some(first + len(trials), count - len(trials))
        print(f"{len(trials)} of {count}", file=sys.stderr)
    return trials


def _some(first: int, count: int) -> list[dict]:
    """Trials until the child is done or dies; the last one is then the one it died of."""
    command = [sys.executable, str(HERE / "mutations.py"), "--child", "--first", str(first), "--count", str(count)]
    trials: list[dict] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0) as child:
        assert child.stdout is not None
        child.stdout.readline()  # the healthy data sets are there
        hung = False
        while len(trials) < count:
            hung = not select.select([child.stdout], [], [], LIMIT_S)[0]
            line = b"" if hung else child.stdout.readline()
            if not line:
                break
            trials.append(json.loads(line))
        if len(trials) < count:
            child.kill()
            trials.append(_lost(first + len(trials), "hang" if hung else "crash", child.wait()))
    return trials


def _lost(number: int, how: str, code: int) -> dict:
    lost = {"number": number, "base": "ours" if number % 2 == 0 else "other", "kind": how, "where": [], "ok": None}
    return {**lost, "read": how, "message": "", "faults": [f"{how} (exit code {code})"]}


def _summary(trials: list[dict]) -> dict:
    kinds: dict[str, dict[str, Counter]] = {}
    bases: dict[str, Counter] = {}
    for trial in trials:
        whose = "ours" if trial["base"] == "ours" else "others"
        kinds.setdefault(trial["kind"], {"ours": Counter(), "others": Counter()})[whose][trial["read"]] += 1
        bases.setdefault(trial["base"], Counter())[trial["read"]] += 1
    return {
        "data_sets": len(trials),
        "by_base": {base: dict(counted) for base, counted in bases.items()},
        "wrong_and_not_verifiable": sum(trial["read"] == "wrong" and trial["ok"] is True for trial in trials),
        "noticed_by_check": sum(trial["ok"] is False for trial in trials),
        "faults": sum(bool(trial["faults"]) for trial in trials),
        "by_kind": {kind: {whose: dict(counted) for whose, counted in by.items()} for kind, by in kinds.items()},
    }


if __name__ == "__main__":
    sys.exit(main())
