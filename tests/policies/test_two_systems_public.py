"""A public vision-language model as the slow one of two systems: frozen, or with adapters that are merged."""

import numpy as np
import pytest
import torch
from public_models import MODELS, save_model

from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.intent import IntentText
from praxia.encoders.public.model import PublicVLM
from praxia.heads.regression import Regression
from praxia.nn.types import Batch, Shapes
from praxia.policies.encoder_head import EncoderHead
from praxia.policies.two_systems import Dual

CAMERAS = ("front", "wrist")
SHAPES = Shapes(CAMERAS, num_images=6, num_states=4, embodiment_dims=((3, 2),), horizon=4, vocab_size=1)
FAST = EncoderHead(
    FilmCNN(text=IntentText(width=16, num_tokens=2, token_width=16), channels=(8, 8, 8, 8), width=16),
    Regression(width=16),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_model("paligemma", tmp_path_factory.mktemp("paligemma"))


def make_batch(model):
    """Two rows with the past that ages are drawn from; the prompt has placeholders of one image of each camera."""
    tokenizer = model.prompt_tokenizer(SHAPES.num_images)
    text, valid = tokenizer.encode(("push the block", "to the left"), np.zeros((2, 3), np.float32))
    pixels = torch.Generator().manual_seed(0)
    images = {name: torch.randint(0, 256, (2, 3, 3, 28, 28), dtype=torch.uint8, generator=pixels) for name in CAMERAS}
    return Batch(
        images=images,
        image_valid={name: torch.ones(2, 3, dtype=torch.bool) for name in CAMERAS},
        state=torch.randn(2, 4, 3, generator=pixels),
        state_valid=torch.ones(2, 4, dtype=torch.bool),
        text=torch.from_numpy(text),
        text_valid=torch.from_numpy(valid),
        embodiment=torch.zeros(2, dtype=torch.int64),
        action=torch.randn(2, 4, 2, generator=pixels),
        action_valid=torch.ones(2, 4, dtype=torch.bool),
    )


@pytest.mark.parametrize("trained", ["nothing", "adapters"])
def test_a_public_model_thinks_and_the_rest_learns(folder, trained):
    slow = PublicVLM(MODELS["paligemma"], str(folder), trained=trained, lora_rank=2)
    model = Dual(fast=FAST, slow=slow, every=2, late=1).fit(lambda: np.zeros((1, 4, 2), np.float32))
    network, batch = model.build(SHAPES), make_batch(model)
    names = set(network.state_dict())
    network.begin(None)
    public = [one for one in network.backbone_parameters() if not one.requires_grad]
    assert public
    network.loss(batch, torch.Generator().manual_seed(0))[0].backward()
    assert all(one.grad is None for one in public)
    learns = [one.grad is not None for one in network.parameters() if one.requires_grad]
    assert sum(learns) > 0.8 * len(learns)
    assert network.slow is not None
    assert network.slow.pooling.queries.grad is not None
    network.eval()
    before = network.sample(batch, torch.zeros(2, 0))
    assert set(network.finish(network.state_dict())) == names
    torch.testing.assert_close(network.sample(batch, torch.zeros(2, 0)), before, atol=1e-5, rtol=1e-5)
