from typing import get_args

import numpy as np
import pytest

from praxia.core.embodiment import Embodiment, Field, Kind
from praxia.core.errors import MismatchError
from praxia.core.types import Decision, Query
from praxia.core.window import Window
from praxia.experts.injected_failures import InjectedFailures, InjectedNoise, step_reach

HAND = Embodiment(
    "hand",
    (),
    (Field("hand", 3, "delta", "cm", low=-2.0, high=2.0), Field("gripper", 1, "gripper", "1", low=-1.0, high=1.0)),
    (),
    20.0,
)
JOINTS = Embodiment("joints", (), (Field("joints", 4, "position", "rad", low=-3.0, high=3.0),), (), 20.0)
POINT = Embodiment("point", (), (Field("point", 2, "position", "px", low=0.0, high=512.0),), (), 10.0)


class Steady:
    """Always gives the same action."""

    privileged, embodiment, window = True, None, Window({"state": (0,)}, 1)

    def __init__(self, action):
        self.action = np.array([action], np.float32)

    def start(self, num_rows):
        return None

    def act(self, queries, carry):
        return [Decision(self.action, np.ones(1, bool)) for _ in queries], None


def run(policy, steps=200, key="episode"):
    return [policy.act([Query((), key, step, 0, {})], None)[0][0] for step in range(steps)]


def test_noise_is_a_fraction_of_the_reach_per_step():
    for embodiment, action, scale in (
        (HAND, [0, 0, 0, 1], 2.0),
        (JOINTS, [1, 1, 1, 1], 0.04),
        (POINT, [256, 256], 20.0),
    ):
        steady = Steady(action)
        moved = np.concatenate([one.chunk - steady.action for one in run(InjectedNoise(steady, embodiment, 0.1), 2000)])
        np.testing.assert_allclose(moved[:, :3].std(axis=0), 0.1 * scale, rtol=0.1)
        if embodiment is HAND:
            assert np.all(moved[:, 3] == 0)


def test_disturbed_actions_stay_in_range_and_labels_are_the_experts():
    steady = Steady([2, -2, 0, 1])
    for policy in (InjectedNoise(steady, HAND, 0.5), InjectedFailures(InjectedNoise(steady, HAND, 0.5), HAND)):
        for decision in run(policy):
            assert np.all(np.abs(decision.chunk) <= [2, 2, 2, 1])
            np.testing.assert_array_equal(decision.label, steady.action)


def test_a_failure_lasts_three_to_eight_steps_and_is_keyed_by_the_episode():
    steady = Steady([0, 0, 0, 1])
    failures = {}
    for key in map(str, range(60)):
        steps = [at for at, one in enumerate(run(InjectedFailures(steady, HAND), 60, key)) if one.label is not None]
        assert 3 <= len(steps) <= 8
        assert steps == list(range(steps[0], steps[-1] + 1))
        assert steps[0] >= 3
        failures[key] = tuple(steps)
    assert len(set(failures.values())) > 30
    drifted = run(InjectedFailures(steady, HAND), 60, "7")
    again = run(InjectedFailures(steady, HAND), 60, "7")
    for one, other in zip(drifted, again, strict=True):
        np.testing.assert_array_equal(one.chunk, other.chunk)


def test_some_failures_reverse_the_gripper():
    steady = Steady([0, 0, 0, 1])
    opened = [
        min(one.chunk[0, 3] for one in run(InjectedFailures(steady, HAND), 40, key)) < 0 for key in map(str, range(60))
    ]
    assert 15 < sum(opened) < 45


def test_without_noise_the_expert_is_executed():
    steady = Steady([1, 0, 0, -1])
    for decision in run(InjectedNoise(steady, HAND, 0.0), 10):
        np.testing.assert_array_equal(decision.chunk, steady.action)


@pytest.mark.parametrize(
    ("kind", "unit", "low", "high", "reach"),
    [
        ("position", "m", None, None, 0.02),
        ("position", "m", -1.0, 1.0, 0.02),
        ("position", "m", 0.0, 0.1, 0.004),  # a short rail: 4% of it
        ("position", "cm", None, None, 2.0),
        ("position", "mm", -500.0, 500.0, 20.0),
        ("position", "deg", -180.0, 180.0, np.degrees(0.04)),
        ("position", "inch", 0.0, 10.0, 0.4),
        ("position", "", -1.0, 1.0, 0.08),
        ("delta", "m", -0.05, 0.01, 0.05),
        ("delta", "m", -0.05, None, 0.05),
        ("delta", "cm", None, None, 2.0),
        ("delta", "1", None, None, 1.0),
        ("velocity", "rad/s", None, None, 0.8),
        ("velocity", "m/s", -1.0, 1.0, 1.0),
        ("torque", "N m", None, None, 1.0),
        ("gripper", "m", 0.0, 0.08, 0.0),
        ("discrete", "", 0.0, 5.0, 0.0),
    ],
)
def test_the_reach_per_step_is_known_in_every_kind_and_unit(kind, unit, low, high, reach):
    assert kind in get_args(Kind)
    embodiment = Embodiment("arm", (), (Field("action", 2, kind, unit, low=low, high=high),), (), 20.0)
    np.testing.assert_allclose(step_reach(embodiment), [reach, reach])
    moved = np.concatenate([one.chunk for one in run(InjectedNoise(Steady([0, 0]), embodiment, 0.25), 100)])
    assert np.abs(moved).max() <= 5 * 0.25 * reach
    assert np.any(moved) == (reach > 0)


def test_a_target_in_an_unknown_unit_needs_a_range_if_it_is_disturbed():
    embodiment = Embodiment("arm", (), (Field("wrist", 2, "position", "ticks"),), (), 20.0)
    for disturb in (
        lambda: InjectedNoise(Steady([0, 0]), embodiment, 0.1),
        lambda: InjectedFailures(Steady([0, 0]), embodiment),
    ):
        with pytest.raises(MismatchError, match=r"'wrist' of 'arm'.*in 'ticks' without; declare its low and high"):
            disturb()
    (decision,) = run(InjectedNoise(Steady([3, 4]), embodiment, 0.0), 1)
    np.testing.assert_array_equal(decision.chunk, [[3, 4]])


def test_a_reversed_gripper_goes_to_the_other_end_of_its_range():
    embodiment = Embodiment("hand", (), (Field("gripper", 1, "gripper", "m", low=0.0, high=0.08),), (), 20.0)
    for command, other in ((0.08, 0.0), (0.0, 0.08), (0.02, 0.06)):
        ends = {
            round(float(one.chunk[0, 0]), 6)
            for key in "abcdef"
            for one in run(InjectedFailures(Steady([command]), embodiment), 40, key)
        }
        assert ends == {command, other}
