"""Inverse dynamics on a toy robot whose actions are seen only in the frame after them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from idm_testing import RUN
from latent_testing import optimise
from torch.distributions import Bernoulli, Normal
from video_testing import SLIDER, record_slides

from praxia.checkpoint.store import load_labeller, load_model, save_policy
from praxia.core.errors import MismatchError, PraxiaError
from praxia.core.labelling import ActionLabeller
from praxia.core.window import Window
from praxia.data.dataset import Dataset
from praxia.dataloader.action_chunks import chunks_of
from praxia.dataloader.fitting import compute_statistics, fit_transforms
from praxia.dataloader.mixture import Mixture
from praxia.dataloader.mixture_config import DatasetEntry, MixtureConfig
from praxia.dataloader.view import DatasetView
from praxia.dataloader.windows import Windows
from praxia.encoders.state_only import StateOnly
from praxia.encoders.text import PooledText
from praxia.heads.regression import Regression
from praxia.nn.queries import to_batch
from praxia.policies.encoder_head import EncoderHead
from praxia.training import engine
from praxia.training.batches import model_shapes
from praxia.transforms.relative import RelativeActions


@pytest.fixture(scope="module")
def slides(tmp_path_factory):
    return record_slides(tmp_path_factory.mktemp("slides") / "set", range(12))


@pytest.fixture(scope="module")
def windows(slides):
    return Mixture([Windows(Dataset(slides), RUN.window, range(12))])


@pytest.fixture(scope="module")
def transforms(windows):
    return fit_transforms(windows, compute_statistics(windows.entries, {}))


@pytest.fixture(scope="module")
def config(windows, transforms):
    return RUN.model.fit(lambda: transforms.encode(windows.read(np.arange(len(windows)), with_images=False)).action)


@pytest.fixture(scope="module")
def batch_of(windows, transforms):
    return lambda rows: to_batch(transforms.encode(windows.read(np.asarray(rows))), transforms)


@pytest.fixture
def model(config, windows, transforms):
    torch.manual_seed(0)
    return config.build(model_shapes(RUN.window, windows.embodiments, transforms))


@pytest.fixture(scope="module")
def trained(slides, tmp_path_factory):
    out = tmp_path_factory.mktemp("trained") / "run"
    engine.train(RUN, [slides], out, recipe="idm", command="")
    return out


def test_no_instruction_is_seen_whatever_the_encoder_reads(config, windows, transforms, batch_of):
    torch.manual_seed(0)
    reads = replace(config, encoder=replace(config.encoder, text=PooledText()))
    model = reads.build(model_shapes(RUN.window, windows.embodiments, transforms)).eval()
    batch = batch_of([1, 4])
    assert batch.text_valid.any()
    with torch.no_grad():
        told = model.predict(batch)
        untold = model.predict(replace(batch, text_valid=torch.zeros_like(batch.text_valid)))
    assert torch.equal(told[0], untold[0])


def test_it_overfits_ten_samples(model, batch_of):
    batch = batch_of([1, 4, 7, 16, 19, 22, 31, 34, 37, 46])
    found = optimise(model, batch, 250)
    assert found[-1]["l1"] < 0.03
    assert found[0]["l1"] > 0.3
    action, std = model.predict(batch)
    switch = batch.action[:, 0, 1]
    assert torch.equal(action[:, 1] > 0, switch > 0)
    assert std.max() < 0.2


def test_its_backbone_is_its_encoders(model):
    assert list(model.backbone_parameters()) == []
    model.encoder.backbone_parameters = lambda: model.encoder.parameters()
    found = {id(one) for one in model.backbone_parameters()}
    assert found == {id(one) for one in model.encoder.parameters()} != set()


def test_a_dim_with_two_values_is_a_switch(config):
    ((dim, low, high),) = config.fitted["switches"]
    assert (dim, low, high) == (1, pytest.approx(-1), pytest.approx(1))
    assert config.unfitted() == RUN.model
    assert RUN.model.fitted_as(config) == config


def test_video_beside_the_data_makes_no_third_value_of_a_switch(config, slides, transforms):
    entries = (DatasetEntry(str(slides)), DatasetEntry(str(slides), DatasetView(actions=False)))
    both = MixtureConfig(entries).open(RUN.window)
    assert RUN.model.fit(lambda: chunks_of(both, transforms)[0]).fitted == config.fitted


def test_the_loss_is_that_of_a_gaussian_and_a_switch(model, batch_of):
    """Against torch's distributions; each row of the Gaussian counts as much as its std, which gets no gradient."""
    batch = batch_of([3, 20, 40])
    mean, log_std = (value.double() for value in model._predicted(batch))
    wanted = batch.action[:, 0].double()
    normal = -Normal(mean, log_std.exp()).log_prob(wanted) - 0.5 * np.log(2 * np.pi)
    likelihood = -Bernoulli(logits=mean[:, 1]).log_prob((wanted[:, 1] > 0).double())
    expected = torch.stack([(normal * log_std.exp())[:, 0], likelihood]).mean()
    assert float(model.loss(batch, torch.Generator())[0].detach()) == pytest.approx(float(expected.detach()), rel=1e-5)


