import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from latent_testing import optimise
from lightning.fabric import Fabric

from praxia.core.errors import MismatchError, UnknownName
from praxia.joint.interface import ACTION, FUTURE
from praxia.nn.trainable import BeginsAndFinishes, Trainable
from praxia.nn.types import WeighsShares
from praxia.training.step import weighted

ROWS = [0, 5, 10, 15, 40, 45, 50, 55]


def noise_of(model, present, seed=0):
    drawn = torch.Generator().manual_seed(seed)
    shapes = {ACTION: (model.shapes.horizon, model.shapes.action_dim), FUTURE: (4, *present.shape[2:])}
    return {name: torch.randn(len(present), *shape, generator=drawn) for name, shape in shapes.items()}


@pytest.mark.slow
def test_eight_samples_are_learned_in_every_role(model_of, batch_of):
    model, batch = model_of(num_registers=4), batch_of(ROWS)
    assert batch.action_valid.all()
    optimise(model, batch, 400)
    model.eval()
    with torch.no_grad():
        present, future = model.present(batch), model.future(batch)
        noise = noise_of(model, present)
        changes = float((future - present[:, :1]).square().mean())
        policy = model.sample(present, {}, {ACTION: noise[ACTION]})[ACTION]
        inverse = model.sample(present, {FUTURE: future}, {ACTION: noise[ACTION]})[ACTION]
        forward = model.sample(present, {ACTION: batch.action}, {FUTURE: noise[FUTURE]})[FUTURE]
        video = model.sample(present, {}, {FUTURE: noise[FUTURE]})[FUTURE]
        both = model.sample(present, {}, noise)
    for action in (policy, inverse, both[ACTION]):
        assert float((action - batch.action).square().mean()) < 0.2 * float(batch.action.square().mean())
    for frames in (forward, video, both[FUTURE]):
        assert float((frames - future).square().mean()) < 0.2 * changes


def test_what_is_absent_changes_nothing_and_what_is_given_does(model_of, batch_of):
    model, batch = model_of(opened=True).eval(), batch_of(ROWS)
    with torch.no_grad():
        present, future = model.present(batch), model.future(batch)
        noise = noise_of(model, present)
        alone = model.sample(present, {}, {ACTION: noise[ACTION]})
        assert set(alone) == {ACTION}
        given = model.sample(present, {FUTURE: future}, {ACTION: noise[ACTION]})[ACTION]
        other = model.sample(present, {FUTURE: future.flip(0)}, {ACTION: noise[ACTION]})[ACTION]
        joint = model.sample(present, {}, noise)
    assert not torch.allclose(given, other, atol=1e-4)
    assert not torch.allclose(alone[ACTION], given, atol=1e-4)
    assert not torch.allclose(alone[ACTION], joint[ACTION], atol=1e-4)


def test_a_sample_ends_where_the_network_says(model_of, batch_of, monkeypatch):
    """Half way there it is half noise, half data: steps are on the straight path."""
    model, batch = model_of().eval(), batch_of(ROWS)
    present = model.present(batch).detach()
    noise = noise_of(model, present)
    end, change = torch.full_like(noise[ACTION], 0.7), torch.full_like(noise[FUTURE], -0.3)
    seen = []
    monkeypatch.setattr(model.network, "forward", lambda *given: (seen.append(given[0]), (end, change))[1])
    model.scale.square.copy_(torch.tensor([0.25, 1.0, 4.0, 9.0]))
    found = model.sample(present, {}, noise)
    torch.testing.assert_close(found[ACTION], end)
    torch.testing.assert_close(seen[5], (noise[ACTION] + end) / 2)
    expected = present[:, :1] - 0.3 * torch.tensor([0.5, 1.5, 3.5, 6.5])[:, None, None]
    torch.testing.assert_close(found[FUTURE], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("given", "want", "message"),
    [
        ((), (), "something to want"),
        ((ACTION,), (ACTION,), "not given"),
        (("state",), (ACTION,), "unknown modality 'state'"),
    ],
)
def test_what_cannot_be_asked_is_refused(model_of, batch_of, given, want, message):
    model, batch = model_of(), batch_of(ROWS)
    present = model.present(batch).detach()
    values = noise_of(model, present) | {"state": present}
    with pytest.raises((MismatchError, UnknownName), match=re.escape(message)):
        model.sample(present, {name: values[name] for name in given}, {name: values[name] for name in want})


