"""How many outcomes depend on batching: the same episodes with other numbers of workers.

Without `--exact` a policy acts for all episodes that are ready, so the shape of its batches, and with it the last bits
of its actions, depends on timing; contacts amplify such differences. This script runs the same episodes in several
configurations, and counts in how many of them the outcome (success or not), or any action, differs from the exact run,
and between two identical configurations. Outcomes flip both ways by chance, so compare rates.

    python speed/exactness.py --policy CKPT --benchmark NAME [--episodes 500] [--json]

The 500 episodes are divided among the benchmark's tasks.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from praxia.envs import find_family
from praxia.evaluation.benchmarks import find_benchmark
from praxia.evaluation.policy_entry import find_policy
from praxia.evaluation.runner import evaluate
from praxia.results.rows import Row, read_rows

# Name: (exact, workers). A worker has four slots, so batches grow to 4, 8 and 16 episodes.
CONFIGURATIONS = {
    "exact": (True, 2),
    "1 worker": (False, 1),
    "2 workers": (False, 2),
    "2 workers again": (False, 2),
    "4 workers": (False, 4),
}
PAIRS = (("1 worker", "exact"), ("2 workers", "exact"), ("4 workers", "exact"), ("2 workers", "2 workers again"))


def run(policy: str, benchmark: str, per_task: int, exact: bool, workers: int, out: Path) -> list[Row]:
    """The rows of one configuration. The policy gets one thread, so that only the batches differ."""
    found = find_benchmark(benchmark)
    entry = find_policy(policy, found, exact=True)
    evaluation = entry.evaluation(per_task, exact=exact)
    evaluate(entry.policy, evaluation, out, find_family(found.env), workers=workers, threads=entry.threads)
    return read_rows(out)


def count_differences(rows_a: list[Row], rows_b: list[Row]) -> dict[str, int]:
    """In how many episodes outcome and actions differ, and how many successes `rows_a` gained and lost."""
    pairs = list(zip(rows_a, rows_b, strict=True))
    assert all(a.start == b.start for a, b in pairs)
    return {
        "outcomes": sum(a.status != b.status for a, b in pairs),
        "gained": sum(a.status == "success" != b.status for a, b in pairs),
        "lost": sum(a.status != "success" == b.status for a, b in pairs),
        "actions": sum(a.actions_sha256 != b.actions_sha256 for a, b in pairs),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policy", required=True, help="the folder of a policy or a training run")
    parser.add_argument("--benchmark", required=True, help="a name from `praxia info --benchmarks`")
    parser.add_argument("--episodes", type=int, default=500, help="total number of episodes")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    per_task = max(1, options.episodes // len(find_benchmark(options.benchmark).tasks))
    with tempfile.TemporaryDirectory() as folder:
        rows = {
            name: run(options.policy, options.benchmark, per_task, *configuration, Path(folder) / f"{number}.jsonl")
            for number, (name, configuration) in enumerate(CONFIGURATIONS.items())
        }
    found: dict[str, Any] = {
        "episodes": len(rows["exact"]),
        "successes": {name: sum(row.status == "success" for row in one) for name, one in rows.items()},
        "differ": {f"{one} | {other}": count_differences(rows[one], rows[other]) for one, other in PAIRS},
    }
    if options.json:
        print(json.dumps(found))
        return
    print(f"{found['episodes']} episodes; successes: {found['successes']}")
    for name, counts in found["differ"].items():
        print(f"{name:30s} {counts}")


if __name__ == "__main__":
    main()
