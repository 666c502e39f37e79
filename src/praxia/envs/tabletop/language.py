"""From goals to instructions: referring expressions that match exactly one thing, and several phrasings per verb."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from praxia.envs.tabletop.goals import Goal
from praxia.envs.tabletop.scene import Fixture, Scene, Thing

__all__ = ["HELD_OUT_PHRASES", "PHRASES", "Description", "describe", "relations_to", "write_instruction"]

# {s} subject, {r} reference, {d} direction. Phrases of training, and phrases held out for the task axis.
PHRASES: dict[str, tuple[str, ...]] = {
    "touch": ("touch {s}", "tap {s}", "put your finger on {s}"),
    "push": ("push {s} {d}", "slide {s} {d}", "shove {s} {d}"),
    "push to": ("push {s} to {r}", "slide {s} up to {r}", "shove {s} against {r}"),
    "press": ("press {s}", "push down {s}", "hit {s}"),
    "pick": ("pick up {s}", "lift {s}", "take {s}"),
    "place in": ("place {s} in {r}", "put {s} into {r}", "drop {s} in {r}"),
    "place on": ("place {s} on {r}", "put {s} onto {r}", "set {s} down on {r}"),
    "place": ("place {s} {d} {r}", "put {s} {d} {r}", "move {s} to the {d} {r}"),
    "stack": ("stack {s} on {r}", "put {s} on top of {r}"),
    "open": ("open {s}", "pull {s} open"),
    "close": ("close {s}", "push {s} shut"),
    "flip": ("flip {s}", "throw {s} to the other side"),
    "reach": ("go to {s}", "move your hand to {s}", "reach for {s}"),
    "follow": ("follow {s}", "stay over {s}", "keep your hand above {s}"),
    "push onto": ("push {s} onto {r}", "slide {s} onto {r}", "shove {s} onto {r}"),
}
# Where there is a belt, and `s` on it.
BELT_PHRASES: dict[str, tuple[str, ...]] = {
    "place in": ("take {s} off the belt and put it in {r}", "drop {s} from the belt into {r}", "sort {s} into {r}"),
    "place on": ("take {s} off the belt and put it on {r}", "move {s} from the belt onto {r}", "sort {s} onto {r}"),
}
HELD_OUT_PHRASES: dict[str, tuple[str, ...]] = {
    "touch": ("make contact with {s}", "could you feel {s} with your hand"),
    "push": ("nudge {s} {d}", "please get {s} to move {d}"),
    "press": ("please activate {s}", "poke {s}"),
    "pick": ("grab {s} and raise it", "i would like you to hold {s} up"),
    "place in": ("{r} is where {s} belongs", "store {s} inside {r}"),
    "place on": ("{s} should end up on {r}", "rest {s} upon {r}"),
}
DIRECTION_PHRASES = {"left": "to the left", "right": "to the right", "away": "away from me", "closer": "towards me"}


@dataclass(frozen=True)
class Description:
    """A referring expression: the noun is a shape, "object" for any loose thing, or a kind of fixture.

    `side` ("left of" or "right of") relates it to another description: it matches everything further to that side, by
    any distance. `relations_to` gives only descriptions of things that are clearly on that side.
    """

    noun: str
    colour: str = ""
    size: str = ""
    side: str = ""
    other: "Description | None" = None

    def text(self) -> str:
        """In English, with its article."""
        text = " ".join(word for word in ("the", self.size, self.colour, self.noun) if word)
        return f"{text} {self.side} {self.other.text()}" if self.other else text

    def matches(self, scene: Scene) -> list[str]:
        """The names of everything that it matches."""
        matching = [item for item in (*scene.things, *scene.fixtures) if self._matches(item)]
        if self.other is not None:
            (name,) = self.other.matches(scene)
            x_m, sign = scene.find(name).x_m, -1 if self.side == "left of" else 1
            matching = [item for item in matching if sign * (item.x_m - x_m) > 0]
        return [item.name for item in matching]

    def _matches(self, item: Thing | Fixture) -> bool:
        nouns = (item.shape, "object") if isinstance(item, Thing) else (item.kind,)
        size = item.size if isinstance(item, Thing) else ""
        return self.noun in nouns and self.colour in ("", item.colour) and self.size in ("", size)


def describe(name: str, scene: Scene, rng: np.random.Generator, *, related: bool = False) -> Description:
    """A description that matches the thing or fixture `name` and nothing else in the scene.

    Mostly by colour and shape, sometimes by colour, shape or size alone if that is unique. `related`: by its side of
    another thing, if such a description is unique.
    """
    if related and (unique := relations_to(name, scene)):
        return unique[rng.integers(len(unique))]
    unique = _only(name, _plain(scene.find(name)), scene)
    # Half of the time the first unique one, by colour and shape; a size is added only if it is needed.
    return unique[0] if rng.random() < 0.5 else unique[rng.integers(min(3, len(unique)))]


def _plain(item: Thing | Fixture) -> list[Description]:
    if isinstance(item, Fixture):
        return [Description(item.kind, item.colour), Description(item.kind)]
    return [
        Description(item.shape, item.colour),
        Description("object", item.colour),
        Description(item.shape),
        Description(item.shape, size=item.size),
        Description(item.shape, item.colour, item.size),
    ]


def relations_to(name: str, scene: Scene) -> list[Description]:
    """Unique descriptions of a thing by its shape, or as an object, and its side of something else."""
    item = scene.find(name)
    if not isinstance(item, Thing):
        return []
    anchors = [
        anchor
        for other in (*scene.things, *scene.fixtures)
        if other.name != item.name
        for anchor in _only(other.name, _plain(other), scene)[:1]
    ]
    related = [
        Description(noun, side=side, other=anchor)
        for noun in (item.shape, "object")
        for side in ("left of", "right of")
        for anchor in anchors
        if Description(noun).matches(scene) != [item.name] and _is_clearly(item, side, anchor, scene)
    ]
    return _only(name, related, scene)


def _is_clearly(item: Thing, side: str, anchor: Description, scene: Scene) -> bool:
    """Whether a thing is on that side of the anchor by more than 3 cm."""
    (name,) = anchor.matches(scene)
    return (item.x_m - scene.find(name).x_m) * (-1 if side == "left of" else 1) > 0.03


def _only(name: str, descriptions: Sequence[Description], scene: Scene) -> list[Description]:
    """Those that match the thing or fixture of that name and nothing else."""
    return [one for one in descriptions if one.matches(scene) == [name]]


def write_instruction(
    goals: Sequence[Goal], scene: Scene, rng: np.random.Generator, *, held_out: bool = False, related: bool = False
) -> str:
    """The instruction: each goal in one of the phrasings of training, or of the held-out ones; chains joined."""
    possible = HELD_OUT_PHRASES if held_out else PHRASES
    if any(item.kind == "belt" for item in scene.fixtures):
        possible = {**possible, **BELT_PHRASES}
    phrases = [_phrase_goal(goal, scene, rng, possible, related) for goal in goals]
    if len(phrases) == 1:
        return phrases[0]
    return "first " + ", then ".join(phrases) if rng.random() < 0.5 else " and then ".join(phrases)


def _phrase_goal(
    goal: Goal, scene: Scene, rng: np.random.Generator, phrases: dict[str, tuple[str, ...]], related: bool
) -> str:
    key = f"{goal.verb} {goal.relation}" if f"{goal.verb} {goal.relation}" in phrases else goal.verb
    subject = describe(goal.subject, scene, rng, related=related).text()
    reference = describe(goal.reference, scene, rng).text() if goal.reference else ""
    pattern = phrases[key][rng.integers(len(phrases[key]))]
    return pattern.format(s=subject, r=reference, d=DIRECTION_PHRASES.get(goal.relation, goal.relation))
