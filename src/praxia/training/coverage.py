"""How well a policy's normalisers and head cover the rows of a run, measured before the first step."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool

from praxia.data.vectors import ACTION, STATE
from praxia.dataloader.action_chunks import chunk_actions, encoded_windows
from praxia.dataloader.fitting import names_by_feature
from praxia.dataloader.mixture import Mixture
from praxia.dataloader.windows import Windows
from praxia.nn.trainable import ModelConfig
from praxia.nn.types import ClipsActions
from praxia.transforms.chain import EmbodimentTransforms, Transforms

__all__ = ["Coverage", "cover"]

# Of the rows that a normaliser was fitted on 2% of a dim's values are outside of [-1, 1], and its head clips next to
# none.
NOTABLE_OUTSIDE = 0.1
NOTABLE_CLIPPED = 0.01
SHOWN = 6

# By embodiment and feature, the share of the values of each dim.
Shares = dict[str, dict[str, dict[str, float]]]


@dataclass(frozen=True)
class Coverage:
    """By embodiment, feature and dim: the share of the rows' values that are normalised to outside of [-1, 1].

    A dim that was constant where the normaliser was fitted is outside wherever it has another value. `clipped` is the
    share of the entries of action chunks (of FAST: of their coefficients) that the head clips.
    """

    outside: Shares
    clipped: Shares

    def warning(self, *, fitted: bool) -> str | None:
        """One line about the dims with a notable share; None: there are none.

        For a policy `fitted` on these rows only clipping is notable.
        """
        outside = [] if fitted else _notable(self.outside, NOTABLE_OUTSIDE)
        clipped = _notable(self.clipped, NOTABLE_CLIPPED)
        if not outside and not clipped:
            return None
        reasons = [f"outside of its [-1, 1] are {_listed(outside)}, where 2% are usual"] if outside else []
        reasons += [f"its head clips {_listed(clipped)}"] if clipped else []
        if fitted:
            return (
                f"the policy cannot reproduce all of its data: {reasons[-1]}; see the outliers in `praxia data stats`"
            )
        return (
            f"the policy to fine-tune was fitted on other numbers than these: {'; '.join(reasons)}; "
            "--refit fits its normalisers, and a tokenizer, on these"
        )

    def to_json(self) -> dict[str, Any]:
        return {"outside": self.outside, "clipped": self.clipped}


def cover(windows: Mixture, transforms: Transforms, model: ModelConfig) -> Coverage:
    """Measure all rows that are trained on, and the head on the chunks of `action_chunks.encoded_windows`."""
    outside: Shares = {}
    for embodiment, own in zip(windows.embodiments, transforms.embodiments, strict=True):
        parts = [part for part in windows.entries if part.embodiment.name == embodiment.name]
        names = names_by_feature(windows, embodiment.name)
        outside[embodiment.name] = {
            feature: _named(names[feature], *found) for feature, found in _outside(parts, own).items()
        }
    return Coverage(outside, _clipped(windows, transforms, model))


def _outside(parts: list[Windows], own: EmbodimentTransforms) -> Mapping[str, tuple[np.ndarray, int]]:
    """By feature, the number of values outside per dim, and the number of rows."""
    found = {STATE: (np.zeros(own.state.size), 0), ACTION: (np.zeros(own.action.size), 0)}

    def add(feature: str, wrong: Bool[np.ndarray, "N D"]) -> None:
        count, total = found[feature]
        found[feature] = count + wrong.sum(0), total + len(wrong)

    for part in parts:
        for state, action in part.rows():
            add(STATE, own.state.outside(state))
            if own.relative is None:
                add(ACTION, own.action.outside(action))
        for chunks in chunk_actions(part, own.relative) if own.relative is not None else ():
            add(ACTION, own.action.outside(chunks))
    return found


def _clipped(windows: Mixture, transforms: Transforms, model: ModelConfig) -> Shares:
    find_clips = model.clips if isinstance(model, ClipsActions) else None
    if find_clips is None:  # no chunk need be encoded
        return {}
    samples = encoded_windows(windows, transforms)
    assert samples.action is not None
    clips = find_clips(samples.action)
    found: Shares = {}
    for number, embodiment in enumerate(windows.embodiments):
        rows, names = clips[samples.embodiment == number], names_by_feature(windows, embodiment.name)[ACTION]
        total = rows.shape[0] * rows.shape[1]
        found[embodiment.name] = {ACTION: _named(names, rows[..., : len(names)].sum((0, 1)), total)}
    return found


def _named(names: list[str], count: np.ndarray, total: int) -> dict[str, float]:
    return dict(zip(names, (count / max(total, 1)).tolist(), strict=True))


def _notable(shares: Shares, least: float) -> list[tuple[float, str]]:
    """The dims with at least that share, largest first."""
    return sorted((one for one in _each(shares) if one[0] >= least), key=lambda one: (-one[0], one[1]))


def _each(shares: Shares) -> Iterator[tuple[float, str]]:
    for embodiment, features in shares.items():
        for feature, dims in features.items():
            short = feature.removeprefix("observation.")
            yield from ((share, f"{embodiment} {short} {dim} ({share:.0%})") for dim, share in dims.items())


def _listed(dims: list[tuple[float, str]]) -> str:
    more = f" and {len(dims) - SHOWN} dims more" if len(dims) > SHOWN else ""
    return ", ".join(text for _, text in dims[:SHOWN]) + more
