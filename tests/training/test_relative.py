"""Training on actions relative to where the robot is, and deciding in declared units."""

import dataclasses
import json

import numpy as np
import pytest
from praxia_testing import EMBODIMENT, as_before

from praxia.checkpoint.store import load_policy, read_config
from praxia.core.embodiment import Field
from praxia.core.errors import MismatchError, PraxiaError
from praxia.core.types import Observation, Query, Start
from praxia.core.window import Window
from praxia.data.dataset import Dataset
from praxia.data.episode import Episode
from praxia.data.finalize import finalize
from praxia.data.recording import begin_recording
from praxia.data.staging import stage_episode
from praxia.dataloader.mixture_config import MixtureConfig
from praxia.dataloader.windows import Windows
from praxia.encoders.state_only import StateOnly
from praxia.encoders.text import NoText
from praxia.heads.regression import Regression
from praxia.policies.encoder_head import EncoderHead
from praxia.training import engine
from praxia.training.batches import BatchSource
from praxia.training.config import Train, TrainRun

WALKER = dataclasses.replace(
    EMBODIMENT,
    name="walker",
    state=(Field("lamp", 1, "position", ""), Field("feet", 2, "position", "m")),
    action=(Field("feet", 2, "position", "m"), Field("hold", 1, "gripper", "")),
    cameras=(),
)
STEP_M = np.float32([0.5, -0.25])
RUN = TrainRun(
    model=EncoderHead(encoder=StateOnly(text=NoText(), width=16), head=Regression(width=16, depth=1)),
    window=Window({"state": (-1, 0)}, horizon=4),
    train=Train(steps=120, batch_size=16, warmup_steps=5, learning_rate=1e-2, shift_px=0, log_every=120),
    relative=True,
)


def walk(index):
    """20 steps of STEP_M each from anywhere within 100 m; the hand closes half-way."""
    feet = np.random.default_rng(index).uniform(-100, 100, 2).astype(np.float32) + np.arange(21)[:, None] * STEP_M
    hold = np.float32(np.arange(20) >= 10)[:, None]
    action = np.concatenate([feet[1:], hold], axis=1).astype(np.float32)
    end = np.arange(20) == 19
    return Episode(
        embodiment=WALKER,
        images={},
        state=np.concatenate([hold, feet[:-1]], axis=1).astype(np.float32),
        action=action,
        executed_action=action,
        reward=np.zeros(20, np.float32),
        success=end,
        terminated=end,
        truncated=np.zeros(20, bool),
        instruction="walk",
        task="walk",
        start=Start("toy", "walk", {"index": index}),
    )


@pytest.fixture(scope="module")
def walks(tmp_path_factory):
    root = tmp_path_factory.mktemp("walks") / "set"
    begin_recording(root, {})
    for index in range(4):
        stage_episode(root, index, walk(index))
    finalize(root, WALKER, {})
    return root


