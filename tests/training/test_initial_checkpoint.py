import dataclasses

import numpy as np
import pytest
import torch
from praxia_testing import EMBODIMENT, make_config, make_policy

from praxia.checkpoint.store import load_policy, read_config, save_policy
from praxia.core.embodiment import Field
from praxia.core.errors import MismatchError, PraxiaError
from praxia.core.labelling import CODE
from praxia.core.window import Window
from praxia.heads.autoregressive import Autoregressive
from praxia.heads.decoders import PrefixTransformer
from praxia.heads.denoisers.residual_mlp import ResidualMLP
from praxia.heads.flow import Flow
from praxia.heads.parallel import ParallelBins
from praxia.training import engine
from praxia.training.initial_checkpoint import read_initial_checkpoint
from praxia.transforms import tokenizer


def fit(run, data, out, **more):
    return engine.train(run, [data], out, recipe="tiny", command="praxia train tiny", **more)


def tuned(run, **changes):
    return dataclasses.replace(run, train=dataclasses.replace(run.train, **changes))


def test_fine_tuning_begins_with_the_policys_weights_and_keeps_its_transforms(tiny_run, mixed_paths, tmp_path):
    toy, _, more = mixed_paths
    fit(tiny_run, toy, tmp_path / "first")
    still = tuned(tiny_run, learning_rate=0.0, weight_decay=0.0, steps=2)
    fit(still, more, tmp_path / "second", start_from=tmp_path / "first")
    before, after = (load_policy(tmp_path / name)[0].model.state_dict() for name in ("first", "second"))
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, rtol=0, atol=1e-6)
    first, second, fresh = tmp_path / "first", tmp_path / "second", tmp_path / "fresh"
    fit(still, more, fresh)
    assert read_config(second)[0].transforms == read_config(first)[0].transforms != read_config(fresh)[0].transforms
    origin = read_config(second)[0].provenance["start_from"]
    identity = read_config(first)[1]
    assert origin == {"path": str(first), **identity.to_json(), "refit": False}


def test_fine_tuning_moves_the_weights(tiny_run, dataset_path, tmp_path):
    first = fit(tiny_run, dataset_path, tmp_path / "first")
    second = fit(tiny_run, dataset_path, tmp_path / "second", start_from=tmp_path / "first")
    assert second["weights_sha256"] != first["weights_sha256"]


def test_another_model_or_embodiment_is_refused(tiny_run, mixed_paths, tmp_path):
    toy, small, _ = mixed_paths
    fit(tiny_run, toy, tmp_path / "first")
    wider = dataclasses.replace(tiny_run, model=dataclasses.replace(tiny_run.model, head=another_head(tiny_run)))
    with pytest.raises(MismatchError, match="model"):
        fit(wider, toy, tmp_path / "wider", start_from=tmp_path / "first")
    with pytest.raises(MismatchError, match="embodiments"):
        fit(tiny_run, small, tmp_path / "small", start_from=tmp_path / "first")
    with pytest.raises(PraxiaError, match=r"no policy\.json"):
        fit(tiny_run, toy, tmp_path / "none", start_from=tmp_path / "nowhere")
    assert not (tmp_path / "small").exists()


def test_joints_in_another_order_are_refused(tiny_run, record_as, tmp_path):
    def embodiment(*dims):
        return dataclasses.replace(EMBODIMENT, state=(dataclasses.replace(EMBODIMENT.state[0], dims=dims),))

    one, other, none = (record_as(tmp_path / f"set-{dims}", embodiment(*dims)) for dims in ("xyz", "zxy", ""))
    fit(tiny_run, one, tmp_path / "first")
    assert read_config(tmp_path / "first")[0].embodiments[0].state[0].dims == ("x", "y", "z")
    with pytest.raises(MismatchError, match=rf"dim 0 of state is 'x'.*another order; .*reorder DIR --like {one} "):
        fit(tiny_run, other, tmp_path / "second", start_from=tmp_path / "first")
    fit(tiny_run, none, tmp_path / "third", start_from=tmp_path / "first")  # an embodiment without names of dims


