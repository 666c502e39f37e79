"""The cost of verdicts and their error rates, by simulation with a test after every pair.

`wrong` is the fraction of comparisons of two equally good policies that were decided within 2,000 pairs: one policy
with different noise from starts of very different difficulty, and correlated pairs of outcomes on ten tasks of unequal
difficulty. `to_verdict` is 70% against 85% success without correlation: mean and 90th percentile of the pairs to a
verdict, and the fractions that were undecided or decided for the worse policy; `to_verdict_alike` is the same with half
of the pairs alike (one draw for both). `opposed` compares two policies that are each better by 30 points on half of
fifty tasks, in turn: `wrong_first` with all of one's tasks before the other's, `wrong_mixed` with tasks in random
order. `miss` is the fraction of confidence sequences that ever excluded a true effect of 15 points.

`adjusted` is a success rate over 100 starts (20 for each of five tasks), adjusted for the outcomes of three other
policies from 400 starts (80 for each): `narrower` is the mean relative reduction of the interval's width against
Wilson's, `covered` and `covered_raw` the coverage of either. The difficulty of starts has a standard deviation of 1.5
in the logit, that of tasks 1.

    python speed/verdict.py [--comparisons 2000] [--json]
"""

import argparse
import json
from collections.abc import Callable
from math import log
from typing import Any

import numpy as np

from praxia.core.keys import generator
from praxia.results.difficulty import Difficulty, adjusted_rate
from praxia.results.mcnemar import PairCounts
from praxia.results.rows import Row
from praxia.results.sequential import ALPHA, log_capital, log_e_value
from praxia.results.statistics import wilson_interval

PAIRS = 2000
TASK_RATES = np.array([0.02, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.85, 0.95, 1.0])

# Outcomes of both policies, [comparisons, pairs] of booleans each.
Outcomes = tuple[np.ndarray, np.ndarray]


def correlated(rng: np.random.Generator, num: int, rates_a: np.ndarray, rates_b: np.ndarray, rho: float) -> Outcomes:
    """Outcomes at the rates [pairs] of both policies, with correlation `rho` where the rates are equal."""
    shape = (num, len(rates_a))
    draws_a, draws_b, shared = rng.random(shape), rng.random(shape), rng.random(shape) < rho
    return draws_a < rates_a, np.where(shared, draws_a, draws_b) < rates_b


def other_noise(rng: np.random.Generator, num: int) -> Outcomes:
    """One policy twice: each start has its own success rate, mostly close to 0 or 1."""
    rates = rng.beta(0.5, 0.3, (num, PAIRS))
    return rng.random(rates.shape) < rates, rng.random(rates.shape) < rates


def decisions(outcomes: Outcomes) -> tuple[np.ndarray, np.ndarray]:
    """Per comparison the number of pairs to its verdict (0 for none), and whether the first policy is better."""
    a, b = outcomes
    a_alone, b_alone = np.cumsum(a & ~b, axis=1), np.cumsum(b & ~a, axis=1)
    decided = log_e_value(a_alone, b_alone) >= -log(ALPHA)
    first = decided.argmax(axis=1)
    rows = np.arange(len(a))
    return np.where(decided.any(axis=1), first + 1, 0), a_alone[rows, first] > b_alone[rows, first]


def wrong(name: str, num: int, draw: Callable[[np.random.Generator], Outcomes]) -> float:
    """The fraction of comparisons that were decided although both policies are equal."""
    return float((decisions(draw(generator("speed-verdict", name)))[0] > 0).mean())


def nulls(num: int) -> dict[str, float]:
    """`wrong` under every null hypothesis."""
    rates = np.resize(TASK_RATES, PAIRS)
    found = {"other_noise": wrong("other_noise", num, lambda rng: other_noise(rng, num))}
    for rho in (0.0, 0.5, 0.9):
        name = f"correlation_{rho}"
        found[name] = wrong(name, num, lambda rng, rho=rho: correlated(rng, num, rates, rates, rho))
    return found


