"""Coverage of the interval over several training seeds, by simulation.

A recipe has a mean success rate p; the rates of its seeds are drawn from a beta distribution with mean p and some
standard deviation (combinations that would put most of the mass at 0 and 1 are excluded), and each seed's successes are
binomial. `min` is the lowest coverage of p, with its combination in `min_at`, `mean` the mean coverage, and `below_93`
the fraction of combinations with coverage below 93%; `width` is the mean ratio of the interval's width to that of an
ideal one, which knows both variances. All of these are for the hierarchical interval (`results.seeds`), by the number
of seeds; `pooled_...` is a Wilson interval over all episodes.

`shared_starts` is the same with all seeds on the same 100 starts, whose difficulty correlates the outcomes of two seeds
from one start (Gaussian copula).

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
    """`seeds` seeds of a recipe with mean success `rate` and a standard deviation of `spread` between seeds."""

    seeds: int
    episodes: int
    rate: float
    spread: float

    @property
    def is_possible(self) -> bool:
        """Whether the beta distribution of the rates has enough mass away from 0 and 1."""
        return self.spread == 0 or self._size >= 0.7

    @property
    def ideal_width(self) -> float:
        """The width of an interval that knows both variances."""
        binomial = (self.rate * (1 - self.rate) - self.spread**2) / self.episodes
        return 2 * 1.96 * sqrt((self.spread**2 + binomial) / self.seeds)

    def rates(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Draw success rates of seeds."""
        if self.spread == 0:
            return np.full(shape, self.rate)
        return rng.beta(self.rate * self._size, (1 - self.rate) * self._size, shape)

    @property
    def _size(self) -> float:
        return self.rate * (1 - self.rate) / self.spread**2 - 1


def coverage(case: Case, trials: int) -> tuple[float, float, float]:
    """The coverage of the hierarchical and of the pooled interval, and the mean width of the hierarchical one."""
    rng = generator("seeds", repr(case))
    successes = np.sort(rng.binomial(case.episodes, case.rates(rng, (trials, case.seeds))))
    drawn, times = np.unique(successes, axis=0, return_counts=True)
    covered, pooled, width = 0.0, 0.0, 0.0
    for counts, often in zip(drawn.tolist(), times.tolist(), strict=True):
        low, high = seeds_interval([(count, case.episodes) for count in counts])
        pooled_low, pooled_high = wilson_interval(sum(counts), case.seeds * case.episodes)
        covered += often * (low <= case.rate <= high)
        pooled += often * (pooled_low <= case.rate <= pooled_high)
        width += often * (high - low)
    return covered / trials, pooled / trials, width / trials


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
            "min": mine[worst][0],
            "min_at": asdict(worst),
            "below_93": fmean(one[0] < 0.93 for one in mine.values()),
            "width": fmean(one[2] / case.ideal_width for case, one in mine.items()),
            "pooled_mean": fmean(one[1] for one in mine.values()),
            "pooled_min": min(one[1] for one in mine.values()),
        }
    return table


def shared_starts(trials: int) -> list[dict[str, Any]]:
    """Coverage with all seeds on the same 100 starts."""
    table = []
    for seeds, rate, spread, correlation in product((2, 3, 5), (0.5, 0.9), (0.0, 0.05, 0.1), CORRELATIONS):
        case = Case(seeds, 100, rate, spread)
        rng, covered, pooled_covered, width = generator("shared", repr(case), repr(correlation)), 0, 0, 0.0
        for _ in range(trials):
            shared, own = rng.standard_normal(100), rng.standard_normal((seeds, 100))
            threshold = ndtri(case.rates(rng, (seeds, 1)))
            outcomes = sqrt(correlation) * shared + sqrt(1 - correlation) * own < threshold
            low, high = recipe_success([_rows(one) for one in outcomes])["ci95"]
            pooled_low, pooled_high = wilson_interval(int(outcomes.sum()), outcomes.size)
            covered += low <= rate <= high
            pooled_covered += pooled_low <= rate <= pooled_high
            width += high - low
        setting = {"seeds": seeds, "rate": rate, "spread": spread, "correlation": correlation}
        coverages = {"covered": covered / trials, "pooled_covered": pooled_covered / trials}
        table.append({**setting, **coverages, "width": width / trials})
    return table


def _rows(outcomes: np.ndarray) -> list[Row]:
    """Rows with these outcomes; only task, start and status are read."""
    return [_row(start, "success" if outcome else "failure") for start, outcome in enumerate(outcomes)]


def _row(start: int, status: Status) -> Row:
    return Row(
        "simulated", "task", str(start), "", None, status, 1, None, 0.0, actions_sha256="", error=None, wall_s=0.0
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=300, help="simulated results per combination")
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
        print(f"{seeds} seeds: " + ", ".join(f"{name} {_formatted(value)}" for name, value in one.items()))
    for one in found["shared_starts"]:
        print("  ".join(f"{name} {value:g}" for name, value in one.items()))


def _formatted(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