def test_what_it_finds_is_in_the_frame_after(trained, windows):
    """On the frames that it was trained on; with another episode's later frames it finds other actions."""
    labeller, _ = load_labeller(trained)
    assert isinstance(labeller, ActionLabeller)
    assert labeller.embodiment == SLIDER
    assert labeller.window == Window({"image.front": (-1, 0)}, 0, {"image.front": (1,)})
    samples = windows.read(np.arange(len(windows)))
    found = labeller.label(samples)
    inside = samples.target_image_valid["front"][:, 0]
    error = np.abs(found.action - samples.action[:, 0])[inside]
    assert error[:, 0].mean() < 0.5
    assert (error[:, 1] < 1e-3).mean() > 0.95
    others = replace(samples, target_images={"front": np.roll(samples.target_images["front"], 5, axis=0)})
    assert np.abs(labeller.label(others).action - samples.action[:, 0])[inside, 0].mean() > 1.0
    assert found.action.min() >= -3
    assert found.action.max() <= 3
    # At an episode's end there is no frame after.
    assert found.std[~inside, 1].mean() > 1.3 * found.std[inside, 1].mean()


def test_each_action_depends_on_its_own_window_alone(trained, windows):
    labeller, _ = load_labeller(trained)
    samples = windows.read(np.array([3, 50, 90]))
    alone = labeller.label(windows.read(np.array([50])))
    np.testing.assert_allclose(labeller.label(samples).action[1], alone.action[0], atol=1e-5)
    np.testing.assert_allclose(labeller.label(samples).std[1], alone.std[0], atol=1e-5)


def test_video_needs_neither_state_nor_actions(trained, windows):
    labeller, _ = load_labeller(trained)
    samples = windows.read(np.array([3, 50]))
    video = replace(samples, action=None, action_valid=None, state=np.zeros((2, 0, 0), np.float32))
    np.testing.assert_array_equal(labeller.label(video).action, labeller.label(samples).action)


def test_it_is_validated_and_fine_tuned(trained, slides, tmp_path):
    run = replace(RUN, hold_out=0.2, train=replace(RUN.train, steps=2, log_every=1, warmup_steps=1))
    engine.train(run, [slides], tmp_path / "run", recipe="idm", command="", start_from=trained)
    assert "action_error" in (tmp_path / "run" / "metrics.jsonl").read_text()
    assert load_model(tmp_path / "run")[1].model == load_model(trained)[1].model


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"horizon": 2}, "a horizon of 1, got 1 embodiments, 1 cameras and a horizon of 2"),
        ({"embodiment_dims": ((1, 2), (1, 2))}, "of one embodiment, .* got 2 embodiments"),
        ({"cameras": (), "num_images": 0}, "got 1 embodiments, 0 cameras"),
    ],
)
def test_other_shapes_are_refused(config, windows, transforms, changes, message):
    shapes = replace(model_shapes(RUN.window, windows.embodiments, transforms), **changes)
    with pytest.raises(MismatchError, match=message):
        config.build(shapes)


def test_other_later_frames_than_it_has_are_refused(model, batch_of):
    batch = batch_of([1, 2])
    with pytest.raises(MismatchError, match=r"targets \{'front': 1\} \(--model.num-later of each camera\), got none"):
        model.loss(replace(batch, target_images={}), torch.Generator())


def test_an_encoder_needs_a_readout(config, windows, transforms, monkeypatch):
    shapes = model_shapes(RUN.window, windows.embodiments, transforms)
    monkeypatch.setattr("praxia.encoders.state_only.StateOnlyEncoder.provides", frozenset())
    with pytest.raises(MismatchError, match=r"expected an encoder with a readout .* got 'state-only'"):
        replace(config, encoder=StateOnly()).build(shapes)


def test_relative_actions_and_other_models_label_nothing(trained, tmp_path):
    model, config, _ = load_model(trained)
    relative = replace(config.transforms.embodiments[0], relative=RelativeActions((0,), (0,)))
    parts = (replace(config.transforms, embodiments=(relative,)), config.embodiments, config.window)
    with pytest.raises(MismatchError, match="absolute actions, got relative"):
        config.model.make_labeller(model, *parts)
    other = replace(config, model=EncoderHead(RUN.model.encoder, Regression(width=8)))
    save_policy(tmp_path / "other", other, other.model.build(config.shapes).state_dict())
    with pytest.raises(PraxiaError, match=r"expected an inverse dynamics model at .*, got a model of type"):
        load_labeller(tmp_path / "other")
