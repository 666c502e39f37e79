"""`--model.encoder NAME`, `--model.head NAME`, and the parts within them."""

from dataclasses import dataclass, replace

import pytest

from praxia.cli.arguments import parse
from praxia.cli.model_parts import choose_parts, with_part_options
from praxia.core.errors import PraxiaError, UnknownName
from praxia.encoders.backbone import BackboneGrid
from praxia.encoders.state_only import StateOnly
from praxia.encoders.text import NoText, TransformerText
from praxia.heads.decoders import PrefixTransformer, VLMTokens
from praxia.heads.denoisers.dit import DiT
from praxia.heads.diffusion import Diffusion
from praxia.heads.flow import Flow
from praxia.heads.parallel import OFT
from praxia.recipes.known import act, diffusion_policy_unet
from praxia.recipes.pusht import flow_pusht


def chosen(model, words):
    return choose_parts(model, words.split())


def test_a_part_is_replaced_and_the_text_encoder_stays():
    model = act().model
    found = chosen(model, "--data SET --model.encoder backbone-grid --model.encoder.weights DIR")
    assert found == replace(model, encoder=BackboneGrid(text=TransformerText()))
    assert chosen(model, "--model.head=flow") == replace(model, head=Flow())
    assert chosen(model, "--out RUN --model.head.width 64") == model


def test_parts_within_parts_are_chosen_too():
    model = act().model
    found = chosen(model, "--model.head flow --model.head.denoiser dit --model.encoder.text no-text")
    assert found.head == Flow(DiT())
    assert found.encoder == replace(model.encoder, text=NoText())
    assert chosen(model, "--model.head oft --model.head.decoder vlm-tokens").head == OFT(VLMTokens())
    assert chosen(model, "--model.head oft").head == OFT(PrefixTransformer())


def test_what_both_contain_stays():
    """A recipe without instructions stays without them, and its denoiser goes over to another head."""
    model = flow_pusht().model
    assert isinstance(model.encoder, StateOnly)
    assert chosen(model, "--model.encoder film-cnn").encoder.text == NoText()
    assert chosen(model, "--model.head diffusion").head == Diffusion(model.head.denoiser)


def test_naming_what_a_recipe_has_keeps_its_sizes():
    model = diffusion_policy_unet().model
    assert chosen(model, "--model.head diffusion --model.head.denoiser unet --model.encoder resnet") == model


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ("--model.encoder backbones", UnknownName, "unknown encoder 'backbones'; nearest: backbone"),
        ("--model.encoder pooled-text", UnknownName, "unknown encoder 'pooled-text'.*praxia recipes --pairs"),
        ("--model.head flow --model.head.denoiser dits", UnknownName, "unknown denoiser 'dits'; nearest: dit"),
        ("--model.head", PraxiaError, "expected --model.head NAME, got no name"),
        ("--model.encoder --out RUN", PraxiaError, "expected --model.encoder NAME, got no name"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(words, error, message):
    with pytest.raises(error, match=message) as refusal:
        chosen(act().model, words)
    assert "\n" not in str(refusal.value)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Some options."""

    out: str = "RUN"
    """The folder."""


def test_help_lists_the_parts_that_can_be_chosen(capsys):
    kind = with_part_options(Options, diffusion_policy_unet().model)
    with pytest.raises(SystemExit):
        parse(kind, ["--help"], "praxia train")
    text = capsys.readouterr().out
    for option in ("--model.encoder NAME", "--model.encoder.text NAME", "--model.head.denoiser NAME"):
        assert option in text
    assert parse(kind, ["--model.head", "flow", "--out", "X"], "praxia train").out == "X"