def test_truncated_instructions_are_reported(tiny_run, record_as, tmp_path, monkeypatch):
    complete = fit(tiny_run, record_as(tmp_path / "set"), tmp_path / "run")["warnings"]
    monkeypatch.setattr(tokenizer, "MAX_LENGTH", 1)
    shortened = fit(tiny_run, tmp_path / "set", tmp_path / "short")["warnings"]
    assert shortened == [*complete, "2 of 2 instructions are too long: only their first 1 tokens are read"]


def another_head(run):
    return dataclasses.replace(run.model.head, repeats=3)


def test_resuming_needs_the_same_start(tiny_run, dataset_path, tmp_path):
    fit(tiny_run, dataset_path, tmp_path / "first")
    fit(tiny_run, dataset_path, tmp_path / "second", start_from=tmp_path / "first")
    with pytest.raises(PraxiaError, match="start_from"):
        fit(tiny_run, dataset_path, tmp_path / "second", resume=True)


def test_another_order_of_cameras_is_refused(tiny_run, tmp_path):
    """Same sizes, same names: weights of one camera would see the images of the other."""
    config, (front, wrist) = make_config(), ("image.front", "image.wrist")
    window = Window({front: (0,), wrist: (0,), "state": (0,)}, horizon=4)
    turned = Window({wrist: (0,), front: (0,), "state": (0,)}, horizon=4)
    config = dataclasses.replace(config, model=tiny_run.model, window=window)
    save_policy(tmp_path / "policy", config, make_policy().model.state_dict())
    read_initial_checkpoint(tmp_path, dataclasses.replace(tiny_run, window=window), config.embodiments)
    with pytest.raises(MismatchError, match="its window differ"):
        read_initial_checkpoint(tmp_path, dataclasses.replace(tiny_run, window=turned), config.embodiments)


DECODER = PrefixTransformer(width=16, depth=1, num_heads=2)


@pytest.mark.parametrize(
    ("head", "fresh"),
    [
        (
            Flow(ResidualMLP(width=16, depth=1)),
            {"denoiser.action_in.weight", "denoiser.out.weight", "denoiser.out.bias"},
        ),
        (ParallelBins(decoder=DECODER), {"out.weight", "out.bias"}),
        (Autoregressive("bins", DECODER), {"position.weight"}),
    ],
)
def test_where_codes_are_as_many_as_actions_no_layer_of_their_size_stays(tiny_run, tmp_path, head, fresh):
    """Equal sizes do not make a code an action."""
    codes, chunks = np.random.default_rng(0).uniform(-1, 1, (2, 64, 4, 2)).astype(np.float32)
    config = make_config()
    run = dataclasses.replace(tiny_run, model=dataclasses.replace(config.model, head=head), window=config.window)
    action = (Field("latent", 2, "discrete", CODE, low=0.0, high=7.0),)
    coded = dataclasses.replace(EMBODIMENT, name="toy-codes", action=action)
    config = dataclasses.replace(config, model=run.model.fit(lambda: codes), embodiments=(coded,))
    saved = {name: value + 0.1 for name, value in config.model.build(config.shapes).state_dict().items()}
    save_policy(tmp_path / "policy", config, saved)

    def begun_fresh(embodiment):
        initial = read_initial_checkpoint(tmp_path, run, (embodiment,), refit=True)
        initial = initial.refitted(run, config.transforms.embodiments, lambda transforms: chunks)
        begun = initial.weights_for(initial.model.build(config.shapes), config.shapes)
        return {name for name, value in begun.items() if not torch.equal(value, saved[name])}

    assert begun_fresh(EMBODIMENT) == {f"head.{name}" for name in fresh}
    assert begun_fresh(coded) == set()
