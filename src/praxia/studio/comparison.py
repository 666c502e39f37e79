"""Evaluations grouped by benchmark: the main one, other policies, controls and references."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from praxia.results.meta import representatives
from praxia.studio.evaluation import MEANING, LabelledEvaluation, label_evaluation
from praxia.studio.sources import ReportSources

__all__ = ["AXES", "BenchmarkComparison", "group_by_benchmark"]

# The axes of generalisation, in the order of the page.
AXES = ("train", "task", "scene", "embodiment", "long")
_KINDS = ("", *MEANING)


@dataclass(frozen=True)
class BenchmarkComparison:
    """All evaluations on one benchmark: the `main` one, and the others ordered by kind."""

    main: LabelledEvaluation
    others: tuple[LabelledEvaluation, ...]

    @property
    def name(self) -> str:
        return self.main.benchmark["name"]

    @property
    def axis(self) -> str:
        """The axis of generalisation that the benchmark measures; "" for none."""
        return self.main.benchmark["axis"]

    @property
    def groups(self) -> Mapping[str, Sequence[str]]:
        """The benchmark's tasks, grouped by what is new in them."""
        return self.main.benchmark["groups"]

    @property
    def all(self) -> tuple[LabelledEvaluation, ...]:
        return (self.main, *self.others)

    @property
    def candidates(self) -> tuple[LabelledEvaluation, ...]:
        """The ordinary evaluations, one per policy; the main one if there is none."""
        return tuple(one for one in self.all if not one.kind and one.repeats is None) or (self.main,)

    @property
    def paired_candidates(self) -> tuple[LabelledEvaluation, ...]:
        """The evaluations to test against each other: the candidates, or a single candidate and a single reference.

        Those with several episodes from one start are left out.
        """
        references = [one for one in self.others if one.repeats is None]
        paired = self.candidates
        if len(paired) == 1 and len(references) == 1 and not references[0].is_control:
            paired = (*paired, *references)
        return tuple(one for one in paired if one.unpaired_reason is None)

    @property
    def has_partial_progress(self) -> bool:
        """Whether some candidate's episode completed a part of its task but not all of it."""
        return any(one.has_partial_progress for one in self.candidates)

    @property
    def tasks(self) -> tuple[str, ...]:
        """The main evaluation's tasks, then tasks that only the others have."""
        return tuple(dict.fromkeys(row.task for one in self.all for row in one.rows))

    def references_for(self, candidate: LabelledEvaluation) -> list[LabelledEvaluation]:
        """The evaluations to read a candidate against: the controls of its own policy, and every reference."""
        others = [one for one in self.others if one.kind and one.repeats is None]
        return [one for one in others if not one.is_control or one.policy_key == candidate.policy_key]


def group_by_benchmark(sources: ReportSources) -> list[BenchmarkComparison]:
    """One comparison per benchmark: those that measure an axis of generalisation first, then in order of appearance.

    The main evaluation is the first that is neither a control nor a reference (blind, expert, zero, ...); one with the
    policy's own sampling and the benchmark's chunk execution is preferred. Other policies follow, then controls and
    references. A control of another policy than the main one carries that policy's name in its label.
    """
    evaluations = [label_evaluation(file, sources.runs) for file in sources.results]
    comparisons = []
    for name in dict.fromkeys(one.benchmark["name"] for one in evaluations):
        mine = _mark_repeats([one for one in evaluations if one.benchmark["name"] == name])
        main = min(mine, key=lambda one: (one.kind != "", one.repeats is not None, bool(one.overrides), one.position))
        others = [_with_policy_name(one, main) for one in mine if one is not main]
        comparisons.append(BenchmarkComparison(main, tuple(sorted(others, key=lambda one: _index(one.kind, _KINDS)))))
    return sorted(comparisons, key=lambda one: _index(one.axis, AXES))


def _mark_repeats(evaluations: Sequence[LabelledEvaluation]) -> list[LabelledEvaluation]:
    """The same evaluations; where several are of one policy, those that do not count name the one that does."""
    ordinary = [one for one in evaluations if not one.is_control]
    counting = representatives([(one.rows, one.source.meta) for one in ordinary])
    counted = {id(one): ordinary[index] for one, index in zip(ordinary, counting, strict=True)}
    return [
        one if (other := counted.get(id(one), one)) is one else replace(one, repeats=other.source.path.name)
        for one in evaluations
    ]


def _index(name: str, order: Sequence[str]) -> int:
    """Unknown names come last."""
    return order.index(name) if name in order else len(order)


def _with_policy_name(one: LabelledEvaluation, main: LabelledEvaluation) -> LabelledEvaluation:
    if not one.is_control or one.policy_key == main.policy_key:
        return one
    return replace(one, label=f"{one.label} of {one.policy}")