def to_verdict(num: int, rho: float = 0.0) -> dict[str, float]:
    """Pairs to a verdict at 85% against 70% success, a fraction `rho` of them from one draw for both."""
    better, worse = np.full(PAIRS, 0.85), np.full(PAIRS, 0.7)
    pairs, first = decisions(correlated(generator("speed-verdict", "power"), num, better, worse, rho))
    needed = np.where(pairs > 0, pairs, PAIRS)
    return {
        "mean_pairs": float(needed.mean()),
        "p90_pairs": float(np.quantile(needed, 0.9)),
        "undecided": float((pairs == 0).mean()),
        "wrong": float(((pairs > 0) & ~first).mean()),
    }


def opposed(num: int) -> dict[str, float]:
    """`wrong` where tasks differ in opposite directions and the mean over them does not differ."""
    rates_a, rates_b = np.repeat([0.8, 0.5], 25), np.repeat([0.5, 0.8], 25)

    def first(rng: np.random.Generator) -> Outcomes:
        return correlated(rng, num, np.resize(rates_a, PAIRS), np.resize(rates_b, PAIRS), 0.0)

    def mixed(rng: np.random.Generator) -> Outcomes:
        order = np.concatenate([rng.permutation(50) for _ in range(PAIRS // 50)])
        return correlated(rng, num, rates_a[order], rates_b[order], 0.0)

    return {"wrong_first": wrong("opposed", num, first), "wrong_mixed": wrong("opposed mixed", num, mixed)}


def miss(num: int) -> float:
    """The fraction of confidence sequences that exclude the true effect at one of sixty sizes up to 2,000 pairs."""
    a, b = correlated(generator("speed-verdict", "miss"), num, np.full(PAIRS, 0.85), np.full(PAIRS, 0.7), 0.0)
    sizes = np.unique(np.geomspace(2, PAIRS, 60).astype(int))
    missed = 0
    for row_a, row_b in zip(a, b, strict=True):
        counted = [PairCounts(*(int(kind[:size].sum()) for kind in _kinds(row_a, row_b))) for size in sizes]
        missed += any(log_capital(0.15, counts) >= -log(ALPHA) for counts in counted)
    return missed / num


def adjusted(num: int) -> dict[str, float]:
    """How much the adjustment for the difficulty of starts narrows an interval, and its coverage."""
    narrower, covered, covered_raw = [], [], []
    for number in range(num):
        rng = generator("speed-verdict", "adjusted", number)
        tasks, skills = rng.normal(0, 1, 5), rng.normal(0.5, 0.7, 4)
        logits = tasks[:, None, None] + rng.normal(0, 1.5, (5, 80, 1)) + skills
        outcomes = rng.random(logits.shape) < 1 / (1 + np.exp(-logits))
        rows = [_rows(outcomes[:, : 20 if policy == 0 else 80, policy]) for policy in range(4)]
        # The rate over the population of starts.
        population = tasks[:, None] + rng.normal(0, 1.5, (5, 20_000)) + skills[0]
        truth = (1 / (1 + np.exp(-population))).mean()
        successes = sum(row.status == "success" for row in rows[0])
        raw = wilson_interval(successes, len(rows[0]))
        found = adjusted_rate(rows[0], Difficulty.of(rows[1:]))
        low, high = found["ci95"] if found else raw
        narrower.append(1 - (high - low) / (raw[1] - raw[0]))
        covered.append(low <= truth <= high)
        covered_raw.append(raw[0] <= truth <= raw[1])
    found = {"narrower": narrower, "covered": covered, "covered_raw": covered_raw}
    return {name: float(np.mean(values)) for name, values in found.items()}


def _rows(outcomes: np.ndarray) -> list[Row]:
    """Rows of one policy with these outcomes [tasks, starts]."""
    rows = []
    for (task, start), success in np.ndenumerate(outcomes):
        status = "success" if success else "failure"
        rows.append(Row("", str(task), f"{task}-{start}", "", None, status, 1, None, 0.0, "", None, 0.0))
    return rows


def _kinds(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, ...]:
    return a & b, a & ~b, ~a & b, ~a & ~b


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comparisons", type=int, default=2000, help="simulated comparisons per result")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    num = options.comparisons
    found: dict[str, Any] = {
        "wrong": nulls(num),
        "to_verdict": to_verdict(num),
        "to_verdict_alike": to_verdict(num, 0.5),
        "opposed": opposed(num),
        "miss": miss(num),
        "adjusted": adjusted(num // 4),
    }
    print(json.dumps(found) if options.json else "\n".join(f"{name:12s} {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
