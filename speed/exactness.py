"""How many outcomes change with who else is asked about: the same episodes with other numbers of workers.

Without `--exact` a policy is asked about all episodes that are ready, so the shape of its arithmetic, and with it the
last bits of its actions, depends on timing; contacts amplify that. This runs the same episodes in several ways and says
in how many of them the outcome (success or not), and the actions at all, differ from the exact ones, and between two
runs that are alike. Rates that differ by chance alone are what counts: an outcome that flips does so either way.

    python speed/exactness.py --policy CKPT --benchmark NAME [--episodes 500] [--json]

500 episodes are shared among the benchmark's tasks.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from praxia.envs import find_family
from praxia.evaluate.benchmarks import find_benchmark
from praxia.evaluate.policy_entry import find_policy
from praxia.evaluate.runner import evaluate
from praxia.results.rows import Row, read_rows

# Name: (exact, workers). A worker has four slots, so batches grow to 4, 8 and 16 episodes.
WAYS = {
    "exact": (True, 2),
    "1 worker": (False, 1),
    "2 workers": (False, 2),
    "2 workers again": (False, 2),
    "4 workers": (False, 4),
}
PAIRS = (("1 worker", "exact"), ("2 workers", "exact"), ("4 workers", "exact"), ("2 workers", "2 workers again"))


def judge(policy: str, benchmark: str, per_task: int, exact: bool, workers: int, out: Path) -> list[Row]:
    """The rows of one way to run the episodes. The policy gets one thread, so that only the batches differ."""
    found = find_benchmark(benchmark)
    entry = find_policy(policy, found, exact=True)
    evaluation = entry.evaluation(per_task, exact=exact)
    evaluate(entry.policy, evaluation, out, find_family(found.env), workers=workers, threads=entry.threads)
    return read_rows(out)


def differing(ours: list[Row], theirs: list[Row]) -> dict[str, int]:
    """In how many episodes outcome and actions differ, and who gained how many successes."""
    both = list(zip(ours, theirs, strict=True))
    assert all(one.start == other.start for one, other in both)
    return {
        "outcomes": sum(one.status != other.status for one, other in both),
        "gained": sum(one.status == "success" != other.status for one, other in both),
        "lost": sum(one.status != "success" == other.status for one, other in both),
        "actions": sum(one.actions_sha256 != other.actions_sha256 for one, other in both),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policy", required=True, help="a policy's or a training run's folder")
    parser.add_argument("--benchmark", required=True, help="a name from `praxia info --benchmarks`")
    parser.add_argument("--episodes", type=int, default=500, help="how many in all")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    per_task = max(1, options.episodes // len(find_benchmark(options.benchmark).tasks))
    with tempfile.TemporaryDirectory() as folder:
        rows = {
            name: judge(options.policy, options.benchmark, per_task, *how, Path(folder) / f"{at}.jsonl")
            for at, (name, how) in enumerate(WAYS.items())
        }
    found: dict[str, Any] = {
        "episodes": len(rows["exact"]),
        "successes": {name: sum(row.status == "success" for row in mine) for name, mine in rows.items()},
        "differ": {f"{one} | {other}": differing(rows[one], rows[other]) for one, other in PAIRS},
    }
    if options.json:
        print(json.dumps(found))
        return
    print(f"{found['episodes']} episodes; successes: {found['successes']}")
    for name, counts in found["differ"].items():
        print(f"{name:30s} {counts}")


if __name__ == "__main__":
    main()
