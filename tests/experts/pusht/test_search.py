import numpy as np
import pytest
from gym_pusht.envs.pusht import PushTEnv
from shapely import LineString, Polygon

from praxia.experts.pusht.model import STRIDE_PX, Model
from praxia.experts.pusht.route import route
from praxia.experts.pusht.search import best_push
from praxia.experts.pusht.shape import mean_distance, outline, placed

GOAL = np.array([256, 256, np.pi / 4])


def test_the_outline_is_the_packages_t():
    assert len(outline()) == 8
    assert Polygon(outline()).area == pytest.approx(120 * 30 + 30 * 90)
    stock = PushTEnv()
    stock.reset(options={"reset_to_state": [50, 50, 200, 300, 1.0]})
    pose = np.array([*stock.block.position, stock.block.angle])
    theirs = {tuple(np.round(corner, 6)) for corner in PushTEnv.get_keypoints(stock._block_shapes)}
    assert {tuple(np.round(corner, 6)) for corner in placed(outline(), pose)} <= theirs


def test_the_corners_mean_distance_is_in_pixels():
    moved = np.stack([GOAL, GOAL + np.array([3, 4, 0])])
    np.testing.assert_allclose(mean_distance(placed(outline(), moved), placed(outline(), GOAL)), [0, 5])


def test_the_model_pushes_as_the_package_does():
    stock = PushTEnv()
    stock.reset(options={"reset_to_state": [250, 120, 240, 200, 0.3]})
    pose = np.array([*stock.block.position, stock.block.angle])
    begin, direction = np.array(stock.agent.position), np.array([0.0, 1.0])
    for _ in range(12):
        stock.step(np.array(stock.agent.position) + 30 * direction)
    gone = (np.array(stock.agent.position) - begin) @ direction
    ours = Model().push(pose, begin, direction, round(gone / STRIDE_PX))[-1]
    theirs = np.array([*stock.block.position, stock.block.angle])
    assert np.linalg.norm(theirs[:2] - pose[:2]) > 40
    np.testing.assert_allclose(ours[:2], theirs[:2], atol=6)
    np.testing.assert_allclose(ours[2], theirs[2], atol=0.1)


def test_a_push_does_not_depend_on_those_before():
    fresh, used = Model(), Model()
    direction = np.array([0.0, 1.0])
    used.push(GOAL, np.array([200.0, 200.0]), direction, 20)
    one, two = (
        model.push(np.array([240, 200, 0.3]), np.array([250.0, 180.0]), direction, 20) for model in (fresh, used)
    )
    np.testing.assert_allclose(one, two, atol=1e-6)


def test_one_push_mends_what_one_push_can():
    """A block that lies 40 px beside its goal, at its goal's angle, is pushed back nearly there."""
    direction = np.array([np.cos(np.pi / 4), np.sin(np.pi / 4)])
    across = np.array([-direction[1], direction[0]])
    block = GOAL - [*(40 * across), 0]
    push = best_push(np.array([100.0, 100.0]), block, GOAL)
    strides = round(push.length / STRIDE_PX)
    after = Model().push(block, push.begin, push.direction, strides)[-1:]
    assert mean_distance(placed(outline(), after), placed(outline(), GOAL))[0] < 8
    assert push.direction @ across > 0.8


def test_a_way_leads_around_the_block_and_stays_in_the_picture():
    rng = np.random.default_rng(0)
    for _ in range(20):
        block = np.array([*rng.uniform(120, 390, 2), rng.uniform(0, 6)])
        shape = Polygon(placed(outline(), block))
        begin, end = rng.uniform(20, 490, (2, 2))
        if shape.distance(LineString([begin, begin])) < 25 or shape.distance(LineString([end, end])) < 25:
            continue
        way = route(begin, end, block)
        np.testing.assert_array_equal(way[-1], end)
        assert LineString([begin, *way]).distance(shape) > 15
        assert np.min(way) > 0
        assert np.max(way) < 512


def test_an_agent_at_the_block_leaves_it_first():
    block = np.array([256.0, 256.0, 0.0])
    begin, end = np.array([256.0, 256.0 - 15.5]), np.array([256.0, 450.0])
    way = route(begin, end, block)
    shape = Polygon(placed(outline(), block))
    assert len(way) > 2
    assert LineString(way).distance(shape) > 15
