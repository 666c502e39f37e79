"""`--model.encoder NAME` and `--model.head NAME`."""

import pytest

from praxia.cli.model_parts import choose_parts
from praxia.core.errors import PraxiaError, UnknownName
from praxia.encoders.backbone import BackboneGrid
from praxia.encoders.text import TransformerText
from praxia.heads.flow import Flow
from praxia.recipes.known import act


def test_a_part_is_replaced_and_the_text_encoder_stays():
    run, rest = choose_parts(
        act(), ["--data", "SET", "--model.encoder", "backbone-grid", "--model.encoder.weights", "DIR"]
    )
    assert run.model.encoder == BackboneGrid(text=TransformerText())
    assert run.model.head == act().model.head
    assert rest == ["--data", "SET", "--model.encoder.weights", "DIR"]
    run, rest = choose_parts(act(), ["--model.head=flow"])
    assert (run.model.encoder, run.model.head, rest) == (act().model.encoder, Flow(), [])
    assert choose_parts(act(), ["--out", "RUN"]) == (act(), ["--out", "RUN"])


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ("--model.encoder backbones", UnknownName, "unknown encoder 'backbones'; nearest: backbone"),
        ("--model.encoder pooled-text", UnknownName, "unknown encoder 'pooled-text'"),
        ("--model.head", PraxiaError, "expected --model.head NAME, got no name"),
        ("--model.encoder --out RUN", PraxiaError, "expected --model.encoder NAME, got no name"),
        ("--model.encoder vit --model.encoder octo", PraxiaError, "--model.encoder once, got vit and octo"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(words, error, message):
    with pytest.raises(error, match=message) as refusal:
        choose_parts(act(), words.split())
    assert "\n" not in str(refusal.value)
