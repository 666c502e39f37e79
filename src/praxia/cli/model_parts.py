"""The parts of a model that are chosen by name on the command line: encoder, head, and what they contain."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, make_dataclass, replace
from typing import Annotated, Any, TypeVar, get_type_hints

import tyro

from praxia.core.config import Config
from praxia.core.errors import PraxiaError, UnknownName
from praxia.core.registry import lookup, names
from praxia.encoders import ENCODERS
from praxia.encoders.text import TextEncoderConfig
from praxia.heads import HEADS
from praxia.heads.decoders import DecoderConfig
from praxia.heads.denoisers import DENOISERS
from praxia.heads.denoisers.denoiser import DenoiserConfig
from praxia.nn.types import EncoderConfig, HeadConfig

__all__ = ["choose_parts", "with_part_options"]

C = TypeVar("C", bound=Config)

LISTING = "praxia recipes --pairs"


@dataclass(frozen=True)
class _Kind:
    """A kind of part: its word in messages, and where parts of it are registered."""

    word: str
    group: str
    registry: Mapping[str, str]


_KINDS: dict[type, _Kind] = {
    EncoderConfig: _Kind("encoder", "encoders", ENCODERS),
    TextEncoderConfig: _Kind("text encoder", "encoders", ENCODERS),
    HeadConfig: _Kind("head", "heads", HEADS),
    DecoderConfig: _Kind("decoder", "heads", HEADS),
    DenoiserConfig: _Kind("denoiser", "denoisers", DENOISERS),
}


def choose_parts(model: C, arguments: Sequence[str]) -> C:
    """The model with the parts that options such as `--model.head NAME` and `--model.head.denoiser NAME` name.

    A part that is chosen has the sizes that it has by default, those of the small recipes; what the part before it
    contained stays where both may contain it, such as the text encoder.

    Raises:
        UnknownName: no part of that kind has the name. PraxiaError: an option has no value.
    """
    return _choose(model, "model", dict(_values(arguments)))


def with_part_options(kind: type, model: Config) -> type:
    """The dataclass of options `kind` with one more option for each part of `model`, which help then lists."""
    options = []
    for number, (path, part, part_kind) in enumerate(_parts_within(model, "model")):
        help_text = f"Another {part_kind.word}, at its default sizes; `{LISTING}` lists them and what fits."
        annotation = Annotated[str, tyro.conf.arg(name=path, metavar="NAME", help=help_text)]
        options.append((f"part_{number}", annotation, part.tag))
    extended = make_dataclass(kind.__name__, options, bases=(kind,), frozen=True, kw_only=True)
    extended.__doc__ = kind.__doc__
    return extended


def _choose(config: C, path: str, given: Mapping[str, str]) -> C:
    for name, declared in _parts(config):
        part: Any = getattr(config, name)
        option = f"--{path}.{name}"
        wanted = given.get(option, part.tag)
        if not wanted or wanted.startswith("--"):
            raise PraxiaError(f"expected {option} NAME, got no name; `{LISTING}` lists them")
        if wanted != part.tag:
            part = _keeping(_find(declared, wanted)(), part)
        config = replace(config, **{name: _choose(part, f"{path}.{name}", given)})
    return config


def _keeping(new: Config, old: Config) -> Config:
    """`new` with those of `old`'s parts that both have."""
    ours, theirs = dict(_parts(new)), dict(_parts(old))
    return replace(new, **{name: getattr(old, name) for name, kind in ours.items() if theirs.get(name) is kind})


def _find(declared: type, name: str) -> type[Config]:
    kind = _KINDS[declared]

    def load(name: str) -> Any:
        return lookup(kind.group, kind.registry, name, kind=kind.word, listing=LISTING)

    known = names(kind.group, kind.registry)
    if name in known and issubclass(found := load(name), declared):
        return found
    raise UnknownName(kind.word, name, [one for one in known if issubclass(load(one), declared)], LISTING)


def _parts(config: Config) -> Iterator[tuple[str, type]]:
    """(field, kind) of the parts that a config contains."""
    types = get_type_hints(type(config))
    return ((one.name, types[one.name]) for one in fields(config) if types[one.name] in _KINDS)


def _parts_within(config: Config, path: str) -> Iterator[tuple[str, Config, _Kind]]:
    for name, declared in _parts(config):
        part, below = getattr(config, name), f"{path}.{name}"
        yield below, part, _KINDS[declared]
        yield from _parts_within(part, below)


def _values(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(option, value) of the options that have one."""
    for argument, after in zip(arguments, [*arguments[1:], ""], strict=True):
        option, equals, value = argument.partition("=")
        if option.startswith("--"):
            yield option.replace("_", "-"), value if equals else after
