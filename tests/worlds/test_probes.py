"""What is read off latents, on a world whose latents are known: a mixture of the robot's position and noise."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from praxia.collect.plan import CollectionPlan
from praxia.collect.runner import collect
from praxia.core.errors import DataError, MismatchError, UnknownName
from praxia.core.types import EnvSpec, Observation
from praxia.core.window import Window
from praxia.data.dataset import Dataset
from praxia.envs import find_family
from praxia.nn.world import Imagined
from praxia.rollout.slots import LocalSlots
from praxia.worlds.env import Detector, Observer
from praxia.worlds.probe import StateProbe, SuccessDetector
from praxia.worlds.probes import find_probes, fit_probes

NUMBERS = 6


@dataclass(frozen=True)
class Robot:
    position: torch.Tensor

    @property
    def latent(self):
        mixed = self.position @ torch.tensor([[1.0, 2.0, 0.5, -1.0, 0.0, 3.0], [0.5, -1.0, 2.0, 1.0, 1.0, 0.0]])
        return mixed[:, None]

    def rows(self, index):
        return Robot(self.position[index])


class RobotWorld:
    """TwoRoom without walls: what it imagines is right away from them."""

    embodiment = find_family("tworoom").embodiment(EnvSpec("tworoom", "any"))
    window = Window({"state": (0,)}, horizon=5)
    stride = 5

    def start(self, queries):
        return Robot(torch.from_numpy(np.stack([query.history[-1].state[:2] for query in queries])))

    def imagine(self, state, actions):
        path = state.position[:, None] + actions.clamp(-1, 1).cumsum(1)[:, self.stride - 1 :: self.stride] / 10
        found = [Robot(one) for one in path.unbind(1)]
        return Imagined(torch.stack([one.latent for one in found], dim=1), found[-1])


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    """Twenty episodes of the expert, at 8 px."""
    root = tmp_path_factory.mktemp("rooms") / "data"
    plan, family = CollectionPlan("tworoom", ("same-room",), 20, 60, size=8, cameras=("top",)), find_family("tworoom")
    collect(plan, root, family, make_slots=lambda num: LocalSlots(4, family.build))
    return Dataset(root)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("world")


@pytest.fixture(scope="module")
def found(rooms, folder):
    return find_probes(folder, RobotWorld(), "abc", [rooms])


def observed(*state):
    return Observation({}, np.array(state, np.float32), "go to the place that the image of the goal shows", 0.0)


def test_the_state_is_told_and_what_never_changes_is_kept(found):
    assert isinstance(found.state, Observer)
    state = Robot(torch.tensor([[0.5, -1.0], [1.5, 0.3]]))
    first = [observed(9, 9, 1.0, 2.0), observed(9, 9, 3.0, 4.0)]
    shown = found.state.observe(state, first, ())
    np.testing.assert_allclose([one.state for one in shown], [[0.5, -1, 1, 2], [1.5, 0.3, 3, 4]], atol=1e-2)
    assert found.state.varies.tolist() == [True, True, False, False]
    assert found.measured["state_r2"]["seen"] > 0.999
    assert found.measured["state_r2"]["imagined"][0] > 0.99


def test_success_is_told_by_latent_and_goal(found):
    """Within 0.2 m of the goal; between 0.15 m and 0.3 m a detector of so few episodes may be wrong."""
    assert isinstance(found.success, Detector)
    angle = torch.arange(0, 6.28, 0.5)
    around = torch.stack([angle.cos(), angle.sin()], dim=1)
    centre, goals = torch.tensor([1.0, -0.5]), [observed(0, 0, 1.0, -0.5)] * len(angle)
    near = found.success.probability(Robot(centre + 0.05 * around).latent, goals)
    far = found.success.probability(Robot(centre + 0.6 * around).latent, goals)
    assert near.mean() > 0.9
    assert far.mean() < 0.1
    assert found.measured["detector"]["seen"]["timesteps"] > 50
    assert found.measured["detector"]["seen"]["false_positive"] < 0.1


def test_they_are_stored_once_and_recognised(found, rooms, folder, monkeypatch):
    monkeypatch.setattr("praxia.worlds.probes.fit_probes", lambda world, datasets: pytest.fail("fitted again"))
    again = find_probes(folder, RobotWorld(), "abc", [rooms])
    assert again.sha256 == found.sha256
    state, goals = Robot(torch.rand(5, 2)), [observed(0, 0, 0.5, 0.5)] * 5
    assert torch.equal(again.success.probability(state.latent, goals), found.success.probability(state.latent, goals))
    path = next(folder.glob("probes/*/probes.json"))
    text = path.read_text()
    path.write_text(json.dumps({**json.loads(text), "measured": {}}))
    with pytest.raises(DataError, match="is damaged; remove that folder"):
        find_probes(folder, RobotWorld(), "abc", [rooms])
    path.write_text(text)


def test_a_detector_is_a_function_of_its_samples(monkeypatch):
    monkeypatch.setattr("praxia.worlds.probe.STEPS", 5)
    latent = np.random.default_rng(0).normal(size=(40, NUMBERS)).astype(np.float32)
    samples = latent, [observed(0, 0, 0, 0)] * 40, latent[:, 0] > 0
    one, other = (SuccessDetector.fit(StateProbe(NUMBERS, 4), *samples).state_dict() for _ in range(2))
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_without_goals_that_differ_nothing_is_asked_otherwise(monkeypatch):
    """Where all ask for the same, samples that are paired anew keep their labels: the first number decides."""
    monkeypatch.setattr("praxia.worlds.probe.STEPS", 200)
    latent = np.random.default_rng(0).normal(size=(200, NUMBERS)).astype(np.float32)
    texts = [observed(0, 0, 0, 0)] * 200
    detector = SuccessDetector.fit(StateProbe(NUMBERS, 4), latent, texts, latent[:, 0] > 0)
    found = detector.detect(torch.from_numpy(latent)[:, None], texts).numpy()
    assert (found == (latent[:, 0] > 0)).mean() > 0.95


def test_an_instruction_that_the_data_lack_is_refused(found):
    with pytest.raises(UnknownName, match="unknown instruction of this detector 'fly'; nearest: go to the place"):
        found.success.detect(Robot(torch.zeros(1, 2)).latent, [replace(observed(0, 0, 0, 0), instruction="fly")])


def test_data_of_another_embodiment_are_refused(rooms):
    class Other(RobotWorld):
        embodiment = replace(RobotWorld.embodiment, control_hz=5.0)

    with pytest.raises(MismatchError, match="with another state, action or rate"):
        fit_probes(Other(), [rooms])


@pytest.mark.parametrize("success", [False, True])
def test_a_detector_needs_successes_and_failures(success):
    probe = StateProbe(NUMBERS, 4)
    samples = np.zeros((3, NUMBERS), np.float32), [observed(0, 0, 0, 0)] * 3, np.full(3, success)
    with pytest.raises(MismatchError, match="learns from both, and all 3 timesteps of the data are"):
        SuccessDetector.fit(probe, *samples)


def test_the_probe_is_the_least_squares_solution():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 5)).astype(np.float32), rng.normal(size=(200, 3)).astype(np.float32)
    probe = StateProbe.fit(x, y, np.ones(3, bool))
    expected = np.linalg.lstsq(np.column_stack([x, np.ones(200)]), y, rcond=None)[0]
    np.testing.assert_allclose(probe.weight, expected[:-1], atol=1e-3)
    np.testing.assert_allclose(probe.bias, expected[-1], atol=1e-3)
