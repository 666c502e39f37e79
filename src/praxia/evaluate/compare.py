"""Two policies judged side by side until it is clear which is better, or for a number of episodes."""

from contextlib import closing
from typing import Any

from praxia.envs.family import EnvFamily
from praxia.evaluate.interleaved import EvaluatedPolicy, interleave
from praxia.evaluate.runner import Report
from praxia.results.pairs import Pair
from praxia.results.verdict import Comparison

__all__ = ["compare"]


def compare(
    a: EvaluatedPolicy,
    b: EvaluatedPolicy,
    family: EnvFamily,
    *,
    until_decided: bool,
    workers: int = 1,
    resume: bool = False,
    command: str = "",
    report: Report = lambda done, planned, text: None,
) -> dict[str, Any]:
    """The verdict on two policies, as `results.verdict.Comparison` has it; both leave their results files.

    All episodes that the evaluations ask for are run, or with `until_decided` only as many as it takes. Pairs count in
    the order in which they were planned, so a verdict does not depend on workers, nor under `exact` on kills.

    Raises:
        PraxiaError: as `evaluate.interleaved.interleave`.
    """
    comparison = Comparison(until_decided=until_decided)
    planned = a.evaluation.episodes * len(a.evaluation.benchmark.tasks)
    pairs = interleave(a, b, family, workers=workers, resume=resume, command=command, until_decided=until_decided)
    with closing(pairs):
        for done, (ours, theirs) in enumerate(pairs, 1):
            comparison.add(Pair(ours, theirs))
            first, second = comparison.discordant
            report(done, planned, f"{first} against {second} discordant")
            if comparison.decided:
                break
    return comparison.verdict()
