"""What every wire carries, whatever its bytes: requests, replies, and what a server says of a policy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32

from praxia.core.embodiment import Embodiment
from praxia.core.errors import PraxiaError
from praxia.core.window import Window

__all__ = ["PROTOCOL", "InferenceReply", "InferenceRequest", "PolicyDescription"]

# Raised when a message changes its meaning; a client and a server of two numbers refuse each other.
PROTOCOL = 1


@dataclass(frozen=True)
class InferenceRequest:
    """One question of a client: what to do, given an observation.

    `observation` is a mapping as `rollout.session.Session` takes it: "images" {camera: uint8 [Y, X, 3]}, "state" [S],
    "instruction", "streams". `episode` names the episode and `step` is its control step; None: the server counts.
    `earlier` are the observations just before, oldest first, that the policy's window reaches back to (None: those that
    the server was sent). `delay`, `committed` and `planned` are those of `core.types.Query`. The answer is of no use
    any more `deadline_s` seconds after the request arrived.
    """

    observation: Mapping[str, Any]
    episode: str | None = None
    step: int | None = None
    earlier: tuple[Mapping[str, Any], ...] | None = None
    delay: int = 0
    committed: Float32[np.ndarray, "D A"] | None = None
    planned: Float32[np.ndarray, "P A"] | None = None
    deadline_s: float | None = None


@dataclass(frozen=True)
class InferenceReply:
    """The actions from the observation on, in declared units, and the seconds that inference took."""

    actions: Float32[np.ndarray, "K A"]
    inference_s: float


@dataclass(frozen=True)
class PolicyDescription:
    """What a client has to know about a served policy, before its first request.

    `has_memory`: the policy carries a state from step to step, so that an episode has to begin at step 0. `exact`: it
    is asked about one observation at a time. `episode` is the key of the connection's episode, if requests name none.
    `longest_delay` is the longest delay, in control steps, that it takes; None: any. `thinks_beside`: it has two
    systems (`rollout.thinking`), and intents arrive when they are ready, so that actions depend on the server's speed.
    """

    name: str
    embodiment: Embodiment
    window: Window
    policy_sha256: str
    weights_sha256: str | None
    has_memory: bool
    exact: bool
    episode: str
    longest_delay: int | None = None
    thinks_beside: bool = False

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which `from_json` builds an equal description."""
        return {
            "protocol": PROTOCOL,
            "name": self.name,
            "embodiment": self.embodiment.to_json(),
            "window": self.window.to_json(),
            "policy_sha256": self.policy_sha256,
            "weights_sha256": self.weights_sha256,
            "has_memory": self.has_memory,
            "exact": self.exact,
            "episode": self.episode,
            "longest_delay": self.longest_delay,
            "thinks_beside": self.thinks_beside,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "PolicyDescription":
        """The inverse of `to_json`.

        Raises:
            PraxiaError: another protocol, or not a description.
        """
        if value.get("protocol") != PROTOCOL:
            got = value.get("protocol")
            raise PraxiaError(f"expected a server of protocol {PROTOCOL}, got {got!r}: use one version of Praxia")
        try:
            return cls(
                name=str(value["name"]),
                embodiment=Embodiment.from_json(value["embodiment"]),
                window=Window.from_json(value["window"]),
                policy_sha256=str(value["policy_sha256"]),
                weights_sha256=value["weights_sha256"],
                has_memory=bool(value["has_memory"]),
                exact=bool(value["exact"]),
                episode=str(value["episode"]),
                longest_delay=None if (longest := value.get("longest_delay")) is None else int(longest),
                thinks_beside=bool(value.get("thinks_beside", False)),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PraxiaError(f"expected the description of a served policy, got one without {error}") from error
