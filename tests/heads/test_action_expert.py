import dataclasses

import pytest
import torch
from praxia_testing import make_batch, make_shapes

from praxia.encoders.vision_language import VisionLanguage
from praxia.heads.denoisers.action_expert import ActionExpert
from praxia.heads.flow import Flow
from praxia.policies.encoder_head import EncoderHead

SHAPE = {"depth": 2, "num_heads": 2, "num_kv_heads": 1, "head_width": 16}
ENCODER = VisionLanguage(width=32, mlp_width=64, vision_depth=1, **SHAPE)


def built(ada_norm=False):
    torch.manual_seed(0)
    expert = ActionExpert(width=32, mlp_width=64, ada_norm=ada_norm, **SHAPE)
    return EncoderHead(ENCODER, Flow(expert, repeats=8)).build(make_shapes())


@pytest.mark.parametrize("ada_norm", [False, True])
def test_it_overfits_ten_samples_through_the_cache(ada_norm):
    model, batch = built(ada_norm), make_batch(num=10)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.0)
    generator = torch.Generator().manual_seed(0)
    for _ in range(250):
        loss, _ = model.loss(batch, generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.inference_mode():
        sample = model.sample(batch, torch.randn(10, 4, 2, generator=generator))
    assert (sample - batch.action).abs().median() < 0.2


def test_padded_text_tokens_are_not_attended_to():
    model, batch = built(), make_batch()
    torch.nn.init.normal_(model.head.denoiser.out.weight)
    changed = dataclasses.replace(batch, text=batch.text.masked_fill(~batch.text_valid, 7))
    noise = torch.randn(5, 4, 2)
    one, two = (model.sample(seen, noise) for seen in (batch, changed))
    torch.testing.assert_close(one, two)
    other = model.sample(make_batch(text_seed=1), noise)
    assert not torch.allclose(one, other)
