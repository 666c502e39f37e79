import numpy as np
import pytest

from praxia.core.keys import generator
from praxia.core.types import EnvSpec
from praxia.envs.metaworld.env import MetaWorld
from praxia.envs.metaworld.simulator import MetaWorldSimulator
from praxia.envs.metaworld.starts import draw_start, twin_start

TASKS = ("door-open", "peg-insert-side", "push")


@pytest.mark.parametrize("task", TASKS)
def test_splits_are_disjoint(task):
    splits = [[draw_start(task, split, index) for index in range(40)] for split in ("train-0", "train-1", "test")]
    starts = [start for split in splits for start in split]
    assert len({start.key for start in starts}) == len(starts)
    vectors = np.array([start.payload["rand_vec"] for start in starts])
    distances = np.abs(vectors[:, None] - vectors[None]).max(-1) + np.eye(len(starts))
    assert distances.min() > 0


@pytest.mark.parametrize("task", TASKS)
def test_a_start_depends_on_its_own_index_alone(task):
    draw = draw_start.__wrapped__  # past the cache
    forward = [draw(task, "test", index) for index in range(5)]
    draw("reach", "test", 0)
    backward = [draw(task, "test", index) for index in reversed(range(5))]
    assert forward == backward[::-1]


@pytest.mark.parametrize("task", TASKS)
def test_starts_are_within_the_packages_ranges_and_distances(task):
    env = MetaWorld(EnvSpec("metaworld", task))
    space = env._simulator.stock._random_reset_space
    for index in range(20):
        vector = np.array(draw_start(task, "test", index).payload["rand_vec"])
        assert np.all(space.low <= vector)
        assert np.all(vector <= space.high)
        if len(vector) == 6:  # object, goal: the package draws again if they are nearer than this
            assert np.linalg.norm(vector[:2] - vector[3:5]) >= 0.1


# These tasks' resets read the hand's position.
READS_HAND = ("lever-pull", "pick-place-wall", "push-back", "push-wall", "reach", "reach-wall", "sweep")


@pytest.mark.parametrize("task", [*READS_HAND, *TASKS, "assembly", "bin-picking", "pick-place", "stick-pull"])
def test_without_the_hands_motion_the_package_draws_the_same(task: str):
    simulator = MetaWorldSimulator(task)
    for index in range(3):
        simulator.reset_to_built()
        stock = simulator.stock
        stock._freeze_rand_vec, stock.seeded_rand_vec = False, True
        stock.np_random = generator("metaworld", task, "test", index)
        stock.reset()
        assert stock._last_rand_vec is not None
        assert draw_start(task, "test", index).payload["rand_vec"] == stock._last_rand_vec.tolist()


def test_a_twin_is_another_start_of_the_same_task_and_a_function_of_the_start():
    start = draw_start("door-open", "test", 3)
    assert twin_start(start) == twin_start(start)
    assert twin_start(start).task == "door-open"
    assert twin_start(start).key != start.key
    assert twin_start(start) != twin_start(draw_start("door-open", "test", 4))
