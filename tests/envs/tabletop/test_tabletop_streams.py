"""Depth, points and contact force of Tabletop, as streams of its embodiment."""

from pathlib import Path

import numpy as np
import pytest

from praxia.collect.plan import CollectionPlan
from praxia.collect.runner import collect
from praxia.core.errors import UnknownName
from praxia.core.simulator import expect_simulator
from praxia.core.types import EnvSpec
from praxia.core.window import Window
from praxia.data.dataset import Dataset
from praxia.dataloader.windows import Windows
from praxia.envs import build, find_family
from praxia.envs.tabletop.sensors import contacts, depth, point_cloud

pytestmark = pytest.mark.gl

FAMILY = find_family("tabletop-gantry")
NAMES = "contact_force,depth.front,points.wrist"
SPEC = EnvSpec("tabletop-gantry", "touch", size=24, sizes={"front": (20, 32)}, options={"streams": NAMES})


@pytest.fixture
def env():
    env = build(SPEC)
    env.reset(FAMILY.draw_start("touch", "senses", 0))
    return env


def test_streams_are_those_of_the_sensors_and_only_what_is_asked_for(env):
    assert env.embodiment == FAMILY.embodiment(SPEC)
    assert [stream.description for stream in env.embodiment.streams] == [
        "float32 [3] N world",
        "float32 [20, 32] m front",
        "float32 [256, 3] m world",
    ]
    assert env.observe(("front",)).streams == {}
    seen = env.observe(("wrist", "depth.front", "points.wrist", "contact_force"))
    assert set(seen.images) == {"wrist"}
    for stream in env.embodiment.streams:
        stream.expect(seen.streams[stream.name], "this test")
    np.testing.assert_array_equal(seen.streams["depth.front"], depth(env.env, "front"))
    cloud = point_cloud(env.env, "wrist").reshape(-1, 3)
    assert {*map(tuple, seen.streams["points.wrist"].tolist())} <= {*map(tuple, cloud.tolist())}
    snapshot = expect_simulator(env, "this test").snapshot()
    assert snapshot == env.env.snapshot()


def test_the_contact_force_is_what_presses_on_the_robot(env):
    """Against the contacts by the names of bodies; in the air there is none, on the table one upwards."""
    np.testing.assert_array_equal(env.observe(("contact_force",)).streams["contact_force"], 0)
    for _ in range(60):
        env.command(np.array([0, 0, -1, -1], np.float32))
    force = env.observe(("contact_force",)).streams["contact_force"]
    inner = env.env
    robot = {inner.model.body(inner.model.geom_bodyid[geom]).name for geom in np.flatnonzero(inner.state.is_robot)}
    expected = np.zeros(3)
    for contact in contacts(inner):
        if (contact.first in robot) != (contact.second in robot):
            expected += np.array(contact.force_n) * (1 if contact.second in robot else -1)
    np.testing.assert_allclose(force, expected, rtol=1e-5, atol=1e-5)
    assert force[2] > 0.1


def test_they_are_collected_and_read(tmp_path: Path):
    plan = CollectionPlan(
        "tabletop-gantry", ("touch",), 1, 20, size=24, noise=(0.0,), sizes=SPEC.sizes, options=SPEC.options
    )
    collect(plan, tmp_path / "data", FAMILY)
    dataset = Dataset(tmp_path / "data")
    assert dataset.embodiment.streams == FAMILY.embodiment(SPEC).streams
    window = Window({"depth.front": (-1, 0), "contact_force": (0,)}, 1)
    samples = Windows(dataset, window, [0]).read(np.array([3]))
    assert samples.streams["depth.front"].shape == (1, 2, 20, 32)


def test_an_unknown_stream_is_refused():
    with pytest.raises(UnknownName, match=r"stream of Tabletop 'depth\.frnt'.*depth\.front"):
        FAMILY.embodiment(EnvSpec("tabletop-gantry", "touch", options={"streams": "depth.frnt"}))
