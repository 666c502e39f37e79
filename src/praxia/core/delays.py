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
# Many times the chunks and most of the episodes there are; so many committed actions are held in memory.
_MAX_DELAY = 10_000


@dataclass(frozen=True)
class DelayTrace:
    """The delays of consecutive decisions, in control steps at `control_hz`, from observation to first usable action.

    Raises:
        PraxiaError: no delay, one below 0 or beyond 10,000, or no rate.
    """

    delays: tuple[int, ...]
    control_hz: float

    def __post_init__(self) -> None:
        lowest, highest = min(self.delays, default=0), max(self.delays, default=0)
        if not self.delays or lowest < 0 or highest > _MAX_DELAY or not self.control_hz > 0:
            raise PraxiaError(
                f"expected a trace of one or more delays of 0 to {_MAX_DELAY} control steps at a rate above 0 Hz, got"
                f" {len(self.delays)} delays from {lowest} to {highest} at {self.control_hz:g} Hz"
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
        except (PraxiaError, OverflowError) as error:
            raise DataError(f"{path} is no trace of delays: {error}") from error


def _is_trace(value: Any) -> bool:
    if not isinstance(value, Mapping) or value.get("schema") != _SCHEMA:
        return False
    delays, rate = value.get("delays"), value.get("control_hz")
    return isinstance(delays, list) and all(type(one) is int for one in delays) and type(rate) in (int, float)
