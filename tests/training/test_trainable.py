"""Models that are no encoder and head go through the same engine and store."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import time

import foreign
import killed_training
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from shared_training import job, shared
from toy_models import TOYS, ActorCritic, ActorCriticModel, NextFrame, Recurrent, RecurrentModel

from praxia.checkpoint.store import load_model, load_policy, read_config
from praxia.cli import info
from praxia.core.errors import MismatchError, PraxiaError, TrainingError
from praxia.core.types import Sampling
from praxia.core.window import Window
from praxia.dataloader.mixture_config import MixtureConfig
from praxia.nn.queries import to_batch
from praxia.policies import MODELS
from praxia.training import engine, measured_step
from praxia.training.config import Train, TrainRun, warmup_cosine

ACTOR_CRITIC = TrainRun(
    ActorCritic(),
    Window({"state": (0,)}, 1, {"state": (1,)}, outcomes=True),
    Train(steps=40, batch_size=8, warmup_steps=2, log_every=2, checkpoint_s=0.0),
)
NEXT_FRAME = TrainRun(
    NextFrame(),
    Window({"image.front": (0,)}, 0, {"image.front": (1,)}),
    Train(steps=300, batch_size=11, warmup_steps=10, learning_rate=1e-2, log_every=10, ema_decay=0.9, shift_px=0),
)

RECURRENT = TrainRun(
    Recurrent(),
    Window({"state": (0,), "action": (-1,)}, 1, outcomes=True, sequence_length=16),
    Train(steps=40, batch_size=8, warmup_steps=2, log_every=2, checkpoint_s=0.0, learning_rate=1e-2),
)


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    for tag, place in TOYS.items():
        monkeypatch.setitem(MODELS, tag, place)


@pytest.fixture(scope="module")
def rewarded_path(record_as, tmp_path_factory):
    """The toy data set with rewards: the first dim of the state."""

    def changed(episode):
        return dataclasses.replace(episode, reward=episode.state[:, 0].copy())

    return record_as(tmp_path_factory.mktemp("rewarded") / "toy", changed=changed)


@pytest.fixture(scope="module")
def video_path(record_as, tmp_path_factory):
    """The toy data set as another writer would leave it, without state and actions: a square moves to the right."""

    def changed(episode):
        images = np.full((12, 16, 16, 3), 40, np.uint8)
        for step, image in enumerate(images):
            image[6:10, step : step + 4] = (220, 180, 60)
        return dataclasses.replace(episode, images={"front": images})

    root = record_as(tmp_path_factory.mktemp("video") / "toy", changed=changed)
    shutil.rmtree(root / "praxia")
    foreign.drop_features(root, ["observation.state", "action"])
    return root


def fit(run, data, out, **more):
    return engine.train(run, [data], out, recipe="toy", command="praxia train toy", **more)


def metrics(out):
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def last_state(out):
    folder = sorted((out / "state").iterdir())[-1]
    return {path.stem: load_file(path) for path in folder.glob("*.safetensors")}


def test_an_update_of_its_own_is_the_formula(rewarded_path, tmp_path):
    """Against the model's own update on the same batches, with plain optimisers and no engine."""
    run = dataclasses.replace(ACTOR_CRITIC, train=dataclasses.replace(ACTOR_CRITIC.train, steps=5, clip_norm=1e9))
    fit(run, rewarded_path, tmp_path / "run")
    taken = []

    def recording(self, batch, minimise, generator):
        taken.append((batch, generator.get_state()))
        return update(self, batch, minimise, generator)

    update = ActorCriticModel.update
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ActorCriticModel, "update", recording)
        patched.setattr(engine, "_cost", lambda *_: None)
        fit(run, rewarded_path, tmp_path / "again")
    torch.manual_seed(run.train.seed)
    model = run.model.build(read_config(tmp_path / "run")[0].shapes)
    optimizers = model.optimizers(
        lambda parameters, learning_rate: torch.optim.AdamW(
            parameters, lr=learning_rate, betas=run.train.betas, weight_decay=run.train.weight_decay
        )
    )
    peaks = {"actor": 3e-3, "critic": 0.05}
    for step, (batch, state) in enumerate(taken):
        for name, optimizer in optimizers.items():
            optimizer.param_groups[0]["lr"] = warmup_cosine(step, peaks[name], 2, 5)

        def minimise(name, loss):
            optimizers[name].zero_grad()
            loss.backward()
            optimizers[name].step()

        generator = torch.Generator()
        generator.set_state(state)
        model.update(batch, minimise, generator)
    found = last_state(tmp_path / "run")["model"]
    for name, value in model.state_dict().items():
        torch.testing.assert_close(found[name], value, rtol=1e-5, atol=1e-7)
    assert int(found["updates"]) == 5


