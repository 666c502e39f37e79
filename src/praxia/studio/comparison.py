"""Which evaluations stand beside which: one judged policy, and what its number must be read against."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from praxia.results.rows import Row
from praxia.results.summary import summarise
from praxia.studio.sources import Material, ResultsFile, TrainingRun

__all__ = ["MEANING", "Comparison", "Evaluation", "compare"]

MEANING = {
    "swapped-image": "the same policy, shown pictures of another start of the same task",
    "shuffled-instruction": "the same policy, told to do another task",
    "blind": "another policy, trained without pictures",
    "expert": "scripted, and told where everything is",
    "zero": "never moves",
}


@dataclass(frozen=True)
class Evaluation:
    """One results file with a name for people: the policy's, or what kind of control or reference it is."""

    source: ResultsFile
    label: str

    @property
    def rows(self) -> tuple[Row, ...]:
        return self.source.rows

    @property
    def command(self) -> str:
        return self.source.meta["command"]

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        return self.source.meta["fingerprint"]

    @property
    def benchmark(self) -> Mapping[str, Any]:
        """The benchmark's definition."""
        return self.fingerprint["benchmark"]

    @property
    def is_candidate(self) -> bool:
        """Whether this judges a policy for its own sake."""
        return self.fingerprint["control"] is None and self.label not in MEANING

    @cached_property
    def summary(self) -> dict[str, Any]:
        return summarise(self.rows)

    def summary_of(self, task: str | None) -> Mapping[str, Any]:
        """The summary of one task, or of all."""
        return self.summary if task is None else summarise([row for row in self.rows if row.task == task])


@dataclass(frozen=True)
class Comparison:
    """All evaluations on one benchmark: the `main` one, and the others in a fixed order of their kinds."""

    main: Evaluation
    others: tuple[Evaluation, ...]

    @property
    def name(self) -> str:
        return self.main.benchmark["name"]

    @property
    def all(self) -> tuple[Evaluation, ...]:
        return (self.main, *self.others)

    @property
    def tasks(self) -> tuple[str, ...]:
        """The main evaluation's tasks, then whatever only others have."""
        return tuple(dict.fromkeys(row.task for one in self.all for row in one.rows))


def compare(material: Material) -> list[Comparison]:
    """One comparison a benchmark, in the order in which benchmarks first come.

    The main evaluation is the first that is neither a control nor a reference (blind, expert, zero). Other
    policies follow it, then controls and references.
    """
    evaluations = [Evaluation(file, _label(file, material.runs)) for file in material.results]
    order = list(MEANING)
    comparisons = []
    for name in dict.fromkeys(one.benchmark["name"] for one in evaluations):
        mine = [one for one in evaluations if one.benchmark["name"] == name]
        main = next((one for one in mine if one.is_candidate), mine[0])
        others = [one for one in mine if one is not main]
        others.sort(key=lambda one: order.index(one.label) if one.label in order else -1)
        comparisons.append(Comparison(main, tuple(others)))
    return comparisons


def _label(file: ResultsFile, runs: Sequence[TrainingRun]) -> str:
    """A control is called by its name, a policy by the name of the run that made it, a blind one "blind"."""
    fingerprint = file.meta["fingerprint"]
    if fingerprint["control"] is not None:
        return fingerprint["control"]
    for run in runs:
        if run.policy is not None and run.policy["weights_sha256"] == fingerprint["policy_sha256"]:
            return "blind" if run.is_blind else run.name
    name = _name_in(file.meta["command"]) or file.path.stem
    return "blind" if "blind" in re.split("[^a-z]", name) else name


def _name_in(command: str) -> str | None:
    """The policy in `praxia eval POLICY ...`: what was typed, or for a path the folder of its run."""
    words = [word for word in shlex.split(command)[2:] if not word.startswith("-")]
    if not words:
        return None
    path = Path(words[0])
    return path.parent.name if path.name == "policy" and path.parent.name else path.name
