import json
from dataclasses import replace

import pytest

from praxia.collect.plan import CollectionPlan
from praxia.core.errors import PraxiaError, UnknownName
from praxia.core.types import EnvSpec
from praxia.envs import find_family


def test_noise_levels_and_failures_take_turns_within_every_task():
    plan = CollectionPlan("toy", ("walk", "run"), 12, horizon=9, noise=(0.0, 0.1, 0.4), failure_every=4)
    for task in (0, 1):
        mine = [index for index in range(len(plan)) if index % 2 == task]
        assert [plan.noise_of(index) for index in mine] == [0.0, 0.1, 0.4] * 4
        failures = [at for at, index in enumerate(mine) if plan.injects_failure(index)]
        assert failures == [3, 7, 11]
        # Failures meet every level of noise.
        assert len({plan.noise_of(mine[at]) for at in failures}) == 3


def test_without_failure_every_no_failure_is_injected():
    plan = CollectionPlan("toy", ("walk",), 8, horizon=9)
    assert not any(plan.injects_failure(index) for index in range(8))


def test_the_plan_json_keeps_the_keys_that_content_hashes_cover():
    plan = CollectionPlan("toy", ("walk", "run"), 3, horizon=9, failure_every=4, cameras=("front",))
    values = json.loads(json.dumps(plan.to_json()))
    assert (values["blunder_every"], values["tasks"], values["noise"]) == (4, ["walk", "run"], [0.0, 0.15, 0.4])
    values["failure_every"] = values.pop("blunder_every")
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    assert CollectionPlan(**values) == plan


def test_options_and_sizes_are_in_the_plan_only_where_they_are_set():
    plan = CollectionPlan("toy", ("walk",), 3, horizon=9)
    assert {"options", "sizes"}.isdisjoint(plan.to_json())
    other = replace(plan, options={"wind": 2.5}, sizes={"front": (24, 32)})
    values = json.loads(json.dumps(other.to_json()))
    assert (values["options"], values["sizes"]) == ({"wind": 2.5}, {"front": [24, 32]})
    assert {name: values[name] for name in plan.to_json()} == json.loads(json.dumps(plan.to_json()))
    assert other.spec("walk") == EnvSpec("toy", "walk", options={"wind": 2.5}, sizes={"front": (24, 32)})
    assert EnvSpec.from_json(json.loads(json.dumps(other.spec("walk").to_json()))) == other.spec("walk")
    assert {"options", "sizes"}.isdisjoint(plan.spec("walk").to_json())


def test_all_cameras_are_recorded_or_the_chosen_ones_in_order():
    family = find_family("metaworld")
    every = CollectionPlan("metaworld", ("reach",), 1, horizon=9, size=32)
    some = replace(every, cameras=("hand",))
    turned = replace(every, cameras=("hand", "workspace"))
    named = [[camera.name for camera in one.embodiment(family).cameras] for one in (every, some, turned)]
    assert named == [["workspace", "hand"], ["hand"], ["hand", "workspace"]]
    assert all(camera.height == camera.width == 32 for camera in some.embodiment(family).cameras)


def test_an_unknown_camera_is_refused():
    with pytest.raises(UnknownName, match=r"hnad.*hand"):
        CollectionPlan("metaworld", ("reach",), 1, horizon=9, cameras=("hnad",)).embodiment(find_family("metaworld"))


def test_sizes_of_no_camera_and_without_pixels_are_refused():
    plan = CollectionPlan("metaworld", ("reach",), 1, horizon=9, sizes={"hnad": (24, 32)})
    with pytest.raises(UnknownName, match=r"hnad.*hand"):
        plan.embodiment(find_family("metaworld"))
    with pytest.raises(PraxiaError, match=r"expected \(height, width\) in pixels of camera 'hand', got \(0, 32\)"):
        replace(plan, sizes={"hand": (0, 32)}).spec("reach")
