from dataclasses import replace

import pytest

from praxia.collect.plan import CollectionPlan
from praxia.core.errors import UnknownName
from praxia.envs import find_family


def test_noise_and_mistakes_take_turns_within_every_task():
    collection = CollectionPlan("toy", ("walk", "run"), 12, horizon=9, noise=(0.0, 0.1, 0.4), failure_every=4)
    for task in (0, 1):
        mine = [index for index in range(len(collection)) if index % 2 == task]
        assert [collection.noise_of(index) for index in mine] == [0.0, 0.1, 0.4] * 4
        injected_failure = [at for at, index in enumerate(mine) if collection.injects_failure(index)]
        assert injected_failure == [3, 7, 11]
        # Mistakes meet every level of noise.
        assert len({collection.noise_of(mine[at]) for at in injected_failure}) == 3


def test_without_a_rhythm_nobody_errs_on_purpose():
    collection = CollectionPlan("toy", ("walk",), 8, horizon=9)
    assert not any(collection.injects_failure(index) for index in range(8))


def test_all_cameras_are_recorded_or_the_chosen_ones_in_their_order():
    family = find_family("metaworld")
    every = CollectionPlan("metaworld", ("reach",), 1, horizon=9, size=32)
    some = replace(every, cameras=("hand",))
    turned = replace(every, cameras=("hand", "workspace"))
    named = [[camera.name for camera in one.embodiment(family).cameras] for one in (every, some, turned)]
    assert named == [["workspace", "hand"], ["hand"], ["hand", "workspace"]]
    assert all(camera.height == camera.width == 32 for camera in some.embodiment(family).cameras)


def test_a_camera_that_is_not_there_is_refused():
    with pytest.raises(UnknownName, match=r"hnad.*hand"):
        CollectionPlan("metaworld", ("reach",), 1, horizon=9, cameras=("hnad",)).embodiment(find_family("metaworld"))
