"""Dreams: a data set of what was imagined, its generation, and the caps on training with it."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from inside_testing import demonstrate, stored_world
from world_testing import PointState, ToyWorld

from praxia.checkpoint.store import read_config
from praxia.cli.main import main
from praxia.collect.dream import DreamPlan, RecordedStarts, dream, next_generation
from praxia.core.errors import DataError, MismatchError
from praxia.core.types import Decision, EnvSpec, Start
from praxia.core.window import Window
from praxia.data.dataset import Dataset
from praxia.data.generation import generations
from praxia.dataloader.mixture_config import DatasetEntry, MixtureConfig, read_mixture
from praxia.nn.world import Imagined
from praxia.recipes.bimodal import regression_bimodal
from praxia.training.engine import train
from praxia.worlds.env import WorldEnv

WINDOW = Window({"state": (0,)}, 8)


def run(*arguments):
    with pytest.raises(SystemExit) as stopped:
        main([*map(str, arguments)])
    return stopped.value.code


def trained(out, data):
    run = regression_bimodal()
    run = replace(run, train=replace(run.train, steps=2, batch_size=8), only_success=False)
    train(run, data, out, recipe="regression-bimodal", command="test")
    return out


@pytest.fixture(scope="module")
def demonstrations(tmp_path_factory):
    return demonstrate(tmp_path_factory.mktemp("bimodal") / "data")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with stored_world(tmp_path_factory.mktemp("inside") / "world") as folder:
        yield folder


@pytest.fixture(scope="module")
def policy(demonstrations, tmp_path_factory):
    return trained(tmp_path_factory.mktemp("policy") / "run", [demonstrations])


@pytest.fixture(scope="module")
def dreams(demonstrations, world, policy, tmp_path_factory):
    """Six dreams of 10 steps, decided every four."""
    out = tmp_path_factory.mktemp("dreams") / "data"
    dream_into(out, world, policy, demonstrations)
    return out


def dream_into(out, world, policy, data, *more):
    options = ("--policy", policy, "--data", data, "--episodes", 6, "--steps", 10, "--execution-horizon", 4)
    assert run("data", "dream", world, out, *options, *more) == 0


def test_a_dream_is_an_ordinary_data_set_that_says_what_it_is(dreams, world, policy, demonstrations):
    dataset, real = Dataset(dreams), Dataset(demonstrations)
    dataset.verify()
    assert (dataset.num_episodes, dataset.cameras, dataset.embodiment.action_dim) == (6, (), 2)
    assert generations(dataset).tolist() == [1] * 6
    assert generations(real).tolist() == [0] * 20
    plan = json.loads((dreams / "praxia" / "plan.json").read_text())["dream"]
    identities = [read_config(one)[1].policy_sha256 for one in (world, policy)]
    assert [plan["world_sha256"], plan["policy_sha256"], plan["data"]] == [*identities, real.content_sha256]
    for record in dataset.records:
        assert record["provenance"].items() >= {"generation": 1, "world_sha256": identities[0]}.items()
        start = record["start"]["payload"]
        first = int(real.episodes.first[start["episode"]]) + start["frame"]
        row = int(dataset.episodes.first[record["episode_index"]])
        begun = dataset.column("observation.state")[row], real.column("observation.state")[first]
        np.testing.assert_array_equal(*begun)


def test_between_imagined_timesteps_the_state_is_on_their_line(dreams):
    """The world of the test moves evenly, by its speed times the actions; the goal and the obstacle stay."""
    dataset = Dataset(dreams)
    state, action = dataset.column("observation.state"), dataset.column("action")
    first = int(dataset.episodes.first[0])
    for at in (2, 4, 6, 8):
        moved = 0.1 * action[first : first + at].sum(0)
        np.testing.assert_allclose(state[first + at, :2], state[first, :2] + moved, atol=0.02)
        np.testing.assert_allclose(
            state[first + at - 1, :2], state[[first + at - 2, first + at], :2].mean(0), atol=1e-5
        )
    np.testing.assert_array_equal(state[first + 3, 2:], state[first, 2:])


class Uneven:
    """A world whose robot begins at 0 and speeds up: its path is on no line of decisions. It ends beyond `ends` m."""

    window = Window({"state": (0,)}, horizon=8)

    def __init__(self, embodiment, stride, ends):
        self.embodiment, self.stride, self.ends = embodiment, stride, ends

    def start(self, queries):
        return PointState(torch.zeros(len(queries), 2))

    def imagine(self, state, actions):
        path = state.position[:, None] + actions.cumsum(1)
        latents = path[:, self.stride - 1 :: self.stride, None]
        return Imagined(latents, PointState(path[:, -1]), terminated=latents[..., 0, 0] > self.ends)


class Faster:
    """A policy of one action a step, which grows with the square of the step. It observes the state."""

    privileged = False
    window = Window({"state": (0,)}, horizon=8)

    def __init__(self, embodiment):
        self.embodiment = embodiment

    def start(self, num_rows):
        return None

    def act(self, queries, carry):
        steps = (query.step + np.arange(8) for query in queries)
        return [Decision(np.stack([step**2 / 100] * 2, 1).astype(np.float32), np.ones(8, bool)) for step in steps], None


class Shown:
    """The robot's state, and an image as bright as it is far."""

    cameras = ("top",)

    def observe(self, state, first, cameras):
        return [
            replace(
                one,
                images={name: np.full((8, 8, 3), round(50 * row[0]), np.uint8) for name in cameras},
                state=np.concatenate([row, one.state[2:]]),
            )
            for row, one in zip(state.position.numpy(), first, strict=True)
        ]


