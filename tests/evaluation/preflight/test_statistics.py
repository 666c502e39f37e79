from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from preflight_testing import record, run_preflight, trained_on, with_ranges

from praxia.core.types import Observation, Outcome
from praxia.envs import find_family
from praxia.evaluation.benchmarks import find_benchmark
from praxia.evaluation.plan import Evaluation, plan
from praxia.evaluation.preflight.setup import PreflightSetup
from praxia.evaluation.preflight.statistics import statistics_are_sane
from praxia.rollout.slots import LocalSlots
from praxia.rollout.types import Trajectory
from praxia.transforms.chain import EmbodimentTransforms
from praxia.transforms.normalise import Normaliser
from praxia.transforms.relative import RelativeActions

BENCHMARK, FAMILY = find_benchmark("bimodal"), find_family("bimodal")


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    return trained_on(record(tmp_path_factory.mktemp("bimodal") / "data", FAMILY, BENCHMARK, 6), cameras=())


def scaled(by):
    return lambda old: np.array(old) * by


def test_actions_far_outside_the_declared_range_refuse(policy):
    ok, detail = run_preflight(with_ranges(policy, "action", scaled(5), scaled(5)), BENCHMARK, FAMILY)["statistics"]
    assert ok is False
    assert "action 'robot' was within [" in detail
    assert "far outside its [-1, 1] m/s" in detail


def test_a_dim_that_never_moved_refuses_where_the_expert_moves_it(policy):
    constant = with_ranges(policy, "action", None, lambda old: (policy.transforms.embodiments[0].action.low[0], old[1]))
    ok, detail = run_preflight(constant, BENCHMARK, FAMILY)["statistics"]
    assert ok is False
    assert "action 'robot'[0] never moved in training" in detail
    assert "robot'[1]" not in detail


@pytest.mark.parametrize("by", [0.001, 1 / 57.3])
def test_statistics_in_another_unit_refuse(policy, by):
    ok, detail = run_preflight(with_ranges(policy, "state", scaled(by), scaled(by)), BENCHMARK, FAMILY)["statistics"]
    assert ok is False
    assert "times as far from the middle" in detail


def test_a_range_near_zero_refuses(policy):
    def narrow(old):
        return (*old[:1], policy.transforms.embodiments[0].state.low[1] + 0.001, *old[2:])

    ok, detail = run_preflight(with_ranges(policy, "state", None, narrow), BENCHMARK, FAMILY)["statistics"]
    assert ok is False
    assert "state 'robot'[1] was within [" in detail
    assert "a range near zero, or another unit" in detail


def declared(policy, unit, low, high):
    """The policy and a family whose action is declared otherwise."""
    embodiment = policy.embodiments[0]
    embodiment = replace(
        embodiment, action=(replace(embodiment.action[0], kind="position", unit=unit, low=low, high=high),)
    )
    return replace(policy, embodiments=(embodiment,)), replace(FAMILY, embodiment=lambda spec: embodiment)


@pytest.mark.parametrize(
    ("unit", "low", "high", "by", "expected"),
    [
        ("rad", -1.0, 1.0, 57.3, "far outside its [-1, 1] rad, as if in degrees"),
        ("rad", None, None, 57.3, "far outside its [-3.14, 3.14] rad, as if in degrees"),
        ("deg", -60.0, 60.0, 1.0, "little of its [-60, 60] deg, as if in radians"),
        ("deg", None, None, 1.0, "little of its [-180, 180] deg, as if in radians"),
    ],
)
def test_radians_for_degrees_refuse_and_the_reverse(policy, unit, low, high, by, expected):
    policy, family = declared(with_ranges(policy, "action", scaled(by), scaled(by)), unit, low, high)
    ok, detail = run_preflight(policy, BENCHMARK, family)["statistics"]
    assert ok is False
    assert expected in detail


@pytest.mark.parametrize(("unit", "low", "high", "by"), [("rad", -1.0, 1.0, 1.0), ("deg", -60.0, 60.0, 57.3)])
def test_angles_in_their_unit_are_within_it(policy, unit, low, high, by):
    policy, family = declared(with_ranges(policy, "action", scaled(by), scaled(by)), unit, low, high)
    detail = run_preflight(policy, BENCHMARK, family)["statistics"][1]
    assert "as if" not in detail
    assert "far outside" not in detail


def test_a_policy_of_another_embodiment_has_no_statistics_to_check(policy):
    other = replace(policy, embodiments=(replace(policy.embodiments[0], name="other"),))
    found = run_preflight(other, BENCHMARK, FAMILY)
    assert found["statistics"][0] is None
    assert found["names-and-units"][0] is False


def test_relative_actions_are_compared_as_what_they_are_relative_to(policy):
    """A robot commanded by target positions, 100 m from the origin: its steps are small, its actions are not."""
    embodiment = replace(
        policy.embodiments[0],
        action=(replace(policy.embodiments[0].action[0], kind="position", unit="m", low=None, high=None),),
    )
    relative_actions = RelativeActions.of(embodiment, {})
    assert relative_actions is not None
    state = np.full((9, 6), 100, np.float32)
    action = state[:8, :2] + np.float32([[0.1, -0.2]]) * np.linspace(-1, 1, 8, dtype=np.float32)[:, None]
    observation_steps = tuple(Observation({}, row, "go", 0.0) for row in state)
    job = plan(Evaluation(BENCHMARK, "", 1), FAMILY)[0]
    trajectory = Trajectory(
        job, action, action, (Outcome(0.0, False, False, False),) * 8, observation_steps, (), None, 0.0
    )
    near = Normaliser((99.0,) * 6, (101.0,) * 6)
    low, high = [-0.1, -0.2], [0.1, 0.2]
    fitted = EmbodimentTransforms(near, near).with_relative(
        relative_actions, {"q01": low, "q99": high, "min": low, "max": high}
    )
    trained = replace(policy, embodiments=(embodiment,), transforms=replace(policy.transforms, embodiments=(fitted,)))
    family = replace(FAMILY, embodiment=lambda spec: embodiment)
    with closing(LocalSlots(1, FAMILY.build)) as slots:
        setup = PreflightSetup(trained, BENCHMARK, family, slots)
        setup.__dict__["expert_trajectories"] = [trajectory]  # in place of the expert's episodes
        assert statistics_are_sane(setup).ok
        wide = replace(fitted, action=Normaliser((-0.001, -0.2), (0.001, 0.2)))
        setup = replace(setup, policy=replace(trained, transforms=replace(trained.transforms, embodiments=(wide,))))
        setup.__dict__["expert_trajectories"] = [trajectory]
        found = statistics_are_sane(setup)
    assert found.ok is False
    assert "action 'robot'[0] was within [-0.001, 0.001] in training, but the expert takes it to [-0.1" in found.detail
