"""One evaluation, and what it is called: the policy's, a control, or a reference."""

import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from praxia.results.folder import results_name
from praxia.results.meta import policy_of, privilege_of
from praxia.results.rows import Row
from praxia.results.summary import summarise, summarise_as
from praxia.studio.sources import ResultsFile, TrainingRun

__all__ = ["MEANING", "Evaluation", "named"]

MEANING = {
    "other-instruction": "the same policy, told to do something else in the same scene; success is still that of the "
    "first instruction",
    "swapped-image": "the same policy, shown images of another start of the same task",
    "shuffled-instruction": "the same policy, told to do another task",
    "frozen-state": "the same policy, whose state is that of the first moment for ever",
    "language-free": "another policy, trained without instructions",
    "blind": "another policy, trained without images",
    "expert": "scripted, and told where everything is",
    "zero": "never moves",
    "random": "moves at random",
}
# Words in a policy's name that say what it is, where its run is not there to ask.
_SAID_BY = {"blind": "blind", "language-free": "language-free", "mute": "language-free"}


@dataclass(frozen=True)
class Evaluation:
    """One results file of the policy called `policy`.

    `kind` is that of the control or reference which it is, most of them in `MEANING`; "": it judges the policy for
    its own sake. `label` is its name for people. `repeats` is the name of the file that counts in its place, where that
    is of the same policy; None: it counts itself.
    """

    source: ResultsFile
    policy: str
    kind: str
    label: str
    repeats: str | None = None

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
    def is_control(self) -> bool:
        """Whether one of the policy's senses was spoiled."""
        return self.fingerprint["control"] is not None

    @property
    def otherwise(self) -> tuple[str, ...]:
        """What differs from the policy's own sampling and the benchmark's pace: ("steps 5", "ensemble 0.01")."""
        sampling = self.fingerprint.get("sampling") or {}
        words = [f"{name} {value:g}" for name, value in sampling.items()]
        return (*words, *([] if self.ensemble is None else [f"ensemble {self.ensemble:g}"]))

    @property
    def ensemble(self) -> float | None:
        """The rate of temporal ensembling; None: chunks were executed one after the other."""
        # Files from before ensembling say nothing of the pace beside the benchmark's.
        return self.fingerprint.get("execution", {}).get("ensemble")

    @property
    def judged(self) -> tuple[str, float | None]:
        """Which policy decided and how it was ensembled: equal for it, its controls, and other benchmarks."""
        return policy_of(self.fingerprint), self.ensemble

    @property
    def place(self) -> int:
        """0 or 1: whether its policy was named first or second in `praxia compare`."""
        return 1 if results_name(self.source.path) in _policies_in(self.command)[1:] else 0

    @property
    def privilege(self) -> str | None:
        """What the policy knew that a robot would not."""
        return privilege_of(self.source.meta)

    @cached_property
    def summary(self) -> dict[str, Any]:
        return summarise_as(self.benchmark, self.rows)

    @property
    def counts_parts(self) -> bool:
        """Whether some episode ended with a part of its task done, and not all."""
        return any(0 < row.progress < 1 for row in self.rows if row.status != "error")

    def summary_of(self, tasks: Collection[str] | None) -> Mapping[str, Any]:
        """The summary of some tasks, or of all."""
        return self.summary if tasks is None else summarise([row for row in self.rows if row.task in tasks])


def named(file: ResultsFile, runs: Sequence[TrainingRun]) -> Evaluation:
    """A control is called by its name, a reference by its kind, a policy by the name of the run that made it.

    Its label ends with what differs from the policy's own sampling and the benchmark's pace.
    """
    fingerprint = file.meta["fingerprint"]
    run = next((run for run in runs if run.made(fingerprint)), None)
    typed = _policies_in(file.meta["command"])
    # A comparison leaves two files, each called by its policy.
    policy = run.name if run else typed[0] if len(typed) == 1 else results_name(file.path)
    kind = fingerprint["control"] or (_kind_of_run(run, runs) if run else _kind_of_name(policy))
    one = Evaluation(file, policy, kind, kind or policy)
    return replace(one, label=f"{one.label} ({', '.join(one.otherwise)})") if one.otherwise else one


def _kind_of_run(run: TrainingRun, runs: Sequence[TrainingRun]) -> str:
    """A policy that lacks a sense is a reference for those that have it; where none has, it is judged for itself."""
    finished = [one for one in runs if one.policy is not None]
    if run.is_blind and not all(one.is_blind for one in finished):
        return "blind"
    return "language-free" if run.is_language_free and not all(one.is_language_free for one in finished) else ""


def _kind_of_name(policy: str) -> str:
    if policy in ("expert", "zero", "random"):
        return policy
    return next((kind for word, kind in _SAID_BY.items() if re.search(rf"(?<![a-z]){word}(?![a-z])", policy)), "")


def _policies_in(command: str) -> list[str]:
    """The one policy in `praxia eval POLICY ...`, or both in `praxia compare A B ...`, by what people call them.

    That is what was typed, or for a path the folder of its run. Two of one name are told apart as their files are.
    """
    verb, *typed = [word for word in _words(command)[1:] if not word.startswith("-")] or [""]
    paths = [Path(word) for word in typed[: 2 if verb == "compare" else 1]]
    names = [path.parent.name if path.name == "policy" and path.parent.name else path.name for path in paths]
    return names if len(set(names)) == len(names) else [f"{names[0]}-a", f"{names[1]}-b"]


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        # What no shell would take was not written by us.
        return command.split()
