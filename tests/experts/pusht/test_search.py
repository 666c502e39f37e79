import numpy as np
import pytest
from gym_pusht.envs.pusht import PushTEnv
from shapely import LineString, Polygon

from praxia.experts.pusht.block import (
    STRIDE_PX,
    PushModel,
    block_outline,
    mean_corner_distance,
    transform_points,
)
from praxia.experts.pusht.expert import path_around
from praxia.experts.pusht.search import best_push

GOAL = np.array([256, 256, np.pi / 4])


def test_the_outline_is_the_packages_t():
    assert len(block_outline()) == 8
    assert Polygon(block_outline()).area == pytest.approx(120 * 30 + 30 * 90)
    stock = PushTEnv()
    stock.reset(options={"reset_to_state": [50, 50, 200, 300, 1.0]})
    pose = np.array([*stock.block.position, stock.block.angle])
    theirs = {tuple(np.round(corner, 6)) for corner in PushTEnv.get_keypoints(stock._block_shapes)}
    assert {tuple(np.round(corner, 6)) for corner in transform_points(block_outline(), pose)} <= theirs


def test_the_mean_corner_distance_is_in_pixels():
    moved = np.stack([GOAL, GOAL + np.array([3, 4, 0])])
    np.testing.assert_allclose(
        mean_corner_distance(transform_points(block_outline(), moved), transform_points(block_outline(), GOAL)), [0, 5]
    )


def test_the_model_pushes_as_the_package_does():
    stock = PushTEnv()
    stock.reset(options={"reset_to_state": [250, 120, 240, 200, 0.3]})
    pose = np.array([*stock.block.position, stock.block.angle])
    begin, direction = np.array(stock.agent.position), np.array([0.0, 1.0])
    for _ in range(12):
        stock.step(np.array(stock.agent.position) + 30 * direction)
    distance = (np.array(stock.agent.position) - begin) @ direction
    ours = PushModel().push(pose, begin, direction, round(float(distance) / STRIDE_PX))[-1]
    theirs = np.array([*stock.block.position, stock.block.angle])
    assert np.linalg.norm(theirs[:2] - pose[:2]) > 40
    np.testing.assert_allclose(ours[:2], theirs[:2], atol=6)
    np.testing.assert_allclose(ours[2], theirs[2], atol=0.1)


def test_a_push_does_not_depend_on_those_before():
    fresh, used = PushModel(), PushModel()
    direction = np.array([0.0, 1.0])
    used.push(GOAL, np.array([200.0, 200.0]), direction, 20)
    one, two = (
        model.push(np.array([240, 200, 0.3]), np.array([250.0, 180.0]), direction, 20) for model in (fresh, used)
    )
    np.testing.assert_allclose(one, two, atol=1e-6)


def test_one_push_corrects_a_shifted_block():
    """A block that lies 40 px beside its goal, at its goal's angle, is pushed back nearly there."""
    direction = np.array([np.cos(np.pi / 4), np.sin(np.pi / 4)])
    across = np.array([-direction[1], direction[0]])
    block = GOAL - [*(40 * across), 0]
    push = best_push(np.array([100.0, 100.0]), block, GOAL)
    strides = round(push.length / STRIDE_PX)
    after = PushModel().push(block, push.begin, push.direction, strides)[-1:]
    assert (
        mean_corner_distance(transform_points(block_outline(), after), transform_points(block_outline(), GOAL))[0] < 8
    )
    assert push.direction @ across > 0.8


def test_a_path_leads_around_the_block_and_stays_in_the_image():
    rng = np.random.default_rng(0)
    for _ in range(20):
        block = np.array([*rng.uniform(120, 390, 2), rng.uniform(0, 6)])
        shape = Polygon(transform_points(block_outline(), block))
        begin, end = rng.uniform(20, 490, (2, 2))
        if shape.distance(LineString([begin, begin])) < 25 or shape.distance(LineString([end, end])) < 25:
            continue
        path = path_around(begin, end, block)
        np.testing.assert_array_equal(path[-1], end)
        assert LineString([begin, *path]).distance(shape) > 15
        assert np.min(path) > 0
        assert np.max(path) < 512


def test_an_agent_at_the_block_leaves_it_first():
    block = np.array([256.0, 256.0, 0.0])
    begin, end = np.array([256.0, 256.0 - 15.5]), np.array([256.0, 450.0])
    path = path_around(begin, end, block)
    shape = Polygon(transform_points(block_outline(), block))
    assert len(path) > 2
    assert LineString(path).distance(shape) > 15
