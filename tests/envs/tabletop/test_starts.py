import pytest

from praxia.core.errors import UnknownName
from praxia.envs import find_family
from praxia.envs.tabletop.starts import draw_start, twin_start
from praxia.envs.tabletop.tasks import TRAINED

FAMILY = find_family("tabletop-gantry")


def test_a_start_depends_on_its_task_split_and_index_alone():
    draw_start.cache_clear()
    later = draw_start("tabletop-gantry", "push", "test", 7)
    draw_start.cache_clear()
    for index in range(9):
        draw_start("tabletop-gantry", "touch", "test", index)
    assert draw_start("tabletop-gantry", "push", "test", 7).key == later.key
    assert draw_start("tabletop-gantry", "push", "train-0", 7).key != later.key
    assert len({draw_start("tabletop-gantry", "push", "test", index).key for index in range(50)}) == 50


def test_all_robots_get_the_same_scene():
    first, second = (draw_start(env, "place", "test", 3) for env in ("tabletop-gantry", "tabletop-arm7"))
    assert first.payload == second.payload
    assert first.key != second.key


def test_a_twin_is_another_start_of_the_task():
    start = FAMILY.draw_start("pick", "test", 0)
    assert twin_start(start) == twin_start(start)
    assert twin_start(start).task == "pick"
    assert twin_start(start).payload["scene"] != start.payload["scene"]


def test_held_out_combinations_are_held_out():
    def combinations(task, verb, draws):
        found = set()
        for index in range(draws):
            payload = draw_start("tabletop-gantry", task, "combinations", index).payload
            items = {item["name"]: item for item in (*payload["scene"]["things"], *payload["scene"]["fixtures"])}
            item = items[payload["goals"][0]["subject"]]
            found.add((item["colour"], item.get("shape", "button")))
        return found

    for verb in TRAINED:
        held_out, trained = combinations(f"{verb}-combinations", verb, 60), combinations(verb, verb, 240)
        assert held_out.isdisjoint(trained)
        assert len(held_out) == (1 if verb == "press" else 4)
        assert len(trained) == (5 if verb == "press" else 20)


def test_the_image_does_not_reveal_the_verb():
    """Scenes of different verbs have the same kinds of fixtures about equally often."""

    def share(verb: str, kind: str) -> float:
        scenes = [draw_start("tabletop-gantry", verb, "kinds", index).payload["scene"] for index in range(200)]
        return sum(any(item["kind"] == kind for item in scene["fixtures"]) for scene in scenes) / 200

    for kind in ("drawer", "switch", "plate"):
        shares = [share(verb, kind) for verb in TRAINED]
        assert max(shares) - min(shares) < 0.25, (kind, shares)


def test_an_unknown_task_is_refused_with_the_nearest_names():
    with pytest.raises(UnknownName, match="touch"):
        draw_start("tabletop-gantry", "tuch", "test", 0)