def test_two_optimisers_and_a_moving_average_are_saved_and_logged(rewarded_path, tmp_path):
    result = fit(ACTOR_CRITIC, rewarded_path, tmp_path / "run")
    state = last_state(tmp_path / "run")
    assert set(state) == {"model", "ema", "optimizer-actor", "optimizer-critic"}
    assert {"0.exp_avg", "0.exp_avg_sq", "0.step"} <= set(state["optimizer-actor"])
    assert set(state["optimizer-critic"]) == {"0.momentum_buffer", "1.momentum_buffer"}
    assert not torch.equal(state["model"]["target.weight"], state["model"]["critic.weight"])
    lines = metrics(tmp_path / "run")
    assert set(lines[0]) == {"step", "loss", "lr/actor", "lr/critic", "samples_per_s", "wall_s", "actor"}
    assert lines[-1]["lr/critic"] == pytest.approx(warmup_cosine(39, 0.05, 2, 40))
    model, config, identity = load_model(tmp_path / "run")
    assert identity.to_json() == {name: result[name] for name in ("policy_sha256", "weights_sha256")}
    assert (config.model, config.window) == (ACTOR_CRITIC.model, ACTOR_CRITIC.window)
    assert int(model.updates) == 40
    assert not model.training
    for name, value in model.state_dict().items():
        assert torch.equal(value, state["ema"][name])


def test_a_critic_learns_the_reward(rewarded_path, tmp_path):
    train = dataclasses.replace(ACTOR_CRITIC.train, steps=200, batch_size=32, checkpoint_s=60.0)
    fit(
        dataclasses.replace(ACTOR_CRITIC, model=ActorCritic(discount=0.0), train=train), rewarded_path, tmp_path / "run"
    )
    losses = [line["loss"] for line in metrics(tmp_path / "run")]
    assert np.mean(losses[-10:]) < 0.1 * np.mean(losses[:3])


def test_two_processes_have_the_loss_curves_of_one(rewarded_path, video_path, tmp_path):
    """Of an update of its own, whose gradients are averaged, and of losses that are means over valid frames."""
    runs = {"own": (ACTOR_CRITIC, rewarded_path), "loss": (NEXT_FRAME, video_path)}
    runs["sequences"] = (RECURRENT, rewarded_path)
    options = {"steps": 10, "batch_size": 8, "log_every": 1, "shift_px": 2, "checkpoint_s": 1e9}
    runs = {
        name: (dataclasses.replace(run, train=dataclasses.replace(run.train, **options)), data)
        for name, (run, data) in runs.items()
    }
    shared([job(run, [data], tmp_path / f"{name}-shared") for name, (run, data) in runs.items()], 2)
    for name, (run, data) in runs.items():
        fit(run, data, tmp_path / name)
        one, two = ([line["loss"] for line in metrics(tmp_path / each)] for each in (name, f"{name}-shared"))
        np.testing.assert_allclose(one, two, rtol=1e-5)


def test_parts_of_a_batch_are_for_a_loss(rewarded_path, tmp_path):
    run = dataclasses.replace(ACTOR_CRITIC, train=dataclasses.replace(ACTOR_CRITIC.train, accumulate=2))
    with pytest.raises(PraxiaError, match=r"expected --train\.accumulate 1, got 2: this model has an update of"):
        fit(run, rewarded_path, tmp_path / "run")


def test_what_can_change_an_output_changes_the_identity(rewarded_path, tmp_path):
    run = dataclasses.replace(ACTOR_CRITIC, train=dataclasses.replace(ACTOR_CRITIC.train, steps=1))
    window = dataclasses.replace(run.window, targets={"state": (2,)})
    others = {
        "same": run,
        "model": dataclasses.replace(run, model=ActorCritic(discount=0.5)),
        "window": dataclasses.replace(run, window=window),
    }
    first = fit(run, rewarded_path, tmp_path / "run")["policy_sha256"]
    found = {name: fit(one, rewarded_path, tmp_path / name)["policy_sha256"] for name, one in others.items()}
    assert found.pop("same") == first
    assert len({first, *found.values()}) == 3


