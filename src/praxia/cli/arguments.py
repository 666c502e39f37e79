"""Parses the arguments of a verb. An option may occur once; a list option may occur several times."""

import shlex
from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from inspect import getdoc
from itertools import pairwise
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import tyro
from tyro.constructors import (
    ConstructorRegistry,
    PrimitiveConstructorSpec,
    PrimitiveTypeInfo,
    StructConstructorSpec,
    StructFieldSpec,
    StructTypeInfo,
)

from praxia.core.errors import PraxiaError
from praxia.core.window import Window

__all__ = ["command_line", "names_of", "option_as_positional", "parse"]


def parse(
    kind: Any, arguments: Sequence[str], prog: str, description: str | None = None, *, example: str | None = None
) -> Any:
    """The options that the dataclass `kind` declares. The values of all occurrences of a list option are joined.

    --help shows the `description` (by default the docstring of `kind`), and below it the `example`, a command line.

    Raises:
        PraxiaError: an option with a single value occurs twice, where tyro would use the last value only.
        SystemExit: for --help, or an argument that `kind` does not accept.
    """
    if example is not None:
        description = f"{description or getdoc(kind)}\n\nExample: {example}"
    with _METAVARS:
        # A part that may be absent, such as the slow one of two systems, has its options and is no subcommand.
        return tyro.cli(
            kind,
            args=_join_lists(arguments, _list_options(kind)),
            prog=prog,
            description=description,
            config=(tyro.conf.AvoidSubcommands,),
        )


# What help shows for a value, where the option names nothing better. tyro would show {None}|INT for an optional number.
_METAVARS = ConstructorRegistry()


@_METAVARS.primitive_rule
def _plain_value(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """How a number, text or path is read, or one of them that may be None."""
    types = get_args(info.type) if get_origin(info.type) in (Union, UnionType) else (info.type,)
    kind = next((one for one in types if one is not NoneType), None)
    metavar = {int: "N", float: "X", str: "TEXT", Path: "PATH"}.get(kind) if isinstance(kind, type) else None
    if kind is None or metavar is None or set(types) - {kind, NoneType}:
        return None
    optional = NoneType in types
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=metavar,
        instance_from_str=lambda given: None if optional and given[0] == "None" else kind(given[0]),
        is_instance=lambda value: isinstance(value, kind) or (optional and value is None),
        str_from_instance=lambda value: [str(value)],
    )


@_METAVARS.struct_rule
def _window_of_a_policy(info: StructTypeInfo) -> StructConstructorSpec | None:
    """The options of a window: without what only models of the world have."""
    if info.type is not Window or not isinstance(info.default, Window):
        return None
    window = info.default
    options = (
        StructFieldSpec("horizon", int, window.horizon, helptext="Actions per chunk, in steps of the control rate."),
        StructFieldSpec("observation_steps", dict[str, tuple[int, ...]], window.observation_steps),
    )
    return StructConstructorSpec(lambda **given: replace(window, **given), options)


def _join_lists(arguments: Sequence[str], list_options: frozenset[str]) -> list[str]:
    """The arguments with the values of a repeated list option moved to its first occurrence."""
    before, options = _split(arguments)
    found: dict[str, list[list[str]]] = {}
    for tokens in options:
        found.setdefault(_name(tokens[0]), []).append(tokens)
    joined = list(before)
    for name, occurrences in found.items():
        first, *others = occurrences
        if others and name not in list_options:
            got = " and ".join(map(" ".join, occurrences))
            raise PraxiaError(f"expected {name} once, got {got}; give it once, with commas between several values")
        joined += first if not others else [name, *(value for tokens in occurrences for value in _values(tokens))]
    return joined


def _split(arguments: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """The arguments before the first option, and each option with the arguments that follow it."""
    begins = [at for at, argument in enumerate(arguments) if argument.startswith("--")]
    if "--" in arguments:  # no option follows
        begins = begins[: begins.index(arguments.index("--")) + 1]
    ends = [*begins, len(arguments)]
    return list(arguments[: ends[0]]), [list(arguments[at:end]) for at, end in pairwise(ends)]


def _name(option: str) -> str:
    """The canonical name of an option, without its value and without `no-`."""
    name = option.partition("=")[0].replace("_", "-")
    return f"--{name.removeprefix('--no-')}" if name.startswith("--no-") else name


def _values(tokens: Sequence[str]) -> list[str]:
    """The values of one occurrence of an option."""
    _, equals, value = tokens[0].partition("=")
    return [value, *tokens[1:]] if equals else list(tokens[1:])


def _list_options(kind: Any) -> frozenset[str]:
    """The options that take any number of values."""
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)  # without annotations such as metavars
        return frozenset(
            f"--{one.name.replace('_', '-')}" for one in fields(kind) if get_origin(hints[one.name]) is tuple
        )
    return frozenset[str]().union(*map(_list_options, get_args(kind)))


def names_of(text: str) -> list[str]:
    """The names in a text with commas between them."""
    return [name for name in map(str.strip, text.split(",")) if name]


def command_line(verb: str, arguments: list[str]) -> str:
    """The command line, quoted for a shell."""
    return shlex.join(["praxia", verb, *(item for item in arguments if item != "--json")])


def option_as_positional(arguments: Sequence[str], option: str) -> list[str]:
    """The arguments with the value of `option` first, where it is given in place of the positional argument."""
    before, options = _split(arguments)
    for tokens in options:
        if _name(tokens[0]) == option and (values := _values(tokens)):
            others = [token for other in options if other is not tokens for token in other]
            return [values[0], *before, *values[1:], *others]
    return list(arguments)
