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
from dataclasses import asdict, dataclass
from itertools import product
from math import sqrt
from statistics import fmean
from typing import Any

import numpy as np
from scipy.special import ndtri

from praxia.core.keys import generator
from praxia.results.rows import Row, Status
from praxia.results.seeds import recipe_success, seeds_interval
from praxia.results.statistics import wilson_interval

SEEDS, EPISODES = (2, 3, 5, 10), (20, 100, 1000)
RATES, SPREADS = (0.05, 0.2, 0.5, 0.8, 0.9, 0.95, 0.98), (0.0, 0.02, 0.05, 0.1, 0.15)
CORRELATIONS = (0.0, 0.3, 0.6)


@dataclass(frozen=True)
class Case:
    """`seeds` of a recipe with a mean success `rate`, which lie apart with a standard deviation of `spread`."""

    seeds: int
    episodes: int
    rate: float
    spread: float

    @property
    def is_possible(self) -> bool:
        """Whether the beta distribution of the seeds' rates is not nearly all at 0 and 1."""
        return self.spread == 0 or self._size >= 0.7

    @property
    def ideal_width(self) -> float:
        """The width of an interval that knows both variances."""
        binomial = (self.rate * (1 - self.rate) - self.spread**2) / self.episodes
        return 2 * 1.96 * sqrt((self.spread**2 + binomial) / self.seeds)

    def rates(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Success rates of seeds."""
        if self.spread == 0:
            return np.full(shape, self.rate)
        return rng.beta(self.rate * self._size, (1 - self.rate) * self._size, shape)

    @property
    def _size(self) -> float:
        return self.rate * (1 - self.rate) / self.spread**2 - 1


def coverage(case: Case, trials: int) -> tuple[float, float, float]:
    """How often the hierarchical and the pooled interval hold the rate, and the first one's mean width."""
    rng = generator("seeds", repr(case))
    successes = np.sort(rng.binomial(case.episodes, case.rates(rng, (trials, case.seeds))))
    drawn, times = np.unique(successes, axis=0, return_counts=True)
    held, pooled, width = 0.0, 0.0, 0.0
    for counts, often in zip(drawn.tolist(), times.tolist(), strict=True):
        low, high = seeds_interval([(count, case.episodes) for count in counts])
        pooled_low, pooled_high = wilson_interval(sum(counts), case.seeds * case.episodes)
        held += often * (low <= case.rate <= high)
        pooled += often * (pooled_low <= case.rate <= pooled_high)
        width += often * (high - low)
    return held / trials, pooled / trials, width / trials


def independent_starts(trials: int) -> dict[str, Any]:
    cases = [case for case in (Case(*one) for one in product(SEEDS, EPISODES, RATES, SPREADS)) if case.is_possible]
    found = {case: coverage(case, trials) for case in cases}
    table = {}
    for seeds in (None, *SEEDS):
        mine = {case: one for case, one in found.items() if seeds in (None, case.seeds)}
        worst = min(mine, key=lambda case: mine[case][0])
        table["all" if seeds is None else str(seeds)] = {
            "combinations": len(mine),
            "mean": fmean(one[0] for one in mine.values()),
            "least": mine[worst][0],
            "least_at": asdict(worst),
            "below_93": fmean(one[0] < 0.93 for one in mine.values()),
            "width": fmean(one[2] / case.ideal_width for case, one in mine.items()),
            "pooled_mean": fmean(one[1] for one in mine.values()),
            "pooled_least": min(one[1] for one in mine.values()),
        }
    return table


def shared_starts(trials: int) -> list[dict[str, Any]]:
    """Seeds that meet the same 100 starts."""
    table = []
    for seeds, rate, spread, correlation in product((2, 3, 5), (0.5, 0.9), (0.0, 0.05, 0.1), CORRELATIONS):
        case = Case(seeds, 100, rate, spread)
        rng, held, pooled_held, width = generator("shared", repr(case), repr(correlation)), 0, 0, 0.0
        for _ in range(trials):
            shared, own = rng.standard_normal(100), rng.standard_normal((seeds, 100))
            threshold = ndtri(case.rates(rng, (seeds, 1)))
            outcomes = sqrt(correlation) * shared + sqrt(1 - correlation) * own < threshold
            low, high = recipe_success([_rows(one) for one in outcomes])["ci95"]
            pooled_low, pooled_high = wilson_interval(int(outcomes.sum()), outcomes.size)
            held += low <= rate <= high
            pooled_held += pooled_low <= rate <= pooled_high
            width += high - low
        said = {"seeds": seeds, "rate": rate, "spread": spread, "correlation": correlation}
        table.append({**said, "held": held / trials, "pooled": pooled_held / trials, "width": width / trials})
    return table


def _rows(outcomes: np.ndarray) -> list[Row]:
    """Only task, start and status are read."""
    return [_row(at, "success" if outcome else "failure") for at, outcome in enumerate(outcomes)]


def _row(at: int, status: Status) -> Row:
    return Row("simulated", "task", str(at), "", None, status, 1, None, 0.0, actions_sha256="", error=None, wall_s=0.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=300, help="simulated results a combination")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    found = {
        "trials": options.trials,
        "seeds": independent_starts(options.trials),
        "shared_starts": shared_starts(max(1, options.trials // 2)),
    }
    if options.json:
        print(json.dumps(found))
        return
    for seeds, one in found["seeds"].items():
        print(f"{seeds} seeds: " + ", ".join(f"{name} {_said(value)}" for name, value in one.items()))
    for one in found["shared_starts"]:
        print("  ".join(f"{name} {value:g}" for name, value in one.items()))


def _said(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