class Never:
    def detect(self, latent, observed):
        return torch.zeros(len(latent), dtype=torch.bool)


@pytest.mark.parametrize(("stride", "ends", "steps"), [(1, 9.0, 10), (2, 9.0, 10), (4, 9.0, 12), (2, 0.5, 6)])
def test_every_imagined_timestep_is_kept(demonstrations, tmp_path, stride, ends, steps):
    """Decided every eight steps, also where the last chunk is cut off, or the world ends the episode within one."""
    starts = RecordedStarts(Dataset(demonstrations))
    embodiment = starts.dataset.embodiment
    if stride > 1:
        embodiment = replace(embodiment, cameras=())
    slots = WorldEnv(Uneven(embodiment, stride, ends), Shown(), Never(), starts, 2)
    plan = DreamPlan("data", "world", "probes", "policy", 1, 2, 10 if stride < 4 else 12, 8, stride)
    dream(plan, tmp_path / "out", embodiment, Faster(embodiment), starts, lambda num: slots)
    dataset = Dataset(tmp_path / "out")
    assert dataset.episodes.length.tolist() == [steps] * 2
    path = np.concatenate([[0], np.cumsum(np.arange(steps) ** 2 / 100)])
    state, seen = dataset.column("observation.state")[:steps, 0], np.arange(0, steps + 1, stride)
    expected = np.interp(np.arange(steps), seen, [state[0], *path[seen[1:]]])
    np.testing.assert_allclose(state, expected, atol=1e-6)
    if stride == 1:
        brightness = dataset.decode("top", np.arange(1, steps)).mean((1, 2, 3))
        np.testing.assert_allclose(brightness, 50 * path[1:steps], atol=4)


def test_they_are_a_function_of_their_plan(dreams, world, policy, demonstrations, tmp_path):
    dream_into(tmp_path / "again", world, policy, demonstrations)
    assert Dataset(tmp_path / "again").content_sha256 == Dataset(dreams).content_sha256
    dream_into(tmp_path / "again", world, policy, demonstrations, "--resume")
    options = ("--policy", policy, "--data", demonstrations, "--seed", 1, "--resume")
    assert run("data", "dream", world, tmp_path / "again", *options) == 2


def test_generations_count_from_the_latest_source(dreams, demonstrations):
    real, dreamed = Dataset(demonstrations), Dataset(dreams)
    assert next_generation([{}, {}], [real]) == 1
    assert next_generation([{}, {}], [real, dreamed]) == 2
    assert next_generation([{"generation": 3}, {}], [real]) == 4


def test_at_most_half_of_what_is_read_is_dreamed(dreams, demonstrations):
    with pytest.raises(MismatchError, match=r"at most 50% of what training reads to be dreamed, got 100%"):
        MixtureConfig.of([dreams]).open(WINDOW, successful=False)
    mixture = MixtureConfig.of([demonstrations, dreams])
    assert mixture.to_json() is None
    mixture.open(WINDOW, successful=False)  # 60 dreamed rows beside some 500
    weighted = MixtureConfig((DatasetEntry(str(demonstrations), weight=1.0), DatasetEntry(str(dreams), weight=2.0)))
    with pytest.raises(MismatchError, match="got 67%"):
        weighted.open(WINDOW, successful=False)
    allowed = replace(weighted, dreamed=0.7)
    allowed.open(WINDOW, successful=False)
    assert allowed.to_json()["dreamed"] == 0.7
    with pytest.raises(MismatchError, match="generation 0 at most, got generation 1"):
        replace(allowed, generations=0).open(WINDOW, successful=False)


def test_policies_hand_their_generation_on(dreams, world, demonstrations, tmp_path):
    second = trained(tmp_path / "run", [demonstrations, dreams])
    assert read_config(second)[0].provenance["generation"] == 1
    dream_into(tmp_path / "dreams", world, second, demonstrations)
    with pytest.raises(MismatchError, match="dreams of generation 1 at most, got generation 2"):
        trained(tmp_path / "third", [demonstrations, tmp_path / "dreams"])


def test_nothing_is_judged_by_dreams(dreams, world, policy, tmp_path, capsys):
    assert run("data", "dream", world, tmp_path / "out", "--policy", policy, "--data", dreams) == 2
    assert "expected recorded episodes to fit probes on, got dreams" in capsys.readouterr().err


def test_a_world_learns_from_no_dreams(dreams, demonstrations, tmp_path):
    world_run = replace(regression_bimodal(), model=ToyWorld(), only_success=False)
    with pytest.raises(MismatchError, match="a world learns from what was measured"):
        train(world_run, [demonstrations, dreams], tmp_path / "run", recipe="toy", command="test")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"dreamed": 2', "dreamed: expected a share from 0 to 1, got 2"),
        ('"generations": -1', "whole number of at least"),
    ],
)
def test_caps_of_a_file(tmp_path, text, message):
    path = tmp_path / "mix.json"
    path.write_text('{"dreamed": 0.8, "generations": 3, "parts": [{"data": "x"}]}')
    assert (read_mixture(path).dreamed, read_mixture(path).generations) == (0.8, 3)
    path.write_text(f'{{{text}, "parts": [{{"data": "x"}}]}}')
    with pytest.raises(DataError, match=message):
        read_mixture(path)


def test_a_start_of_other_data_is_refused(demonstrations):
    starts = RecordedStarts(Dataset(demonstrations))
    assert starts.draw(0, 5) == starts.draw(0, 5) != starts.draw(1, 5)
    with pytest.raises(MismatchError, match="a start that is a frame of"):
        starts(EnvSpec("recorded", ""), Start("recorded", "pass", {"data": "x", "episode": 0, "frame": 0}), ())
