"""Traces of delays: how many control steps decisions took, measured once and drawn from ever after."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from praxia.core.errors import DataError, PraxiaError
from praxia.core.files import write_atomic
from praxia.core.keys import content_key, generator

__all__ = ["DelayTrace"]

_SCHEMA = "praxia.delays.v1"


@dataclass(frozen=True)
class DelayTrace:
    """The delays of consecutive decisions, in control steps at `control_hz`, from observation to first usable action.

    Raises:
        PraxiaError: no delay, one below 0, or no rate.
    """

    delays: tuple[int, ...]
    control_hz: float

    def __post_init__(self) -> None:
        if not self.delays or min(self.delays) < 0 or not self.control_hz > 0:
            raise PraxiaError(
                "expected a trace of one or more delays of 0 control steps or more at a rate above 0 Hz, got"
                f" {len(self.delays)} delays from {min(self.delays, default=0)} at {self.control_hz:g} Hz"
            )

    @cached_property
    def key(self) -> str:
        """The hash of its content."""
        return content_key(self.to_json())

    def draw(self, episode: str, step: int) -> int:
        """The delay of the decision at `step` of the episode with that key: a pure function of both and of the trace.

        Each is drawn by itself, so that runs of long delays, which a real machine has, are not kept.
        """
        return self.delays[int(generator("delay", episode, step).integers(len(self.delays)))]

    def to_json(self) -> dict[str, Any]:
        return {"schema": _SCHEMA, "control_hz": self.control_hz, "delays": list(self.delays)}

    def save(self, path: Path) -> None:
        """Write the file that `load` reads."""
        write_atomic(path, json.dumps(self.to_json()) + "\n")

    @classmethod
    def load(cls, path: Path) -> "DelayTrace":
        """The trace of a file.

        Raises:
            DataError: it does not exist, or holds something else.
        """
        try:
            value = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise DataError(f"{path} cannot be read ({type(error).__name__}): expected a trace of delays") from error
        if not _is_trace(value):
            example = '{"schema": "praxia.delays.v1", "control_hz": 20.0, "delays": [2, 3, 2]}'
            raise DataError(f"{path} is no trace of delays: expected a JSON object such as {example}")
        try:
            return cls(tuple(value["delays"]), float(value["control_hz"]))
        except PraxiaError as error:
            raise DataError(f"{path}: {error}") from error


def _is_trace(value: Any) -> bool:
    if not isinstance(value, Mapping) or value.get("schema") != _SCHEMA:
        return False
    delays, rate = value.get("delays"), value.get("control_hz")
    return isinstance(delays, list) and all(type(one) is int for one in delays) and type(rate) in (int, float)
