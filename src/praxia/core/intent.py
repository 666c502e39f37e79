"""What the slow one of two systems hands to the fast one, and how often it does."""

from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Float32

from praxia.core.errors import PraxiaError

__all__ = ["Intent", "Thinking"]


@dataclass(frozen=True)
class Intent:
    """What a thinker made of the observation at control step `step` of its episode: latent tokens, or a text.

    `latent` is [N tokens, D features], in no unit that anybody else knows. `text` is an instruction for the fast part.

    Raises:
        PraxiaError: neither of the two, or both.
    """

    step: int
    latent: Float32[np.ndarray, "N D"] | None = None
    text: str | None = None

    def __post_init__(self) -> None:
        if (self.latent is None) == (self.text is None):
            raise PraxiaError(
                f"expected an intent of latent tokens or of a text, got {'neither' if self.text is None else 'both'}"
            )

    def age(self, step: int) -> int:
        """How many control steps old the observation behind it is at `step`."""
        return step - self.step


@dataclass(frozen=True)
class Thinking:
    """A thinker observes `every` so many control steps, and its intent arrives `late` control steps later.

    It thinks about one observation at a time. So the newest intent is `late` to `late` + `every` - 1 steps old, but for
    an episode's first one, which the robot waits for: it is of age 0 at step 0, and stays until the next one arrives.

    Raises:
        PraxiaError: less than one step between observations, or an intent that arrives after the next observation.
    """

    every: int
    late: int = 0

    def __post_init__(self) -> None:
        if self.every < 1 or not 0 <= self.late <= self.every:
            raise PraxiaError(
                "expected a thinker that observes every 1 or more control steps, and whose intent is late by at most as"
                f" many, since it thinks of one observation at a time, got every {self.every} and late by {self.late}"
            )

    @property
    def oldest(self) -> int:
        """The age of the newest intent just before the next one arrives."""
        return self.late + self.every - 1

    def to_json(self) -> dict[str, int]:
        return asdict(self)
