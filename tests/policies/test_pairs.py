"""Every encoder with every head: pairs that fit can be trained, saved and loaded; others are refused in one line."""

import dataclasses

import pytest
import torch
from praxia_testing import make_batch, make_config
from public_models import small_config, small_vision

from praxia.checkpoint.store import load_policy, read_config, save_policy
from praxia.core.config import fit_config
from praxia.core.errors import MismatchError
from praxia.heads.denoisers.action_expert import ActionExpert
from praxia.policies.encoder_head import EncoderHead
from praxia.policies.pairs import PAIRED_ENCODERS, PAIRED_HEADS, find_pairs

PI0_HEADS = {"num_hidden_layers": 18, "num_attention_heads": 8, "head_dim": 256}
SMALL_ENCODERS = {
    "film-cnn": {"channels": (8, 8, 8, 8), "width": 32},
    "resnet": {"channels": (8, 16), "width": 32},
    "resnet-grid": {"channels": (8, 16)},
    "resnet-grid (detr)": {"channels": (8, 16), "detr_width": 16},
    "rt1": {"channels": (8, 8, 8, 16), "num_tokens": 4},
    "vit": {"width": 16, "depth": 1, "num_heads": 2},
    "octo": {"width": 16, "depth": 1, "num_heads": 2},
    "vision-language": {"width": 16, "mlp_width": 32, "vision_depth": 1},
    "backbone": {"fitted": small_vision(), "width": 32},
    "backbone-grid": {"fitted": small_vision()},
    "public-vlm": {"fitted": small_config("paligemma", **PI0_HEADS)},
    "state-only": {"width": 32},
}
SMALL_HEADS = {"flow (action-expert of pi0)": {"denoiser": ActionExpert(16, 32, 18, 8, 1, 256)}}
MISSING = find_pairs().missing


def some_of(pairs):
    """As few of the pairs as have every encoder and every head, each beside the one that has the fewest."""
    chosen = []
    for at in (1, 0):
        for part in dict.fromkeys(pair[at] for pair in pairs):
            if part not in {pair[at] for pair in chosen}:
                others = [pair[1 - at] for pair in chosen]
                chosen.append(
                    min((pair for pair in pairs if pair[at] == part), key=lambda one: others.count(one[1 - at]))
                )
    return chosen


FITTING = [pair for pair in MISSING if not MISSING[pair]]
SLOW = set(FITTING) - set(some_of(FITTING))


def make_prompted_batch(encoder):
    """Five rows; the prompt of a public model also has placeholders of its two images, of four tokens each."""
    batch = make_batch()
    if encoder != "public-vlm":
        return batch
    ids = torch.cat([torch.full((5, 8), small_config("paligemma")["image_token_index"]), batch.text], dim=1)
    return dataclasses.replace(batch, text=ids, text_valid=torch.cat([ids[:, :8] > 0, batch.text_valid], dim=1))


def fit_head(head):
    return fit_config(head, lambda: make_batch(num=200).action.clamp(-2, 2).numpy())


@pytest.mark.parametrize(
    ("encoder", "head"), [pytest.param(*pair, marks=[pytest.mark.slow] if pair in SLOW else []) for pair in MISSING]
)
def test_a_pair_works_or_is_refused_in_one_line(encoder, head, tmp_path):
    torch.manual_seed(0)
    config, batch = make_config(), make_prompted_batch(encoder)
    small = dataclasses.replace(PAIRED_ENCODERS[encoder], **SMALL_ENCODERS[encoder])
    fitted = fit_head(dataclasses.replace(PAIRED_HEADS[head], **SMALL_HEADS.get(head, {})))
    model = EncoderHead(small, fitted)
    if MISSING[encoder, head]:
        with pytest.raises(
            MismatchError,
            match=r"needs \['(key/value cache of|language_model|positions).*\](, but encoder .* gives| of its width)",
        ) as refusal:
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


def test_only_matching_language_models_and_positions_are_ever_missing():
    fits = {
        "act (detr)": "resnet-grid (detr)",
        "action-expert of pi0": "public-vlm",
        "vlm-tokens": "public-vlm",
        "action-expert": "vision-language",
    }
    for encoder, head in MISSING:
        needed = next((given for part, given in fits.items() if part in head), encoder)
        assert bool(MISSING[encoder, head]) == (encoder != needed)
