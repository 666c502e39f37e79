import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from praxia.checkpoint.store import load_model, load_world
from praxia.core.errors import MismatchError, PraxiaError
from praxia.data.dataset import Dataset
from praxia.dataloader.fitting import compute_statistics, fit_transforms
from praxia.dataloader.mixture import Mixture
from praxia.dataloader.windows import Windows
from praxia.nn.queries import to_batch
from praxia.nn.trainable import Trainable, UpdatesItself
from praxia.recipes.worlds import lapa_tworoom
from praxia.training import engine
from praxia.training.batches import model_shapes


@pytest.fixture(scope="module")
def run():
    run = lapa_tworoom()
    model = replace(run.model, patch_px=4, width=16, depth=1, num_heads=2, code_width=8, replace_every=2)
    return replace(run, model=model, train=replace(run.train, steps=6, batch_size=8, log_every=1, checkpoint_s=0.0))


@pytest.fixture(scope="module")
def frames(walks, run):
    """(shapes, `batch_of(rows)`) of pairs of frames."""
    windows = Mixture([Windows(Dataset(walks), run.window, range(4))])
    transforms = fit_transforms(windows, compute_statistics(windows.entries, {}))
    shapes = model_shapes(windows.window, windows.embodiments, transforms)
    return shapes, lambda rows: to_batch(transforms.encode(windows.read(np.asarray(rows))), transforms)


@pytest.fixture
def model(run, frames):
    torch.manual_seed(0)
    return run.model.build(frames[0])


def fitted(model, batch, steps):
    """The metrics of each of so many updates on one batch."""
    optimizers = model.optimizers(lambda parameters: torch.optim.AdamW(parameters, lr=1e-2))

    def minimise(name, loss):
        optimizers[name].zero_grad()
        loss.backward()
        optimizers[name].step()

    generator = torch.Generator().manual_seed(0)
    return [
        {name: float(one) for name, one in model.update(batch, minimise, generator)[1].items()} for _ in range(steps)
    ]


def test_codes_tell_what_changed_and_are_all_that_the_decoder_learns_of_it(run, frames):
    """Eight later frames of one first frame, so that only the codes can tell which of them it is."""
    torch.manual_seed(0)
    model = replace(run.model, replace_every=20, replace_until=60).build(frames[0])
    assert isinstance(model, Trainable)
    assert isinstance(model, UpdatesItself)
    batch = frames[1]([0, 3, 7, 35, 40, 66, 71, 97])
    assert batch.action is None
    batch = replace(batch, images={"top": batch.images["top"][:1].expand(8, -1, -1, -1, -1)})
    metrics = fitted(model, batch, 150)
    assert metrics[0]["of_unchanged"] == pytest.approx(1.0), "it begins with: nothing changes"
    model.eval()
    codes, valid = model.codes(batch)
    assert codes.shape == (8, 4)
    assert valid.all()
    assert len(codes.unique(dim=0)) >= 4
    later = batch.target_images["top"][:, 0] / 127.5 - 1

    def error(decoded):
        return float((decoded - later).square().mean())

    with torch.no_grad():
        loss, found = model.loss(batch, torch.Generator())
    assert error(model.decode(batch, codes)) == pytest.approx(float(loss), rel=1e-4)
    assert found["of_unchanged"] < 0.3
    assert error(model.decode(batch, codes.roll(1, 0))) > 2 * float(loss), "other changes' codes"
    hidden = replace(batch, target_images={"top": torch.zeros_like(batch.target_images["top"])})
    assert torch.equal(model.decode(hidden, codes), model.decode(batch, codes))


def test_a_later_frame_that_is_not_there_changes_nothing(model, frames):
    batch = frames[1]([10, 28, 40, 58])  # the second and the last are within 5 steps of their episode's end
    model.eval()
    _, valid = model.codes(batch)
    assert valid.tolist() == [True, False, True, False]
    noise = torch.randint(0, 256, batch.target_images["top"].shape, dtype=torch.uint8)
    scrambled = torch.where(valid[:, None, None, None, None], batch.target_images["top"], noise)
    other = replace(batch, target_images={"top": scrambled})
    losses = [model.loss(one, torch.Generator())[0] for one in (batch, other)]
    assert torch.equal(*losses)
    assert int(model.num_valid(batch)) == 2


def test_codes_are_replaced_until_they_no_longer_are(run, frames):
    batch = frames[1]([10, 40])
    for until, replaced in ((-1, False), (10, True)):
        torch.manual_seed(0)
        model = replace(run.model, replace_until=until).build(frames[0])
        before = model.quantiser.codebook.detach().clone()
        fitted(model, batch, 3)
        moved = (model.quantiser.codebook.detach() - before).norm(dim=-1).max()
        assert (moved > 1) == replaced


def test_it_is_trained_killed_resumed_and_loaded_by_the_same_engine_and_store(walks, run, tmp_path):
    """Codes are replaced before and after the interruption, from counts that are part of the state."""
    whole = engine.train(run, [walks], tmp_path / "whole", recipe="lapa-tworoom", command="")

    def stop(step, metrics):
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.train(run, [walks], tmp_path / "run", recipe="lapa-tworoom", command="", report=stop)
    resumed = engine.train(run, [walks], tmp_path / "run", recipe="lapa-tworoom", command="", resume=True)
    assert resumed["weights_sha256"] == whole["weights_sha256"]
    model, config, _ = load_model(tmp_path / "run")
    assert config.window == run.window
    assert int(model.step) == 6
    assert json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])["perplexity"] >= 1
    with pytest.raises(PraxiaError, match=r"expected a world at .*, got a model of type 'lapa'"):
        load_world(tmp_path / "run")


def test_windows_and_images_that_do_not_fit_are_refused(run, frames, model):
    with pytest.raises(MismatchError, match="of one camera at the present, got a window with 2 images"):
        run.model.build(replace(frames[0], num_images=2))
    batch = frames[1]([10])
    odd = {name: images[..., :-1, :] for name, images in batch.images.items()}
    with pytest.raises(MismatchError, match=r"a multiple of 4 px \(--model.patch-px\), got 16 x 15"):
        model.loss(replace(batch, images=odd), torch.Generator())