def test_a_model_of_its_own_update_killed_at_random_times_ends_with_the_same_weights(rewarded_path, tmp_path):
    uninterrupted = fit(ACTOR_CRITIC, rewarded_path, tmp_path / "whole")
    arguments = killed_training.command(ACTOR_CRITIC, rewarded_path, tmp_path / "run")
    rng = np.random.default_rng(0)
    for _ in range(2):
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        process.stdout.readline()
        time.sleep(rng.uniform(0.0, 0.4))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    resumed = fit(ACTOR_CRITIC, rewarded_path, tmp_path / "run", resume=True)
    assert resumed["resumed_from"] > 0
    assert resumed["weights_sha256"] == uninterrupted["weights_sha256"]
    whole, again = last_state(tmp_path / "whole"), last_state(tmp_path / "run")
    assert all(torch.equal(again[name][key], value) for name, one in whole.items() for key, value in one.items())


def test_a_gradient_that_is_not_finite_ends_the_run_before_its_optimiser_steps(rewarded_path, tmp_path, monkeypatch):
    update, calls = ActorCriticModel.update, []

    def poisoned(self, batch, minimise, generator):
        def checked(name, loss):
            before = self.actor.weight.detach().clone()
            try:
                minimise(name, loss + (0 * self.actor.weight).sum().sqrt() if len(calls) == 5 else loss)
            except BaseException:
                assert torch.equal(before, self.actor.weight)
                raise

        calls.append(batch)
        return update(self, batch, checked, generator)

    monkeypatch.setattr(ActorCriticModel, "update", poisoned)
    monkeypatch.setattr(engine, "_cost", lambda *_: None)
    with pytest.raises(TrainingError, match=r"the gradient is not finite at the batch of step 4 \(8 windows\)"):
        fit(ACTOR_CRITIC, rewarded_path, tmp_path / "run")
    assert all(value.isfinite().all() for one in last_state(tmp_path / "run").values() for value in one.values())


def test_a_recurrent_model_learns_from_sequences_and_goes_on_where_it_was_killed(rewarded_path, tmp_path):
    """Episodes of 12 steps in sequences of 16: each has an episode's beginning inside."""
    whole = fit(RECURRENT, rewarded_path, tmp_path / "whole")

    class Stopped(Exception):
        pass

    def stop(step, _):
        if step == 20:
            raise Stopped

    with pytest.raises(Stopped):
        fit(RECURRENT, rewarded_path, tmp_path / "run", progress=stop)
    resumed = fit(RECURRENT, rewarded_path, tmp_path / "run", resume=True)
    assert 0 < resumed["resumed_from"] <= 20
    assert resumed["weights_sha256"] == whole["weights_sha256"]
    losses = [line["loss"] for line in metrics(tmp_path / "whole")]
    assert losses[-1] < 0.5 * losses[0]
    model, config, _ = load_model(tmp_path / "run")
    assert config.window == RECURRENT.window
    batch = sequences_of(rewarded_path, config)
    assert batch.is_first[:, 1:].any()
    assert not batch.action_valid.all()
    with torch.inference_mode():
        found = model(batch)
        other = dataclasses.replace(batch, state=torch.where(batch.is_first.cumsum(1)[..., None] > 1, batch.state, 9.0))
        after = batch.is_first.cumsum(1) > 1
        torch.testing.assert_close(model(other)[after], found[after])
    assert isinstance(model, RecurrentModel)


def sequences_of(path, config):
    """The sequences that begin with an episode, as the model trained on them."""
    windows = MixtureConfig.of([path]).open(config.window)
    begins = [row for row in range(len(windows)) if windows.frames_of(np.array([row]))[0][2] == 0]
    return to_batch(config.transforms.encode(windows.read(np.array(begins))), config.transforms)


def test_an_encoder_and_a_head_are_no_model_of_sequences(rewarded_path, tmp_path, tiny_run):
    window = dataclasses.replace(tiny_run.window, horizon=1, sequence_length=4)
    with pytest.raises(MismatchError, match="expected windows for an encoder and a head, got sequences"):
        fit(dataclasses.replace(tiny_run, window=window), rewarded_path, tmp_path / "run")