def test_rows_without_actions_train_the_frames_alone(model_of, batch_of):
    model, batch = model_of(opened=True), batch_of(ROWS)
    video = replace(batch, action_valid=torch.zeros_like(batch.action_valid))
    scrambled = replace(video, action=torch.full_like(video.action, 1e6))
    absent = replace(video, action=None, action_valid=None)
    losses = []
    for one in (video, scrambled, absent):
        loss, metrics = model_of(opened=True).loss(one, torch.Generator().manual_seed(0))
        losses.append(float(loss.detach()))
        assert float(metrics["action"]) == 0
        assert float(metrics["future"]) > 0
    assert losses[0] == pytest.approx(losses[1]) == pytest.approx(losses[2])
    assert model.num_valid(absent).tolist() == [0, int(batch.target_image_valid["top"].sum())]
    loss, _ = model.loss(absent, torch.Generator().manual_seed(0))
    loss.backward()
    assert model.network.action_out.weight.grad.abs().sum() == 0
    assert model.network.frame_out.weight.grad.abs().sum() > 0


def test_parts_of_a_batch_have_the_means_of_the_whole(model_of, batch_of):
    """One part has actions, the other is video: frames are in both, transitions of the latents in one."""
    model, batch = model_of(opened=True).eval(), batch_of(ROWS)
    labelled = (torch.arange(len(ROWS)) % 2 == 0)[:, None]
    batch = replace(batch, action_valid=batch.action_valid & labelled)

    def metrics_of(parts):
        parts = weighted(Fabric(accelerator="cpu"), model, parts)
        with torch.no_grad():
            found = [model.loss(part, torch.Generator().manual_seed(0))[1] for part in parts]
        return {name: float(sum(one[name] for one in found)) / len(parts) for name in ("latents_prediction", "joint")}

    assert metrics_of(batch.parts(2)) == pytest.approx(metrics_of([batch]), rel=1e-4)


def test_steps_and_frames_that_are_not_valid_do_not_count(model_of, batch_of, data):
    windows = data[0]
    last = int(windows.entries[0].dataset.episodes.length[0]) - 1
    batch = batch_of([last - 4, last - 3])
    assert not batch.action_valid.all()
    assert not batch.target_image_valid["top"].all()
    other = replace(
        batch,
        action=torch.where(batch.action_valid[..., None], batch.action, 99.0),
        target_images={
            "top": torch.where(batch.target_image_valid["top"][:, :, None, None, None], batch.target_images["top"], 7)
        },
    )
    with torch.no_grad():
        losses = [float(model_of(opened=True).loss(one, torch.Generator().manual_seed(1))[0]) for one in (batch, other)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_only_their_own_loss_reaches_the_latents(model_of, batch_of):
    model, batch = model_of(opened=True), batch_of(ROWS)
    _, metrics = model.loss(batch, torch.Generator().manual_seed(0))
    assert {"latents_prediction", "latents_sigreg", "joint", "action", "future"} <= set(metrics)
    loss, _ = model.loss(batch, torch.Generator().manual_seed(0))
    loss.backward()
    of_joint = [value.grad.clone() for value in model.latents.parameters() if value.grad is not None]
    again = model_of(opened=True)
    own, _ = again.latents.loss(again._alone(batch), torch.Generator().manual_seed(0))
    own.backward()
    of_own = [value.grad for value in again.latents.parameters() if value.grad is not None]
    assert len(of_joint) == len(of_own) > 0
    for one, other in zip(of_joint, of_own, strict=True):
        torch.testing.assert_close(one, other)


def test_the_engine_finds_what_it_asks_of_a_model(model_of):
    for interface in (Trainable, WeighsShares, BeginsAndFinishes):
        assert isinstance(model_of(), interface)


def test_times_are_independent_and_a_quarter_of_each_is_exact(model_of, batch_of, monkeypatch):
    model, batch, seen = model_of(repeats=200), batch_of(ROWS), []
    forward = model.network.forward

    def spy(*given):
        seen.append(given[-1])
        return forward(*given)

    monkeypatch.setattr(model.network, "forward", spy)
    model.loss(batch, torch.Generator().manual_seed(0))
    times = seen[0].numpy()
    assert times.shape == (200 * len(ROWS), 2)
    assert ((times >= 0) & (times <= 1)).all()
    for column in times.T:
        assert np.mean(column == 0) == pytest.approx(0.25, abs=0.04)
        assert np.mean(column == 1) == pytest.approx(0.25, abs=0.04)
    assert abs(np.corrcoef(times.T)[0, 1]) < 0.08


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"camera": "wrist"}, "camera to predict 'wrist'"),
        ({"num_states": 1}, "no state"),
        ({"num_images": 4}, "one image of each camera"),
    ],
)
def test_windows_that_do_not_fit_are_refused(data, small_run, change, message):
    config = replace(small_run.model, **{name: value for name, value in change.items() if name == "camera"})
    shapes = replace(data[2], **{name: value for name, value in change.items() if name != "camera"})
    with pytest.raises((MismatchError, UnknownName), match=message):
        config.build(shapes)
