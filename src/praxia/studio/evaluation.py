"""One evaluation with its label: a policy, a control of it, or a reference."""

import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from praxia.results.folder import results_name
from praxia.results.meta import policy_of, privilege_of
from praxia.results.rows import Row, repeats_reason
from praxia.results.summary import summarise, summarise_as
from praxia.studio.sources import StoredResults, TrainingRun

__all__ = ["MEANING", "LabelledEvaluation", "label_evaluation"]

MEANING = {
    "other-instruction": "the same policy with another instruction for the same scene; success is still that of the "
    "first instruction",
    "swapped-image": "the same policy with images from another start of the same task",
    "shuffled-instruction": "the same policy with the instruction of another task",
    "frozen-state": "the same policy with the state frozen at the first timestep",
    "shuffled-intent": "the same two systems with intents of other episodes",
    "language-free": "another policy, trained without instructions",
    "blind": "another policy, trained without images",
    "expert": "a scripted expert with access to the simulator's state",
    "zero": "never moves",
    "random": "moves at random",
}
# Words in a policy's name that reveal its kind, for policies whose training run is not among the sources.
_KIND_BY_WORD = {"blind": "blind", "language-free": "language-free", "mute": "language-free"}


@dataclass(frozen=True)
class LabelledEvaluation:
    """One results file of the policy named `policy`.

    `kind` is the kind of control or reference, usually a key of `MEANING`; "" for an ordinary evaluation. `label` is
    the name that pages show. `repeats` names the file that counts instead, if another file evaluates the same policy;
    None if this file counts.
    """

    source: StoredResults
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
        """Whether one of the policy's inputs was corrupted."""
        return self.fingerprint["control"] is not None

    @property
    def overrides(self) -> tuple[str, ...]:
        """Options that differ from the policy's sampling and the benchmark's chunk execution: ("steps 5", ...)."""
        sampling = self.fingerprint.get("sampling") or {}
        options = [f"{name} {value if isinstance(value, str) else f'{value:g}'}" for name, value in sampling.items()]
        return (*options, *([] if self.ensemble is None else [f"ensemble {self.ensemble:g}"]))

    @property
    def ensemble(self) -> float | None:
        """The rate of temporal ensembling; None if chunks were executed one after the other."""
        # Files older than ensembling do not record how chunks were executed.
        return self.fingerprint.get("execution", {}).get("ensemble")

    @property
    def policy_key(self) -> tuple[str, float | None]:
        """The acting policy and its ensembling rate: the same for its controls and on other benchmarks."""
        return policy_of(self.fingerprint), self.ensemble

    @property
    def position(self) -> int:
        """0 if the policy came first in the command line of `praxia compare`, 1 if it came second."""
        return 1 if results_name(self.source.path) in _policies_in(self.command)[1:] else 0

    @property
    def privilege(self) -> str | None:
        """The information that the policy had and a robot would not have."""
        return privilege_of(self.source.meta)

    @cached_property
    def unpaired_reason(self) -> str | None:
        """Why the evaluation is in no comparison or ranking, or None: it has several episodes from one start."""
        return repeats_reason(self.rows)

    @cached_property
    def summary(self) -> dict[str, Any]:
        return summarise_as(self.benchmark, self.rows)

    @property
    def has_partial_progress(self) -> bool:
        """Whether some episode completed a part of its task but not all of it."""
        return any(0 < (row.progress or 0) < 1 for row in self.rows if row.is_known)

    def summary_of(self, tasks: Collection[str] | None) -> Mapping[str, Any]:
        """The summary of the given tasks, or of all with None."""
        return self.summary if tasks is None else summarise([row for row in self.rows if row.task in tasks])


def label_evaluation(file: StoredResults, runs: Sequence[TrainingRun]) -> LabelledEvaluation:
    """Label a control with its name, a reference with its kind, and a policy with the name of its training run.

    The label ends with the options that differ from the policy's sampling and the benchmark's chunk execution.
    """
    fingerprint = file.meta["fingerprint"]
    run = next((run for run in runs if run.produced(fingerprint)), None)
    policies = _policies_in(file.meta["command"])
    # `praxia compare` writes two files and names each by its policy.
    policy = run.name if run else policies[0] if len(policies) == 1 else results_name(file.path)
    kind = fingerprint["control"] or (_kind_of_run(run, runs) if run else _kind_of_name(policy))
    one = LabelledEvaluation(file, policy, kind, kind or policy)
    return replace(one, label=f"{one.label} ({', '.join(one.overrides)})") if one.overrides else one


def _kind_of_run(run: TrainingRun, runs: Sequence[TrainingRun]) -> str:
    """A policy without images or text is a reference for those with them, and an ordinary policy if none has them."""
    finished = [one for one in runs if one.policy is not None]
    if run.is_blind and not all(one.is_blind for one in finished):
        return "blind"
    return "language-free" if run.is_language_free and not all(one.is_language_free for one in finished) else ""


def _kind_of_name(policy: str) -> str:
    if policy in ("expert", "zero", "random"):
        return policy
    return next((kind for word, kind in _KIND_BY_WORD.items() if re.search(rf"(?<![a-z]){word}(?![a-z])", policy)), "")


def _policies_in(command: str) -> list[str]:
    """The names of the policy of `praxia eval POLICY ...`, or of both policies of `praxia compare A B ...`.

    The name is the argument itself, or for a path its run's folder. Two equal names get the suffixes of their files.
    """
    verb, *arguments = [word for word in _split(command)[1:] if not word.startswith("-")] or [""]
    paths = [Path(argument) for argument in arguments[: 2 if verb == "compare" else 1]]
    names = [path.parent.name if path.name == "policy" and path.parent.name else path.name for path in paths]
    return names if len(set(names)) == len(names) else [f"{names[0]}-a", f"{names[1]}-b"]


def _split(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        # Praxia quotes the commands that it stores: this one was written by hand.
        return command.split()
