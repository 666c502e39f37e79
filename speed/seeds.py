"""How often the interval of several training seeds holds the truth, by simulation.

A recipe succeeds in a share p of episodes on the mean; the rates of its seeds are drawn from a beta distribution with
mean p and some standard deviation (combinations whose distribution would have most of its mass at 0 and 1 are left
out), and each seed's successes are binomial. `least` is the smallest share of intervals that hold p, and in which
combination, `mean` that share's mean, and `below_93` the share of combinations in which it is below 93%; `width` is the
mean ratio of the interval's width to that of an ideal one, which knows both variances. All of it is of the hierarchical
interval (`results.seeds`), by the number of seeds; `pooled` is one Wilson interval over all episodes.

`shared_starts` is the same where all seeds meet the same 100 starts, whose difficulty makes the outcomes of two seeds
at one start correlated (Gaussian copula).

    python speed/seeds.py [--trials 300] [--json]
"""

import argparse
import json
from itertools import product
from math import sqrt
from typing import Any

import numpy as np
from scipy.special import ndtri

from praxia.core.keys import generator
from praxia.results.rows import Row
from praxia.results.seeds import recipe_success, seeds_interval
from praxia.results.statistics import wilson_interval

SEEDS, EPISODES = (2, 3, 5, 10), (20, 100, 1000)
RATES, SPREADS = (0.05, 0.2, 0.5, 0.8, 0.9, 0.95, 0.98), (0.0, 0.02, 0.05, 0.1, 0.15)
CORRELATIONS = (0.0, 0.3, 0.6)


def is_possible(rate: float, spread: float) -> bool:
    """Whether a beta distribution of that mean and standard deviation is not nearly all at 0 and 1."""
    return spread == 0 or rate * (1 - rate) / spread**2 - 1 >= 0.7


def seed_rates(rng: np.random.Generator, shape: tuple[int, ...], rate: float, spread: float) -> np.ndarray:
    """Success rates of seeds."""
    if spread == 0:
        return np.full(shape, rate)
    size = rate * (1 - rate) / spread**2 - 1
    return rng.beta(rate * size, (1 - rate) * size, shape)


def coverage(
    rng: np.random.Generator, seeds: int, episodes: int, rate: float, spread: float, trials: int
) -> list[float]:
    """How often the hierarchical and the pooled interval hold `rate`, and the first one's mean width."""
    successes = np.sort(rng.binomial(episodes, seed_rates(rng, (trials, seeds), rate, spread)))
    drawn, times = np.unique(successes, axis=0, return_counts=True)
    found = np.zeros(3)
    for counts, often in zip(drawn.tolist(), times, strict=True):
        low, high = seeds_interval([(count, episodes) for count in counts])
        pooled_low, pooled_high = wilson_interval(sum(counts), seeds * episodes)
        found += often * np.array([low <= rate <= high, pooled_low <= rate <= pooled_high, high - low])
    return (found / trials).tolist()


def ideal_width(seeds: int, episodes: int, rate: float, spread: float) -> float:
    return 2 * 1.96 * sqrt((spread**2 + (rate * (1 - rate) - spread**2) / episodes) / seeds)


def independent_starts(trials: int) -> dict[str, Any]:
    cases = [case for case in product(SEEDS, EPISODES, RATES, SPREADS) if is_possible(*case[2:])]
    found = [(case, *coverage(generator("seeds", *case), *case, trials)) for case in cases]
    table = {}
    for seeds in (None, *SEEDS):
        mine = [one for one in found if seeds in (None, one[0][0])]
        table["all" if seeds is None else str(seeds)] = {
            "combinations": len(mine),
            "least": min((one[1], *one[0]) for one in mine),
            "mean": float(np.mean([one[1] for one in mine])),
            "below_93": float(np.mean([one[1] < 0.93 for one in mine])),
            "width": float(np.mean([one[3] / ideal_width(*one[0]) for one in mine])),
            "pooled_least": min((one[2], *one[0]) for one in mine),
            "pooled_mean": float(np.mean([one[2] for one in mine])),
        }
    return table


def shared_starts(trials: int) -> list[dict[str, Any]]:
    """Seeds that meet the same 100 starts."""
    table = []
    for seeds, rate, spread, correlation in product((2, 3, 5), (0.5, 0.9), (0.0, 0.05, 0.1), CORRELATIONS):
        rng, held, pooled_held, width = generator("shared", seeds, rate, spread, correlation), 0, 0, 0.0
        for _ in range(trials):
            shared, own = rng.standard_normal(100), rng.standard_normal((seeds, 100))
            threshold = ndtri(seed_rates(rng, (seeds, 1), rate, spread))
            outcomes = sqrt(correlation) * shared + sqrt(1 - correlation) * own < threshold
            low, high = recipe_success([_rows(one) for one in outcomes])["ci95"]
            pooled_low, pooled_high = wilson_interval(int(outcomes.sum()), outcomes.size)
            held += low <= rate <= high
            pooled_held += pooled_low <= rate <= pooled_high
            width += high - low
        case = {"seeds": seeds, "rate": rate, "spread": spread, "correlation": correlation}
        table.append({**case, "held": held / trials, "pooled": pooled_held / trials, "width": width / trials})
    return table


def _rows(outcomes: np.ndarray) -> list[Row]:
    """Only task, start and status are read."""
    statuses = ["success" if outcome else "failure" for outcome in outcomes]
    return [
        Row("simulated", "task", str(at), "", None, status, 1, None, 0.0, actions_sha256="", error=None, wall_s=0.0)  # type: ignore[arg-type]
        for at, status in enumerate(statuses)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=300, help="simulated results a combination")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    found = {"trials": options.trials, "seeds": independent_starts(options.trials)}
    found["shared_starts"] = shared_starts(max(1, options.trials // 2))
    if options.json:
        print(json.dumps(found))
        return
    for seeds, one in found["seeds"].items():
        least, *where = one["least"]
        print(
            f"{seeds:>4s} seeds, {one['combinations']} combinations: {one['mean']:.1%}, at least {least:.1%}"
            f" (seeds, episodes, rate, spread: {where}), below 93% in {one['below_93']:.0%}; {one['width']:.2f} times"
            f" as wide as an ideal one; pooled {one['pooled_mean']:.1%}, at least {one['pooled_least'][0]:.1%}"
        )
    for one in found["shared_starts"]:
        print("  ".join(f"{name} {value:g}" for name, value in one.items()))


if __name__ == "__main__":
    main()
