"""`--model.encoder NAME` and `--model.head NAME` of `praxia train`: another encoder or head than the recipe's."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from praxia.core.errors import PraxiaError, UnknownName
from praxia.core.registry import lookup, names

if TYPE_CHECKING:
    from praxia.training.config import TrainRun

__all__ = ["choose_parts"]

LISTING = "praxia recipes --pairs"


def choose_parts(run: "TrainRun", arguments: Sequence[str]) -> tuple["TrainRun", list[str]]:
    """The recipe with the encoder and head that `arguments` name, and the other arguments.

    A part has its defaults, except that a new encoder keeps the recipe's text encoder.

    Raises:
        UnknownName: no such part. PraxiaError: an option occurs twice or has no value.
    """
    from praxia.encoders import ENCODERS
    from praxia.heads import HEADS
    from praxia.nn.types import EncoderConfig, HeadConfig

    encoder, arguments = _take("--model.encoder", arguments)
    head, arguments = _take("--model.head", arguments)
    model = run.model
    if encoder is not None:
        chosen = _find(encoder, "encoders", ENCODERS, EncoderConfig)
        model = replace(model, encoder=_with_text_of(chosen, model.encoder))
    if head is not None:
        model = replace(model, head=_find(head, "heads", HEADS, HeadConfig))
    return replace(run, model=model), arguments


def _take(option: str, arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """The value of `option`, None where it is not given, and the arguments without it."""
    found, rest = [], []
    remaining = iter(arguments)
    for argument in remaining:
        name, equals, value = argument.partition("=")
        if name != option:
            rest.append(argument)
            continue
        value = value if equals else next(remaining, "")
        if not value or value.startswith("--"):
            raise PraxiaError(f"expected {option} NAME, got no name; `{LISTING}` lists them")
        found.append(value)
    if len(found) > 1:
        raise PraxiaError(f"expected {option} once, got {' and '.join(found)}")
    return (found or [None])[0], rest


def _find(name: str, group: str, table: dict[str, str], kind: type) -> Any:
    """The default config of the part `name`."""
    found = lookup(group, table, name, kind=group[:-1], listing=LISTING)
    if not issubclass(found, kind):
        # The registry of encoders has those of texts too.
        known = [one for one in names(group, table) if issubclass(lookup(group, table, one, kind="", listing=""), kind)]
        raise UnknownName(group[:-1], name, known, LISTING)
    return found()


def _with_text_of(encoder: Any, other: Any) -> Any:
    both = all("text" in {one.name for one in fields(config)} for config in (encoder, other))
    return replace(encoder, text=other.text) if both else encoder
