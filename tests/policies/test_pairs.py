"""Every encoder with every head: those that fit train, are saved and come back; the others are refused in one line."""

import dataclasses

import pytest
import torch
from praxia_testing import make_batch, make_config

from praxia.checkpoint.store import load_policy, read_config, save_policy
from praxia.core.errors import MismatchError
from praxia.policies.composed import Composed
from praxia.policies.pairs import PAIRED_ENCODERS, PAIRED_HEADS, missing

SMALL_ENCODERS = {
    "film-cnn": {"channels": (8, 8, 8, 8), "width": 32},
    "resnet": {"channels": (8, 16), "width": 32},
    "resnet-grid": {"channels": (8, 16)},
    "rt1": {"channels": (8, 8, 8, 16), "num_tokens": 4},
    "vit": {"width": 16, "depth": 1, "num_heads": 2},
    "octo": {"width": 16, "depth": 1, "num_heads": 2},
    "vision-language": {"width": 16, "mlp_width": 32, "vision_depth": 1},
    "state-only": {"width": 32},
}
LACKING = missing()


@pytest.mark.parametrize(("encoder", "head"), LACKING)
def test_a_pair_works_or_is_refused_in_one_line(encoder, head, tmp_path):
    torch.manual_seed(0)
    config, batch = make_config(), make_batch()
    small = dataclasses.replace(PAIRED_ENCODERS[encoder], **SMALL_ENCODERS[encoder])
    model = Composed(small, PAIRED_HEADS[head]).fit(lambda: make_batch(num=200).action.clamp(-2, 2).numpy())
    if LACKING[encoder, head]:
        with pytest.raises(MismatchError, match=r"needs \['stream of 4 layers .*\], but encoder .* gives") as refusal:
            model.build(config.shapes)
        assert "\n" not in str(refusal.value)
        return
    built = model.build(config.shapes)
    before = {name: value.clone() for name, value in built.state_dict().items()}
    optimizer = torch.optim.AdamW(built.parameters(), lr=1e-3)
    for step in range(2):
        loss, _ = built.loss(batch, torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert loss.isfinite()
    assert any(not torch.equal(value, before[name]) for name, value in built.state_dict().items())
    config = dataclasses.replace(config, model=model)
    save_policy(tmp_path / "policy", config, built.state_dict())
    again, _ = load_policy(tmp_path)
    assert read_config(tmp_path)[0] == config
    noise = torch.randn(5, *built.head.noise_shape)
    with torch.inference_mode():
        assert torch.equal(built.eval().sample(batch, noise), again.model.sample(batch, noise))


def test_only_a_stream_is_ever_missing():
    lacking = {pair for pair, lack in LACKING.items() if lack}
    assert lacking == {
        (encoder, head) for encoder, head in LACKING if "expert" in head and encoder != "vision-language"
    }