@pytest.fixture(scope="module")
def trained(walks, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "run"
    fit(RUN, walks, out)
    return out


def fit(run, data, out, **more):
    return engine.train(run, [data], out, recipe="tiny", command="praxia train tiny", **more)


def query_at(feet):
    observation = Observation({}, np.float32([0, *feet]), "walk", 0.0)
    return Query((observation,), "key", 0, row=0)


def test_the_normaliser_is_of_relative_chunks_and_all_is_in_the_checkpoint(trained):
    (embodiment,) = read_config(trained)[0].transforms.embodiments
    assert (embodiment.relative.action, embodiment.relative.state) == ((0, 1), (1, 2))
    np.testing.assert_allclose(embodiment.action.low, [0.5, -1, 0], atol=1e-4)  # one step to four steps ahead
    np.testing.assert_allclose(embodiment.action.high, [2, -0.25, 1], atol=1e-4)


def test_encode_and_decode_are_inverse_on_windows_of_the_data(trained, walks):
    transforms = read_config(trained)[0].transforms
    windows = Windows(Dataset(walks), RUN.window, range(4))
    samples = windows.read(np.arange(len(windows)))
    encoded = transforms.encode(samples).action
    assert np.abs(encoded[samples.action_valid]).max() < 1.01
    np.testing.assert_allclose(transforms.decode(encoded, 0, samples.state[:, -1]), samples.action, atol=1e-5)


def test_a_policy_with_relative_actions_decides_in_declared_units_away_from_its_data(trained):
    policy, _ = load_policy(trained)
    for feet in ((0, 0), (30, -80)):
        decision = policy.act([query_at(feet)], None)[0][0]
        expected = np.array(feet) + np.arange(1, 5)[:, None] * STEP_M
        np.testing.assert_allclose(decision.chunk[:, :2], expected, atol=0.15)


def test_a_policy_that_rolls_its_state_forward_goes_on_from_what_is_committed(walks, tmp_path):
    run = dataclasses.replace(RUN, model=dataclasses.replace(RUN.model, roll_forward=2))
    fit(run, walks, tmp_path / "run")
    policy, _ = load_policy(tmp_path / "run")
    jump = np.float32([[10, 7, 0], [30, -80, 0]])  # nothing that a policy knows which sees the state alone
    query = query_at((0, 0))
    query = dataclasses.replace(query, history=query.history * 2, step=3, delay=2, committed=jump)
    decision = policy.act([query], None)[0][0]
    np.testing.assert_array_equal(decision.chunk[:2], jump)
    np.testing.assert_allclose(decision.chunk[2:, :2], jump[1, :2] + np.arange(1, 3)[:, None] * STEP_M, atol=0.15)


def test_how_far_a_window_is_rolled_forward_depends_on_seed_step_and_row_alone(trained, walks):
    config, _ = read_config(trained)
    windows = MixtureConfig.of([walks]).open(RUN.window)

    def action(share=(0, 1), step=5, roll_forward=2):
        source = BatchSource(windows, config.transforms, config.shapes, 0, 16, None, roll_forward)
        with source.loader(0, share) as loader:
            return source.batch(loader, step)[0].action_valid.sum(1).tolist()

    whole = action()
    assert set(whole) >= {2, 3, 4}  # of four actions, of which up to two have passed
    assert [action((number, 2)) for number in range(2)] == [whole[::2], whole[1::2]]
    assert whole == action() != action(step=6)
    assert action(roll_forward=0).count(4) > whole.count(4)


def test_actions_that_do_not_say_the_state_are_not_rolled_forward(tmp_path, record_as):
    data = record_as(tmp_path / "toy")
    model = dataclasses.replace(RUN.model, roll_forward=2)
    run = dataclasses.replace(RUN, model=model, relative=False, window=Window({"state": (0,)}, 4))
    with pytest.raises(MismatchError, match="the actions of 'toy' do not say what its state will be"):
        fit(run, data, tmp_path / "run")
    assert not (tmp_path / "run" / "run.json").exists()


def test_fine_tuning_keeps_vocabulary_and_normalisers(trained, walks, tmp_path):
    short = dataclasses.replace(RUN, train=dataclasses.replace(RUN.train, steps=1))
    fit(short, walks, tmp_path / "more", start_from=trained)
    assert read_config(tmp_path / "more")[0].transforms == read_config(trained)[0].transforms
    with pytest.raises(MismatchError, match="its relative actions differ"):
        fit(dataclasses.replace(short, relative=False), walks, tmp_path / "absolute", start_from=trained)


def test_what_cannot_be_relative_is_refused_before_anything_is_written(walks, tmp_path):
    past = dataclasses.replace(RUN, window=Window({"state": (-1,)}, 4))
    with pytest.raises(MismatchError, match=r"last state is the present \(0\)"):
        fit(past, walks, tmp_path / "run")
    with pytest.raises(PraxiaError, match="--relative beside --relative-to"):
        fit(dataclasses.replace(RUN, relative=False, relative_to={"feet": "feet"}), walks, tmp_path / "run")
    with pytest.raises(MismatchError, match=r"got 'toy' with actions 'move' \(delta \[2\] m\)"):
        RUN.relative_actions([EMBODIMENT])
    assert not (tmp_path / "run").exists()


def test_a_run_from_before_relative_actions_is_resumed(walks, tmp_path):
    run = dataclasses.replace(RUN, relative=False, train=dataclasses.replace(RUN.train, steps=1))
    uninterrupted = fit(run, walks, tmp_path / "run")
    path = tmp_path / "run" / "run.json"
    described = as_before(json.loads(path.read_text()))
    for name in ("relative", "relative_to"):
        del described["config"][name]
    path.write_text(json.dumps(described))
    assert fit(run, walks, tmp_path / "run", resume=True)["weights_sha256"] == uninterrupted["weights_sha256"]
    with pytest.raises(PraxiaError, match="another config"):
        fit(dataclasses.replace(run, relative=True), walks, tmp_path / "run", resume=True)
