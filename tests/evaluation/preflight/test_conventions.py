from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from preflight_testing import failed, record, run_preflight, trained_on

from praxia.core.embodiment import Camera, Field
from praxia.envs import find_family
from praxia.evaluation.benchmarks import find_benchmark
from praxia.evaluation.preflight import episodes, setup
from praxia.evaluation.preflight.conventions import names_and_units_fit
from praxia.rollout.slots import LocalSlots

FAMILY = find_family("tabletop-gantry")
BENCHMARK = replace(find_benchmark("tabletop/train"), tasks=("pick",), horizon=45)


BIMODAL, PLANE = find_benchmark("bimodal"), find_family("bimodal")


@pytest.fixture(scope="module")
def policy_of_the_plane(tmp_path_factory):
    return trained_on(record(tmp_path_factory.mktemp("pass") / "data", PLANE, BIMODAL, 2), ("top",))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"name": "crawler"}, "the policy is for embodiment 'crawler'"),
        ({"control_hz": 20.0}, "rate 20 Hz but 10 Hz"),
        ({"cameras": (Camera("top", 96, 96),)}, "top 96x96 but top 64x64"),
        ({"action": (Field("robot", 2, "velocity", "cm/s", "world"),)}, "velocity in cm/s world but"),
    ],
)
def test_names_units_and_cameras_that_do_not_fit_are_refused(policy_of_the_plane, change, expected):
    other = replace(policy_of_the_plane, embodiments=(replace(policy_of_the_plane.embodiments[0], **change),))
    ok, detail = run_preflight(other, BIMODAL, PLANE)["names-and-units"]
    assert ok is False
    assert expected in detail


def named(embodiment, *dims):
    return replace(embodiment, action=(replace(embodiment.action[0], dims=dims),))


def test_data_with_the_dims_in_another_order_are_refused(policy_of_the_plane, tmp_path):
    (embodiment,) = policy_of_the_plane.embodiments
    policy = replace(policy_of_the_plane, embodiments=(named(embodiment, "x", "y"),))
    data = record(tmp_path / "data", PLANE, BIMODAL, 1)
    data.embodiment = named(embodiment, "y", "x")  # data sets of Praxia do not name dims; those of others do
    with closing(LocalSlots(1, PLANE.build)) as slots:
        found = names_and_units_fit(setup.PreflightSetup(policy, BIMODAL, PLANE, slots, data))
    assert found.ok is False
    assert "dim 0 of action is 'x' in the first and 'y' in the second, the same names in another order" in found.detail


def turned(episode):
    """The same episode under the convention that a positive command opens the gripper."""
    flip = np.array([1, 1, 1, -1], np.float32)
    return replace(episode, action=episode.action * flip, executed_action=episode.executed_action * flip)


@pytest.fixture(autouse=True)
def few_episodes(monkeypatch):
    """What is tested here needs no more."""
    monkeypatch.setattr(setup, "NUM_EXPERT", 2)
    monkeypatch.setattr(episodes, "NUM_ZERO", 1)


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    return trained_on(record(tmp_path_factory.mktemp("pick") / "data", FAMILY, BENCHMARK, 4), ("front", "wrist"))


@pytest.mark.gl
def test_a_robot_with_a_gripper_passes(policy):
    found = run_preflight(policy, BENCHMARK, FAMILY)
    assert all(ok for ok, _ in found.values()), found
    assert "closes the gripper here and closes it in the data" in found["gripper"][1]


@pytest.mark.gl
def test_a_gripper_that_works_the_other_way_round_in_the_data_is_refused(tmp_path):
    data = record(tmp_path / "turned", FAMILY, BENCHMARK, 4, turned)
    found = run_preflight(trained_on(data, ("front", "wrist")), BENCHMARK, FAMILY)
    assert {"gripper", "replay"} <= failed(found)
    assert "closes the gripper here and opens it in the data" in found["gripper"][1]


class Stuck:
    """A robot whose gripper does not move."""

    def __init__(self, env):
        self._env = env

    def __getattr__(self, name):
        return getattr(self._env, name)

    def command(self, action):
        return self._env.command(np.append(action[:3], np.float32(0)))


@pytest.mark.gl
def test_a_gripper_that_does_not_obey_is_refused(policy):
    ok, detail = run_preflight(policy, BENCHMARK, replace(FAMILY, build=lambda spec: Stuck(FAMILY.build(spec))))[
        "gripper"
    ]
    assert ok is False
    assert "does not move" in detail


@pytest.mark.gl
def test_a_gripper_that_never_moved_in_the_data_is_no_evidence(tmp_path):
    def still(episode):
        state = episode.state.copy()
        state[:, 3] = 1
        return replace(episode, state=state)

    found = run_preflight(trained_on(record(tmp_path / "still", FAMILY, BENCHMARK, 1, still), ()), BENCHMARK, FAMILY)
    assert found["gripper"][0] is None
    assert "are hardly correlated" in found["gripper"][1]
    assert found["statistics"][0] is False
    assert "state 'gripper' never moved in training" in found["statistics"][1]


@pytest.mark.gl
def test_a_policy_can_be_bound_to_another_embodiment_on_purpose(policy):
    arm = find_family("tabletop-arm7")
    benchmark = replace(find_benchmark("tabletop/embodiment"), tasks=("pick",), horizon=45)
    found = run_preflight(policy, benchmark, arm, bind_as="tabletop-gantry")
    assert not failed(found), found
    assert found["replay"][1].startswith("4 of 4"), "in the environment of the embodiment that was recorded"


def test_a_recorded_start_is_built_with_the_options_of_the_benchmark(policy_of_the_plane):
    benchmark = replace(BIMODAL, options={"friction": 0.5})
    start = PLANE.draw_start(BIMODAL.tasks[0], BIMODAL.split, 0)
    with closing(LocalSlots(1, PLANE.build)) as slots:
        found = setup.PreflightSetup(policy_of_the_plane, benchmark, PLANE, slots)
        assert found.spec_of(start) == benchmark.spec(start.task)
        assert found.spec_of(replace(start, env="another")).options == {}
