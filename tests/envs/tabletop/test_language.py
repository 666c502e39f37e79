"""Every instruction matches exactly one goal, by an independent, literal reading of the payload."""

import re

import pytest

from praxia.envs.tabletop.starts import draw_start
from praxia.envs.tabletop.tasks import INSTRUCTIONS

COLOURS = "red|orange|yellow|green|blue|purple"
PLAIN = rf"the (?:(small|large) )?(?:({COLOURS}) )?(cube|ball|cylinder|puck|object|bin|plate|button|switch|drawer|spot)"
PHRASE = re.compile(rf"{PLAIN}(?: (left of|right of) {PLAIN})?")


def fitting(scene, size, colour, noun) -> list[dict]:
    things = [{**item, "noun": item["shape"]} for item in scene["things"]]
    fixtures = [{**item, "noun": item["kind"], "size": None} for item in scene["fixtures"]]
    return [
        item
        for item in (*things, *fixtures)
        if (item["noun"] == noun or (noun == "object" and item in things))
        and colour in (None, "", item["colour"])
        and size in (None, "", item["size"])
    ]


def named(scene, words: re.Match) -> list[str]:
    size, colour, noun, side, *other = words.groups()
    found = fitting(scene, size, colour, noun)
    if side:
        (anchor,) = fitting(scene, *other)
        sign = 1 if side == "right of" else -1
        found = [item for item in found if sign * (item["x_m"] - anchor["x_m"]) > 0]
    return [item["name"] for item in found]


def mentioned(payload, text: str, goals) -> list[str]:
    """The names behind the noun phrases of a text, in their order, each of which must fit exactly one."""
    # "put the ball left of the cube" places beside: there the side belongs to the verb, not to the noun.
    beside = any(goal["relation"] in ("left of", "right of") for goal in goals)
    pattern = re.compile(PLAIN + "()()()()") if beside else PHRASE
    found = []
    for words in pattern.finditer(text):
        names = named(payload["scene"], words)
        assert len(names) == 1, (text, words.group(), names)
        found += names
    return found


WAYS = {"left": "to the left", "right": "to the right", "away": "away from me", "closer": "towards me"}


# How many starts are looked at: a few, and with `make slow` many.
draws = pytest.mark.parametrize("draws", [range(4), pytest.param(range(4, 20), marks=pytest.mark.slow)], ids=repr)


@draws
@pytest.mark.parametrize("task", INSTRUCTIONS)
def test_every_instruction_mentions_exactly_its_goals(task, draws):
    for index in draws:
        payload = draw_start("tabletop-gantry", task, "language", index).payload
        for part in (payload, payload["other"]):
            wanted = [name for goal in part["goals"] for name in (goal["subject"], goal["reference"]) if name]
            names = mentioned(payload, part["instruction"], part["goals"])
            # Phrasings of training name what is acted on first, then what it is related to.
            assert sorted(names) == sorted(wanted), part
            assert task.endswith("phrasings") or names == wanted, part


@pytest.mark.parametrize("task", ["push", "push-references", "place-beside"])
def test_an_instruction_names_the_direction(task):
    for index in range(20):
        payload = draw_start("tabletop-gantry", task, "language", index).payload
        (goal,), text = payload["goals"], payload["instruction"]
        if task == "place-beside":
            other = {"left of": "right of", "right of": "left of"}[goal["relation"]]
            assert goal["relation"] in text, text
            assert other not in text, text
        else:
            assert [way for way, words in WAYS.items() if text.endswith(words)] == [goal["relation"]], text


@pytest.mark.parametrize("verb", ["touch", "push", "press", "pick", "place"])
def test_held_out_phrasings_do_not_occur_in_training(verb):
    def patterns(task, number):
        texts = [draw_start("tabletop-gantry", task, "words", at).payload["instruction"] for at in range(number)]
        return {PHRASE.sub("...", text) for text in texts}

    assert patterns(f"{verb}-phrasings", 30).isdisjoint(patterns(verb, 150))


@draws
def test_the_other_instruction_has_another_subject(draws):
    for task in INSTRUCTIONS:
        for index in draws:
            payload = draw_start("tabletop-gantry", task, "other", index).payload
            (other,) = payload["other"]["goals"]
            assert all(other["subject"] not in (goal["subject"], goal["reference"]) for goal in payload["goals"])
            assert payload["other"]["instruction"] != payload["instruction"]


def test_references_need_their_relation():
    for index in range(20):
        text = draw_start("tabletop-gantry", "touch-references", "related", index).payload["instruction"]
        assert re.search("left of|right of", text), text
