"""Which evaluations stand beside which: one judged policy, and what its number must be read against."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from praxia.results.meta import representatives
from praxia.studio.evaluation import MEANING, Evaluation, named
from praxia.studio.sources import Material

__all__ = ["AXES", "Comparison", "compare"]

# The axes of generalisation, in the order in which they are told.
AXES = ("train", "task", "scene", "embodiment", "long")
_KINDS = ("", *MEANING)


@dataclass(frozen=True)
class Comparison:
    """All evaluations on one benchmark: the `main` one, and the others in a fixed order of their kinds."""

    main: Evaluation
    others: tuple[Evaluation, ...]

    @property
    def name(self) -> str:
        return self.main.benchmark["name"]

    @property
    def axis(self) -> str:
        """The axis of generalisation that its benchmark measures; "": none."""
        return self.main.benchmark["axis"]

    @property
    def groups(self) -> Mapping[str, Sequence[str]]:
        """The benchmark's tasks by what is new in them."""
        return self.main.benchmark["groups"]

    @property
    def all(self) -> tuple[Evaluation, ...]:
        return (self.main, *self.others)

    @property
    def candidates(self) -> tuple[Evaluation, ...]:
        """Those that judge a policy for its own sake, each policy once; the main one where none does."""
        return tuple(one for one in self.all if not one.kind and one.repeats is None) or (self.main,)

    @property
    def contenders(self) -> tuple[Evaluation, ...]:
        """Those between which a verdict is asked for: the candidates; or the only one and the only reference."""
        references = [one for one in self.others if one.repeats is None]
        if len(self.candidates) == 1 and len(references) == 1 and not references[0].is_control:
            return (*self.candidates, *references)
        return self.candidates

    @property
    def counts_parts(self) -> bool:
        """Whether some candidate's episode ended with a part of its task done, and not all."""
        return any(one.counts_parts for one in self.candidates)

    @property
    def tasks(self) -> tuple[str, ...]:
        """The main evaluation's tasks, then whatever only others have."""
        return tuple(dict.fromkeys(row.task for one in self.all for row in one.rows))

    def beside(self, candidate: Evaluation) -> list[Evaluation]:
        """What a candidate is to be read against: the controls of its own policy, and every reference."""
        others = [one for one in self.others if one.kind and one.repeats is None]
        return [one for one in others if not one.is_control or one.judged == candidate.judged]


def compare(material: Material) -> list[Comparison]:
    """One comparison a benchmark: those of the axes of generalisation first, else by which benchmark comes first.

    The main evaluation is the first that is neither a control nor a reference (blind, expert, zero, ...), one at the
    benchmark's own pace and sampled as the policy has it before the others. Other policies follow it, then controls and
    references. A control of another policy than the main one's says of which.
    """
    evaluations = [named(file, material.runs) for file in material.results]
    comparisons = []
    for name in dict.fromkeys(one.benchmark["name"] for one in evaluations):
        mine = _each_once([one for one in evaluations if one.benchmark["name"] == name])
        main = min(mine, key=lambda one: (one.kind != "", one.repeats is not None, bool(one.otherwise), one.place))
        others = [_told_apart(one, main) for one in mine if one is not main]
        comparisons.append(Comparison(main, tuple(sorted(others, key=lambda one: _place(one.kind, _KINDS)))))
    return sorted(comparisons, key=lambda one: _place(one.axis, AXES))


def _each_once(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """The same, in which other files of one policy say which one counts."""
    judged = [one for one in evaluations if not one.is_control]
    counting = representatives([(one.rows, one.source.meta) for one in judged])
    counted = {id(one): judged[at] for one, at in zip(judged, counting, strict=True)}
    return [
        one if (other := counted.get(id(one), one)) is one else replace(one, repeats=other.source.path.name)
        for one in evaluations
    ]


def _place(name: str, order: Sequence[str]) -> int:
    """Strangers come last."""
    return order.index(name) if name in order else len(order)


def _told_apart(one: Evaluation, main: Evaluation) -> Evaluation:
    if not one.is_control or one.judged == main.judged:
        return one
    return replace(one, label=f"{one.label} of {one.policy}")