def test_validation_needs_a_loss(rewarded_path, tmp_path):
    with pytest.raises(MismatchError, match="'toy-actor-critic' has no loss to validate; leave out --hold-out"):
        fit(dataclasses.replace(ACTOR_CRITIC, hold_out=0.2), rewarded_path, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_questions_are_refused_by_a_model_without_language(rewarded_path, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "0.png")
    turns = [{"from": "human", "value": "what is this?"}, {"from": "gpt", "value": "a square"}]
    (tmp_path / "asked.json").write_text(json.dumps([{"image": "0.png", "conversations": turns}]))
    run = dataclasses.replace(ACTOR_CRITIC, train=dataclasses.replace(ACTOR_CRITIC.train, num_vqa=1))
    with pytest.raises(MismatchError, match="questions need an encoder with a public language model"):
        fit(run, rewarded_path, tmp_path / "run", vqa=tmp_path / "asked.json")
    assert not (tmp_path / "run").exists()


def test_no_parts_of_a_batch_are_advised_to_an_update_of_its_own(rewarded_path, tmp_path, monkeypatch):
    def take(self, rows):
        return measured_step._Tried(rows, seconds=100.0, memory=10_000 * rows)

    monkeypatch.setattr(measured_step, "available_memory", lambda: 400_000)
    monkeypatch.setattr(measured_step._Trial, "take", take)
    run = dataclasses.replace(ACTOR_CRITIC, train=dataclasses.replace(ACTOR_CRITIC.train, batch_size=64))
    with pytest.raises(PraxiaError, match=r"a batch of 64 takes about .*; give --train\.batch-size \d+$"):
        fit(run, rewarded_path, tmp_path / "run")


def test_a_next_frame_predictor_overfits_ten_samples_of_video_without_actions(video_path, tmp_path):
    """An episode of 12 frames has 11 windows whose next frame is valid; all episodes show the same."""
    told = []
    fit(NEXT_FRAME, video_path, tmp_path / "run", announce=told.append)
    losses = [line["loss"] for line in metrics(tmp_path / "run")]
    assert losses[-1] < 0.02 * losses[0]
    assert told[0].lines()[0].startswith("model: toy-next-frame, ")
    assert told[0].lines()[2].endswith("windows; no actions")
    model, config, _ = load_model(tmp_path / "run")
    assert config.window == NEXT_FRAME.window
    square = torch.full((1, 3, 16, 16), 40, dtype=torch.uint8)
    moved = square.clone()
    square[:, :, 6:10, 3:7] = moved[:, :, 6:10, 4:8] = torch.tensor((220, 180, 60), dtype=torch.uint8).view(3, 1, 1)
    with torch.no_grad():
        found, still = (float((one - moved / 255).square().mean()) for one in (model(square), square / 255))
    assert found < 0.2 * still


def test_a_next_frame_predictor_is_validated_and_fine_tuned(video_path, tmp_path):
    options = dataclasses.replace(NEXT_FRAME.train, steps=4, log_every=1, shift_px=2)
    run = dataclasses.replace(NEXT_FRAME, train=options, hold_out=0.3)
    fit(run, video_path, tmp_path / "run")
    validated = [line for line in metrics(tmp_path / "run") if "validation_loss" in line]
    assert validated
    assert not any("action_error" in line for line in validated)
    assert load_model(tmp_path / "run" / "policy-best")[1].provenance["validation_loss"] > 0
    fit(dataclasses.replace(run, hold_out=0.0), video_path, tmp_path / "tuned", start_from=tmp_path / "run")
    begun = read_config(tmp_path / "tuned")[0].provenance["start_from"]
    assert begun["weights_sha256"] == read_config(tmp_path / "run")[1].weights_sha256


def test_a_policy_needs_actions(tiny_run, video_path, tmp_path):
    run = dataclasses.replace(tiny_run, window=Window({"image.front": (0,)}, 0))
    with pytest.raises(PraxiaError, match=r"expected --window\.horizon of at least 1, got 0"):
        fit(run, video_path, tmp_path / "run")


def test_a_model_that_is_no_policy_is_refused_where_one_is_expected(video_path, tmp_path):
    run = dataclasses.replace(NEXT_FRAME, train=dataclasses.replace(NEXT_FRAME.train, steps=1))
    fit(run, video_path, tmp_path / "run")
    with pytest.raises(PraxiaError, match=r"expected a policy at .*run, got a model of type 'toy-next-frame', which "):
        load_policy(tmp_path / "run")
    with pytest.raises(PraxiaError, match="expected a policy with --steps, got model 'toy-next-frame'"):
        read_config(tmp_path / "run", Sampling(steps=3))
    assert info.run([str(tmp_path / "run"), "--json"])["kind"] == "model"
